"""What dbt is spared: connections, graphs, contexts and searches; what it gets is what it would have made."""

from __future__ import annotations

import importlib.util
from datetime import date
from types import CodeType
from typing import Any

import pytest
from dbt import compilation
from dbt.adapters.base import BaseAdapter
from dbt.adapters.events.types import SQLQuery
from dbt.adapters.exceptions import ApproximateMatchError
from dbt.adapters.factory import get_adapter_by_type
from dbt.compilation import Linker
from dbt.context import macros, providers
from dbt.context import manifest as contexts
from dbt.contracts.graph.manifest import Manifest
from dbt_common.clients.jinja import MacroFuzzEnvironment
from tests.conftest import Warehouse, WorkspaceFactory
from tests.integration.warehouse.nights import prepare_night
from tests.integration.warehouse.random_shop import definition_files

from recall.hooks.dbt import build_layer, load_project
from recall.hooks.lean_dbt import make_dbt_lean
from recall.warehouse.definitions import load_definitions

COUNT_SESSIONS = "select sessions from pg_stat_database where datname = current_database()"


def test_two_layers_open_few_connections_and_link_one_graph(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    prepare_night(workspace, date(2025, 1, 1), full_refresh=True)
    linked: list[int] = []
    link_graph = Linker.link_graph

    def count_and_link(linker: Linker, manifest: Manifest) -> None:
        linked.append(len(manifest.nodes))
        link_graph(linker, manifest)

    monkeypatch.setattr(Linker, "link_graph", count_and_link)
    with warehouse.connect("auditor", autocommit=True) as connection:
        before = connection.execute(COUNT_SESSIONS).fetchone()
        nodes = build_layer("staging") + build_layer("intermediate")
        after = connection.execute(COUNT_SESSIONS).fetchone()

    assert before is not None
    assert after is not None
    # dbt's two threads and its own connections in two commands, and ours that record what became of the nodes.
    assert len(nodes) > 100
    assert 0 < after[0] - before[0] < 20
    assert len(linked) <= 1

    translated: list[str] = []
    translate = MacroFuzzEnvironment._compile

    def note_and_translate(environment: MacroFuzzEnvironment, source: str, filename: str) -> CodeType:
        translated.append(source)
        return translate(environment, source, filename)

    monkeypatch.setattr(MacroFuzzEnvironment, "_compile", note_and_translate)
    assert len(build_layer("staging")) > 10
    assert translated == []


def test_context_calls_the_macros_that_dbt_itself_would_give_it(warehouse: Warehouse) -> None:
    make_dbt_lean()
    by_package = load_project(warehouse.home).named("recall", "").get_macros_by_package()
    # dbt's own makes the lists of a manifest that it sees for the first time, and of no other.
    assert contexts.MacroNamespaceBuilder is providers.MacroNamespaceBuilder is not macros.MacroNamespaceBuilder
    for package in ("recall", "dbt"):
        arguments = ("recall", package, macros.MacroStack(), ["dbt", "dbt_postgres"], None)
        for context in ({"of": "one node"}, {"of": "another node"}):
            lean = contexts.MacroNamespaceBuilder(*arguments).build_namespace(by_package, context)
            own = macros.MacroNamespaceBuilder(*arguments).build_namespace(by_package, context)
            assert len(lean) == len(own) > 500
            assert {name: _called(found) for name, found in lean.items()} == {
                name: _called(found) for name, found in own.items()
            }
            assert lean.get_from_package("dbt", "is_incremental").context is context


def _called(found: Any) -> Any:
    """What tells one macro of a context from another, or those of a package."""
    if isinstance(found, dict):
        return {name: _called(each) for name, each in found.items()}
    return vars(found)


def test_context_offers_what_dbt_itself_would_give_it(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    prepare_night(workspace, date(2025, 1, 1), full_refresh=True)
    make_dbt_lean()
    offer = contexts.ManifestContext.to_dict
    compared: list[str] = []

    def compare(context: contexts.ManifestContext) -> dict[str, Any]:
        lean: dict[str, Any] = offer(context)
        if isinstance(context, providers.ModelContext):
            own = {**context.generate_builtins(), **context.namespace, "context": None, "builtins": None}
            assert set(lean) == set(own)
            assert len(lean) == len(own) > 500
            assert all(name in lean for name in own)
            assert [name for name in own if type(lean[name]) is not type(own[name])] == ["context", "builtins"]
            plain = [name for name, value in own.items() if isinstance(value, str | int | float | list | tuple)]
            assert {name: lean[name] for name in plain} == {name: own[name] for name in plain}
            assert str(lean["this"]) == str(own["this"])
            assert set(lean["builtins"]) == set(context.generate_builtins())
            assert lean.get("is_incremental").context is lean
            assert lean.get("nothing such", "else") == "else"
            with pytest.raises(KeyError):
                lean["nothing such"]
            compared.append(context.model.name)
        return lean

    monkeypatch.setattr(contexts.ManifestContext, "to_dict", compare)
    assert len(build_layer("staging")) > 10
    # Each is rendered and run.
    assert len(compared) == 2 * len(set(compared)) > 20


WITHOUT_WITH = "-- with a word\nselect 1 as one"
BEGINNINGS = (
    "with one as (select 1) select * from one",
    "\n-- With a word.\n/* with */\nWITH one as (select 1)\nselect (select 'with') from one",
    "with recursive one as (select 1) select * from one",
    "/* one\nof two lines */ with\n\none as (select 1) select * from one",
    WITHOUT_WITH,
    "select * from (with one as (select 1) select * from one) as ones",
    "select withdrawn from accounts",
    "",
)


@pytest.mark.parametrize("statement", BEGINNINGS)
def test_ephemeral_model_stands_where_dbt_itself_would_put_it(statement: str) -> None:
    make_dbt_lean()
    spec = importlib.util.find_spec("dbt.compilation")
    assert spec is not None
    assert spec.loader is not None
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    models = [compilation.InjectedCTE(name, f" {name} as (\nselect 1\n)") for name in ("__dbt__cte__a", "b")]
    assert own.inject_ctes_into_sql is not compilation.inject_ctes_into_sql
    for found in ([], models[:1], models):
        if statement or not found:
            assert compilation.inject_ctes_into_sql(statement, found) == own.inject_ctes_into_sql(statement, found)


def test_relation_that_is_looked_up_is_the_one_that_a_search_finds(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    prepare_night(workspace, date(2025, 1, 1), full_refresh=True)
    build_layer("staging")
    adapter = get_adapter_by_type("postgres")
    assert type(adapter).get_relation is not BaseAdapter.get_relation
    database = adapter.config.credentials.database
    for name in ("stg_landing__orders", "nothing_such"):
        found = adapter.get_relation(database, "staging", name)
        assert found == BaseAdapter.get_relation(adapter, database, "staging", name)
        assert (found is not None) == (name == "stg_landing__orders")
    with pytest.raises(ApproximateMatchError):
        adapter.get_relation(database, "staging", "STG_landing__orders")


def test_event_for_debugging_becomes_a_message_when_somebody_looks() -> None:
    make_dbt_lean()
    event = SQLQuery(conn_name="one", sql="select 1", node_info={})
    assert "pb_msg" not in vars(event)
    event.sql = "select 2"
    assert (event.conn_name, event.sql) == ("one", "select 2")
    assert "select 2" in event.message()
    with pytest.raises(AttributeError):
        event.nothing_such  # noqa: B018
