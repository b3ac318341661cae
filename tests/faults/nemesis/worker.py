"""Exports in a process of their own, without Airflow, which waits at every labelled moment until it is let go.

It is forked from a server process that has everything imported, so that a round with several exports takes a second.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.faults.nemesis.senders import SENDERS
from tests.support.sending import AS_OF_DATE

LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Order:
    """What a worker is to do.

    Attributes:
        home: Home folder of the round.
        channel: The channel to export.
        environment: Settings of all channels.
        sender: Which of SENDERS; the honest one is Recall's.
        is_stepped: Whether it waits at every moment.
        clock: What it takes for now, until it is told another instant.
    """

    home: Path
    channel: str
    environment: dict[str, str]
    sender: str
    is_stepped: bool
    clock: datetime


@dataclass(frozen=True)
class Ending:
    """How a worker ended by itself.

    Attributes:
        kind: Name of the exception; empty if it came to its end.
        detail: What it said.
    """

    kind: str = ""
    detail: str = ""


class Pauses:
    """The moments of a worker, told to whoever steps it.

    Args:
        order: What the worker is to do.
        pipe: Leads to whoever steps it.
    """

    def __init__(self, order: Order, pipe: Connection) -> None:
        self.clock = order.clock
        self._pipe = pipe
        self._is_stepped = order.is_stepped

    def observe(self, moment: str) -> None:
        """Tells of a moment and waits to be let go."""
        if self._is_stepped:
            self._pipe.send(moment)
            self.clock = self._pipe.recv()

    def sleep(self, seconds: float) -> None:
        """Tells that time must pass; in the database's clock it does. Always waits to be let go."""
        self._pipe.send("sleep")
        self.clock = self._pipe.recv()

    def now(self) -> datetime:
        """The round's clock."""
        return self.clock


def work(orders: Sequence[Order], pipe: Connection) -> None:
    """Does one after the other, and tells of each how it ended; between two it waits to be let go."""
    for number, order in enumerate(orders):
        if number:
            pipe.recv()
        pipe.send(_ending(order, pipe))


def _ending(order: Order, pipe: Connection) -> Ending:
    os.environ["RECALL_HOME"] = str(order.home)
    pauses = Pauses(order, pipe)
    send: Callable[..., Any] = SENDERS[order.sender]
    try:
        send(
            AS_OF_DATE,
            order.channel,
            environment=order.environment,
            lease=LEASE,
            sleep=pauses.sleep,
            now=pauses.now,
            observer=pauses.observe,
        )
    except Exception as error:
        # Whoever steps the worker judges what it may have died of.
        return Ending(type(error).__name__, str(error))
    return Ending()


class Worker:
    """A worker as whoever steps it sees it.

    Args:
        orders: What it is to do, one after the other, in one channel or in several.

    Attributes:
        moment: Where it waits, "next" between two orders; None while it runs.
        endings: How each order ended that did; where it was killed they are fewer than its orders.
        is_over: Whether it ended or was killed.
    """

    def __init__(self, orders: Sequence[Order]) -> None:
        self.orders = orders
        self.moment: str | None = None
        self.endings: list[Ending] = []
        self.is_over = False
        self._pipe, end = _context().Pipe()
        self._process = _context().Process(target=work, args=(orders, end), daemon=True)
        self._process.start()
        end.close()

    def wait(self) -> str | None:
        """Waits until it comes to a moment, and returns that; None if it came to its end."""
        try:
            told = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            told = None
        if isinstance(told, Ending):
            self.endings.append(told)
            told = "next" if len(self.endings) < len(self.orders) else None
        if told is not None:
            self.moment = str(told)
            return self.moment
        self._end()
        return None

    @property
    def order(self) -> Order:
        """What it does, or did last."""
        return self.orders[min(len(self.endings), len(self.orders) - 1)]

    def has_told(self, seconds: float) -> bool:
        """Whether it tells something within a time."""
        return self._pipe.poll(seconds)

    def let_go(self, clock: datetime) -> None:
        """Lets it run on from where it waits."""
        self.moment = None
        with suppress(BrokenPipeError):
            self._pipe.send(clock)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def _end(self) -> None:
        self._process.join()
        self._pipe.close()
        self.is_over = True


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # Whatever the main module is (pytest's command), it is imported once and not per worker.
    context.set_forkserver_preload(
        ["pytest", "tests.faults.nemesis.worker", "tests.faults.nemesis.ready", *WAYS_OF_DELIVERY]
    )
    return context


WAYS_OF_DELIVERY = (
    "recall.channels.aliyun_sms_channel",
    "alibabacloud_dysmsapi20170525.client",
    "darabonba.runtime",
    "recall.channels.coupon_api_channel",
    "recall.channels.email_channel",
    "recall.channels.file_drop_channel",
)
