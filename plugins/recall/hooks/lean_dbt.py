"""Spares dbt what it does for every node and every command though nobody needs it.

A small night is three hundred nodes of a few milliseconds in a dozen commands: what dbt adds to each of them is most
of the night. Each saving stands in the place of one class of dbt, by a class that inherits from it; without them
nothing but time is lost.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any


def make_dbt_lean() -> None:
    """Lets dbt pass over what nobody hears and keep what it has: connections, graphs, templates, lists of macros."""
    # Each thread has a manager of its own; the classes are the process's.
    _hear_no_debug_events()
    _change_classes()
    # A context of a node is a thousand objects, and a manifest a million that stay: by its own habit Python looks for
    # unreachable ones once per context, and at all of them every other second.
    gc.set_threshold(100_000)


@cache
def _change_classes() -> None:
    """Puts leaner classes and methods in the places of dbt's own."""
    _write_no_unheard_events()
    _keep_connections()
    _keep_graphs()
    _keep_templates()
    _make_contexts_when_asked()
    _put_ephemeral_models_before()
    _look_relations_up()
    _keep_the_empty_table()
    _write_what_is_read()
    _look_around_once()


def _hear_no_debug_events() -> None:
    """Spares dbt what nobody reads.

    dbt writes every event as a message of its protocol before it asks who listens, a dozen of them per model and
    nearly all for debugging: a tenth of a small night. The manager that its interface lets one set passes over them.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

    class HeardEvents(EventManager):
        """Fires what is at least worth an info line."""

        def fire_event(
            self,
            e: BaseEvent,
            level: EventLevel | None = None,
            node: Any = None,
            force_warn_or_error_handling: bool = False,
        ) -> None:
            """Fires an event, as dbt's own manager does, unless it is for debugging."""
            if force_warn_or_error_handling or (level or e.level_tag()) != EventLevel.DEBUG:
                super().fire_event(e, level, node, force_warn_or_error_handling)

    if type(get_event_manager()) is EventManager:
        ctx_set_event_manager(HeardEvents())


def _write_no_unheard_events() -> None:
    """Spares dbt the making of messages for debugging, which it makes of every event before anybody is asked.

    The message of such an event is made when somebody looks at it: of a model a twentieth of what dbt does.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel

    make_message = BaseEvent.__init__

    def begin(event: BaseEvent, *args: Any, **kwargs: Any) -> None:
        if event.level_tag() == EventLevel.DEBUG:
            vars(event)["_unmade"] = (args, kwargs)
        else:
            make_message(event, *args, **kwargs)

    def look_at(event: BaseEvent, name: str) -> Any:
        if name != "pb_msg":
            return getattr(event.pb_msg, name)
        if "_unmade" not in vars(event):
            raise AttributeError(name)
        args, kwargs = vars(event).pop("_unmade")
        make_message(event, *args, **kwargs)
        return event.pb_msg

    def change(event: BaseEvent, name: str, value: Any) -> None:
        if name == "pb_msg":
            vars(event)[name] = value
        else:
            setattr(event.pb_msg, name, value)

    for method, function in {"__init__": begin, "__getattr__": look_at, "__setattr__": change}.items():
        setattr(BaseEvent, method, function)


def _keep_connections() -> None:
    """Lets each of dbt's threads keep one connection until its command ends.

    dbt closes the connection after every node, so that each node meets a server process that knows no table yet:
    nearly half of PostgreSQL's time in a small night went there. What a node left open is rolled back, as before.
    """
    from dbt.adapters.contracts.connection import ConnectionState
    from dbt.adapters.postgres.connections import PostgresConnectionManager
    from dbt.adapters.postgres.impl import PostgresAdapter

    class KeptConnections(PostgresConnectionManager):
        """Gives a thread's connection back open; dbt closes all of them when its command ends."""

        def release(self) -> None:
            """Rolls back what is open, and closes what cannot be used again."""
            connection = self.get_if_exists()
            if connection is None or connection.state != ConnectionState.OPEN or connection.handle.closed:
                super().release()
                return
            try:
                connection.handle.rollback()
                connection.transaction_open = False
            except Exception:
                self.clear_thread_connection()
                raise

    PostgresAdapter.ConnectionManager = KeptConnections


def _keep_graphs() -> None:
    """Lets the commands of one process share the graph of the manifest that they share.

    dbt links all nodes anew for each command and asks for each test what stands upstream of it: more than half a
    processor second for every layer. The graph depends on the manifest alone, and dbt only takes parts out of it.
    """
    from dbt.compilation import Compiler
    from dbt.contracts.graph.manifest import Manifest
    from dbt.graph.graph import Graph
    from dbt.task import base

    kept: dict[tuple[int, bool], tuple[Manifest, Graph]] = {}

    class KeptGraphs(Compiler):
        """Links a manifest once for commands with tests and once for those without."""

        def compile(self, manifest: Manifest, write: bool = True, add_test_edges: bool = False) -> Graph:
            """Gives back the graph of a manifest, which is kept beside it so that its id stays its own."""
            key = (id(manifest), add_test_edges)
            if key not in kept:
                kept[key] = (manifest, super().compile(manifest, write, add_test_edges))
            Path(self.config.project_target_path).mkdir(parents=True, exist_ok=True)
            return kept[key][1]

    # Every command asks this module for the class, which it imports for itself and does not offer.
    vars(base)["Compiler"] = KeptGraphs


def _keep_templates() -> None:
    """Lets a text be translated once into what Jinja runs; dbt translates each model anew whenever it builds it."""
    from dbt_common.clients import jinja

    def keep(environments: type[jinja.MacroFuzzEnvironment]) -> None:
        translate = environments.compile

        @lru_cache(maxsize=2000)
        def kept(text: str) -> CodeType:
            # What it becomes depends on the class alone: dbt gives all of a class the same extensions and filters.
            environment = jinja.get_environment(native=environments is jinja.NativeSandboxEnvironment)
            code: CodeType = translate(environment, text)
            return code

        def compile(environment: Any, source: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(source, str) and type(environment) is environments and not args and not kwargs:
                return kept(source)
            return translate(environment, source, *args, **kwargs)

        setattr(environments, "compile", compile)  # noqa: B010  (mypy takes methods for constants)

    for environments in (jinja.NativeSandboxEnvironment, jinja.MacroFuzzEnvironment):
        keep(environments)


def _make_contexts_when_asked() -> None:
    """Lets a context of a node make what it offers when somebody asks for it.

    dbt makes two contexts for every model and gives each a thousand macros, sorted anew, and a hundred values. A model
    asks for a few dozen. What belongs where depends on the manifest and the package of the node; only what binds a
    macro to a context is the context's own.
    """
    from dbt.clients.jinja import MacroGenerator
    from dbt.context import macros, manifest, providers
    from dbt.context.base import BaseContext
    from dbt.context.manifest import ManifestContext

    class KeptNamespace(macros.MacroNamespace):
        """Finds a macro by one look instead of a search through all packages, and binds it then."""

        def __init__(self, kept: macros.MacroNamespace, offered: Mapping[str, Any], bind: Callable[[Any], Any]) -> None:
            def bound(found: Mapping[str, Any]) -> Any:
                return MadeWhenAsked(found, bind)

            super().__init__(
                global_namespace=bound(kept.global_namespace),
                local_namespace=bound(kept.local_namespace),
                global_project_namespace=bound(kept.global_project_namespace),
                packages=bound(kept.packages),
            )
            self.offered = offered
            self.bind = bind
            self._found = bound(offered)

        def __iter__(self) -> Iterator[str]:
            return iter(self._found)

        def __len__(self) -> int:
            return len(self._found)

        def __getitem__(self, key: str) -> Any:
            return self._found[key]

    kept: dict[tuple[Any, ...], tuple[Any, macros.MacroNamespace, dict[str, Any]]] = {}

    class KeptMacroLists(macros.MacroNamespaceBuilder):
        """Sorts the macros of a manifest once for each package that looks at them."""

        def build_namespace(
            self, macros_by_package: dict[str, dict[str, Any]], ctx: dict[str, Any]
        ) -> macros.MacroNamespace:
            """Gives a context its own macros, sorted as those of the first context were."""
            key = (id(macros_by_package), self.root_package, self.search_package, *self.internal_package_names_order)
            if key not in kept:
                sorted_now = super().build_namespace(macros_by_package, ctx)
                offered: dict[str, Any] = {}
                for part in reversed(list(sorted_now._search_order())):
                    offered.update(part)
                kept[key] = (macros_by_package, sorted_now, offered)
            _, sorted_once, offered = kept[key]
            bound: dict[int, MacroGenerator] = {}

            def bind(found: Any) -> Any:
                if not isinstance(found, MacroGenerator):
                    return MadeWhenAsked(found, bind)
                if id(found) not in bound:
                    bound[id(found)] = MacroGenerator(found.macro, ctx, self.node, self.thread_ctx)
                return bound[id(found)]

            return KeptNamespace(sorted_once, offered, bind)

    # The modules that make contexts have imported the class for themselves.
    for module in (manifest, providers):
        vars(module)["MacroNamespaceBuilder"] = KeptMacroLists

    begin = BaseContext.__init__
    macros_to_dict: Callable[[ManifestContext], dict[str, Any]] = ManifestContext.to_dict

    def begin_empty(context: BaseContext, *args: Any, **kwargs: Any) -> None:
        begin(context, *args, **kwargs)
        context._ctx = MadeWhenAsked({}, None)

    def offer(context: ManifestContext) -> dict[str, Any]:
        if not isinstance(context.namespace, KeptNamespace):
            return macros_to_dict(context)
        bind, own = context.namespace.bind, context._ctx

        def member(found: Any) -> Any:
            return found.__get__(context) if hasattr(found, "__get__") else found

        def make(found: Any) -> Any:
            return bind(found) if isinstance(found, MacroGenerator | dict) else member(found[0])

        assert isinstance(own, MadeWhenAsked)
        own.offer(_members_and_macros(context, context.namespace.offered), make)
        # Macros look into these, and dbt loads them in passing when it makes `var`.
        config: Any = context.config
        config.load_dependencies()
        own["context"] = own
        own["builtins"] = MadeWhenAsked(context._context_members_, member)
        return own

    offered_by_class: dict[tuple[type, int], tuple[Mapping[str, Any], dict[str, Any]]] = {}

    def _members_and_macros(context: ManifestContext, offered: Mapping[str, Any]) -> dict[str, Any]:
        """A class's members, each in a tuple that tells it from a macro; of one name the macro counts."""
        key = (type(context), id(offered))
        if key not in offered_by_class:
            members = {name: (member,) for name, member in context._context_members_.items()}
            offered_by_class[key] = (offered, {**members, **offered})
        return offered_by_class[key][1]

    setattr(BaseContext, "__init__", begin_empty)  # noqa: B010
    setattr(ManifestContext, "to_dict", offer)  # noqa: B010

    make_macro = MacroGenerator.get_macro

    def get_macro(generator: MacroGenerator) -> Callable[..., Any]:
        # What it is depends on the context alone, to which it is bound for good.
        if "_macro_made" not in vars(generator):
            vars(generator)["_macro_made"] = make_macro(generator)
        made: Callable[..., Any] = vars(generator)["_macro_made"]
        return made

    setattr(MacroGenerator, "get_macro", get_macro)  # noqa: B010


class MadeWhenAsked(dict[str, Any]):
    """A dictionary that makes a value when somebody asks for it.

    Args:
        offered: By key whatever the value is made of.
        make: Makes it; what it returns is kept.
    """

    def __init__(self, offered: Mapping[str, Any], make: Callable[[Any], Any] | None) -> None:
        super().__init__()
        self.offer(offered, make)

    def offer(self, offered: Mapping[str, Any], make: Callable[[Any], Any] | None) -> None:
        """Offers other things from now on, beside what it holds."""
        self._offered = offered
        self._make = make

    def __missing__(self, key: str) -> Any:
        found = self._offered[key]
        assert self._make is not None
        self[key] = made = self._make(found)
        return made

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self._offered

    def __iter__(self) -> Iterator[str]:
        yield from self._offered
        yield from (key for key in super().__iter__() if key not in self._offered)

    def __len__(self) -> int:
        return len(self._offered) + sum(1 for key in super().__iter__() if key not in self._offered)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, made if need be."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> Any:
        """All keys, of what is made and of what can be."""
        return KeysView(self)

    def values(self) -> Any:
        """All values, which makes them."""
        return ValuesView(self)

    def items(self) -> Any:
        """All keys and values, which makes them."""
        return ItemsView(self)


def _put_ephemeral_models_before() -> None:
    """Spares dbt the analysis of a whole statement where it is plain where an ephemeral model belongs: after `with`."""
    from dbt import compilation

    put_before = compilation.inject_ctes_into_sql
    begins_with = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with\b(?:\s+recursive\b)?\s*", re.IGNORECASE | re.DOTALL)

    def put_after_with(sql: str, ctes: list[Any]) -> str:
        found = begins_with.match(sql)
        if not ctes or found is None:
            return put_before(sql, ctes)
        return f"{sql[: found.end()]}{', '.join(cte.sql for cte in ctes)}, {sql[found.end() :]}"

    vars(compilation)["inject_ctes_into_sql"] = put_after_with


def _look_relations_up() -> None:
    """Lets a relation be looked up by its name; dbt goes through all that it knows, each time."""
    from dbt.adapters.postgres.impl import PostgresAdapter
    from dbt.adapters.reference_keys import _ReferenceKey

    go_through = PostgresAdapter.get_relation

    def get_relation(adapter: PostgresAdapter, database: str, schema: str, identifier: str) -> Any:
        if (database, schema) not in adapter.cache:
            return go_through(adapter, database, schema, identifier)
        key = _ReferenceKey(database.lower(), schema.lower(), identifier.lower())
        found = adapter.cache.relations.get(key)
        # What differs in its letters alone is refused, as before.
        return next(iter(adapter._make_match([found.inner], database, schema, identifier)), None) if found else None

    # Macros may call what carries this mark.
    vars(get_relation).update(vars(go_through))
    setattr(PostgresAdapter, "get_relation", get_relation)  # noqa: B010


def _keep_the_empty_table() -> None:
    """Lets all statements without rows share one table without rows, whose making costs more than a small statement."""
    from dbt_common.clients import agate_helper

    vars(agate_helper)["empty_table"] = cache(agate_helper.empty_table)


def _write_what_is_read() -> None:
    """Spares dbt the second file of each model: what was run is what was compiled, which errors point to."""
    from dbt.contracts.graph.nodes import ParsedNode

    write_node = ParsedNode.write_node

    def write_compiled(node: ParsedNode, project_root: str, path: str, text: str) -> None:
        if path != node.build_path:
            write_node(node, project_root, path, text)

    setattr(ParsedNode, "write_node", write_compiled)  # noqa: B010


def _look_around_once() -> None:
    """Spares every command a search for plugins in all installed packages, and a dozen walks up the stack."""
    from dbt.plugins.manager import PluginManager
    from dbt_common import behavior_flags

    setattr(PluginManager, "get_prefixed_modules", cache(PluginManager.get_prefixed_modules))  # noqa: B010

    def module_of_caller() -> str:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") == behavior_flags.__name__:
            frame = frame.f_back
        return str(frame.f_globals.get("__name__", "Unknown"))

    setattr(behavior_flags.BehaviorFlagRendered, "_default_source", staticmethod(module_of_caller))  # noqa: B010
