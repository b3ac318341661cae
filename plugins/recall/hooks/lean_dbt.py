"""Spares dbt what it does for every node and every command though nobody needs it.

A small night is three hundred nodes of a few milliseconds in a dozen commands: what dbt adds to each of them is most
of the night. Each saving stands in the place of one class of dbt, by a class that inherits from it; without them
nothing but time is lost.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any


def make_dbt_lean() -> None:
    """Lets dbt pass over what nobody hears and keep what it has: connections, graphs, templates, lists of macros."""
    # Each thread has a manager of its own; the classes are the process's.
    _hear_no_debug_events()
    _change_classes()


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Lets Python look for unreachable objects every hundred thousand new ones while the block runs.

    A context of a node is a thousand objects, and a manifest a million that stay: by its own habit Python looks once
    per context, and at all of them every other second.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@cache
def _change_classes() -> None:
    """Puts leaner classes and methods in the places of dbt's own."""
    _write_no_unheard_events()
    _keep_connections()
    _keep_graphs()
    _keep_templates()
    _keep_macro_lists()
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


def _keep_macro_lists() -> None:
    """Lets the contexts of nodes share the lists of the thousand macros that each of them may call.

    dbt sorts all macros into packages for each context, of which it makes two for every model: a quarter of its time.
    What belongs where depends on the manifest and the package of the node; only what binds a macro to a context is
    the context's own.
    """
    from dbt.clients.jinja import MacroGenerator
    from dbt.context import macros, manifest, providers

    class KeptNamespace(macros.MacroNamespace):
        """Finds a macro by one look instead of a search through all packages."""

        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            self._found: dict[str, Any] = {}
            for part in reversed(list(self._search_order())):
                self._found.update(part)

        def __iter__(self) -> Iterator[str]:
            return iter(self._found)

        def __len__(self) -> int:
            return len(self._found)

        def __getitem__(self, key: str) -> Any:
            return self._found[key]

    kept: dict[tuple[Any, ...], tuple[Any, macros.MacroNamespace]] = {}

    class KeptMacroLists(macros.MacroNamespaceBuilder):
        """Sorts the macros of a manifest once for each package that looks at them."""

        def build_namespace(
            self, macros_by_package: dict[str, dict[str, Any]], ctx: dict[str, Any]
        ) -> macros.MacroNamespace:
            """Gives a context its own macros, sorted as those of the first context were."""
            key = (id(macros_by_package), self.root_package, self.search_package, *self.internal_package_names_order)
            if key not in kept:
                kept[key] = (macros_by_package, super().build_namespace(macros_by_package, ctx))
            sorted_once = kept[key][1]

            bound: dict[int, MacroGenerator] = {}

            def bind(found: Mapping[str, MacroGenerator]) -> dict[str, MacroGenerator]:
                mine = {}
                for name, first in found.items():
                    generator = bound.get(id(first))
                    if generator is None:
                        bound[id(first)] = generator = MacroGenerator.__new__(MacroGenerator)
                        generator.context = ctx
                        generator.macro = first.macro
                        generator.node = self.node
                        generator.stack = self.thread_ctx
                    mine[name] = generator
                return mine

            return KeptNamespace(
                global_namespace=bind(sorted_once.global_namespace),
                local_namespace=bind(sorted_once.local_namespace),
                global_project_namespace=bind(sorted_once.global_project_namespace),
                packages={name: bind(found) for name, found in sorted_once.packages.items()},
            )

    # The modules that make contexts have imported the class for themselves.
    for module in (manifest, providers):
        vars(module)["MacroNamespaceBuilder"] = KeptMacroLists


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
