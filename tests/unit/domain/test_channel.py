from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from recall.channels.pacing import Pace
from recall.domain.channel import ChannelTerms


def terms(begin: str | None, end: str | None) -> ChannelTerms:
    at = [time.fromisoformat(text) if text else None for text in (begin, end)]
    return ChannelTerms("sms", "twilio", "phone", None, None, at[0], at[1], may_carry_marketing=True)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "ends"),
    [
        # 20:00 to 08:00 in Shanghai (UTC+8) is 12:00 to 00:00 in UTC.
        ("2026-03-10 11:59", "Asia/Shanghai", None),
        ("2026-03-10 12:00", "Asia/Shanghai", "2026-03-11 00:00"),
        ("2026-03-10 23:59", "Asia/Shanghai", "2026-03-11 00:00"),
        ("2026-03-11 00:00", "Asia/Shanghai", None),
        # One instant, two users: 12:30 UTC is 08:30 in New York (UTC-4 after 8 March).
        ("2026-03-10 12:30", "America/New_York", None),
        ("2026-03-10 11:30", "America/New_York", "2026-03-10 12:00"),
        # Nobody knows where they live, or the source wrote nonsense: the business zone, here Berlin (UTC+1).
        ("2026-03-10 19:30", None, "2026-03-11 07:00"),
        ("2026-03-10 19:30", "Mars/Olympus", "2026-03-11 07:00"),
        ("2026-03-10 19:30", "../../etc/passwd", "2026-03-11 07:00"),
        ("2026-03-10 18:30", "America", None),
    ],
)
def test_quiet_hours_are_those_of_the_user(now: str, zone: str | None, ends: str | None) -> None:
    found = terms("20:00", "08:00").quiet_ends_at(instant(now), zone, "Europe/Berlin")

    assert found == (instant(ends) if ends else None)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = terms("12:00", "14:00")

    assert noon.quiet_ends_at(instant("2026-03-10 13:00"), "UTC", "UTC") == instant("2026-03-10 14:00")
    assert noon.quiet_ends_at(instant("2026-03-10 14:00"), "UTC", "UTC") is None
    assert terms(None, None).quiet_ends_at(instant("2026-03-10 03:00"), "UTC", "UTC") is None


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        # 29 March 2026: Berlin's clocks go from 02:00 to 03:00, so 02:30 is read as 03:30 summer time, 01:30 UTC.
        ("2026-03-28 23:00", "2026-03-29 01:30"),
        # 25 October 2026: 02:30 comes twice, at 00:30 and at 01:30 UTC; the later one counts.
        ("2026-10-24 22:00", "2026-10-25 01:30"),
    ],
)
def test_quiet_hours_that_end_in_a_clock_change_end_late(now: str, ends: str) -> None:
    assert terms("22:00", "02:30").quiet_ends_at(instant(now), "Europe/Berlin", "UTC") == instant(ends)


def test_pace_lets_no_second_carry_more_than_the_rate() -> None:
    clock = [0.0]
    pace = Pace(Decimal(4), monotonic=lambda: clock[0])
    left_at = []
    for _ in range(40):
        clock[0] += pace.wait_seconds
        pace.take(1)
        left_at.append(clock[0])

    # The first leaves at 0, the fortieth 39 quarters of a second later.
    assert left_at[-1] == pytest.approx(39 / 4)
    assert max(sum(begin <= at < begin + 1 for at in left_at) for begin in left_at) == 4


def test_pace_of_a_call_of_many_waits_for_all_of_them() -> None:
    clock = [100.0]
    pace = Pace(Decimal(10), monotonic=lambda: clock[0])
    pace.take(50)

    assert pace.wait_seconds == pytest.approx(5.0)
    assert pace.most_within(30) == 300


def test_pace_without_a_rate_waits_only_where_the_peer_asked_for_it() -> None:
    pace = Pace(None, monotonic=lambda: 7.0)
    pace.take(1000)
    assert pace.wait_seconds == 0.0

    pace.pause(3.0)

    assert pace.wait_seconds == pytest.approx(3.0)
