"""Text messages over SMPP 3.4 with smpplib: the protocol of carriers and aggregators.

SMPP has no key by which a repetition would be recognised. A long text is several PDUs; once the first is taken, the
message cannot be called untaken any more.
"""

from __future__ import annotations

import importlib
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from recall.channels.base import MessageDeliveryBase, missing_extra, required
from recall.channels.contract import (
    ACCEPTED,
    Answer,
    ChannelUnavailable,
    Message,
    Receipt,
    ReceiptEvent,
    ReceiptRefused,
    Settings,
    Traits,
)
from recall.channels.http_peer import TIMEOUT_SECONDS
from recall.channels.quiet_logs import quiet_logs
from recall.domain.errors import UsageError

URL_VARIABLE = "RECALL_SMPP_URL"
SENDER_VARIABLE = "RECALL_SMPP_SENDER"

# Command statuses of SMPP 3.4, section 5.1.3.
_LATER = {0x14: "queue_full", 0x45: "submit_failed", 0x58: "throttled"}
_STOP = {0x04: "not_bound", 0x0D: "bind_failed", 0x0E: "credentials_refused", 0x0F: "credentials_refused"}
_SENDER_REFUSED = 0x0A
_SYSTEM_ERROR = 0x08

# Message states of delivery receipts, appendix B.
_EVENTS: dict[str, ReceiptEvent] = {
    "DELIVRD": "delivered",
    "ACCEPTD": "accepted",
    "EXPIRED": "bounced",
    "DELETED": "failed",
    "UNDELIV": "bounced",
    "REJECTD": "failed",
}
_RECEIPT = re.compile(
    rb"id:(?P<id>\S+).*?done date:(?P<done>\d{10,12}).*?stat:(?P<stat>[A-Z]{7})", re.IGNORECASE | re.DOTALL
)


def open_smpp(settings: Settings) -> SmppDelivery:
    """Makes the delivery from the environment; the plugin `smpp`.

    Args:
        settings: RECALL_SMPP_URL (`smpp://user:password@host:2775`, `smpps://` for TLS) and RECALL_SMPP_SENDER.

    Raises:
        UsageError: A variable is missing or wrong, or the extra `smpp` is not installed.
    """
    return SmppDelivery(settings)


class SmppDelivery(MessageDeliveryBase):
    """A bound transceiver, kept open from message to message.

    Args:
        settings: As for `open_smpp`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(settings, Traits(frozenset({"phone"})))
        try:
            importlib.import_module("smpplib.client")
        except ImportError as error:
            raise missing_extra(error, "smpp") from None
        quiet_logs()
        parts = urlsplit(required(settings, URL_VARIABLE, "smpp://user:password@host:2775"))
        if parts.scheme not in ("smpp", "smpps") or not parts.hostname or not parts.username:
            raise UsageError(f"{URL_VARIABLE}: expected smpp://user:password@host:2775")
        self._host, self._port = parts.hostname, parts.port or 2775
        self._is_secure = parts.scheme == "smpps"
        self._user, self._password = unquote(parts.username), unquote(parts.password or "")
        self._sender = required(settings, SENDER_VARIABLE, "a number or up to eleven letters")
        self._timeout_seconds = timeout_seconds
        self._client: Any = None
        self._receipts: list[Receipt] = []

    def __enter__(self) -> Self:
        """Connects and binds."""
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Unbinds; whether the peer hears it changes nothing."""
        from smpplib.exceptions import ConnectionError as LostConnection
        from smpplib.exceptions import PDUError

        if self._client is not None:
            with suppress(LostConnection, PDUError, OSError):
                self._client.unbind()
            self._hang_up()

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over, PDU by PDU; see the contract."""
        from smpplib import consts, gsm
        from smpplib.exceptions import ConnectionError as LostConnection
        from smpplib.exceptions import PDUError, UnknownCommandError

        text = message.content.text.strip() if message.content else ""
        if not text:
            return Answer("refused", "not_composable")
        if self._client is None:
            self._connect()
        is_name = not self._sender.lstrip("+").isdigit()
        parts, encoding, message_type = gsm.make_parts(text)
        reference = ""
        for number, part in enumerate(parts):
            try:
                status, reference_of_part = self._submit(
                    source_addr_ton=consts.SMPP_TON_ALNUM if is_name else consts.SMPP_TON_INTL,
                    source_addr_npi=consts.SMPP_NPI_UNK if is_name else consts.SMPP_NPI_ISDN,
                    source_addr=self._sender.lstrip("+"),
                    dest_addr_ton=consts.SMPP_TON_INTL,
                    dest_addr_npi=consts.SMPP_NPI_ISDN,
                    destination_addr=message.contact_value.lstrip("+"),
                    short_message=part,
                    data_coding=encoding,
                    esm_class=message_type,
                    registered_delivery=True,
                )
            except (LostConnection, PDUError, UnknownCommandError, OSError):
                self._hang_up()
                return Answer("ambiguous", "no_answer", reference)
            reference = reference or reference_of_part
            if status:
                answer = self._refusal(status)
                # Some of the text is with the peer.
                return answer if number == 0 else Answer("ambiguous", "taken_in_part", reference)
        return Answer("accepted", reference=reference) if reference else ACCEPTED

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads the text of one deliver_sm receipt (SMPP 3.4, appendix B); the connection itself is the proof."""
        found = _RECEIPT.search(payload)
        if found is None:
            raise ReceiptRefused("not a delivery receipt")
        state, reference = found["stat"].decode().upper(), found["id"].decode(errors="replace")
        if state not in _EVENTS:
            return []
        done = found["done"].decode()
        try:
            occurred_at = datetime.strptime(f"{done.ljust(12, '0')}+0000", "%y%m%d%H%M%S%z")
        except ValueError:
            raise ReceiptRefused("not a date") from None
        return [Receipt(f"{reference}:{state}", _EVENTS[state], occurred_at, reference=reference)]

    def collect_receipts(self) -> Sequence[Receipt]:
        """Returns the receipts that came in while messages went out."""
        return list(self._receipts)

    def _submit(self, **fields: object) -> tuple[int, str]:
        """Sends one PDU and waits for its answer, answering what comes in between."""
        pdu = self._client.send_message(**fields)
        while True:
            reply = self._client.read_pdu()
            if reply.command == "submit_sm_resp" and reply.sequence == pdu.sequence:
                name = getattr(reply, "message_id", None) or b""
                return int(reply.status), name.decode(errors="replace").rstrip("\0")
            if reply.command == "generic_nack":
                return int(reply.status) or _SYSTEM_ERROR, ""
            if reply.command == "deliver_sm":
                self._take_receipt(reply)
            elif reply.command == "enquire_link":
                self._client._enquire_link_received(reply)

    def _take_receipt(self, pdu: Any) -> None:
        self._client._message_received(pdu)
        try:
            self._receipts += self.read_receipts(pdu.short_message or b"", {})
        except ReceiptRefused:
            # Somebody answered by text; that is no receipt.
            return

    def _refusal(self, status: int) -> Answer:
        reason = f"smpp_{status}"
        if status in _STOP or status == _SENDER_REFUSED:
            self._hang_up()
            raise ChannelUnavailable(_STOP.get(status, "sender_refused"), f"{self._host} answers with status {status}")
        if status in _LATER:
            return Answer("try_again", _LATER[status])
        return Answer("ambiguous" if status == _SYSTEM_ERROR else "refused", reason)

    def _connect(self) -> None:
        from smpplib.client import Client
        from smpplib.exceptions import ConnectionError as LostConnection
        from smpplib.exceptions import PDUError, UnknownCommandError

        context = ssl.create_default_context() if self._is_secure else None
        client = Client(self._host, self._port, timeout=self._timeout_seconds, ssl_context=context)
        try:
            client.connect()
            client.bind_transceiver(system_id=self._user, password=self._password)
        except PDUError as error:
            client.disconnect()
            status = next((part for part in error.args if isinstance(part, int)), 0)
            reason = _STOP.get(status, "bind_failed")
            raise ChannelUnavailable(reason, f"{self._host} refuses to bind; see {URL_VARIABLE}") from None
        except (LostConnection, UnknownCommandError, OSError) as error:
            client.disconnect()
            raise ChannelUnavailable(
                "no_connection", f"{self._host}:{self._port}: {type(error).__name__}; see {URL_VARIABLE}"
            ) from None
        self._client = client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client = None
