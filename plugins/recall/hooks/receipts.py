"""Collects receipts: of delivered files, and of peers that hold them ready."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import psycopg

from recall.channels.contract import (
    ChannelUnavailable,
    CollectsReceipts,
    Delivery,
    ReadsReceipts,
    Receipt,
    ReceiptRefused,
    Settings,
)
from recall.channels.registry import open_delivery
from recall.domain.errors import RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.warehouse import ledger
from recall.warehouse.connection import connect
from recall.warehouse.receipts import (
    LANDING,
    ReceiptCounts,
    ToldReceipt,
    note_landed_receipts,
    note_receipts,
)

log = logging.getLogger(__name__)


def receipt_sources(*, environment: Mapping[str, str] | None = None, home: Home | None = None) -> list[str]:
    """Returns where receipts may be: landing, then in alphabetical order the channels whose peers are to be asked.

    A channel is asked as soon as something was sent through it. One whose settings are missing is among them, so that
    its collection says so.

    Args:
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.
    """
    with connect("exporter", home=home) as connection:
        rows = connection.execute(
            "select distinct channel from definitions.channels as channels"
            " where exists (select from ledger.sends where sends.channel = channels.channel) order by channel"
        ).fetchall()
        asked = []
        for (channel,) in rows:
            try:
                delivery = _open(connection, str(channel), environment, home)
            except UsageError:
                asked.append(str(channel))
                continue
            if isinstance(delivery, CollectsReceipts):
                asked.append(str(channel))
    return [LANDING, *asked]


def collect_receipts(
    source_code: str, *, environment: Mapping[str, str] | None = None, home: Home | None = None
) -> ReceiptCounts:
    """Takes in what one source has to tell; again it changes nothing.

    Args:
        source_code: One of `receipt_sources`.
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.

    Returns:
        What it brought.

    Raises:
        RecallError: The peer cannot be used, or some of what it holds ready cannot be read; what could be read counts.
        UsageError: The channel's settings are missing or wrong.
    """
    with connect("exporter", autocommit=True, home=home) as connection:
        if source_code == LANDING:
            return note_landed_receipts(connection)
        delivery = _open(connection, source_code, environment, home)
        try:
            with delivery:
                return note_held_receipts(connection, source_code, delivery)
        except ChannelUnavailable as error:
            raise RecallError(
                f"receipts of channel {source_code} cannot be asked for: {error}", next_command="recall receipts"
            ) from None


def take_call(
    channel: str,
    payload: bytes,
    headers: Mapping[str, str],
    *,
    environment: Mapping[str, str] | None = None,
    home: Home | None = None,
) -> ReceiptCounts:
    """Takes in what a channel's peer tells by calling us; told again it changes nothing.

    Args:
        channel: Channel code.
        payload: The call's body, byte by byte as it came.
        headers: Its headers, names in lower case.
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.

    Returns:
        What it brought.

    Raises:
        UsageError: The channel's peer does not call, cannot prove who it is, or its settings are missing.
        ReceiptRefused: The call is not the peer's, or cannot be read: nothing of it counts.
    """
    with connect("exporter", autocommit=True, home=home) as connection:
        delivery = _open(connection, channel, environment, home)
        if not isinstance(delivery, ReadsReceipts) or not delivery.traits.proves_calls:
            raise UsageError(f"{channel}: its peer does not call, or cannot prove who it is")
        return _note(connection, channel, delivery.read_receipts(payload, headers))


def note_held_receipts(connection: psycopg.Connection, channel: str, delivery: Delivery) -> ReceiptCounts:
    """Takes in what the peer of an open delivery holds ready; nothing where it is none that can be asked.

    Args:
        connection: As exporter, each statement by itself.
        channel: Channel code.
        delivery: Connected.

    Raises:
        ChannelUnavailable: The peer cannot be used.
        RecallError: Some of what it holds ready cannot be read; what could be read counts.
    """
    if not isinstance(delivery, CollectsReceipts):
        return ReceiptCounts(channel)
    try:
        told = delivery.collect_receipts()
    except ReceiptRefused as error:
        _note(connection, channel, error.readable)
        raise RecallError(
            f"channel {channel} holds receipts ready that cannot be read: {error}. There may be a no among them, so"
            " nothing is sent through it until they are mended or taken away",
            next_command="recall receipts",
        ) from None
    return _note(connection, channel, told)


def _note(connection: psycopg.Connection, channel: str, told: Sequence[Receipt]) -> ReceiptCounts:
    counts = note_receipts(
        connection,
        channel,
        [ToldReceipt(one.receipt_id, one.event, one.occurred_at, one.idempotency_key, one.reference) for one in told],
    )
    log.info(
        "%s: %d receipts told, %d new, %d without a send, %d sends settled, %d refusals",
        channel,
        counts.told_count,
        counts.new_count,
        counts.unmatched_count,
        counts.settled_count,
        counts.refusal_count,
    )
    return counts


def _open(
    connection: psycopg.Connection, channel: str, environment: Mapping[str, str] | None, home: Home | None
) -> Delivery:
    served = connection.execute("select as_of_date from control.published").fetchone()
    terms = ledger.channel_terms(connection, channel, served[0] if served else datetime.now(UTC).date())
    place = home or current_home()
    settings = Settings(channel, environment if environment is not None else os.environ, place.outbox_dir)
    return open_delivery(terms.delivery_code, settings)
