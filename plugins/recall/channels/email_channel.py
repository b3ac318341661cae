"""E-mail over SMTP, one receiver per transaction, so that every answer is about one message."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from recall.channels.contract import ACCEPTED, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.channels.mail import compose_mail, mail_bytes, mail_unsubscribe_address, sender_of, write_mailbox
from recall.channels.unsubscribe import filled
from recall.domain.errors import UsageError

URL_VARIABLE = "RECALL_SMTP_URL"
TIMEOUT_SECONDS = 30.0

# Reply classes of RFC 5321, section 4.2.1.
_DONE = range(200, 300)
_GO_ON = 354
_LATER = range(400, 500)
_NEVER = range(500, 600)
_CLOSING = 421
# Takes no quoting: RFC 5321, section 4.1.2, dot-string and domain.
_PLAIN_MAILBOX = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True)
class SmtpAddress:
    """Where the SMTP server is. Its representation shows no password.

    Attributes:
        host: Name or address.
        port: Port.
        security: tls from the first byte, starttls, or none.
        user: Login; empty for none.
        password: Password of the login.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Names host, port and security only."""
        return f"SmtpAddress({self.host}:{self.port}, {self.security})"


def open_email(settings: Settings) -> EmailDelivery:
    """Makes the e-mail delivery from the environment; the plugin `smtp`.

    Args:
        settings: RECALL_SMTP_URL, RECALL_SMTP_SENDER and, if wanted, RECALL_UNSUBSCRIBE_URL in its environment.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    address = _parse_url(settings.environment.get(URL_VARIABLE, "").strip())
    sender = sender_of(settings)
    return EmailDelivery(address, sender, mail_unsubscribe_address(settings, sender))


class EmailDelivery:
    """A conversation with one SMTP server, kept open from message to message.

    Args:
        address: Where the server is.
        sender: The From header, with or without a name.
        unsubscribe_pattern: Address at which a receiver says no.
        timeout_seconds: How long an answer may take.
        now: The clock of the Date header.
    """

    kind: Literal["messages"] = "messages"

    def __init__(
        self,
        address: SmtpAddress,
        sender: str,
        unsubscribe_pattern: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._address = address
        self._sender = sender
        self._sender_mailbox = parseaddr(sender)[1]
        self._unsubscribe_pattern = unsubscribe_pattern
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """Connects and logs in."""
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Says goodbye; whether the server hears it changes nothing."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self._smtp.close()
            self._smtp = None

    @property
    def traits(self) -> Traits:
        """One receiver per transaction; SMTP keeps no key."""
        return Traits(frozenset({"email"}))

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no."""
        return filled(self._unsubscribe_pattern, idempotency_key)

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Hands one message over; see the contract."""
        (message,) = messages
        return [self._deliver_one(message)]

    def _deliver_one(self, message: Message) -> Answer:
        """Hands one message over.

        Until the server has said 354 it cannot have the message. From the first byte of the text on it may have it,
        whatever happens to the connection, unless it says no.
        """
        try:
            # Commands carry nothing else (RFC 5321, section 2.4); an extension would.
            message.contact_value.encode("ascii")
            payload = mail_bytes(
                message,
                sender=self._sender,
                unsubscribe_url=self.unsubscribe_url(message.idempotency_key),
                date=self._now(),
            )
        except (ValueError, UnicodeError):
            return Answer("refused", "not_composable")
        answer = self._open_transaction(message.contact_value)
        if answer is not None:
            return answer
        assert self._smtp is not None
        try:
            # As smtplib.data does: lines end in CRLF and a leading dot is doubled.
            text = payload if payload.endswith(b"\r\n") else payload + b"\r\n"
            self._smtp.send(text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            code, _ = self._smtp.getreply()
        except (OSError, smtplib.SMTPException):
            self._hang_up()
            return Answer("ambiguous", "no_final_reply")
        return self._final_answer(code)

    def preview(self, messages: Sequence[Message], folder: Path) -> Path:
        """Writes all messages into one mbox file; see the contract."""
        return write_mailbox((self._compose(message) for message in messages), folder)

    def _compose(self, message: Message) -> EmailMessage:
        return compose_mail(
            message,
            sender=self._sender,
            unsubscribe_url=self.unsubscribe_url(message.idempotency_key),
            date=self._now(),
        )

    def _open_transaction(self, receiver: str) -> Answer | None:
        """Goes as far as 354; returns the answer if it does not get there."""
        for is_last_try in (False, True):
            if self._smtp is None:
                self._connect()
            assert self._smtp is not None
            try:
                return self._greet_receiver(self._smtp, receiver)
            except (OSError, smtplib.SMTPException):
                # A server may close an idle connection; nothing of this message was handed over yet.
                self._hang_up()
                if is_last_try:
                    return Answer("try_again", "connection_lost_before_data")
        raise AssertionError("unreachable")

    def _greet_receiver(self, smtp: smtplib.SMTP, receiver: str) -> Answer | None:
        mail, rcpt, data = self._envelope(smtp, receiver)
        if mail not in _DONE:
            if mail == _CLOSING:
                raise smtplib.SMTPServerDisconnected("closing")
            # What is wrong with the sender is wrong for every receiver, so no receiver is to blame.
            self._hang_up()
            raise ChannelUnavailable(f"sender_refused_{mail}", f"{self._address.host} refuses the sender with {mail}")
        if rcpt in _DONE and data == _GO_ON:
            return None
        if data == _GO_ON:
            # It asks for a text that is for nobody: RFC 2920, section 3.1, has us send none.
            smtp.send(b".\r\n")
            smtp.getreply()
        self._reset(smtp)
        return self._refusal(data if rcpt in _DONE else rcpt)

    def _envelope(self, smtp: smtplib.SMTP, receiver: str) -> tuple[int, int, int]:
        """Says MAIL, RCPT and DATA, at once where the server takes that (RFC 2920); returns the codes, 0 for unsaid."""
        if smtp.has_extn("pipelining"):
            commands = f"MAIL FROM:{_in_brackets(self._sender_mailbox)}\r\nRCPT TO:{_in_brackets(receiver)}\r\nDATA\r\n"
            smtp.send(commands.encode("ascii"))
            mail, rcpt, data = (smtp.getreply()[0] for _ in range(3))
            return mail, rcpt, data
        mail, _ = smtp.mail(self._sender_mailbox)
        rcpt, _ = smtp.rcpt(receiver) if mail in _DONE else (0, b"")
        data, _ = smtp.docmd("DATA") if rcpt in _DONE else (0, b"")
        return mail, rcpt, data

    def _final_answer(self, code: int) -> Answer:
        if code in _DONE:
            return ACCEPTED
        if code in _LATER or code in _NEVER:
            if code == _CLOSING:
                self._hang_up()
            return self._refusal(code)
        self._hang_up()
        return Answer("ambiguous", f"unusual_reply_{code}")

    def _refusal(self, code: int) -> Answer:
        return Answer("refused" if code in _NEVER else "try_again", f"smtp_{code}")

    def _reset(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._hang_up()

    def _connect(self) -> None:
        address = self._address
        try:
            if address.security == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    address.host, address.port, timeout=self._timeout_seconds, context=ssl.create_default_context()
                )
            else:
                smtp = smtplib.SMTP(address.host, address.port, timeout=self._timeout_seconds)
            self._smtp = smtp
            smtp.ehlo_or_helo_if_needed()
            if address.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo_or_helo_if_needed()
            if address.user:
                smtp.login(address.user, address.password)
        except smtplib.SMTPAuthenticationError as error:
            self._hang_up()
            raise ChannelUnavailable(
                "credentials_refused", f"{address.host} refuses the login with {error.smtp_code}; see {URL_VARIABLE}"
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            self._hang_up()
            raise ChannelUnavailable(
                "no_connection", f"{address.host}:{address.port}: {type(error).__name__}; see {URL_VARIABLE}"
            ) from None

    def _hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


@lru_cache(maxsize=1024)
def _in_brackets(mailbox: str) -> str:
    """Returns a mailbox as commands name it."""
    return f"<{mailbox}>" if _PLAIN_MAILBOX.fullmatch(mailbox) else smtplib.quoteaddr(mailbox)


def _parse_url(url: str) -> SmtpAddress:
    example = "smtps://user:password@mail.shop.example:465, smtp://... (STARTTLS) or smtp://localhost:2525?tls=none"
    if not url:
        raise UsageError(
            f"{URL_VARIABLE} is not set: expected {example}", next_command=f"export {URL_VARIABLE}=smtps://..."
        )
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    wanted = options.get("tls", ["starttls"])[-1]
    try:
        port = parts.port
    except ValueError:
        port = 0
    is_known = parts.scheme in ("smtp", "smtps") and wanted in ("starttls", "none") and set(options) <= {"tls"}
    if not is_known or not parts.hostname or port == 0:
        raise UsageError(f"{URL_VARIABLE}: expected {example}")
    security: Literal["tls", "starttls", "none"] = "starttls"
    if parts.scheme == "smtps":
        security = "tls"
    elif wanted == "none":
        security = "none"
    return SmtpAddress(
        host=parts.hostname,
        port=port or (465 if security == "tls" else 587),
        security=security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
