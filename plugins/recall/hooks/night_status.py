"""What the control schema says about the nights: which is served, which is under way, what is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from recall.domain.errors import RecallError
from recall.domain.home import Home
from recall.warehouse.connection import connect

if TYPE_CHECKING:
    from recall.hooks.gates import Door


@dataclass(frozen=True)
class Build:
    """One night that was tried.

    Attributes:
        build_id: Its number.
        as_of_date: The last business day included.
        state: running, failed, published or complete.
        started_at: Instant in UTC.
        finished_at: Instant in UTC; None while it runs or where it died.
        is_full_rebuild: Whether every user was rebuilt.
    """

    build_id: int
    as_of_date: date
    state: str
    started_at: datetime
    finished_at: datetime | None
    is_full_rebuild: bool


@dataclass(frozen=True)
class LockState:
    """Who holds the night lock.

    Attributes:
        holder: As the holder wrote itself.
        expires_at: Instant in UTC at which the lease ends unless it is renewed.
    """

    holder: str
    expires_at: datetime


@dataclass(frozen=True)
class NightStatus:
    """The nights at a glance.

    Attributes:
        served: The build that the public tables serve; None before the first night.
        last: The build tried last; None before the first night.
        lock: Who is at work now; None if nobody is.
        load_count: Loads ended well so far.
        unknown_send_count: Sends of which nobody can tell whether they arrived.
        stopped: Channels whose kill switch is pulled, each with the note of whoever did; `*` stands for all.
    """

    served: Build | None
    last: Build | None
    lock: LockState | None
    load_count: int
    unknown_send_count: int
    stopped: tuple[tuple[str, str], ...]


_BUILD_COLUMNS = "build_id, as_of_date, state, started_at, finished_at, is_full_rebuild"


def read_status(home: Home | None = None) -> NightStatus:
    """Reads the control schema.

    Args:
        home: The home folder; default the current one.

    Returns:
        The nights at a glance.

    Raises:
        RecallError: The database does not answer; start it as the message says.
    """
    with connect("auditor", home=home) as database:
        served = database.execute(
            f"select {_BUILD_COLUMNS} from control.builds where published_at is not null order by build_id desc limit 1"
        ).fetchone()
        last = database.execute(
            f"select {_BUILD_COLUMNS} from control.builds order by build_id desc limit 1"
        ).fetchone()
        lock = database.execute(
            "select holder, expires_at from control.night_lock where expires_at > clock_timestamp()"
        ).fetchone()
        loads = database.execute("select count(*) from control.loads where state = 'done'").fetchone()
        unknown = database.execute("select count(*) from ledger.sends where state = 'unknown'").fetchone()
        stopped = database.execute(
            "select channel, note from ledger.kill_switches where is_stopped order by channel"
        ).fetchall()
    return NightStatus(
        served=Build(*served) if served else None,
        last=Build(*last) if last else None,
        lock=LockState(*lock) if lock else None,
        load_count=int(loads[0]) if loads else 0,
        unknown_send_count=int(unknown[0]) if unknown else 0,
        stopped=tuple((str(channel), str(note)) for channel, note in stopped),
    )


def build_under_way() -> int:
    """Returns the number of the build that control.night names.

    Raises:
        RecallError: No night was ever prepared.
    """
    with connect("transformer") as database:
        row = database.execute("select build_id from control.night").fetchone()
    if row is None:
        raise RecallError("no night is under way", next_command="recall nightly --as-of 2026-01-31")
    return int(row[0])


def closed_doors(as_of_date: date) -> list[Door]:
    """Returns the doors whose last gate for a day stayed closed.

    Args:
        as_of_date: The last business day that the night includes.

    Returns:
        raw before audiences.
    """
    doors: tuple[Door, ...] = ("raw", "audiences")
    with connect("auditor") as database:
        rows = database.execute(
            "select distinct door from control.gate_results as results"
            " where as_of_date = %s and status in ('failed', 'crashed') and gate_run_id ="
            " (select max(gate_run_id) from control.gate_results where door = results.door and as_of_date = %s)",
            (as_of_date, as_of_date),
        ).fetchall()
    closed = {row[0] for row in rows}
    return [door for door in doors if door in closed]
