"""The rows of `recall status`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from recall.cli.options import last_complete_day
from recall.domain.errors import RecallError
from recall.domain.home import Home
from recall.domain.workspace import Workspace, load_workspace
from recall.hooks.calibration import Fit, latest_fit
from recall.hooks.night_status import Build, NightStatus, read_status
from recall.warehouse.connection import dsn

Row = tuple[str, str, str]


def status_rows(home: Home) -> list[Row]:
    """Gives one row per part: its name, its state, and a detail.

    Args:
        home: The home folder.
    """
    from recall.hooks import supervisor

    rows: list[Row] = [("home", "", str(home.root))]
    workspace: Workspace | None = None
    try:
        workspace = load_workspace(home=home)
        rows.append(("workspace", "chosen", f"{workspace.path} ({workspace.business_time_zone})"))
    except RecallError as error:
        rows.append(("workspace", "missing", error.message))
    server = supervisor.running_server(home)
    try:
        nights = read_status(home)
        address = urlsplit(dsn("owner", home))
        rows.append(("PostgreSQL", "up", f"{address.hostname}:{address.port}{address.path}"))
        rows.extend(_night_rows(nights, workspace))
        rows.extend(_fit_rows(latest_fit(home)))
    except RecallError as error:
        rows.append(("PostgreSQL", "down", error.message))
    rows.append(("Airflow", "up", server.address) if server else ("Airflow", "down", "recall up --airflow starts it"))
    return rows


def _night_rows(nights: NightStatus, workspace: Workspace | None) -> Iterator[Row]:
    """Says what is served, what was tried last, and who is at work."""
    yield "loads", f"{nights.load_count:,}", ""
    if nights.served is None:
        yield "served night", "none", "recall nightly builds the first one"
    else:
        yield "served night", str(nights.served.as_of_date), _lateness(nights.served, workspace)
    if nights.last is not None and nights.last != nights.served:
        yield "last night tried", nights.last.state, f"{nights.last.as_of_date}, begun {nights.last.started_at:%F %T}"
    if nights.unknown_send_count:
        yield "sends unknown", f"{nights.unknown_send_count:,}", "see docs/runbooks/sends_unknown.md"
    for channel, note in nights.stopped:
        yield "sending stopped", "all channels" if channel == "*" else channel, note
    if nights.lock is not None:
        yield "at work", nights.lock.holder.split(" | ")[0], f"lease until {nights.lock.expires_at:%F %T} UTC"


def _fit_rows(fit: Fit | None) -> Iterator[Row]:
    """Says which limits are far from what the latest fit suggests."""
    if fit is not None and fit.drifts:
        lines = ", ".join(drift.line_id for drift in fit.drifts)
        yield "churn limits drifting", lines, f"fit of {fit.fitted_date}, see docs/runbooks/churn_limit_drifting.md"


def _lateness(served: Build, workspace: Workspace | None) -> str:
    """Says how many days the served night lies behind the last complete business day."""
    if workspace is None:
        return served.state
    days = (last_complete_day(workspace) - served.as_of_date).days
    return f"{served.state}, {days} day{'s' if days != 1 else ''} behind" if days > 0 else served.state
