"""Takes people back out of advertising audiences, as far as this system added them.

Taking back twice is the same as once, so that nothing has to be claimed: what was put off, or left unclear, is asked
for again by the next run.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

import psycopg

from recall.channels.contract import Answer, Batch, ChannelUnavailable, Delivery, Message, Settings, TakesBack
from recall.channels.pacing import Pace
from recall.channels.registry import open_delivery
from recall.domain.channel import ChannelTerms
from recall.domain.errors import GateBlocked, RecallError
from recall.domain.home import Home, current_home
from recall.hooks.messages import bare_message
from recall.warehouse import ledger
from recall.warehouse.connection import connect
from recall.warehouse.ledger import Removal, RemovalState

LONGEST_WAIT_SECONDS = 300.0
"""A peer that asks for longer is left to the next run."""

ListDue = Callable[[datetime, int], Sequence[Removal]]
"""Returns whom to take back that was not asked for since an instant of the database's clock: so many at most."""


def take_back(
    connection: psycopg.Connection,
    delivery: Delivery,
    terms: ChannelTerms,
    *,
    day: date,
    pace: Pace,
    wait: Callable[[], None],
    list_due: ListDue,
) -> int:
    """Takes those back who are to go, call by call, and notes what the peer said.

    Args:
        connection: As exporter, each statement by itself.
        delivery: Connected.
        terms: What the channel may do.
        day: Names the file, where the peer gets files.
        pace: How fast calls leave.
        wait: Waits until the next one may; raises where nothing may leave any more.
        list_due: Whom.

    Returns:
        How many receivers the peer took back.

    Raises:
        ChannelUnavailable: The peer cannot be used; what it was not asked is left to the next run.
    """
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    size = min(delivery.traits.batch_size, terms.batch_size or delivery.traits.batch_size)
    removed_count = 0
    while True:
        wait()
        due = list_due(row[0], size)
        if not due:
            return removed_count
        messages = {one.send_id: bare_message(one) for one in ledger.compose(connection, due)}
        # Nobody can name to the peer whose contact point is gone.
        states: dict[Removal, tuple[RemovalState, str]] = dict.fromkeys(due, ("refused", "unreachable"))
        if messages:
            pace.take(len(messages))
            told = _call(delivery, list(messages.values()), terms.channel, day)
            answers = dict(zip(messages, told, strict=True))
            states |= {one: _state(answers[one.send_id]) for one in due if one.send_id in answers}
            pace.pause(max(answer.wait_seconds for answer in told))
        ledger.note_removals(connection, terms.channel, states)
        removed_count += sum(state == "done" for state, _ in states.values())


def take_back_erased(
    channel: str,
    *,
    environment: Mapping[str, str] | None = None,
    home: Home | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Takes erased persons back out of a channel's audience; done again it changes nothing.

    Args:
        channel: Channel code.
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.
        sleep: Waits for seconds.

    Returns:
        How many receivers the peer took back.

    Raises:
        GateBlocked: Somebody pulled the kill switch.
        UsageError: The channel's settings are missing or wrong.
        RecallError: The channel could not be used; run it again.
    """
    place = home or current_home()
    settings = Settings(channel, environment if environment is not None else os.environ, place.outbox_dir)
    today = datetime.now(UTC).date()
    with connect("exporter", autocommit=True, home=place) as connection:
        terms = ledger.channel_terms(connection, channel, today)
        pace = Pace(terms.rate_per_second, monotonic=time.monotonic)

        def wait() -> None:
            if ledger.is_stopped(connection, channel):
                raise GateBlocked(f"channel {channel} is stopped by the kill switch", next_command="recall status")
            if pace.wait_seconds > LONGEST_WAIT_SECONDS:
                raise ChannelUnavailable("asks_for_a_pause", "the peer wants to be left alone")
            sleep(max(pace.wait_seconds, 0.0))

        try:
            with open_delivery(terms.delivery_code, settings) as delivery:
                return take_back(
                    connection,
                    delivery,
                    terms,
                    day=today,
                    pace=pace,
                    wait=wait,
                    list_due=lambda since, limit: ledger.list_erased_members(
                        connection, channel, row_limit=limit, tried_before=since
                    ),
                )
        except ChannelUnavailable as error:
            raise RecallError(
                f"channel {channel} cannot be told of erased persons: {error}; they stay in its audience until it is",
                next_command="recall load",
            ) from None


def _call(delivery: Delivery, messages: Sequence[Message], channel: str, day: date) -> Sequence[Answer]:
    if isinstance(delivery, TakesBack):
        return delivery.take_back(messages)
    if delivery.kind == "files":
        # A list says by its name that those on it are to go.
        keys = "\n".join(one.idempotency_key for one in messages)
        name = f"{channel}-removals-{day:%Y%m%d}-{hashlib.sha256(keys.encode()).hexdigest()[:12]}"
        return [delivery.deliver(Batch(name, channel, messages))] * len(messages)
    return [Answer("refused", "cannot_take_back")] * len(messages)


def _state(answer: Answer) -> tuple[RemovalState, str]:
    if answer.verdict == "accepted":
        return "done", ""
    return ("refused" if answer.verdict == "refused" else "waiting"), answer.reason_code or answer.verdict
