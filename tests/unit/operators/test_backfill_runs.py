"""A backfill of Airflow's builds nights that have passed, and sends nothing."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.timetables.base import TimeRestriction

from recall.domain.errors import UsageError
from recall.hooks.timetables import NightsOnDemand
from recall.operators.base import AnnounceOperator, RecallOperator
from recall.operators.export import ExportChannelOperator, RegisterMembersOperator
from recall.operators.night_request import NightRequest
from recall.operators.schedule import MARTS_BUILT


def context(run_type: str) -> Any:
    run = SimpleNamespace(run_type=run_type, conf={"as_of_date": "2026-01-31"}, data_interval_start=None)
    return {"dag_run": run, "triggering_asset_events": {}, "outlet_events": {MARTS_BUILT: SimpleNamespace(extra=None)}}


@pytest.mark.parametrize(
    "task", [RegisterMembersOperator(task_id="register"), ExportChannelOperator(task_id="export", channel="email")]
)
def test_task_that_sends_refuses_a_backfill(task: RecallOperator) -> None:
    with pytest.raises(AirflowFailException, match="a backfill never sends anything"):
        task.execute(context("backfill"))


def test_backfill_announces_nothing_and_so_starts_no_export() -> None:
    announced = context("backfill")
    with pytest.raises(AirflowSkipException, match="announces nothing"):
        AnnounceOperator(task_id="announce", asset=MARTS_BUILT).execute(announced)
    assert announced["outlet_events"][MARTS_BUILT].extra is None

    by_hand = context("manual")
    AnnounceOperator(task_id="announce", asset=MARTS_BUILT).execute(by_hand)
    assert by_hand["outlet_events"][MARTS_BUILT].extra["as_of_date"] == "2026-01-31"


def test_clock_of_nights_on_demand_strikes_in_a_range_and_never_by_itself() -> None:
    clock = NightsOnDemand("30 3 * * *", timezone="UTC", interval=timedelta(days=1))
    first, last = pendulum.datetime(2026, 1, 10), pendulum.datetime(2026, 1, 12)
    by_itself = TimeRestriction(earliest=first, latest=last, catchup=False)
    assert clock.next_dagrun_info(last_automated_data_interval=None, restriction=by_itself) is None

    days, interval = [], None
    for _ in range(9):
        night = clock.next_dagrun_info(
            last_automated_data_interval=interval,
            restriction=TimeRestriction(earliest=first, latest=last, catchup=True),
        )
        if night is None:
            break
        interval = night.data_interval
        assert interval is not None
        request = NightRequest.resolve(
            conf={}, triggering_extras=[], interval_start=interval.start, time_zone="Asia/Shanghai"
        )
        days.append(str(request.as_of_date))
    # 03:30 of the 10th closes the 9th; the 12th at 03:30 is after the last instant that was asked for.
    assert days == ["2026-01-09", "2026-01-10"]


@pytest.mark.parametrize(
    "conf", [{}, {"from_date": "2026-01-01"}, {"from_date": "2026-01-02", "to_date": "2026-01-01"}]
)
def test_backfill_without_a_range_says_what_to_type(conf: dict[str, str]) -> None:
    request = NightRequest.resolve(conf=conf, triggering_extras=[], interval_start=None, time_zone="UTC")
    with pytest.raises(UsageError, match="first and the last assignment day"):
        request.require_range()


def test_backfill_with_a_range_knows_its_days() -> None:
    conf = {"from_date": "2026-01-01", "to_date": "2026-01-31", "parallel_days": 4}
    request = NightRequest.resolve(conf=conf, triggering_extras=[], interval_start=None, time_zone="UTC")
    assert [str(day) for day in request.require_range()] == ["2026-01-01", "2026-01-31"]
    assert request.parallel_days == 4
