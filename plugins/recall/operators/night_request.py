"""What a run was asked for, carried from DAG to DAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from recall.domain.errors import UsageError


@dataclass(frozen=True)
class NightRequest:
    """One run's order.

    Attributes:
        as_of_date: The last business day to include; None only where a run just loads files.
        full_refresh: True to rebuild every user.
        stop_after: The DAG after which the chain ends; empty for the whole chain.
        landing: The folder of delivered files; None for the workspace's own.
        accept: Rejected files that a person accepts as missing.
        replay: Loaded files whose records are judged again.
        dry_run: True to write batches without sending them.
        is_followed: True where a command waits for the run, so that a failure is told at once instead of tried again.
        is_fit_forced: True to fit although no fit is due.
        erased_user_id: Whom to erase; empty for whatever came of those who were erased before.
        from_date: Of a backfill: the first assignment day; None for any other run.
        to_date: Of a backfill: the last assignment day.
        parallel_days: Of a backfill: how many days are worked on at once.
    """

    as_of_date: date | None
    full_refresh: bool = False
    stop_after: str = ""
    landing: Path | None = None
    accept: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    dry_run: bool = False
    is_followed: bool = False
    is_fit_forced: bool = False
    erased_user_id: str = ""
    from_date: date | None = None
    to_date: date | None = None
    parallel_days: int = 2

    @classmethod
    def resolve(
        cls,
        *,
        conf: Mapping[str, Any],
        triggering_extras: Iterable[Mapping[str, Any]],
        interval_start: datetime | None,
        time_zone: str,
    ) -> NightRequest:
        """Finds the order of a run: its configuration, else the events that triggered it, else its interval.

        Args:
            conf: The run's own configuration.
            triggering_extras: The extras of the asset events that started the run; several may come bundled, and the
                latest as-of date holds.
            interval_start: Start of the run's data interval, with a zone; None for a run without one.
            time_zone: The business zone, in which the interval's start is a date.

        Returns:
            The order; without an as-of date if none of the three gives one.
        """
        events = [extra for extra in triggering_extras if extra.get("as_of_date")]
        latest = max(events, key=lambda extra: str(extra["as_of_date"]), default={})
        given = {**latest, **{key: value for key, value in conf.items() if value not in (None, "")}}
        as_of_text = given.get("as_of_date")
        if as_of_text:
            as_of_date: date | None = _date(str(as_of_text))
        elif interval_start is not None:
            as_of_date = interval_start.astimezone(ZoneInfo(time_zone)).date()
        else:
            as_of_date = None
        landing = given.get("landing")
        from_text, to_text = given.get("from_date"), given.get("to_date")
        return cls(
            as_of_date=as_of_date,
            full_refresh=bool(given.get("full_refresh", False)),
            stop_after=str(given.get("stop_after", "")),
            landing=Path(landing) if landing else None,
            accept=tuple(given.get("accept", ())),
            replay=tuple(given.get("replay", ())),
            dry_run=bool(given.get("dry_run", False)),
            is_followed=bool(given.get("is_followed", False)),
            is_fit_forced=bool(given.get("is_fit_forced", False)),
            erased_user_id=str(given.get("erased_user_id", "")),
            from_date=_date(str(from_text)) if from_text else None,
            to_date=_date(str(to_text)) if to_text else None,
            parallel_days=int(given.get("parallel_days", 2)),
        )

    def require_as_of_date(self) -> date:
        """Returns the as-of date.

        Raises:
            UsageError: The run was started without one; trigger it with a configuration that names it.
        """
        if self.as_of_date is None:
            raise UsageError(
                'This run has no as-of date: trigger it with the configuration {"as_of_date": "2026-01-31"}.',
                next_command="recall nightly --as-of 2026-01-31",
            )
        return self.as_of_date

    def require_range(self) -> tuple[date, date]:
        """Returns the assignment days of a backfill: the first and the last.

        Raises:
            UsageError: The run was started without one of them, or they are the wrong way round.
        """
        if self.from_date is None or self.to_date is None or self.to_date < self.from_date:
            raise UsageError(
                "A backfill needs the first and the last assignment day:"
                ' {"from_date": "2026-01-01", "to_date": "2026-01-31"}.',
                next_command="recall backfill --from 2026-01-01 --to 2026-01-31",
            )
        return self.from_date, self.to_date

    def extra(self) -> dict[str, Any]:
        """Returns what the next DAG of the chain has to know, as the extra of an asset event."""
        return {
            "as_of_date": self.require_as_of_date().isoformat(),
            "full_refresh": self.full_refresh,
            "stop_after": self.stop_after,
            "dry_run": self.dry_run,
            "is_followed": self.is_followed,
        }


def _date(text: str) -> date:
    """Reads a date of the form 2026-01-31."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date of the form 2026-01-31.") from error
