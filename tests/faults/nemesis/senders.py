"""Who sends in a round: Recall, the sender that most would write, and Recall with one promise broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import psycopg

from recall.channels.contract import Batch, ChannelUnavailable, Message, Settings
from recall.channels.registry import open_delivery
from recall.domain.home import current_home
from recall.hooks import delivery
from recall.hooks.messages import message_of  # what is sent is not what is naive
from recall.warehouse import ledger
from recall.warehouse.connection import connect


def honest(as_of_date: date, channel: str, **options: Any) -> None:
    """Recall."""
    delivery.register_members(as_of_date)
    delivery.export_channel(as_of_date, channel, **options)


def naive(
    as_of_date: date,
    channel: str,
    *,
    environment: Mapping[str, str],
    observer: Callable[[str], None],
    **_: object,
) -> None:
    """Reads whom to send to, sends, tries again what failed, and then writes down that it sent."""
    delivery.register_members(as_of_date)
    selected_date = ledger.selected_date_of(as_of_date)
    with connect("exporter", autocommit=True) as connection:
        terms = ledger.channel_terms(connection, channel, as_of_date)
        peer: Any = open_delivery(terms.delivery_code, Settings(channel, environment, current_home().outbox_dir))
        observer("before_claim")
        waiting = ledger.preview(connection, selected_date, channel)
        observer("after_claim")
        with peer:
            for composition in waiting:
                observer("after_begin")
                if _hand_over(peer, channel, message_of(composition, peer)):
                    observer("after_peer_accepted")
                    observer("before_settle")
                    _write_down(connection, composition.audience_id, composition.idempotency_key)
                    observer("after_settle")


def _hand_over(peer: Any, channel: str, message: Message) -> bool:
    for _ in range(3):
        try:
            if peer.kind == "files":
                answer = peer.deliver(Batch(f"{channel}-{message.idempotency_key[:12]}", channel, [message]))
            else:
                (answer,) = peer.deliver([message])
        except ChannelUnavailable:
            continue
        if answer.verdict in ("accepted", "refused"):
            return bool(answer.verdict == "accepted")
    return False


def _write_down(connection: psycopg.Connection, audience_id: str, key: str) -> None:
    with connection.transaction():
        connection.execute(
            "insert into ledger.sends (campaign_id, step_number, channel, contact_id, last_key_date, audience_id,"
            " selected_date, person_id, user_id, line_id, idempotency_key, state, settled_at)"
            " select campaign_id, step_number, channel, contact_id, last_key_date, audience_id, selected_date,"
            " person_id, user_id, line_id, %s, 'sent', clock_timestamp() from ledger.entries where audience_id = %s"
            " on conflict do nothing",
            (key, audience_id),
        )
        connection.execute("update ledger.entries set state = 'sent' where audience_id = %s", (audience_id,))


def _broken(mend: Callable[[], None]) -> Callable[..., None]:
    """Recall in a process of its own in which something was replaced before its first export."""
    mend_once = cache(mend)

    def send(as_of_date: date, channel: str, **options: Any) -> None:
        mend_once()
        honest(as_of_date, channel, **options)

    return send


def _forget_what_was_handed_over() -> None:
    settle_expired = ledger.settle_expired

    def forgetful(connection: psycopg.Connection, channel: str, *, is_repeatable: bool) -> int:
        with connect("owner") as owner:
            owner.execute("update ledger.sends set attempted_at = null where state = 'claimed' and batch_id is null")
        return settle_expired(connection, channel, is_repeatable=is_repeatable)

    ledger.settle_expired = forgetful


def _look_once() -> None:
    claim, reasons_against = ledger.claim, ledger.reasons_against

    def first_look(*arguments: Any, **options: Any) -> Any:
        ledger.reasons_against = reasons_against
        try:
            return claim(*arguments, **options)
        finally:
            ledger.reasons_against = no_look

    def no_look(connection: psycopg.Connection, audience_ids: Sequence[str]) -> dict[str, str]:
        return {}

    ledger.claim = first_look
    ledger.reasons_against = no_look


def _believe_every_failure() -> None:
    settle = ledger.settle

    def hopeful(connection: Any, claims: Any, state: Any, **options: Any) -> int:
        if state == "unknown":
            return settle(connection, claims, "failed", **options | {"is_retryable": True})
        return settle(connection, claims, state, **options)

    ledger.settle = hopeful


def _note_nothing() -> None:
    def begin(connection: psycopg.Connection, claims: Sequence[ledger.Claim], **_: object) -> list[ledger.Claim]:
        return list(claims)

    ledger.begin_attempts = begin


SENDERS: dict[str, Callable[..., None]] = {
    "recall": honest,
    "naive": naive,
    "forgets what it handed over": _broken(_forget_what_was_handed_over),
    "looks once": _broken(_look_once),
    "believes every failure": _broken(_believe_every_failure),
    "notes nothing before it hands over": _broken(_note_nothing),
}
"""By name; all but the first break a promise, and the rounds must tell."""
