"""The migrated warehouse gives each role what its task needs, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.conftest import Warehouse


def test_upgrade_twice_changes_nothing(warehouse: Warehouse) -> None:
    from recall.warehouse.schema import upgrade

    with warehouse.connect() as connection:
        before = connection.execute("select version_num from control.schema_version").fetchall()
    upgrade(warehouse.home)
    with warehouse.connect() as connection:
        assert connection.execute("select version_num from control.schema_version").fetchall() == before


def test_bi_reader_sees_which_day_is_served_but_no_other_control_table(warehouse: Warehouse) -> None:
    with warehouse.connect("bi_reader") as connection:
        assert connection.execute("select as_of_date from control.published").fetchall() == []
    with warehouse.connect("bi_reader") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select * from control.builds")


def test_bi_reader_may_not_look_at_contacts(warehouse: Warehouse) -> None:
    with warehouse.connect("bi_reader") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table pii.copy (user_id text)")


def test_rows_that_came_into_sight_are_found_without_reading_the_history(warehouse: Warehouse) -> None:
    # A shop whose source gives no updated_at: 200,000 visits of two months, then a hundred of the next day.
    visits = """
        insert into raw.visits (visit_id, user_id, visited_at, action, _row_hash, _file_id, _record_number, _load_id)
        select 'v' || number, 'u' || number % 999, timestamptz '2024-01-01 00:00Z' + number * interval '26 seconds',
            'view', md5(number::text)::uuid, load_id, number, load_id
        from generate_series(1, 200100) as numbers (number)
        cross join lateral (select case when number > 200000 then 2 else 1 end as load_id) as loads
    """
    # As the engine's macro new_rows asks.
    question = """
        select user_id from raw.visits
        where
            _load_id > 1
            or (updated_at >= '2024-03-01' and updated_at < '2024-03-04')
            or (visited_at >= '2024-03-01' and visited_at < '2024-03-04')
    """
    with warehouse.connect(autocommit=True) as connection:
        connection.execute(visits)
        connection.execute("vacuum analyze raw.visits")
        plan = "\n".join(row[0] for row in connection.execute(f"explain {question}".encode()))
    assert "Bitmap Index Scan on visits_updated" in plan
    assert "Seq Scan" not in plan
