"""What every way of delivery promises, and what it is given.

A plugin is a function in the entry point group `recall.channels`, under the `delivery_code` that
definitions/channels.csv names. It is called with `Settings` and returns a `MessageDelivery` (messages in calls of a
few, each with an answer of its own) or a `FileDelivery` (many at once, replaced as a whole when done again). How fast,
at which hours and how many at once is decided by its caller from `Traits` and from definitions/channels.csv.

Whatever goes wrong is one of five things, and the plugin says which:

- stop the channel: `ChannelUnavailable`, nothing of the call was handed over;
- try the message again later: `try_again`, with `wait_seconds` where the peer named a time;
- reject this message: `refused`;
- nobody can tell: `ambiguous`; repeated with the same key where the peer remembers keys, else `unknown` for good;
- `accepted`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from recall.domain.coupon import Coupon
from recall.domain.message_template import RenderedMessage

ENTRY_POINT_GROUP = "recall.channels"

Verdict = Literal["accepted", "refused", "try_again", "ambiguous"]
ReceiptEvent = Literal[
    "accepted", "delivered", "opened", "clicked", "answered", "unsubscribed", "bounced", "complained", "failed"
]

FOR_EVER = timedelta(days=3650)
"""For `Traits.remembers_keys_for`: doing it again changes nothing, however late."""


@dataclass(frozen=True)
class Answer:
    """What the peer said about one message or one file.

    Attributes:
        verdict: accepted: the peer has it. refused: the peer will never take it. try_again: the peer surely does not
            have it and may take it later. ambiguous: nobody can tell whether the peer has it.
        reason_code: Why, in a few letters, without any contact; empty if accepted.
        reference: The peer's own name of the message, by which its receipts call it; empty if it gave none.
        wait_seconds: How long the peer asks to be left alone, as in Retry-After; 0 if it named no time.
    """

    verdict: Verdict
    reason_code: str = ""
    reference: str = ""
    wait_seconds: float = 0.0


ACCEPTED = Answer("accepted")


class ChannelUnavailable(Exception):
    """The peer cannot be used at all: no connection, wrong credentials, no quota left. Nothing was handed over.

    Args:
        reason_code: Why, in a few letters.
        detail: What a person should look at; names no contact and no secret.
    """

    def __init__(self, reason_code: str, detail: str) -> None:
        super().__init__(f"{reason_code}: {detail}")
        self.reason_code = reason_code
        self.detail = detail


@dataclass(frozen=True)
class Traits:
    """What a plugin can do and may do, whatever a workspace's definitions say.

    Attributes:
        contact_codes: Kinds of contact that it can reach; empty if it needs none.
        batch_size: Messages in one call at most; for files, rows.
        remembers_keys_for: How long the peer recognises an idempotency key, from its first use. Zero: it keeps no
            key, so an ambiguous answer is never repeated.
        may_carry_marketing: Whether the kind of account or message may carry marketing.
        is_live: False where the peer has only ever been a stand-in of its interface in our tests.
        proves_calls: Whether `read_receipts` makes sure who calls. Only then may the peer call an open address.
    """

    contact_codes: frozenset[str]
    batch_size: int = 1
    remembers_keys_for: timedelta = timedelta(0)
    may_carry_marketing: bool = True
    is_live: bool = True
    proves_calls: bool = False


@dataclass(frozen=True)
class Settings:
    """Where and how to deliver. Its representation shows no variable.

    Attributes:
        channel: Channel code of definitions/channels.csv.
        environment: Environment variables, which hold addresses and credentials.
        outbox_dir: Folder of the home for channels that deliver files and are told no other place.
    """

    channel: str
    environment: Mapping[str, str] = field(repr=False)
    outbox_dir: Path


class Message(NamedTuple):
    """One message to one contact. Its representation shows no contact, no copy and no code.

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
        coupon: The coupon of the offer, of a code that is this person's alone; None where the offer has none.
    """

    idempotency_key: str
    contact_value: str
    content: RenderedMessage | None
    campaign_id: str
    step_number: int
    arm_code: str
    variant_code: str
    offer_code: str
    locale: str
    selected_date: date
    coupon: Coupon | None = None

    def __repr__(self) -> str:
        """Names the send and its step only."""
        return (
            f"Message(idempotency_key={self.idempotency_key!r}, campaign_id={self.campaign_id!r},"
            f" step_number={self.step_number})"
        )


@dataclass(frozen=True)
class Batch:
    """Messages that leave together as one file.

    Attributes:
        batch_id: Names the file; delivering it again replaces what was delivered.
        channel: Channel code.
        messages: In the order of their idempotency keys; read once, for they may be made while they are read. What
            that raises is not the peer's doing and passes through.
    """

    batch_id: str
    channel: str
    messages: Iterable[Message]


@dataclass(frozen=True)
class Receipt:
    """One thing that happened to a message, as its peer tells.

    Attributes:
        receipt_id: The same for the same event however often it is told.
        event: What happened.
        occurred_at: When, in UTC.
        idempotency_key: The send, where the peer passes our key on; else empty.
        reference: The peer's own name of the message, as in `Answer`, where it does not; else empty.
    """

    receipt_id: str
    event: ReceiptEvent
    occurred_at: datetime
    idempotency_key: str = ""
    reference: str = ""


class ReceiptRefused(ValueError):
    """A payload is not from the peer, or is none: nothing of it counts. The text names no contact.

    Args:
        detail: What is wrong, for a person.
        readable: What stood in the other payloads of a collection, which counts all the same.
    """

    def __init__(self, detail: str, *, readable: Sequence[Receipt] = ()) -> None:
        super().__init__(detail)
        self.readable = readable


class MessageDelivery(AbstractContextManager["MessageDelivery"], Protocol):
    """Delivers messages in calls of at most `traits.batch_size`."""

    kind: Literal["messages"]

    @property
    def traits(self) -> Traits:
        """What the plugin can do."""

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no.

        Args:
            idempotency_key: Stands for the contact, which must not stand in an address.
        """

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Hands messages over in one call.

        Args:
            messages: One or more, at most `traits.batch_size`, all of one campaign, step, arm and locale. A message
                that was handed over before, with an ambiguous answer, has the same key and content again.

        Returns:
            The peer's answer to each, in their order.

        Raises:
            ChannelUnavailable: The peer cannot be used; none of these messages was handed over.
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

    @property
    def traits(self) -> Traits:
        """What the plugin can do."""

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


@runtime_checkable
class TakesBack(Protocol):
    """A delivery that can take back what it delivered, such as a member of an advertising audience."""

    def take_back(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Takes messages back in one call; only those that this system delivered are ever asked for.

        Args:
            messages: As they were delivered, at most `traits.batch_size`.

        Returns:
            The peer's answer to each, in their order. Taking back twice is the same as once.

        Raises:
            ChannelUnavailable: The peer cannot be used; nothing was taken back.
        """


@runtime_checkable
class ReadsReceipts(Protocol):
    """A delivery whose peer calls back or writes files: it reads what the peer says."""

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads one call or file of the peer.

        Args:
            payload: Its body, byte by byte as it came.
            headers: Its headers, names in lower case; empty for a file.

        Returns:
            What it tells, in its order; the same payload gives the same receipts.

        Raises:
            ReceiptRefused: The payload is forged, or cannot be read.
        """


@runtime_checkable
class CollectsReceipts(Protocol):
    """A delivery whose peer is asked for receipts, or holds files of them ready."""

    def collect_receipts(self) -> Sequence[Receipt]:
        """Returns all that the peer holds ready; asking again returns it again.

        Raises:
            ChannelUnavailable: The peer cannot be used.
            ReceiptRefused: Some of what it holds ready cannot be read; the rest is its `readable`.
        """
