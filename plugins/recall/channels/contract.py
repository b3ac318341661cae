"""What every way of delivery promises, and what it is given.

A plugin is a function in the entry point group `recall.channels`, under the `delivery_code` that
definitions/channels.csv names. It is called with `Settings` and returns a `MessageDelivery` (each message by itself)
or a `FileDelivery` (many at once, replaced as a whole when done again).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

from recall.domain.message_template import RenderedMessage

ENTRY_POINT_GROUP = "recall.channels"

Verdict = Literal["accepted", "refused", "try_again", "ambiguous"]


@dataclass(frozen=True)
class Answer:
    """What the peer said about one message or one file.

    Attributes:
        verdict: accepted: the peer has it. refused: the peer will never take it. try_again: the peer surely does not
            have it and may take it later. ambiguous: nobody can tell whether the peer has it.
        reason_code: Why, in a few letters, without any contact; empty if accepted.
    """

    verdict: Verdict
    reason_code: str = ""


ACCEPTED = Answer("accepted")


class ChannelUnavailable(Exception):
    """The peer cannot be used at all: no connection, wrong credentials, wrong host key. Nothing was handed over.

    Args:
        reason_code: Why, in a few letters.
        detail: What a person should look at; names no contact and no secret.
    """

    def __init__(self, reason_code: str, detail: str) -> None:
        super().__init__(f"{reason_code}: {detail}")
        self.reason_code = reason_code
        self.detail = detail


@dataclass(frozen=True)
class Settings:
    """Where and how to deliver.

    Attributes:
        channel: Channel code of definitions/channels.csv.
        environment: Environment variables, which hold addresses and credentials.
        outbox_dir: Folder of the home for channels that deliver files and are told no other place.
    """

    channel: str
    environment: Mapping[str, str]
    outbox_dir: Path


@dataclass(frozen=True)
class Message:
    """One message to one contact. Its representation shows no contact and no copy.

    Attributes:
        idempotency_key: Names the send; a peer that sees it twice has seen one message.
        contact_value: The normalised contact.
        content: Subject and text; None where the arm has no template.
        campaign_id: The campaign.
        step_number: Its step.
        arm_code: The arm.
        variant_code: Variant of the copy.
        offer_code: The offer.
        locale: Language of the copy.
        selected_date: Business date for which it was selected.
    """

    idempotency_key: str
    contact_value: str = field(repr=False)
    content: RenderedMessage | None = field(repr=False)
    campaign_id: str
    step_number: int
    arm_code: str
    variant_code: str
    offer_code: str
    locale: str
    selected_date: date


@dataclass(frozen=True)
class Batch:
    """Messages that leave together as one file.

    Attributes:
        batch_id: Names the file; delivering it again replaces what was delivered.
        channel: Channel code.
        messages: In the order of their idempotency keys.
    """

    batch_id: str
    channel: str
    messages: Sequence[Message]


class MessageDelivery(AbstractContextManager["MessageDelivery"], Protocol):
    """Delivers one message at a time; the peer keeps no key, so an ambiguous answer stays one."""

    kind: Literal["messages"]

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no.

        Args:
            idempotency_key: Stands for the contact, which must not stand in an address.
        """

    def deliver(self, message: Message) -> Answer:
        """Hands one message over.

        Args:
            message: To whom and what.

        Returns:
            The peer's answer.

        Raises:
            ChannelUnavailable: The peer cannot be used; this message was not handed over.
        """

    def preview(self, messages: Sequence[Message], folder: Path) -> Path:
        """Writes the messages as they would be sent, and sends nothing.

        Args:
            messages: The messages.
            folder: Where to write; exists.

        Returns:
            The file written.
        """


class FileDelivery(AbstractContextManager["FileDelivery"], Protocol):
    """Delivers files; a file that is delivered again takes the place of the first."""

    kind: Literal["files"]

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no.

        Args:
            idempotency_key: Stands for the contact, which must not stand in an address.
        """

    def deliver(self, batch: Batch) -> Answer:
        """Puts one file in place.

        Args:
            batch: Its name and its rows.

        Returns:
            accepted, or ambiguous where the file may be in place.

        Raises:
            ChannelUnavailable: The peer cannot be used; the file is not in place.
        """

    def preview(self, batch: Batch, folder: Path) -> Path:
        """Writes the file as it would be delivered, into a folder of this machine.

        Args:
            batch: Its name and its rows.
            folder: Where to write; exists.

        Returns:
            The file written.
        """


Delivery = MessageDelivery | FileDelivery
