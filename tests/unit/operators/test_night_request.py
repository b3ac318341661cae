"""Which day a run is for: its configuration, else the events that triggered it, else its interval."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recall.domain.errors import UsageError
from recall.operators.night_request import NightRequest


def _resolve(
    conf: dict[str, Any] | None = None,
    extras: list[dict[str, Any]] | None = None,
    interval_start: datetime | None = None,
    zone: str = "UTC",
) -> NightRequest:
    return NightRequest.resolve(
        conf=conf or {}, triggering_extras=extras or [], interval_start=interval_start, time_zone=zone
    )


def test_resolve_with_a_date_in_the_configuration_passes_over_events_and_interval() -> None:
    request = _resolve(
        {"as_of_date": "2024-02-29"}, [{"as_of_date": "2024-03-05"}], datetime(2024, 3, 7, 3, 30, tzinfo=UTC)
    )
    assert request.as_of_date == date(2024, 2, 29)


def test_resolve_with_an_empty_form_of_the_web_page_takes_the_events() -> None:
    request = _resolve({"as_of_date": None, "stop_after": ""}, [{"as_of_date": "2024-03-05", "full_refresh": True}])
    assert request.as_of_date == date(2024, 3, 5)
    assert request.full_refresh


def test_resolve_with_bundled_events_takes_the_latest_day_in_any_order() -> None:
    days = [{"as_of_date": "2024-03-05"}, {"as_of_date": "2024-03-07"}, {"as_of_date": "2024-03-06"}, {}]
    assert _resolve(extras=days).as_of_date == date(2024, 3, 7)
    assert _resolve(extras=days[::-1]).as_of_date == date(2024, 3, 7)


@pytest.mark.parametrize(
    ("zone", "run_on", "expected"),
    [
        ("UTC", date(2024, 3, 8), date(2024, 3, 7)),
        # 03:30 in Shanghai is 19:30 UTC of the day before: the interval begins on the 6th in UTC.
        ("Asia/Shanghai", date(2024, 3, 8), date(2024, 3, 7)),
        # New York, 10 March 2024 has 23 hours: 24 hours before 03:30 is 02:30 on the 9th.
        ("America/New_York", date(2024, 3, 10), date(2024, 3, 9)),
        ("America/New_York", date(2024, 3, 11), date(2024, 3, 10)),
        # New York, 3 November 2024 has 25 hours: 24 hours before 03:30 is 04:30 on the 2nd.
        ("America/New_York", date(2024, 11, 3), date(2024, 11, 2)),
        ("America/New_York", date(2024, 11, 4), date(2024, 11, 3)),
    ],
)
def test_resolve_without_anything_else_takes_the_business_day_before_the_clock(
    zone: str, run_on: date, expected: date
) -> None:
    runs_at = datetime.combine(run_on, time(3, 30), ZoneInfo(zone))
    starts = runs_at.astimezone(UTC) - timedelta(days=1)
    assert _resolve(interval_start=starts, zone=zone).as_of_date == expected


def test_resolve_without_any_day_is_wrong_use_that_names_the_configuration() -> None:
    with pytest.raises(UsageError, match="no as-of date"):
        _resolve().require_as_of_date()


def test_resolve_with_a_day_that_does_not_exist_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="2023-02-29"):
        _resolve({"as_of_date": "2023-02-29"})


def test_extra_of_one_dag_is_the_order_of_the_next() -> None:
    order = _resolve(
        {"as_of_date": "2024-02-29", "full_refresh": True, "stop_after": "build_warehouse", "is_followed": True}
    )
    assert _resolve(extras=[order.extra()]) == order
