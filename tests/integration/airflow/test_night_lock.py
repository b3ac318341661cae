"""The night lock: one run at a time, and nobody waits for the dead."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from recall.domain.errors import RecallError
from recall.hooks import night_lock

ELSEWHERE = night_lock.Holder(purpose="nightly elsewhere", host="another-host", pid=4711, started=1_700_000_000)


def _held_by(warehouse: Any, holder: night_lock.Holder, lease: str) -> None:
    with warehouse.connect() as connection:
        connection.execute(
            "insert into control.night_lock (lock_name, holder, acquired_at, expires_at, fence)"
            " values ('night', %s, clock_timestamp(), clock_timestamp() + %s::interval, 7)",
            (str(holder), lease),
        )


def test_hold_while_another_host_holds_it_names_the_holder_and_the_end_of_the_lease(warehouse: Any) -> None:
    _held_by(warehouse, ELSEWHERE, "90 seconds")
    with pytest.raises(RecallError) as caught, night_lock.hold(night_lock.this_process("nightly")):
        pass
    assert "nightly elsewhere" in caught.value.message
    assert "process 4711 on another-host" in caught.value.message
    assert "free after 2" in caught.value.message
    assert caught.value.next_command == "recall status"


def test_hold_after_the_lease_of_another_host_takes_over_with_a_higher_fence(warehouse: Any) -> None:
    _held_by(warehouse, ELSEWHERE, "-1 second")
    with night_lock.hold(night_lock.this_process("nightly")) as held:
        assert held.fence == 8
        held.require()


def test_hold_when_the_holder_on_this_host_is_gone_takes_over_at_once(warehouse: Any) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    me = night_lock.this_process("nightly that was killed")
    _held_by(warehouse, replace(me, pid=child.pid), "90 seconds")
    with night_lock.hold(night_lock.this_process("nightly")) as held:
        assert held.fence == 8


def test_hold_when_the_pid_belongs_to_a_younger_process_takes_over_at_once(warehouse: Any) -> None:
    me = night_lock.this_process("nightly before the reboot")
    _held_by(warehouse, replace(me, started=me.started - 3600), "90 seconds")
    with night_lock.hold(night_lock.this_process("nightly")) as held:
        assert held.fence == 8


def test_hold_after_it_was_given_back_is_free(warehouse: Any) -> None:
    with night_lock.hold(night_lock.this_process("first")) as first:
        pass
    with night_lock.hold(replace(ELSEWHERE, purpose="second")) as second:
        assert second.fence == first.fence + 1


def test_hold_by_the_tasks_of_one_airflow_run_is_shared(warehouse: Any) -> None:
    run = night_lock.Holder(purpose="Airflow run r1", host="airflow", pid=0, started=0)
    with night_lock.hold(run, keep=True) as first, night_lock.hold(run, keep=True) as second:
        assert first.fence == second.fence
    with (
        pytest.raises(RecallError, match="Airflow run r1"),
        night_lock.hold(night_lock.this_process("a foreground night")),
    ):
        pass


def test_hold_longer_than_its_lease_is_renewed(warehouse: Any) -> None:
    with night_lock.hold(night_lock.this_process("long night"), lease=timedelta(seconds=0.8)) as held:
        time.sleep(1.2)
        held.require()
        with pytest.raises(RecallError, match="long night"), night_lock.hold(ELSEWHERE):
            pass


def test_hold_when_somebody_took_it_after_a_freeze_says_that_it_is_lost(warehouse: Any) -> None:
    with night_lock.hold(night_lock.this_process("frozen night"), lease=timedelta(seconds=0.8)) as held:
        with warehouse.connect() as connection:
            connection.execute("update control.night_lock set holder = %s, fence = fence + 1", (str(ELSEWHERE),))
        time.sleep(0.6)
        with pytest.raises(RecallError, match="another run took it"):
            held.require()
    with warehouse.connect() as connection:
        row = connection.execute("select holder from control.night_lock").fetchone()
    assert row == (str(ELSEWHERE),)
