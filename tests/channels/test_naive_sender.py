"""The suite can fail: a sender that most would write breaks every one of its checks."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import paramiko
import pytest
from tests.channels.harnesses import HttpHarness, SftpHarness, ok

from recall.channels.base import MessageDeliveryBase
from recall.channels.contract import ACCEPTED, Answer, Batch, Message, Receipt, Settings, Traits
from recall.testing.channel_suite import CHECKS, SECRET, ChannelHarness, FaultCode
from recall.testing.fault_server import Request, Response

log = logging.getLogger("naive")


class NaiveDelivery(MessageDeliveryBase):
    """Believes any answer below 500, repeats whatever else happens, and tells its log everything."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings, Traits(frozenset({"phone"}), batch_size=10, is_live=False))
        self.url = url

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        contacts = [one.contact_value for one in messages]
        log.info("sending to %s with %s", contacts, SECRET)
        body = [{"to": one.contact_value, "text": one.content.text if one.content else None} for one in messages]
        for _ in range(3):
            try:
                if httpx.post(self.url, json=body, timeout=2).status_code < 500:
                    return [ACCEPTED] * len(messages)
            except httpx.HTTPError as error:
                log.warning("once more: %s", error)
        return [Answer("refused", "error")] * len(messages)

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        values = json.loads(payload or b"{}")
        return [Receipt(str(uuid4()), values.get("event", "delivered"), values.get("at"), reference="x")]


class NaiveHarness(HttpHarness):
    delivery_code, channel = "naive", "sms"
    not_applicable: ClassVar[Mapping[FaultCode, str]] = {}

    def open(self) -> Any:
        return NaiveDelivery(self.settings({}), self.url)

    def inject(self, fault: FaultCode) -> None:
        if fault != "marketing_refused":
            super().inject(fault)

    def answer(self, request: Request) -> Response:
        rows = json.loads(request.body)
        if any(row["text"] is None for row in rows):
            return ok({"error": "text is missing"}, 400)
        self.log += [row["to"] for row in rows if row["to"] not in self.bad_contacts]
        return ok({"ok": True})

    def receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return [(b"{}", {}), (b'{"event": "opened"}', {})]

    def forged_receipts(self) -> Sequence[tuple[bytes, Mapping[str, str]]]:
        return [(b"{}", {})]


class NaiveFileDelivery:
    """Writes straight to the final name, on whatever server answers."""

    kind = "files"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.place = urlsplit(environment["RECALL_FILE_DROP_URL"])

    def __enter__(self) -> NaiveFileDelivery:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            str(self.place.hostname), port=self.place.port or 22, username="shop", password="let me in", timeout=5
        )
        self.client, self.sftp = client, client.open_sftp()
        for folder in ("/drop", "/drop/gift"):
            try:
                self.sftp.stat(folder)
            except FileNotFoundError:
                self.sftp.mkdir(folder)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def deliver(self, batch: Batch) -> Answer:
        rows = "".join(f"{one.idempotency_key},{one.contact_value}\n" for one in batch.messages)
        try:
            with self.sftp.open(f"/drop/gift/{batch.batch_id}.csv", "wb") as file:
                file.write(f"idempotency_key,contact\n{rows}".encode())
        except (OSError, paramiko.SSHException, EOFError):
            return Answer("refused", "error")
        return ACCEPTED


class NaiveFileHarness(SftpHarness):
    delivery_code, channel = "naive", "gift"

    def open(self) -> Any:
        return NaiveFileDelivery(self.environment)


NOT_OF_A_MESSAGE = ("no_fault", "connection_cut", "wrong_host_key")


def fails(harness: ChannelHarness, fault: FaultCode) -> bool:
    try:
        CHECKS[fault](harness)
    except (AssertionError, pytest.fail.Exception):
        return True
    return False


@pytest.mark.parametrize(
    "fault", [fault for fault in CHECKS if fault not in ("no_fault", "connection_cut", "wrong_host_key")]
)
def test_naive_sender_fails_the_check(fault: FaultCode, tmp_path: Path) -> None:
    with NaiveHarness(tmp_path) as harness:
        assert fails(harness, fault)


@pytest.mark.parametrize("fault", ["connection_cut", "wrong_host_key", "credentials_refused"])
def test_naive_file_writer_fails_the_check(fault: FaultCode, tmp_path: Path) -> None:
    with NaiveFileHarness(tmp_path) as harness:
        assert fails(harness, fault)


def test_sender_that_says_everything_twice_fails_where_nothing_is_wrong(tmp_path: Path) -> None:
    class Twice(NaiveDelivery):
        def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
            super().deliver(messages)
            return super().deliver(messages)

    class TwiceHarness(NaiveHarness):
        def open(self) -> Any:
            return Twice(self.settings({}), self.url)

    with TwiceHarness(tmp_path) as harness:
        assert fails(harness, "no_fault")
    with NaiveHarness(tmp_path) as harness:
        assert not fails(harness, "no_fault")
