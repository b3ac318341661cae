"""The night lock: one run at a time loads, builds or exports a warehouse.

The lock is a row with a lease on the database's clock, not a session lock, so that it outlives a broken connection for
exactly as long as its holder may still be writing. A holder that died on this host is recognised at once; one that
died elsewhere loses the lock when its lease ends. The fence number grows with every new holder, so that whoever was
frozen past his lease can tell that it is no longer his.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psutil
import psycopg

from recall.domain.errors import RecallError
from recall.warehouse.connection import connect

LOCK_NAME = "night"
LEASE = timedelta(minutes=2)
RENEWALS_PER_LEASE = 4
POLL_SECONDS = 0.5


class Busy(RecallError):
    """Another run is at work; wait for it, or for the end of its lease if it is gone."""


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, in a form that another process can check.

    Attributes:
        purpose: What the holder is doing, in a few words without spaces at the ends.
        host: Name of the machine it runs on.
        pid: Its process there; 0 for a holder that is not one process.
        started: Start of that process in whole seconds since 1970 UTC, so that a reused pid is not taken for it.
    """

    purpose: str
    host: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.purpose} | host {self.host} | process {self.pid} | since {self.started}"

    @classmethod
    def parse(cls, text: str) -> Holder | None:
        """Reads what `str` wrote; None if somebody else wrote it."""
        parts = text.split(" | ")
        try:
            purpose, host, pid, started = parts
            return cls(
                purpose=purpose,
                host=host.removeprefix("host "),
                pid=int(pid.removeprefix("process ")),
                started=int(started.removeprefix("since ")),
            )
        except ValueError:
            return None

    def is_gone(self) -> bool:
        """Whether it ran on this host and is no longer there; False whenever that cannot be known."""
        if self.host != socket.gethostname() or self.pid == 0:
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 2
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False


@dataclass
class HeldLock:
    """The lock in this process's hands.

    Attributes:
        holder: Who holds it.
        fence: Grows by one with every new holder.
    """

    holder: Holder
    fence: int
    _lost: str = field(default="", repr=False)

    def require(self) -> None:
        """Checks that the lock is still ours; call it before each step that writes.

        Raises:
            RecallError: The lease ran out and somebody else took the lock, or it cannot be renewed. Stop, and start the
                run again.
        """
        if self._lost:
            raise RecallError(f"The night lock was lost: {self._lost}", next_command="recall status")


def this_process(purpose: str) -> Holder:
    """Describes this process as a holder.

    Args:
        purpose: What it is doing.
    """
    return Holder(
        purpose=purpose.replace("|", "/"),
        host=socket.gethostname(),
        pid=os.getpid(),
        started=int(psutil.Process().create_time()),
    )


@contextmanager
def hold(
    holder: Holder, *, lease: timedelta = LEASE, keep: bool = False, patience: timedelta = timedelta()
) -> Iterator[HeldLock]:
    """Holds the night lock while the block runs, renewing its lease in a thread.

    Args:
        holder: Who asks. The same holder may take the lock several times at once: tasks of one Airflow run share it.
        lease: How long the lock stays ours if this process dies somewhere else.
        keep: True to let the lease run out by itself instead of giving the lock back, for holders that share it.
        patience: How long to wait for somebody else to give the lock back.

    Yields:
        The held lock.

    Raises:
        Busy: Somebody else holds it; the message names who and until when.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        try:
            held = _acquire(holder, lease)
            break
        except Busy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
    stop = threading.Event()
    keeper = threading.Thread(target=_renew_until, args=(held, lease, stop), name="night-lock", daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        stop.set()
        keeper.join(timeout=15)
        if not keep:
            _release(held)


def _acquire(holder: Holder, lease: timedelta) -> HeldLock:
    """Takes the lock if it is free, ours, past its lease, or held by a process of this host that is gone."""
    with connect("transformer") as database:
        # The insert makes the row to lock; a lease that ended long ago reads as free.
        database.execute(
            "insert into control.night_lock (lock_name, holder, acquired_at, expires_at, fence)"
            " values (%s, '', clock_timestamp(), '-infinity', 0) on conflict (lock_name) do nothing",
            (LOCK_NAME,),
        )
        row = database.execute(
            "select holder, expires_at::text, expires_at <= clock_timestamp(), fence"
            " from control.night_lock where lock_name = %s for update",
            (LOCK_NAME,),
        ).fetchone()
        assert row is not None
        current, expires_at, is_expired, fence = row
        is_ours = current == str(holder)
        known = Holder.parse(current)
        if not (is_expired or is_ours or (known is not None and known.is_gone())):
            raise _busy(current, known, expires_at)
        new_fence = fence if is_ours and not is_expired else fence + 1
        database.execute(
            "update control.night_lock set holder = %s, fence = %s, expires_at = clock_timestamp() + %s,"
            " acquired_at = case when fence = %s then acquired_at else clock_timestamp() end"
            " where lock_name = %s",
            (str(holder), new_fence, lease, new_fence, LOCK_NAME),
        )
    return HeldLock(holder=holder, fence=new_fence)


def _busy(current: str, known: Holder | None, expires_at: str) -> Busy:
    """Says who is running, and until when the lock is theirs if they are gone."""
    who = (
        f"{known.purpose} (process {known.pid} on {known.host}, since "
        f"{datetime.fromtimestamp(known.started).astimezone():%Y-%m-%d %H:%M:%S %z})"
        if known is not None and known.pid
        else (known.purpose if known is not None else current)
    )
    return Busy(
        f"Another run holds the night lock: {who}. It renews its lease while it lives; if it is gone, the lock is"
        f" free after {expires_at}.",
        next_command="recall status",
    )


def _renew_until(held: HeldLock, lease: timedelta, stop: threading.Event) -> None:
    """Renews the lease until told to stop; marks the lock lost when it is somebody else's or past its end."""
    pause = lease.total_seconds() / RENEWALS_PER_LEASE
    failures = 0
    while not stop.wait(pause):
        try:
            with connect("transformer", autocommit=True) as database:
                renewed = database.execute(
                    "update control.night_lock set expires_at = clock_timestamp() + %s"
                    " where lock_name = %s and fence = %s and holder = %s",
                    (lease, LOCK_NAME, held.fence, str(held.holder)),
                ).rowcount
        except (psycopg.Error, RecallError) as error:
            failures += 1
            if failures >= RENEWALS_PER_LEASE:
                held._lost = f"its lease could not be renewed ({type(error).__name__})"
                return
            continue
        failures = 0
        if renewed != 1:
            held._lost = "its lease ran out and another run took it"
            return


def _release(held: HeldLock) -> None:
    """Gives the lock back if it is still ours; a database that is gone frees it by the lease."""
    try:
        with connect("transformer", autocommit=True) as database:
            database.execute(
                "update control.night_lock set expires_at = clock_timestamp(), holder = ''"
                " where lock_name = %s and fence = %s and holder = %s",
                (LOCK_NAME, held.fence, str(held.holder)),
            )
    except (psycopg.Error, RecallError):
        return
