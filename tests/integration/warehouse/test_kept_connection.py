"""A connection that tests are lent again is as good as a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.conftest import Warehouse


def test_connection_that_is_lent_again_has_nothing_of_the_block_before(warehouse: Warehouse) -> None:
    with warehouse.connect() as first:
        first.execute("create temporary table seen (a integer)")
        first.execute("set work_mem = '1MB'")
        first.execute("set role recall_bi_reader")
        first.execute("select pg_advisory_lock(7)")

    with warehouse.connect() as second, warehouse.connect("loader") as other:
        assert second is first
        assert second.execute("select to_regclass('seen')").fetchone() == (None,)
        assert second.execute("show work_mem").fetchone() != ("1MB",)
        assert second.execute("select current_user").fetchone() == ("recall_owner",)
        assert other.execute("select pg_try_advisory_lock(7)").fetchone() == (True,)


def test_block_that_fails_is_undone_and_its_connection_is_not_lent_again(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), warehouse.connect() as first:
        first.execute("insert into control.loads (state) values ('done'); select 1 / 0")

    with warehouse.connect() as second:
        assert second is not first
        assert second.execute("select count(*) from control.loads").fetchone() == (0,)
