"""Coupons issued through the shop's or a vendor's HTTP API, one per call, with an Idempotency-Key.

The call is `POST RECALL_COUPON_API_URL` with a bearer token; the body names receiver, offer and campaign and, where the
offer has a coupon of ours, its code, its first and last day and its amounts (`coupon_code` and so on). The answer is a
JSON object with `status`: `issued` (with `coupon_id`), `refused` (with `reason`) or `pending`. The key follows
draft-ietf-httpapi-idempotency-key-header; interfaces of that kind keep keys for at least 24 hours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from recall.channels.base import MessageDeliveryBase, required
from recall.channels.contract import Answer, ChannelUnavailable, Message, Receipt, ReceiptRefused, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, open_client, post
from recall.channels.quiet_logs import quiet_logs
from recall.channels.standard_webhooks import WebhookSecret, read_receipt_rows
from recall.domain.contact import CONTACT_CODES
from recall.domain.errors import UsageError

URL_VARIABLE = "RECALL_COUPON_API_URL"
TOKEN_VARIABLE = "RECALL_COUPON_API_TOKEN"
SECRET_VARIABLE = "RECALL_COUPON_API_WEBHOOK_SECRET"

_BUDGET_GONE = ("budget_exhausted", "quota_exhausted")


def open_coupon_api(settings: Settings) -> CouponApiDelivery:
    """Makes the delivery from the environment; the plugin `coupon_api`.

    Args:
        settings: RECALL_COUPON_API_URL and RECALL_COUPON_API_TOKEN in its environment; for receipts
            RECALL_COUPON_API_WEBHOOK_SECRET.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return CouponApiDelivery(settings)


class CouponApiDelivery(MessageDeliveryBase):
    """One call per coupon.

    Args:
        settings: As for `open_coupon_api`.
        timeout_seconds: How long an answer may take.
        now: The clock by which the age of receipts is judged.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(
            settings,
            Traits(frozenset(CONTACT_CODES), remembers_keys_for=timedelta(hours=24), is_live=False, proves_calls=True),
        )
        quiet_logs()
        self._url = required(settings, URL_VARIABLE, "https://shop.example/api/coupons")
        self._token = required(settings, TOKEN_VARIABLE, "the interface's bearer token")
        secret = settings.environment.get(SECRET_VARIABLE, "").strip()
        self._secret = WebhookSecret(secret, SECRET_VARIABLE) if secret else None
        self._now = now
        self._host = urlsplit(self._url).hostname or ""
        if not self._url.startswith(("https://", "http://")) or not self._host:
            raise UsageError(f"{URL_VARIABLE}: expected https://shop.example/api/coupons")
        self._http = open_client(timeout_seconds)

    def __exit__(self, *_: object) -> None:
        """Lets go of the connections."""
        self._http.close()

    def deliver_one(self, message: Message) -> Answer:
        """Asks for one coupon; see the contract."""
        body = {
            "receiver": message.contact_value,
            "offer_code": message.offer_code,
            "campaign_id": message.campaign_id,
            "step_number": message.step_number,
            "text": message.content.text if message.content else "",
        } | (message.coupon.texts() if message.coupon else {})
        reply = post(
            self._http,
            self._url,
            content=json.dumps(body, ensure_ascii=False).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                # A structured field's string, in quotes.
                "Idempotency-Key": f'"{message.idempotency_key}"',
            },
            host=self._host,
        )
        if isinstance(reply, Answer):
            return reply
        values = reply.json_object() or {}
        reason = _reason(values.get("reason"))
        match values.get("status"):
            case "issued" if values.get("coupon_id"):
                return Answer("accepted", reference=str(values["coupon_id"]))
            case "refused" if reason in _BUDGET_GONE:
                raise ChannelUnavailable("quota_exhausted", f"{self._host} says {reason}")
            case "refused":
                return Answer("refused", reason)
            case "pending":
                return Answer("ambiguous", "pending")
        return Answer("ambiguous", "unreadable_answer")

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads a call of the interface, signed by the Standard Webhooks scheme."""
        if self._secret is None:
            raise ReceiptRefused(f"{SECRET_VARIABLE} is not set, so nothing can be proved")
        self._secret.verify(payload, headers, now=self._now())
        return read_receipt_rows(payload)


def _reason(value: object) -> str:
    """Keeps a vendor's code; a sentence could hold a contact."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z][a-z_]{1,40}", value) else "refused"
