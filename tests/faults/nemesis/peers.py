"""The peers of a round: each misbehaves as it was told, and keeps a log of what it accepted."""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from pathlib import Path
from random import Random
from typing import Self
from urllib.parse import parse_qs

from tests.support.sftp_peer import SftpPeer
from tests.support.smtp_peer import SmtpPeer

from recall.testing.fault_server import Fault, FaultServer, Request, Response

# The copy of every channel names the send's key, in its unsubscribe address, and the step.
MARK = re.compile(r"/u/(?P<key>[0-9a-f]{32})#(?P<step>\d)")
HTTP_FAULTS = (
    Fault("status", Response(500, b"{}")),
    Fault("status", Response(429, b"{}", {"Content-Type": "application/json", "Retry-After": "2"})),
    Fault("hang_up_after"),
    Fault("hang_up_after"),
    Fault("html"),
    Fault("cut"),
)


@dataclass(frozen=True)
class Accepted:
    """A message that a peer took.

    Attributes:
        order: Its place among everything that happened in the round.
        channel: The channel.
        key: The send's key.
        contact: Whom it goes to.
        step_number: The step that it belongs to.
        clock: The round's clock then.
    """

    order: int
    channel: str
    key: str
    contact: str
    step_number: int
    clock: datetime


@dataclass
class Journal:
    """What happened in a round, in order; several threads write.

    Attributes:
        clock: The round's clock.
        accepted: Of all peers.
    """

    clock: datetime
    accepted: list[Accepted] = field(default_factory=list)
    _order: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> int:
        """Returns the place of what happens now."""
        with self._lock:
            self._order += 1
            return self._order

    def take(self, channel: str, contact: str, text: str, key: str = "") -> None:
        """Notes that a peer accepted a message."""
        mark = MARK.search(text)
        assert mark is not None, "the copy does not name its send"
        assert key in ("", mark["key"])
        self.accepted.append(Accepted(self.tick(), channel, mark["key"], contact, int(mark["step"]), self.clock))


class Peers:
    """The four peers that a round may send to. They serve all rounds; `begin` gives them the next one.

    Args:
        folder: Where the partner who takes files keeps them.
    """

    def __init__(self, folder: Path) -> None:
        self.smtp = SmtpPeer()
        self.sms = FaultServer(self._take_texts, is_fallible=lambda request: self._is_fallible())
        self.coupons = FaultServer(self._issue_coupon, is_fallible=lambda request: self._is_fallible())
        folder.mkdir()
        self.sftp = SftpPeer(folder)
        self._stack = ExitStack()
        self._coupons: dict[str, str] = {}
        self._files: set[tuple[str, str]] = set()
        self._bad_numbers: set[str] = set()
        self._mail_faults: dict[str, list[str]] = {}
        self._share = 0.0
        self._random = Random(0)
        self.journal: Journal
        self.on_acceptance: Callable[[], None] = lambda: None
        behaviour = self.smtp.behaviour
        behaviour.at_rcpt = lambda receiver: self._mail_reply(receiver, "rcpt")
        behaviour.at_end = lambda receiver: self._mail_reply(receiver, "end")
        behaviour.hang_up_after_accepting = self._mail_accepted

    def __enter__(self) -> Self:
        for peer in (self.smtp, self.sms, self.coupons, self.sftp):
            self._stack.enter_context(peer)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """Settings of all channels."""
        return {
            **self.smtp.environment,
            **self.sftp.environment(),
            "RECALL_UNSUBSCRIBE_URL": "https://shop.example/u/{token}",
            "RECALL_ALIYUN_ACCESS_KEY_ID": "key",
            "RECALL_ALIYUN_ACCESS_KEY_SECRET": "a secret of the nemesis",
            "RECALL_ALIYUN_SMS_SIGN_NAME": "shop",
            "RECALL_ALIYUN_SMS_ENDPOINT": self.sms.url,
            "RECALL_COUPON_API_URL": f"{self.coupons.url}/coupons",
            "RECALL_COUPON_API_TOKEN": "a secret of the nemesis",
        }

    def begin(self, journal: Journal, random: Random, contacts: list[str]) -> None:
        """Forgets the last round and draws what goes wrong in the next one."""
        self.journal = journal
        self._random = random
        self._coupons = {}
        self._files = set()
        for path in (self.sftp.root / "drop" / "gift").glob("*"):
            path.unlink()
        kinds = ("rcpt 550 no such user", "rcpt 450 later", "end 451 later", "end 554 no", "hang up", "die")
        self._mail_faults = {
            contact: [random.choice(kinds)] for contact in contacts if "@" in contact and random.random() < 0.3
        }
        self._bad_numbers = {contact for contact in contacts if contact.startswith("+") and random.random() < 0.1}
        self._share = random.choice((0.0, 0.2, 0.5))
        for server in (self.sms, self.coupons):
            server.requests.clear()
            for _ in range(40):
                server.fail(random.choice(HTTP_FAULTS))

    def cut_files(self, how: str) -> None:
        """Lets the partner's server cut connections: before_rename, after_rename, while_writing, or never."""
        for name in ("before_rename", "after_rename", "while_writing"):
            setattr(self.sftp, f"cuts_{name}", name == how)

    def heal(self) -> None:
        """From now on nothing goes wrong; numbers and mailboxes that do not exist still do not."""
        self.cut_files("never")
        self._share = 0.0
        self._mail_faults = {
            contact: [fault for fault in faults if " 55" in fault] for contact, faults in self._mail_faults.items()
        }

    def refuses(self, contact: str) -> bool:
        """Whether the peer will never take a message to that contact, as far as the round drew it."""
        return contact in self._bad_numbers or any(" 55" in fault for fault in self._mail_faults.get(contact, []))

    def scan_files(self) -> None:
        """Notes what the partner finds under its final name."""
        for path in sorted((self.sftp.root / "drop" / "gift").glob("*.csv")):
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    place = (path.name, row["idempotency_key"])
                    if place not in self._files:
                        self._files.add(place)
                        text = f"{row['unsubscribe_url']}#{row['step_number']}"
                        self.journal.take("gift", row["contact"], text, row["idempotency_key"])

    def forget_keys(self) -> None:
        """A day passes: the coupon interface forgets the keys that it has seen."""
        self._coupons = {}

    def _is_fallible(self) -> bool:
        return self._random.random() < self._share

    def _mail_reply(self, receiver: str, stage: str) -> str | None:
        faults = self._mail_faults.get(receiver, [])
        if not faults or not faults[0].startswith(f"{stage} "):
            return None
        fault = faults[0]
        if " 55" not in fault:
            faults.pop(0)
        return fault.removeprefix(f"{stage} ")

    def _mail_accepted(self, receiver: str) -> bool:
        mail: Message = self.smtp.log.accepted[-1][2]
        self.journal.take("email", receiver, mail.get_content(), str(mail["Message-ID"]).partition("@")[0].strip("<"))
        faults = self._mail_faults.get(receiver, [])
        fault = faults.pop(0) if faults and faults[0] in ("hang up", "die") else ""
        if fault == "die":
            self.on_acceptance()
        return fault == "hang up"

    def _take_texts(self, request: Request) -> Response:
        values = {name: found[0] for name, found in parse_qs(request.body.decode()).items()}
        numbers = [f"+{number}" for number in json.loads(values["PhoneNumberJson"])]
        texts = json.loads(values["TemplateParamJson"])
        if self._bad_numbers & set(numbers):
            return _json({"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "no", "RequestId": "r"})
        for number, parameters in zip(numbers, texts, strict=True):
            self.journal.take("sms", number, parameters["link"])
        return _json({"Code": "OK", "BizId": f"b{self.journal.tick()}", "RequestId": "r"})

    def _issue_coupon(self, request: Request) -> Response:
        key, body = request.headers["idempotency-key"].strip('"'), json.loads(request.body)
        if body["receiver"] in self._bad_numbers:
            return _json({"status": "refused", "reason": "not_a_member"})
        if key not in self._coupons:
            self.journal.take("welfare", body["receiver"], body["text"], key)
            self._coupons[key] = f"c{self.journal.tick()}"
        return _json({"status": "issued", "coupon_id": self._coupons[key]}, 201)


def _json(values: object, status: int = 200) -> Response:
    return Response(status, json.dumps(values).encode())
