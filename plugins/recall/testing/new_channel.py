"""Writes a new way of delivery and its test, which passes the suite as it is: `make new-channel NAME=my_vendor`.

The vendor that it is written for is made up: one call per message, an Idempotency-Key, `{"status": "sent"}` for a yes.
What the real one says is to be put in its place, first in the test's stand-in and then in the module.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from recall.channels.contract import ENTRY_POINT_GROUP

CHANNEL = '''\
"""Messages through $Name, one per call."""

from __future__ import annotations

import json
from datetime import timedelta

from recall.channels.base import MessageDeliveryBase, required
from recall.channels.contract import Answer, Message, Settings, Traits
from recall.channels.http_peer import TIMEOUT_SECONDS, open_client, post
from recall.channels.quiet_logs import quiet_logs

URL_VARIABLE = "RECALL_$NAME_URL"
TOKEN_VARIABLE = "RECALL_$NAME_TOKEN"


def open_$name(settings: Settings) -> $NameDelivery:
    """Makes the delivery from the environment; the plugin `$name`.

    Args:
        settings: RECALL_$NAME_URL and RECALL_$NAME_TOKEN in its environment.

    Raises:
        UsageError: A variable is missing.
    """
    return $NameDelivery(settings)


class $NameDelivery(MessageDeliveryBase):
    """One call per message.

    Args:
        settings: As for `open_$name`.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        # How long does the vendor recognise a key? Where it keeps none, leave remembers_keys_for out.
        super().__init__(settings, Traits(frozenset({"phone"}), remembers_keys_for=timedelta(hours=24), is_live=False))
        quiet_logs()
        self._url = required(settings, URL_VARIABLE, "the address of the interface")
        self._token = required(settings, TOKEN_VARIABLE, "the interface's token")
        self._http = open_client(timeout_seconds)

    def __exit__(self, *_: object) -> None:
        """Lets go of the connections."""
        self._http.close()

    def deliver_one(self, message: Message) -> Answer:
        """Hands one message over; see the contract."""
        if message.content is None:
            return Answer("refused", "not_composable")
        body = json.dumps({"to": message.contact_value, "text": message.content.text}).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": f'"{message.idempotency_key}"'}
        reply = post(self._http, self._url, content=body, headers=headers, host="$Name")
        if isinstance(reply, Answer):
            return reply
        values = reply.json_object() or {}
        if values.get("status") == "sent":
            return Answer("accepted", reference=str(values.get("id") or ""))
        return Answer("refused", "vendor_error") if "error" in values else Answer("ambiguous", "unreadable_answer")
'''

TEST = '''\
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from recall.channels.$name_channel import $NameDelivery
from recall.testing.channel_suite import SECRET, ChannelSuite, FaultCode
from recall.testing.fault_server import Request, Response
from recall.testing.http_harness import NOT_OF_ONE_MESSAGE, HttpHarness


class $NameHarness(HttpHarness):
    delivery_code, channel = "$name", "sms"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = NOT_OF_ONE_MESSAGE | {
        "receipts_repeated": "its receipts are not read yet",
        "receipt_forged": "its receipts are not read yet",
    }

    def open(self) -> Any:
        settings = self.settings({"RECALL_$NAME_URL": self.url, "RECALL_$NAME_TOKEN": SECRET})
        return $NameDelivery(settings, timeout_seconds=2.0)

    def answer(self, request: Request) -> Response:
        """What the vendor says to a good call."""
        if self.is_new(request.headers["idempotency-key"]):
            self.log.append(json.loads(request.body)["to"])
        return Response(200, b'{"status": "sent", "id": "1"}')


class Test$Name(ChannelSuite):
    harness_class = $NameHarness
'''


def main(arguments: Sequence[str], root: Path) -> str:
    """Writes the two files.

    Args:
        arguments: The name: small letters, digits and _.
        root: The project's folder.

    Returns:
        What is left to do.

    Raises:
        SystemExit: The name is none, or is taken; nothing was written.
    """
    name = arguments[0] if len(arguments) == 1 else ""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise SystemExit("usage: make new-channel NAME=my_vendor (small letters, digits and _)")
    files = {
        root / "plugins" / "recall" / "channels" / f"{name}_channel.py": CHANNEL,
        root / "tests" / "channels" / f"test_{name}_channel.py": TEST,
    }
    if name in entry_points(group=ENTRY_POINT_GROUP).names or any(path.exists() for path in files):
        raise SystemExit(f"{name} is there already")
    title = "".join(part.capitalize() for part in name.split("_"))
    for path, text in files.items():
        filled = text.replace("$NAME", name.upper()).replace("$Name", title).replace("$name", name)
        path.write_text(filled, encoding="utf-8")
    paths = "\n".join(f"  {path.relative_to(root)}" for path in files)
    return (
        f"written:\n{paths}\n"
        f".venv/bin/pytest tests/channels/test_{name}_channel.py passes as it is. Now:\n"
        "  1. let the stand-in in the test answer as the vendor's documentation says, and the module read that\n"
        f'  2. pyproject.toml, recall.channels: {name} = "recall.channels.{name}_channel:open_{name}"; make setup\n'
        f"  3. move {title}Harness to tests/channels/harnesses.py, so that the matrix lists it; make docs\n"
        "  4. .env.example: its variables"
    )


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:], Path.cwd()) + "\n")
