"""What every channel must stand, as checks: faults 43 to 58, counted in the peer's own log.

A channel's test names a harness, which knows the channel and its peer, and inherits `ChannelSuite`:

    class TestMine(ChannelSuite):
        harness_class = MyHarness

Each check is also a plain function, so that it can be shown to fail on a sender that is wrong.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pytest

from recall.channels.contract import (
    Answer,
    Batch,
    ChannelUnavailable,
    Message,
    ReceiptRefused,
    Settings,
    TakesBack,
    Traits,
)
from recall.domain.message_template import RenderedMessage

WAIT_SECONDS = 7
SECRET = "canary-secret-4711"

FaultCode = Literal[
    "no_fault",
    "rate_limited",
    "rate_limited_with_wait",
    "server_errors",
    "timeout_after_acceptance",
    "partial_success",
    "poison_record",
    "credentials_refused",
    "error_body",
    "html_answer",
    "cut_answer",
    "receipts_repeated",
    "receipt_forged",
    "quota_gone",
    "no_connection",
    "connection_cut",
    "wrong_host_key",
    "taken_back",
    "marketing_refused",
    "no_contact_told",
]

FAULTS: Mapping[FaultCode, tuple[int | None, str]] = {
    "no_fault": (None, "three messages are accepted, each once"),
    "rate_limited": (44, "429 or its like without a time: to be tried again, and not taken"),
    "rate_limited_with_wait": (44, "429 with Retry-After: the time is told to the sender"),
    "server_errors": (45, "500: unclear or to be tried again, never accepted or refused"),
    "timeout_after_acceptance": (
        46,
        "taken, and the answer is lost: unclear; with a key repeated and taken once",
    ),
    "partial_success": (47, "of a call of three one is not taken: the answers are the peer's log"),
    "poison_record": (48, "one message that can never be sent: refused, the others taken"),
    "credentials_refused": (49, "wrong credentials stop the channel and show no secret"),
    "error_body": (50, "a good status with the vendor's error inside is not accepted"),
    "html_answer": (50, "a good status with a web page inside is unclear"),
    "cut_answer": (50, "a good status with half a body is unclear"),
    "receipts_repeated": (51, "receipts twice or in another order are the same receipts"),
    "receipt_forged": (51, "a receipt with a wrong signature, or none at all, counts for nothing"),
    "quota_gone": (53, "the quota is used up: the channel stops, nothing was taken"),
    "no_connection": (46, "nobody listens: the channel stops, nothing was taken"),
    "connection_cut": (55, "the connection breaks at half of a file: no half file is to be seen"),
    "wrong_host_key": (55, "a server with another host key is not spoken to"),
    "taken_back": (43, "who is taken back is gone, and taking back twice is the same"),
    "marketing_refused": (43, "a kind of message that may not carry marketing says so"),
    "no_contact_told": (62, "no contact and no secret in logs, errors and representations"),
}


@dataclass(frozen=True)
class NotApplicable:
    """Why a fault cannot happen to a channel.

    Attributes:
        reason: As a sentence.
    """

    reason: str


class ChannelHarness(AbstractContextManager["ChannelHarness"], ABC):
    """A channel and its peer, which can be made to misbehave.

    Attributes:
        delivery_code: The plugin.
        channel: The channel that it is for.
        peer: What the peer is, for the matrix in the documentation.
        is_live: Whether the peer is a program that really speaks the protocol, and not a stand-in of an interface.
        not_applicable: Why a fault is left out.
        peer_loggers: Names of loggers in which the peer itself, where it runs in this process, tells what it gets.
    """

    delivery_code: ClassVar[str]
    channel: ClassVar[str]
    peer: ClassVar[str]
    is_live: ClassVar[bool]
    not_applicable: ClassVar[Mapping[FaultCode, str]]
    peer_loggers: ClassVar[Sequence[str]] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        """Starts the peer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops the peer."""

    @abstractmethod
    def open(self) -> Any:
        """Returns the delivery, made for the peer with short timeouts; not entered yet."""

    @abstractmethod
    def contact(self, number: int) -> str:
        """Returns a contact that the peer accepts, of a number from 0."""

    @abstractmethod
    def inject(self, fault: FaultCode) -> None:
        """Lets the next call, or all that follow, go wrong in that way."""

    @property
    @abstractmethod
    def accepted(self) -> Sequence[str]:
        """What the peer accepted, in its own log: idempotency keys where it sees them, else contacts."""

    def name_of(self, message: Message) -> str:
        """Returns how the peer's log calls a message: its contact, or its key where the peer sees keys."""
        return message.contact_value

    def content(self, number: int) -> RenderedMessage:
        """Returns the copy of a message."""
        return RenderedMessage("Hello", f"Come back, number {number}.")

    def poison(self) -> Message:
        """Returns a message that can never be sent; by default one without a copy."""
        return self.message(1, content=None)

    def message(self, number: int, **changes: Any) -> Message:
        """Returns a message to `contact(number)`."""
        values: dict[str, Any] = {
            "idempotency_key": f"{number + 1:032x}",
            "contact_value": self.contact(number),
            "content": self.content(number),
            "campaign_id": "welcome_back",
            "step_number": 1,
            "arm_code": "arm",
            "variant_code": "warm",
            "offer_code": "content",
            "locale": "en",
            "selected_date": date(2026, 3, 11),
        }
        return Message(**(values | changes))

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        """Returns payloads as the peer would send them, with their headers: of at least two events."""
        return ()

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        """Returns payloads that are not from the peer."""
        return ()

    def settings(self, environment: Mapping[str, str]) -> Settings:
        """Returns settings with that environment."""
        return Settings(self.channel, environment, self.folder / "outbox")

    @classmethod
    def faults(cls) -> Mapping[FaultCode, str | NotApplicable]:
        """Returns for each fault the check that shows it, or why there is none."""
        return {
            fault: NotApplicable(cls.not_applicable[fault])
            if fault in cls.not_applicable
            else f"test_channel_stands[{fault}]"
            for fault in FAULTS
        }


def send(delivery: Any, messages: Sequence[Message]) -> list[Answer]:
    """Hands messages over as the sender does: in calls of the plugin's size, or as one file.

    Args:
        delivery: Entered.
        messages: The messages.

    Returns:
        An answer for each.
    """
    if delivery.kind == "files":
        return [delivery.deliver(Batch("batch-1", "channel", messages))] * len(messages)
    size = delivery.traits.batch_size
    return [
        answer for start in range(0, len(messages), size) for answer in delivery.deliver(messages[start : start + size])
    ]


def _three(harness: ChannelHarness) -> list[Message]:
    return [harness.message(number) for number in range(3)]


def _counts(harness: ChannelHarness) -> Counter[str]:
    return Counter(harness.accepted)


def check_no_fault(harness: ChannelHarness) -> None:
    """Three messages are accepted, each once."""
    messages = _three(harness)
    with harness.open() as delivery:
        answers = send(delivery, messages)
    assert [answer.verdict for answer in answers] == ["accepted"] * 3
    assert _counts(harness) == {harness.name_of(one): 1 for one in messages}


def _check_not_taken(harness: ChannelHarness, fault: FaultCode) -> list[Answer]:
    messages = [harness.message(0)]
    with harness.open() as delivery:
        harness.inject(fault)
        answers = send(delivery, messages)
        assert [answer.verdict for answer in answers] == ["try_again"]
        assert not harness.accepted
        # And later it is taken, once.
        assert [answer.verdict for answer in send(delivery, messages)] == ["accepted"]
    assert _counts(harness) == {harness.name_of(messages[0]): 1}
    return answers


def check_rate_limited(harness: ChannelHarness) -> None:
    """What was put off was not taken, and is taken later."""
    _check_not_taken(harness, "rate_limited")


def check_rate_limited_with_wait(harness: ChannelHarness) -> None:
    """The peer's time to wait comes back with the answer."""
    (answer,) = _check_not_taken(harness, "rate_limited_with_wait")
    assert answer.wait_seconds == WAIT_SECONDS


def check_server_errors(harness: ChannelHarness) -> None:
    """A broken server is neither a yes nor a no, and the call is made once."""
    with harness.open() as delivery:
        harness.inject("server_errors")
        (answer,) = send(delivery, [harness.message(0)])
    assert answer.verdict in ("ambiguous", "try_again")
    assert len(harness.accepted) <= (0 if answer.verdict == "try_again" else 1)


def check_timeout_after_acceptance(harness: ChannelHarness) -> None:
    """A lost answer is unclear; the same key again, where the peer knows it, is taken once."""
    message = harness.message(0)
    with harness.open() as delivery:
        harness.inject("timeout_after_acceptance")
        (answer,) = send(delivery, [message])
        assert answer.verdict == "ambiguous"
    assert _counts(harness) == {harness.name_of(message): 1}
    with harness.open() as delivery:
        if delivery.kind == "files" or delivery.traits.remembers_keys_for:
            (answer,) = send(delivery, [message])
            assert answer.verdict == "accepted"
    assert _counts(harness) == {harness.name_of(message): 1}


def check_partial_success(harness: ChannelHarness) -> None:
    """The answers say of each message what the peer's log says."""
    messages = _three(harness)
    with harness.open() as delivery:
        harness.inject("partial_success")
        answers = send(delivery, messages)
    said = {harness.name_of(one) for one, answer in zip(messages, answers, strict=True) if answer.verdict == "accepted"}
    assert set(harness.accepted) == said
    assert 0 < len(said) < len(messages)


def check_poison_record(harness: ChannelHarness) -> None:
    """One message that can never be sent is refused, and the others are taken."""
    messages = [harness.message(0), harness.poison(), harness.message(2)]
    with harness.open() as delivery:
        answers = send(delivery, messages)
    assert [answer.verdict for answer in answers] == ["accepted", "refused", "accepted"]
    assert _counts(harness) == {harness.name_of(messages[0]): 1, harness.name_of(messages[2]): 1}


def _check_stops(harness: ChannelHarness, fault: FaultCode) -> str:
    """The channel stops, and nothing was taken."""
    harness.inject(fault)
    with pytest.raises(ChannelUnavailable) as caught, harness.open() as delivery:
        send(delivery, [harness.message(0)])
    assert not harness.accepted
    assert SECRET not in f"{caught.value} {caught.value!r}"
    return caught.value.reason_code


def check_credentials_refused(harness: ChannelHarness) -> None:
    """Wrong credentials stop the channel."""
    assert _check_stops(harness, "credentials_refused") == "credentials_refused"


def check_quota_gone(harness: ChannelHarness) -> None:
    """A used up quota stops the channel: two messages have gone out, the third is not lost."""
    messages = _three(harness)
    with harness.open() as delivery:
        assert [answer.verdict for answer in send(delivery, messages[:2])] == ["accepted"] * 2
        harness.inject("quota_gone")
        with pytest.raises(ChannelUnavailable) as caught:
            send(delivery, messages[2:])
    assert caught.value.reason_code == "quota_exhausted"
    assert _counts(harness) == {harness.name_of(one): 1 for one in messages[:2]}


def check_no_connection(harness: ChannelHarness) -> None:
    """Where nobody listens nothing can have been taken, and nothing becomes unclear."""
    assert _check_stops(harness, "no_connection") == "no_connection"


def check_wrong_host_key(harness: ChannelHarness) -> None:
    """A server with another key is not spoken to."""
    assert _check_stops(harness, "wrong_host_key") == "wrong_host_key"


def check_connection_cut(harness: ChannelHarness) -> None:
    """A file that broke off at half is not to be seen under its name."""
    _check_stops(harness, "connection_cut")


def _check_unreadable(harness: ChannelHarness, fault: FaultCode, verdicts: Sequence[str]) -> None:
    with harness.open() as delivery:
        harness.inject(fault)
        (answer,) = send(delivery, [harness.message(0)])
    assert answer.verdict in verdicts
    assert answer.reason_code


def check_error_body(harness: ChannelHarness) -> None:
    """A vendor's error in a good answer is no success."""
    _check_unreadable(harness, "error_body", ("refused", "try_again", "ambiguous"))
    assert not harness.accepted


def check_html_answer(harness: ChannelHarness) -> None:
    """Who knows who answered that."""
    _check_unreadable(harness, "html_answer", ("ambiguous",))


def check_cut_answer(harness: ChannelHarness) -> None:
    """Half an answer may have been a yes."""
    _check_unreadable(harness, "cut_answer", ("ambiguous",))


def check_receipts_repeated(harness: ChannelHarness) -> None:
    """The same events are the same receipts, in whatever order they come."""
    payloads = harness.receipts()
    assert len(payloads) >= 2
    with harness.open() as delivery:
        forwards = [each for payload, headers in payloads for each in delivery.read_receipts(payload, headers)]
        backwards = [each for payload, headers in payloads[::-1] for each in delivery.read_receipts(payload, headers)]
    assert forwards
    assert {each.receipt_id for each in forwards} == {each.receipt_id for each in backwards}
    assert len({each.receipt_id for each in forwards}) == len(forwards)
    assert all(each.idempotency_key or each.reference for each in forwards)
    assert all(each.occurred_at.tzinfo is not None for each in forwards)


def check_receipt_forged(harness: ChannelHarness) -> None:
    """What is not the peer's counts for nothing."""
    forged = harness.forged_receipts()
    assert forged
    with harness.open() as delivery:
        for payload, headers in forged:
            with pytest.raises(ReceiptRefused):
                delivery.read_receipts(payload, headers)


def check_taken_back(harness: ChannelHarness) -> None:
    """Who is taken back is gone from the peer, and taking back twice changes nothing."""
    messages = _three(harness)
    with harness.open() as delivery:
        assert isinstance(delivery, TakesBack)
        send(delivery, messages)
        for _ in range(2):
            answers = delivery.take_back(messages[:1])
            assert [answer.verdict for answer in answers] == ["accepted"]
    assert _counts(harness) == {harness.name_of(one): 1 for one in messages[1:]}


def check_marketing_refused(harness: ChannelHarness) -> None:
    """The kind of account says that it may not carry marketing, which the sender obeys."""
    harness.inject("marketing_refused")
    assert not harness.open().traits.may_carry_marketing


def check_no_contact_told(harness: ChannelHarness) -> None:
    """Neither a good nor a bad call tells a contact or a secret to logs, errors or representations."""
    records: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith((*harness.peer_loggers, "\0")):
                records.append(f"{record.name} {record.getMessage()} {record.exc_text or ''}")

    root, listener = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    messages = _three(harness)
    try:
        with harness.open() as delivery:
            answers = send(delivery, messages)
            told = [repr(answers), repr(messages), repr(delivery), repr(delivery.traits)]
            if "server_errors" not in harness.not_applicable:
                harness.inject("server_errors")
                told.append(repr(send(delivery, [harness.message(3)])))
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
    text = "\n".join([*told, *records])
    for number in range(4):
        contact = harness.contact(number)
        for form in (contact, contact.lstrip("+"), contact.replace("@", "%40")):
            assert form not in text
    assert SECRET not in text


CHECKS: Mapping[FaultCode, Callable[[ChannelHarness], None]] = {
    "no_fault": check_no_fault,
    "rate_limited": check_rate_limited,
    "rate_limited_with_wait": check_rate_limited_with_wait,
    "server_errors": check_server_errors,
    "timeout_after_acceptance": check_timeout_after_acceptance,
    "partial_success": check_partial_success,
    "poison_record": check_poison_record,
    "credentials_refused": check_credentials_refused,
    "error_body": check_error_body,
    "html_answer": check_html_answer,
    "cut_answer": check_cut_answer,
    "receipts_repeated": check_receipts_repeated,
    "receipt_forged": check_receipt_forged,
    "quota_gone": check_quota_gone,
    "no_connection": check_no_connection,
    "connection_cut": check_connection_cut,
    "wrong_host_key": check_wrong_host_key,
    "taken_back": check_taken_back,
    "marketing_refused": check_marketing_refused,
    "no_contact_told": check_no_contact_told,
}


class ChannelSuite:
    """Inherit it, and name the harness."""

    harness_class: ClassVar[type[ChannelHarness]]

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[ChannelHarness]:
        """The channel with its peer started."""
        with self.harness_class(tmp_path) as harness:
            yield harness

    @pytest.mark.parametrize("fault", list(FAULTS))
    def test_channel_stands(self, fault: FaultCode) -> None:
        """Replaced for each class by the faults that apply to its channel."""
        raise AssertionError(f"{type(self).__name__} names no harness for {fault}")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Gives the class one test per fault that applies; none is skipped in silence."""
        super().__init_subclass__(**kwargs)
        applicable = [fault for fault, check in cls.harness_class.faults().items() if isinstance(check, str)]
        unknown = set(cls.harness_class.not_applicable) - set(FAULTS)
        assert not unknown, f"{cls.__name__}: no such fault: {unknown}"

        @pytest.mark.parametrize("fault", applicable)
        def test_channel_stands(self: ChannelSuite, harness: ChannelHarness, fault: FaultCode) -> None:
            CHECKS[fault](harness)

        cls.test_channel_stands = test_channel_stands  # type: ignore[method-assign,assignment]  # made for this class

    def test_traits_are_those_of_the_peer(self, harness: ChannelHarness) -> None:
        """A plugin says truly whether a real peer was behind it."""
        traits = harness.open().traits
        assert isinstance(traits, Traits)
        assert traits.is_live == harness.is_live
        assert traits.batch_size >= 1
