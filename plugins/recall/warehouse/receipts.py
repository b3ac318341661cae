"""Receipts in the ledger: what peers tell of messages, which sends it settles, and whose no it is.

Whatever a receipt tells, and in whatever order receipts come, it proves that the peer had the message. An
unsubscription or a complaint becomes a row of raw.consents in the same transaction, so that the next claim obeys it:
also that of a touch which was made elsewhere, and, of a name that several messages bear, for each that may be meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from recall.warehouse.queries import query

LANDING = "landing"
"""Source code of receipts that were delivered as files of the table receipts."""


@dataclass(frozen=True)
class ToldReceipt:
    """One thing that happened to a message, as its peer tells.

    Attributes:
        receipt_id: The same for the same event however often it is told.
        event: What happened, as raw.receipts has it.
        occurred_at: When, in UTC, by the peer's clock.
        idempotency_key: The send's key; empty if the peer does not pass it on.
        reference: The peer's own name of the message; empty if it has none.
    """

    receipt_id: str
    event: str
    occurred_at: datetime
    idempotency_key: str
    reference: str


@dataclass(frozen=True)
class ReceiptCounts:
    """What one collection brought.

    Attributes:
        source_code: Channel code, or landing.
        told_count: Receipts that the peer told, old ones included; of landing only the new ones.
        new_count: Those that were not known.
        unmatched_count: Receipts of the source, over all collections, that name no send of ours.
        settled_count: Sends that were unknown or to be tried again, and are sent now.
        refusal_count: Rows of raw.consents that unsubscriptions and complaints became.
    """

    source_code: str
    told_count: int = 0
    new_count: int = 0
    unmatched_count: int = 0
    settled_count: int = 0
    refusal_count: int = 0


def note_receipts(connection: psycopg.Connection, channel: str, receipts: Sequence[ToldReceipt]) -> ReceiptCounts:
    """Takes in what a channel's peer tells; the same again changes nothing.

    Args:
        connection: As exporter; committed here.
        channel: Channel code.
        receipts: In any order.
    """
    with connection.transaction():
        new_count = connection.execute(
            query("store_receipts"),
            {
                "channel": channel,
                "receipt_ids": [one.receipt_id for one in receipts],
                "events": [one.event for one in receipts],
                "occurred_ats": [one.occurred_at for one in receipts],
                "keys": [one.idempotency_key for one in receipts],
                "references": [one.reference for one in receipts],
            },
        ).rowcount
        return _apply(connection, channel, told_count=len(receipts), new_count=new_count)


def note_landed_receipts(connection: psycopg.Connection) -> ReceiptCounts:
    """Takes in delivered receipts of loads that were not looked at yet, as far as they name a send of ours.

    Of touches that were made elsewhere the refusals count; what else is told of them is for the models.

    Args:
        connection: As exporter; committed here.
    """
    with connection.transaction():
        row = connection.execute(
            "select coalesce(max(load_id), 0) from ledger.receipt_collections where source_code = %s", (LANDING,)
        ).fetchone()
        # A load that is still running is looked at again, for its rows come one file after the other.
        latest = connection.execute(
            "select coalesce(min(load_id) filter (where state = 'running') - 1, max(load_id), 0) from control.loads"
        ).fetchone()
        assert row is not None
        assert latest is not None
        new_count = connection.execute(query("store_landed_receipts"), {"after_load_id": row[0]}).rowcount
        load_id = max(int(row[0]), int(latest[0]))
        return _apply(
            connection,
            LANDING,
            told_count=new_count,
            new_count=new_count,
            load_id=load_id,
            refused_after_load_id=int(row[0]),
        )


def _apply(
    connection: psycopg.Connection,
    source_code: str,
    *,
    told_count: int,
    new_count: int,
    load_id: int | None = None,
    refused_after_load_id: int | None = None,
) -> ReceiptCounts:
    matched = connection.execute(query("match_receipts")).fetchall()
    settled_count = connection.execute(query("settle_by_receipts"), {"send_ids": [row[0] for row in matched]}).rowcount
    refusals = connection.execute("select ledger.write_refusals(%s)", (refused_after_load_id,)).fetchone()
    unmatched = connection.execute(
        "select count(*) from ledger.receipts where send_id is null and channel = %s", (source_code,)
    ).fetchone()
    counts = ReceiptCounts(
        source_code=source_code,
        told_count=told_count,
        new_count=new_count,
        unmatched_count=int(unmatched[0]) if unmatched else 0,
        settled_count=settled_count,
        refusal_count=int(refusals[0]) if refusals else 0,
    )
    if new_count or settled_count or counts.refusal_count:
        connection.execute(
            "insert into ledger.receipt_collections (source_code, load_id, told_count, new_count, settled_count,"
            " refusal_count) values (%s, %s, %s, %s, %s, %s)",
            (source_code, load_id, told_count, new_count, settled_count, counts.refusal_count),
        )
    return counts
