"""Nights with their audiences for tests: built as the DAGs do, and looked at as a reader does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse
from tests.integration.warehouse.nights import CORE_LAYERS, publish_models
from tests.support.files import write_files

from recall.domain.workspace import Workspace, load_workspace
from recall.hooks.dbt import build_layer, run_operation
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.campaigns import load_campaigns
from recall.warehouse.contact_points import refresh_contact_points
from recall.warehouse.definitions import load_definitions
from recall.warehouse.ledger import selected_date_of

Selection = dict[tuple[str, int], set[tuple[str, str]]]


@dataclass(frozen=True)
class Night:
    """What one night selected.

    Attributes:
        members: By campaign and step the (user, line) selected.
        exclusions: By campaign and step the (user, line: reason) left out.
        rows: All member rows, as mappings.
    """

    members: Selection
    exclusions: Selection
    rows: list[dict[str, Any]]


@contextmanager
def open_workspace(warehouse: Warehouse, folder: Path, files: Mapping[str, str]) -> Iterator[Workspace]:
    """A workspace of these files, all of it loaded; the environment names both it and the warehouse meanwhile."""
    write_files(folder, files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(warehouse.home.root))
        patch.setenv("RECALL_WORKSPACE", str(folder))
        workspace = load_workspace()
        load_definitions(workspace)
        load_campaigns(workspace)
        assert load_landing(workspace).rejected == ()
        yield workspace


def build_marts(as_of_date: date, *, is_tested: bool = False) -> None:
    """Begins a night and publishes its marts, in one dbt command unless the tests on its deltas are wanted."""
    if not is_tested:
        publish_models(load_workspace(), as_of_date)
        return
    prepare_night(load_workspace(), as_of_date)
    for layer in CORE_LAYERS:
        build_layer(layer)
    run_operation("publish", {"layer": "marts"})


def build_audiences(as_of_date: date) -> None:
    """Selects for the day after; the marts of that night must be published."""
    refresh_contact_points(load_workspace(), as_of_date)
    build_layer("audiences")
    run_operation("publish", {"layer": "audiences"})


def build_night(as_of_date: date, *, is_tested: bool = False) -> None:
    """A whole night but for the outcomes and fits."""
    build_marts(as_of_date, is_tested=is_tested)
    build_audiences(as_of_date)
    complete_night()


def look(warehouse: Warehouse, as_of_date: date) -> Night:
    """What a night selected, as the marts show it."""
    selected_date = selected_date_of(as_of_date)
    members: Selection = {}
    exclusions: Selection = {}
    with warehouse.connect("bi_reader") as connection:
        cursor = connection.execute(
            "select * from audiences.aud_recall_members where selected_date = %s order by audience_id",
            (selected_date,),
        )
        names = [column.name for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        excluded = connection.execute(
            "select campaign_id, step_number, user_id, line_id, reason_code from audiences.aud_recall_exclusions"
            " where selected_date = %s",
            (selected_date,),
        ).fetchall()
    for row in rows:
        members.setdefault((row["campaign_id"], row["step_number"]), set()).add((row["user_id"], row["line_id"]))
    for campaign, step, user, line, reason in excluded:
        exclusions.setdefault((campaign, step), set()).add((user, f"{line}: {reason}"))
    return Night(members, exclusions, rows)
