"""The frame of a night: what is rebuilt, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from recall.domain.errors import GateBlocked, RecallError
from recall.hooks.night import (
    DBT_PROJECT,
    are_marts_as_contracted,
    complete_night,
    fail_night,
    prepare_night,
)
from recall.warehouse.definitions import load_definitions

if TYPE_CHECKING:
    from tests.conftest import Warehouse, WorkspaceFactory

LINES = "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
ALL = "all,Everything,high,30,30,2000-01-01\n"


def _publish(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "update control.builds set state = 'published', published_at = clock_timestamp() where state = 'running'"
        )


def test_first_night_rebuilds_and_the_next_is_a_delta(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(workspace)
    assert prepare_night(workspace, date(2024, 5, 1)).is_full_rebuild
    _publish(warehouse)
    complete_night()
    second = prepare_night(workspace, date(2024, 5, 2))
    assert not second.is_full_rebuild
    assert second.previous_as_of_date == date(2024, 5, 1)


def test_public_tables_are_made_in_a_rebuild_tightened_the_night_after_and_then_stand_until_one_is_gone(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(workspace)
    with warehouse.connect() as connection:
        for model in (DBT_PROJECT / "models" / "marts").rglob("*.sql"):
            connection.execute(sql.SQL("create table marts.{} ()").format(sql.Identifier(model.stem)))
    found = []
    for day in (1, 2, 3):
        prepare_night(workspace, date(2024, 5, day))
        found.append(are_marts_as_contracted())
        _publish(warehouse)
        complete_night()
    with warehouse.connect() as connection:
        connection.execute("drop table marts.fct_orders")
    prepare_night(workspace, date(2024, 5, 4))
    found.append(are_marts_as_contracted())
    assert found == [False, False, True, False]


def test_an_earlier_day_is_refused(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(workspace)
    prepare_night(workspace, date(2024, 5, 2))
    _publish(warehouse)
    with pytest.raises(GateBlocked, match="the marts serve 2024-05-02"):
        prepare_night(workspace, date(2024, 5, 1))


def test_a_definition_that_takes_effect_between_two_nights_rebuilds(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    later = "all,Everything,high,20,30,2024-05-02\n"
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL + later})
    load_definitions(workspace)
    prepare_night(workspace, date(2024, 5, 1))
    _publish(warehouse)
    assert prepare_night(workspace, date(2024, 5, 2)).is_full_rebuild


def test_a_night_that_died_is_closed_and_what_it_saw_is_seen_again(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(workspace)
    prepare_night(workspace, date(2024, 5, 1))
    _publish(warehouse)
    with warehouse.connect() as connection:
        connection.execute("insert into control.loads (state) values ('done')")
    died = prepare_night(workspace, date(2024, 5, 2))
    again = prepare_night(workspace, date(2024, 5, 2))
    assert (died.previous_load_id, died.load_id) == (again.previous_load_id, again.load_id)
    with warehouse.connect() as connection:
        states = connection.execute("select state from control.builds order by build_id").fetchall()
    assert states == [("published",), ("failed",), ("running",)]


def test_an_unpublished_night_cannot_be_completed(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(workspace)
    prepare_night(workspace, date(2024, 5, 1))
    with pytest.raises(RecallError, match="never published"):
        complete_night()
    fail_night()


def test_another_business_zone_on_the_same_warehouse_is_refused(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    first = workspace_factory({"definitions/business_lines.csv": LINES + ALL})
    load_definitions(first)
    prepare_night(first, date(2024, 5, 1))
    moved = workspace_factory({"workspace.yml": "business_time_zone: Asia/Tokyo\ncurrency_code: EUR\n"})
    with pytest.raises(GateBlocked, match="Asia/Tokyo"):
        prepare_night(moved, date(2024, 5, 1))
