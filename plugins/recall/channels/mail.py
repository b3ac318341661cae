"""One e-mail to one receiver, with the headers that mailbox operators ask of bulk senders."""

from __future__ import annotations

import mailbox
from collections.abc import Iterable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from recall.channels.contract import Message, Settings
from recall.channels.unsubscribe import unsubscribe_address
from recall.domain.contact import normalised
from recall.domain.errors import UsageError

SENDER_VARIABLE = "RECALL_SMTP_SENDER"

# Not every server takes eight bits; encoded text passes everywhere.
_POLICY = SMTP.clone(cte_type="7bit")


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
    if message.content is None:
        raise ValueError("an e-mail needs a template")
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = message.contact_value
    mail["Subject"] = message.content.subject
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{message.idempotency_key}@{parseaddr(sender)[1].partition('@')[2]}>"
    mail["List-Unsubscribe"] = f"<{unsubscribe_url}>"
    if unsubscribe_url.startswith("https://"):
        # RFC 8058: one click is enough.
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Content-Language"] = message.locale
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.content.text)
    return mail


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
