"""A past day is built apart: equal to what that night served, no later row in it, and nothing served is touched."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.integration.warehouse.nights import digests, public_relations, run_models
from tests.integration.warehouse.random_shop import BUSINESS_ZONE, FIRST_NIGHT, RandomShop, definition_files

from recall.domain.errors import RecallError
from recall.hooks import dbt
from recall.hooks.scratch import SCHEMAS, build_scratch, drop_scratch
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

if TYPE_CHECKING:
    from tests.conftest import Warehouse, WorkspaceFactory

DAYS = (FIRST_NIGHT + timedelta(days=8), FIRST_NIGHT + timedelta(days=17))
"""29 February, and a week after the lost hour of 10 March."""

KEYS = {"orders": "order_id", "users": "user_id", "products": "product_id", "visits": "visit_id"}
INSTANTS = {"orders": "ordered_at", "visits": "visited_at", "refunds": "refunded_at", "feedback": "submitted_at"}


def _day(instant: str) -> date:
    """The business day of an instant; an empty one is before all days."""
    return datetime.fromisoformat(instant).astimezone(BUSINESS_ZONE).date() if instant else date.min


def _sound_rows(shop: RandomShop) -> list[tuple[str, dict[str, str]]]:
    """What the shop delivers, but no feedback on an order that is placed after it: no day could know of both."""
    ordered: dict[str, date] = defaultdict(lambda: date.min)
    for delivery in shop.deliveries:
        if delivery.table == "orders":
            order_id = delivery.row["order_id"]
            ordered[order_id] = max(ordered[order_id], _day(delivery.row["ordered_at"]))
    return [
        (delivery.table, delivery.row)
        for delivery in shop.deliveries
        if delivery.table != "feedback"
        or not delivery.row["order_id"]
        or ordered[delivery.row["order_id"]] <= _day(delivery.row["submitted_at"])
    ]


def _cut(rows: list[tuple[str, dict[str, str]]], day: date) -> list[tuple[str, dict[str, str]]]:
    """What there was to know on a day: nothing that happened later, and of a key no version later than its first.

    Items are kept with their orders. Users and products are lists, and stand on them whenever they were made; but not
    in a version of later.
    """
    first: dict[tuple[str, str], date] = {}
    for table, row in rows:
        if table in KEYS:
            key = (table, row[KEYS[table]])
            first[key] = min(first.get(key, date.max), _day(row["updated_at"]))
    kept = [
        (table, row)
        for table, row in rows
        if _day(row["updated_at"]) <= max(day, first.get((table, row.get(KEYS.get(table, ""), "")), date.min))
        and (table not in INSTANTS or _day(row[INSTANTS[table]]) <= day or bool(row["updated_at"]))
    ]
    orders = {row["order_id"] for table, row in kept if table == "orders"}
    return [(table, row) for table, row in kept if table != "order_items" or row["order_id"] in orders]


def _land(rows: list[tuple[str, dict[str, str]]], landing: Path, name: str) -> None:
    """Writes rows into one file per table."""
    for table in dict.fromkeys(table for table, _ in rows):
        of_table = [row for each, row in rows if each == table]
        path = landing / table / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(of_table[0]))
            writer.writeheader()
            writer.writerows(of_table)


def _scratch_digests(connection: psycopg.Connection, names: list[tuple[str, str]]) -> dict[str, str]:
    """Digests of the scratch tables under the names of those that they stand for."""
    found = digests(connection, [(f"scratch_{schema}", name) for schema, name in names])
    return {name.removeprefix("scratch_"): digest for name, digest in found.items()}


def test_past_days_built_apart_equal_the_nights_of_those_days_and_see_no_later_row(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    rows = _sound_rows(RandomShop(seed=21, user_count=15))
    landed: list[tuple[str, dict[str, str]]] = []
    served: dict[date, dict[str, str]] = {}
    for number, day in enumerate((*DAYS, date.max)):
        # The input cut at the day; what is later lands afterwards.
        new = [each for each in _cut(rows, day) if each not in landed]
        landed += new
        _land(new, workspace.landing_dir, f"{number}_until_{day}")
        load_landing(workspace)
        if day in DAYS:
            run_models(workspace, day)
            with warehouse.connect() as connection:
                served[day] = digests(connection)
    assert served[DAYS[0]] != served[DAYS[1]]
    with warehouse.connect() as connection:
        names = public_relations(connection)
        control = connection.execute("select * from control.night").fetchall()
        builds = connection.execute("select * from control.builds order by build_id").fetchall()
        connection.execute("create view public.report as select * from marts.fct_orders")
        # A reader in the middle of a look at the served marts holds nobody up, and is held up by nobody.
        connection.execute("select count(*) from marts.fct_orders")
        for day in DAYS[::-1]:
            build_scratch(workspace, day)
            with warehouse.connect() as apart:
                assert _scratch_digests(apart, names) == served[day], day
    with warehouse.connect() as connection:
        assert digests(connection, names) == served[DAYS[-1]]
        assert connection.execute("select * from control.night").fetchall() == control
        assert connection.execute("select * from control.builds order by build_id").fetchall() == builds

    with warehouse.connect("exporter") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from scratch_marts.dim_users")
    with warehouse.connect("bi_reader") as connection:
        connection.execute("select * from scratch_marts.dim_users")
    with pytest.raises(RecallError, match="selects nobody"):
        dbt.build_layer("audiences", prefix=dbt.SCRATCH_PREFIX)

    assert drop_scratch() > 0
    assert drop_scratch() == 0
    with warehouse.connect() as connection:
        left = connection.execute(
            "select table_name from information_schema.tables where table_schema = any(%s)", (list(SCHEMAS),)
        ).fetchall()
    assert left == []
