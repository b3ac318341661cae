"""What most deliveries of messages share, so that a channel is only what its peer says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from recall.channels.contract import Answer, Message, Settings, Traits
from recall.channels.unsubscribe import filled, unsubscribe_address
from recall.domain.errors import UsageError


class MessageDeliveryBase:
    """A delivery of messages that needs no connection held open; override what differs.

    Args:
        settings: Its environment may set RECALL_UNSUBSCRIBE_URL.
        traits: What the plugin can do.
    """

    kind: Literal["messages"] = "messages"

    def __init__(self, settings: Settings, traits: Traits) -> None:
        self._traits = traits
        self._unsubscribe_pattern = unsubscribe_address(settings, default="")

    @property
    def traits(self) -> Traits:
        """What the plugin can do."""
        return self._traits

    def __enter__(self) -> Self:
        """Nothing is held open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no; empty if none is set."""
        return filled(self._unsubscribe_pattern, idempotency_key)

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Hands one message over, as `deliver_one` does; for plugins whose `batch_size` is 1."""
        (message,) = messages
        return [self.deliver_one(message)]

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over; see `MessageDelivery.deliver`."""
        raise NotImplementedError(f"{type(self).__name__} delivers in batches")

    def preview(self, messages: Sequence[Message], folder: Path) -> Path:
        """Writes one line of JSON per message."""
        path = folder / "messages.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for message in messages:
                file.write(json.dumps(self.shown(message), ensure_ascii=False) + "\n")
        return path

    def shown(self, message: Message) -> dict[str, object]:
        """Returns what a preview shows of a message."""
        values: dict[str, object] = {
            "idempotency_key": message.idempotency_key,
            "contact": message.contact_value,
            "offer_code": message.offer_code,
            "subject": message.content.subject if message.content else "",
            "text": message.content.text if message.content else "",
        }
        return values | (message.coupon.texts() if message.coupon else {})


def required(settings: Settings, variable: str, expected: str) -> str:
    """Returns a setting.

    Args:
        settings: Holds the environment.
        variable: Name of the variable.
        expected: What it must hold, in words.

    Raises:
        UsageError: It is not set.
    """
    value = settings.environment.get(variable, "").strip()
    if not value:
        raise UsageError(f"{variable} is not set: expected {expected}", next_command=f"export {variable}=...")
    return value


def missing_extra(error: ImportError, extra: str) -> UsageError:
    """Returns the error that names the extra which brings a vendor's library.

    Args:
        error: What the import said.
        extra: Extra of this package.
    """
    return UsageError(
        f"this way of delivery needs {error.name}, which the extra {extra} brings",
        next_command=f"pip install 'recall-warehouse[{extra}]'",
    )
