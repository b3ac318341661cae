"""The Standard Webhooks signature v1 (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

from recall.channels.contract import Receipt, ReceiptEvent, ReceiptRefused
from recall.domain.errors import UsageError

TOLERANCE = timedelta(minutes=5)
"""How old or new a signed call may be; what the scheme's own libraries allow."""


class WebhookSecret:
    """A signing secret. Its representation does not show it.

    Args:
        text: `whsec_` and base64.
        variable: Where it was set, for the error.

    Raises:
        UsageError: It is no such secret.
    """

    def __init__(self, text: str, variable: str) -> None:
        try:
            self._key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if len(self._key) < 24:  # the scheme asks for 24 to 64 bytes
            raise UsageError(
                f"{variable}: expected whsec_ and at least 24 bytes in base64",
                next_command='echo "whsec_$(openssl rand -base64 32)"',
            )

    def __repr__(self) -> str:
        """Names the class only."""
        return "WebhookSecret(...)"

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Returns the three headers that prove who sent a body, and when.

        Args:
            message_id: Names the event; the receiver ignores one that it has seen.
            at: When it is sent.
            body: Byte by byte as it is sent.
        """
        seconds = str(int(at.timestamp()))
        return {
            "webhook-id": message_id,
            "webhook-timestamp": seconds,
            "webhook-signature": f"v1,{self._signature(message_id, seconds, body)}",
        }

    def verify(self, payload: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
        """Makes sure that a call comes from whoever holds the secret, and is fresh.

        Args:
            payload: The body as it came.
            headers: Names in lower case.
            now: The instant.

        Raises:
            ReceiptRefused: A header is missing, the call is too old or too new, or no signature fits.
        """
        message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message_id or not seconds.isdigit():
            raise ReceiptRefused("the headers of Standard Webhooks are missing")
        if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
            raise ReceiptRefused("the call is too old or too new")
        expected = self._signature(message_id, seconds, payload)
        offered = [part.partition(",")[2] for part in headers.get("webhook-signature", "").split(" ")]
        if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in offered):
            raise ReceiptRefused("no signature fits")

    def _signature(self, message_id: str, seconds: str, body: bytes) -> str:
        signed = f"{message_id}.{seconds}.".encode() + body
        return base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()


def read_receipt_rows(payload: bytes) -> Sequence[Receipt]:
    """Reads receipts in our own form: one JSON object, or a list of them.

    Each has `event` (as raw.receipts has it), `occurred_at` (ISO 8601 with a zone) and `idempotency_key`; `receipt_id`
    may be left out.

    Args:
        payload: JSON in UTF-8.

    Raises:
        ReceiptRefused: It is none of that.
    """
    try:
        rows = json.loads(payload)
        return [_receipt(row) for row in (rows if isinstance(rows, list) else [rows])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ReceiptRefused("not receipts in JSON") from None


def receipt_of(idempotency_key: str, event: str, occurred_at: str, receipt_id: str = "") -> Receipt:
    """Returns one receipt of three texts.

    Args:
        idempotency_key: The send.
        event: What happened.
        occurred_at: ISO 8601 with a zone.
        receipt_id: The peer's own id; made of the other three where it is empty.

    Raises:
        ValueError: One of them is wrong.
    """
    if event not in get_args(ReceiptEvent) or not idempotency_key:
        raise ValueError("an unknown event, or no send")
    instant = datetime.fromisoformat(occurred_at)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    utc = instant.astimezone(UTC)
    name = receipt_id or f"{idempotency_key}:{event}:{utc.isoformat()}"
    return Receipt(name, event, utc, idempotency_key=idempotency_key)  # type: ignore[arg-type]  # it is one of them


def _receipt(row: Mapping[str, object]) -> Receipt:
    return receipt_of(
        str(row["idempotency_key"]), str(row["event"]), str(row["occurred_at"]), str(row.get("receipt_id") or "")
    )
