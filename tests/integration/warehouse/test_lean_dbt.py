"""What dbt is spared: a connection for every node, and a graph for every command."""

from __future__ import annotations

from datetime import date

import pytest
from dbt.compilation import Linker
from dbt.contracts.graph.manifest import Manifest
from tests.conftest import Warehouse, WorkspaceFactory
from tests.integration.warehouse.nights import prepare_night
from tests.integration.warehouse.random_shop import definition_files

from recall.hooks.dbt import build_layer
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
