"""One e-mail to one receiver, with the headers that mailbox operators ask of bulk senders."""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from pathlib import Path

from recall.channels.contract import Message, Settings
from recall.channels.unsubscribe import unsubscribe_address
from recall.domain.contact import normalised
from recall.domain.errors import UsageError
from recall.domain.message_template import RenderedMessage

SENDER_VARIABLE = "RECALL_SMTP_SENDER"

# Not every server takes eight bits; encoded text passes everywhere.
_POLICY = SMTP.clone(cte_type="7bit")
# Of headers that differ from e-mail to e-mail: what needs neither encoding nor a second line.
_PLAIN_TEXT = re.compile(r"([ -~]*\n)*[ -~]+\n")
_PLAIN_CONTENT = (
    b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n'
    b"Content-Language: %s\r\n\r\n"
)
_LONGEST_LINE = _POLICY.max_line_length or 0
_SHORT = 74
_NOTHING = re.compile(r"(?!)")
_PLAIN = {
    "To": re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"),
    "Message-ID": re.compile(r"<[a-z0-9]+@[a-z0-9-]+(\.[a-z0-9-]+)*>"),
    "List-Unsubscribe": re.compile(r"<https://[A-Za-z0-9./_-]+>"),
}


def compose_mail(message: Message, *, sender: str, unsubscribe_url: str, date: datetime) -> EmailMessage:
    """Returns the e-mail.

    Args:
        message: To whom and what.
        sender: The From header, with or without a name.
        unsubscribe_url: Address at which the receiver says no.
        date: The Date header.

    Raises:
        ValueError: There is no copy, or it cannot stand in an e-mail.
        UnicodeError: As ValueError.
    """
    mail = EmailMessage(policy=_POLICY)
    for name, value in _headers(message, sender, unsubscribe_url, date):
        mail[name] = value
    return _with_content(mail, message)


def mail_bytes(message: Message, *, sender: str, unsubscribe_url: str, date: datetime) -> bytes:
    """Returns the bytes of `compose_mail`, of which most of the headers are made once for many e-mails.

    Args:
        message: To whom and what.
        sender: The From header, with or without a name.
        unsubscribe_url: Address at which the receiver says no.
        date: The Date header.

    Raises:
        ValueError: As `compose_mail`.
        UnicodeError: As `compose_mail`.
    """
    headers = b"".join(_folded(name, value) for name, value in _headers(message, sender, unsubscribe_url, date))
    text = _content(message).text
    lines = text.split("\n")
    if _PLAIN_TEXT.fullmatch(text) and max(map(len, lines)) <= _LONGEST_LINE:
        return headers + _PLAIN_CONTENT % message.locale.encode("ascii") + "\r\n".join(lines).encode("ascii")
    return headers + _with_content(EmailMessage(policy=_POLICY), message).as_bytes()


def _with_content(mail: EmailMessage, message: Message) -> EmailMessage:
    mail.set_content(_content(message).text)
    # Setting the content takes away whatever was said of it before.
    mail["Content-Language"] = message.locale
    return mail


def _content(message: Message) -> RenderedMessage:
    if message.content is None:
        raise ValueError("an e-mail needs a template")
    return message.content


def _headers(message: Message, sender: str, unsubscribe_url: str, date: datetime) -> Iterator[tuple[str, str]]:
    yield "From", sender
    yield "To", message.contact_value
    yield "Subject", _content(message).subject
    yield "Date", format_datetime(date)
    yield "Message-ID", f"<{message.idempotency_key}@{_domain(sender)}>"
    yield "List-Unsubscribe", f"<{unsubscribe_url}>"
    if unsubscribe_url.startswith("https://"):
        # RFC 8058: one click is enough.
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    yield "Auto-Submitted", "auto-generated"


def _folded(name: str, value: str) -> bytes:
    """Returns a header as it leaves; short ones of these kinds the library would leave as they are."""
    if len(name) + len(value) < _SHORT and _PLAIN.get(name, _NOTHING).fullmatch(value):
        return f"{name}: {value}\r\n".encode("ascii")
    return _folded_by_library(name, value)


@lru_cache(maxsize=1024)
def _folded_by_library(name: str, value: str) -> bytes:
    _, header = _POLICY.header_store_parse(name, value)
    return _POLICY.fold_binary(name, header)


@lru_cache(maxsize=64)
def _domain(sender: str) -> str:
    return parseaddr(sender)[1].partition("@")[2]


def sender_of(settings: Settings) -> str:
    """Returns the From header.

    Args:
        settings: RECALL_SMTP_SENDER in its environment.

    Raises:
        UsageError: It is missing, or no mailbox.
    """
    sender = settings.environment.get(SENDER_VARIABLE, "").strip()
    if normalised("email", parseaddr(sender)[1], region=None) is None:
        raise UsageError(
            f"{SENDER_VARIABLE}: expected the sender's address, such as Shop <news@shop.example>",
            next_command=f"export {SENDER_VARIABLE}='Shop <news@shop.example>'",
        )
    return sender


def mail_unsubscribe_address(settings: Settings, sender: str) -> str:
    """Returns the pattern of the unsubscribe address; the sender's own mailbox where none is set.

    Args:
        settings: RECALL_UNSUBSCRIBE_URL in its environment, if wanted.
        sender: The From header.
    """
    mailbox_of_sender = normalised("email", parseaddr(sender)[1], region=None)
    return unsubscribe_address(settings, default=f"mailto:{mailbox_of_sender}?subject=unsubscribe%20{{token}}")


def write_mailbox(mails: Iterable[EmailMessage], folder: Path) -> Path:
    """Writes e-mails into one mbox file that only its owner can read.

    Args:
        mails: The e-mails.
        folder: Where to; exists.
    """
    path = folder / "messages.mbox"
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    try:
        for mail in mails:
            box.add(mail)
    finally:
        box.close()
    path.chmod(0o600)
    return path
