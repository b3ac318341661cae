"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from recall.domain.errors import RecallError, UsageError
from recall.domain.workspace import Workspace

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 blocked by a gate, 130 interrupted."


def _parse_date(text: str) -> date:
    """Reads a date of the form 2026-01-31."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date of the form 2026-01-31") from error


AsOf = Annotated[
    date | None,
    typer.Option("--as-of", metavar="DATE", parser=_parse_date, help="Last business day included, as 2026-01-31."),
]
FromDate = Annotated[
    date, typer.Option("--from", metavar="DATE", parser=_parse_date, help="First assignment day, as 2026-01-01.")
]
ToDate = Annotated[
    date, typer.Option("--to", metavar="DATE", parser=_parse_date, help="Last assignment day, included.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write the batches to the home folder and send nothing.")]


def last_complete_day(workspace: Workspace, *, now: datetime | None = None) -> date:
    """Returns the business day that ended last.

    Args:
        workspace: Its business zone decides when a day ends.
        now: An instant with a zone; default the clock.
    """
    instant = now or datetime.now(UTC)
    return instant.astimezone(ZoneInfo(workspace.business_time_zone)).date() - timedelta(days=1)


def served_day() -> date:
    """Returns the day that the marts serve.

    Raises:
        RecallError: No night was built yet.
    """
    from recall.hooks.night_status import read_status

    served = read_status().served
    if served is None:
        raise RecallError("no night was built yet, so there is nothing to look at", next_command="recall nightly")
    return served.as_of_date


def require_date(value: date | None, command: str) -> date:
    """Returns a date that a command cannot do without.

    Args:
        value: What the option holds.
        command: The command as it should be typed.

    Raises:
        UsageError: The option is missing.
    """
    if value is None:
        raise UsageError("which day? --as-of names the last business day included", next_command=command)
    return value
