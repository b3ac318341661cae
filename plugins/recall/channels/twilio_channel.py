"""Text messages through Twilio, one per call.

Twilio documents no idempotency key for messages. A 429 was never processed
(https://www.twilio.com/docs/usage/rate-limits).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from recall.channels.base import MessageDeliveryBase, missing_extra, required
from recall.channels.contract import (
    Answer,
    ChannelUnavailable,
    Message,
    Receipt,
    ReceiptEvent,
    ReceiptRefused,
    Settings,
    Traits,
)
from recall.channels.http_peer import TIMEOUT_SECONDS, judge, no_connection, was_never_sent
from recall.channels.quiet_logs import quiet_logs

ACCOUNT_VARIABLE = "RECALL_TWILIO_ACCOUNT_SID"
TOKEN_VARIABLE = "RECALL_TWILIO_AUTH_TOKEN"
SENDER_VARIABLE = "RECALL_TWILIO_SENDER"
CALLBACK_VARIABLE = "RECALL_TWILIO_CALLBACK_URL"
ENDPOINT_VARIABLE = "RECALL_TWILIO_ENDPOINT_URL"

# https://www.twilio.com/docs/api/errors
_STOP = {
    20003: "credentials_refused",
    20005: "account_suspended",
    21606: "sender_refused",
    21212: "sender_refused",
    30002: "account_suspended",
    63038: "quota_exhausted",
}
_EVENTS: dict[str, ReceiptEvent] = {
    "sent": "accepted",
    "delivered": "delivered",
    "read": "opened",
    "undelivered": "bounced",
    "failed": "failed",
}


def open_twilio(settings: Settings) -> TwilioDelivery:
    """Makes the delivery from the environment; the plugin `twilio`.

    Args:
        settings: RECALL_TWILIO_ACCOUNT_SID, _AUTH_TOKEN, _SENDER (a number, or a messaging service MG...).

    Raises:
        UsageError: A variable is missing, or the extra `twilio` is not installed.
    """
    return TwilioDelivery(settings)


class TwilioDelivery(MessageDeliveryBase):
    """One call per message.

    Args:
        settings: As for `open_twilio`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(settings, Traits(frozenset({"phone"}), is_live=False, proves_calls=True))
        try:
            from twilio.http.http_client import TwilioHttpClient
            from twilio.rest import Client
        except ImportError as error:
            raise missing_extra(error, "twilio") from None
        quiet_logs()
        self._token = required(settings, TOKEN_VARIABLE, "the account's token")
        self._sender = required(settings, SENDER_VARIABLE, "a number in E.164 or a messaging service's id")
        self._callback = settings.environment.get(CALLBACK_VARIABLE, "").strip()
        self._retry_after: str | None = None
        self._client: Any = Client(
            required(settings, ACCOUNT_VARIABLE, "the account's id"),
            self._token,
            http_client=TwilioHttpClient(timeout=timeout_seconds, request_hooks={"response": [self._remember]}),
        )
        endpoint = settings.environment.get(ENDPOINT_VARIABLE, "").strip()
        if endpoint:
            self._client.api.base_url = endpoint

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over; see the contract."""
        from twilio.base.exceptions import TwilioException

        if message.content is None or not message.content.text.strip():
            return Answer("refused", "not_composable")
        sender = {"messaging_service_sid" if self._sender.startswith("MG") else "from_": self._sender}
        callback = {"status_callback": self._callback} if self._callback else {}
        try:
            reply = self._client.messages.create(
                to=message.contact_value, body=message.content.text.strip(), **sender, **callback
            )
        except TwilioException as error:
            return self._refusal(error)
        except (ValueError, KeyError, TypeError):
            # A good status whose body is no message: an HTML page, a cut text.
            return Answer("ambiguous", "unreadable_answer")
        except OSError as error:
            # The errors of `requests` are OSErrors.
            if was_never_sent(error):
                raise no_connection("Twilio", error) from None
            return Answer("ambiguous", "no_answer")
        if not reply.sid:
            return Answer("ambiguous", "unreadable_answer")
        return Answer("accepted", reference=str(reply.sid))

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads one status callback; it is signed with the account's token.

        Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security
        """
        try:
            values = dict(parse_qsl(payload.decode(), keep_blank_values=True, strict_parsing=True))
        except ValueError:
            raise ReceiptRefused("not a form") from None
        signed = self._callback + "".join(f"{name}{values[name]}" for name in sorted(values))
        expected = base64.b64encode(hmac.new(self._token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        if not hmac.compare_digest(expected, headers.get("x-twilio-signature", "")):
            raise ReceiptRefused("the signature is not Twilio's")
        reference, status = values.get("MessageSid", ""), values.get("MessageStatus", "")
        if status not in _EVENTS or not reference:
            return []
        # The callback carries no instant of its own; the receipt's id makes a repetition the same.
        return [Receipt(f"{reference}:{status}", _EVENTS[status], datetime.now(UTC), reference=reference)]

    def _remember(self, response: Any, *args: object, **kwargs: object) -> None:
        """Keeps the header that the library's errors do not carry."""
        self._retry_after = response.headers.get("Retry-After")

    def _refusal(self, error: Exception) -> Answer:
        code, status = getattr(error, "code", None), getattr(error, "status", None)
        if code in _STOP:
            raise ChannelUnavailable(_STOP[code], f"Twilio says {code}")
        answer = judge(int(status), self._retry_after, host="Twilio") if status else None
        if answer is None or answer.verdict != "refused":
            return answer or Answer("ambiguous", "unreadable_answer")
        return Answer("refused", f"twilio_{code}" if code else answer.reason_code)
