"""Events to the shop's own or a partner's system: one signed webhook per member, by the Standard Webhooks scheme.

`webhook-id` is the send's key: the scheme makes the receiver ignore an id that it has seen, and we count on that for a
day. The address must be https and public, so that a setting cannot make us call an inner service.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from recall.channels.base import MessageDeliveryBase, required
from recall.channels.contract import ACCEPTED, Answer, ChannelUnavailable, Message, Receipt, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, open_client, post
from recall.channels.quiet_logs import quiet_logs
from recall.channels.standard_webhooks import WebhookSecret, read_receipt_rows
from recall.domain.contact import CONTACT_CODES
from recall.domain.errors import UsageError

URL_VARIABLE = "RECALL_WEBHOOK_URL"
SECRET_VARIABLE = "RECALL_WEBHOOK_SECRET"
INNER_VARIABLE = "RECALL_WEBHOOK_ALLOW_INNER"


def open_webhook(settings: Settings) -> WebhookDelivery:
    """Makes the delivery from the environment; the plugin `webhook`.

    Args:
        settings: RECALL_WEBHOOK_URL and RECALL_WEBHOOK_SECRET (`whsec_...`) in its environment;
            RECALL_WEBHOOK_ALLOW_INNER=yes lets it call an address of the own network, over http too.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return WebhookDelivery(settings)


class WebhookDelivery(MessageDeliveryBase):
    """One call per message.

    Args:
        settings: As for `open_webhook`.
        timeout_seconds: How long an answer may take.
        now: The clock of the signature.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(
            settings, Traits(frozenset(CONTACT_CODES), remembers_keys_for=timedelta(hours=24), proves_calls=True)
        )
        quiet_logs()
        self._url = required(settings, URL_VARIABLE, "https://partner.example/hooks/recall")
        self._allows_inner = settings.environment.get(INNER_VARIABLE, "").strip().lower() == "yes"
        parts = urlsplit(self._url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
            raise UsageError(f"{URL_VARIABLE}: expected https://partner.example/hooks/recall")
        if parts.scheme == "http" and not self._allows_inner:
            raise UsageError(f"{URL_VARIABLE}: expected https; contacts do not go out in the clear")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._secret = WebhookSecret(required(settings, SECRET_VARIABLE, "whsec_..."), SECRET_VARIABLE)
        self._now = now
        self._http = open_client(timeout_seconds)

    def __exit__(self, *_: object) -> None:
        """Lets go of the connections."""
        self._http.close()

    def deliver_one(self, message: Message) -> Answer:
        """Hands one event over; any good status means that the receiver has it, as the scheme says."""
        self._refuse_inner_address()
        body = json.dumps(
            {
                "type": "recall.member.selected",
                "timestamp": f"{message.selected_date.isoformat()}T00:00:00Z",
                "data": self.shown(message)
                | {
                    "campaign_id": message.campaign_id,
                    "step_number": message.step_number,
                    "arm_code": message.arm_code,
                    "variant_code": message.variant_code,
                    "locale": message.locale,
                },
            },
            ensure_ascii=False,
        ).encode()
        headers = self._secret.headers(message.idempotency_key, self._now(), body)
        reply = post(
            self._http,
            self._url,
            content=body,
            headers=headers | {"Content-Type": "application/json"},
            host=self._host,
        )
        return reply if isinstance(reply, Answer) else ACCEPTED

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads a call of the partner, signed with the same secret."""
        self._secret.verify(payload, headers, now=self._now())
        return read_receipt_rows(payload)

    def _refuse_inner_address(self) -> None:
        if self._allows_inner:
            return
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ChannelUnavailable("no_connection", f"{self._host}: {type(error).__name__}") from None
        for *_, address in found:
            if not ipaddress.ip_address(address[0]).is_global:
                raise ChannelUnavailable(
                    "inner_address", f"{self._host} is an address of the own network; see {INNER_VARIABLE}"
                )
