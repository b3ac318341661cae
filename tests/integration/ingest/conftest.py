"""A shop whose deliveries a test writes, loads and looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse, WorkspaceFactory

from recall.domain.tables import TABLES, find_table
from recall.domain.workspace import Workspace
from recall.ingest.load import load_landing
from recall.ingest.summary import FileResult, LoadSummary
from recall.warehouse.definitions import load_definitions

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A workspace and its warehouse."""

    warehouse: Warehouse
    workspace: Workspace
    now: datetime = NOW
    loads: list[LoadSummary] = field(default_factory=list)

    def deliver(self, path: str, content: str | bytes) -> Path:
        """Writes a file into the landing folder; a text becomes UTF-8 with its lines stripped of indentation."""
        location = self.workspace.landing_dir / path
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_bytes(content.encode() if isinstance(content, str) else content)
        return location

    def load(self, *, accept: Sequence[str] = (), replay: Sequence[str] = ()) -> LoadSummary:
        """Loads what is new."""
        summary = load_landing(self.workspace, accept=accept, replay=replay, now=self.now)
        self.loads.append(summary)
        self.assert_conserved()
        return summary

    def load_one(self, path: str, content: str | bytes) -> FileResult:
        """Delivers one file, loads, and returns what became of it."""
        self.deliver(path, content)
        return next(file for file in self.load().files if file.path == path)

    def query(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Returns the rows of a query, asked as owner."""
        with self.warehouse.connect() as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def raw(self, table_name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Returns the current rows of a table in the order of their key."""
        table = find_table(table_name)
        assert table is not None
        return self.query(
            f"select {', '.join(columns)} from {table.schema}.{table.name} order by {', '.join(table.key)}"
        )

    def assert_conserved(self) -> None:
        """Holds every file's counts against its rows in the tables: loaded, quarantined, repeated, superseded."""
        counted = self.query(
            "select file_id, loaded_count, quarantined_count, repeated_count, superseded_count, row_count"
            " from control.files where state = 'loaded' order by file_id"
        )
        real = {
            "loaded": " union all ".join(f"select _file_id from {table.schema}.{table.name}" for table in TABLES),
            "quarantined": "select file_id from quarantine.rows",
            "repeated": "select file_id from control.repeated_rows",
            "superseded": " union all ".join(
                f"select _file_id from {table.schema}.{table.name}_versions" for table in TABLES
            ),
        }
        found = {
            name: dict(self.query(f"select f.id, count(*) from ({rows}) as f (id) group by 1"))
            for name, rows in real.items()
        }
        for file_id, *counts, row_count in counted:
            assert counts == [found[name].pop(file_id, 0) for name in found]
            assert sum(counts) == row_count
        assert found == {name: {} for name in found}, "rows of files that are no longer loaded"


@pytest.fixture
def shop(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> Shop:
    """A shop in the zone UTC, with the default definitions loaded and nothing delivered yet."""
    workspace = workspace_factory({})
    load_definitions(workspace)
    return Shop(warehouse, workspace)


@pytest.fixture
def shop_with(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> Callable[[dict[str, str]], Shop]:
    """Makes a shop from the files of its workspace, its definitions loaded."""

    def make(files: dict[str, str]) -> Shop:
        workspace = workspace_factory(files)
        load_definitions(workspace)
        return Shop(warehouse, workspace)

    return make
