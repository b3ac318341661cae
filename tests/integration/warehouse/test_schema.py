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
