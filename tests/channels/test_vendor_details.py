"""What is particular about single ways of delivery, beyond the faults that all must stand."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.channels.harnesses import (
    AliyunSmsHarness,
    CallListHarness,
    CouponApiHarness,
    GiftListHarness,
    MetaHarness,
    SmppHarness,
    WebhookHarness,
    WechatHarness,
)

from recall.channels.contract import ACCEPTED, Answer, ChannelUnavailable, Message, ReceiptRefused, Settings
from recall.channels.halving import deliver_by_halves
from recall.channels.http_peer import judge, wait_seconds
from recall.channels.red_packet_channel import bill_number, signature
from recall.channels.registry import open_delivery
from recall.channels.webhook_channel import WebhookDelivery
from recall.domain.errors import UsageError
from recall.domain.message_template import RenderedMessage
from recall.testing.fault_server import Fault, Response

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((good, None) for good in (200, 202, 204)),
        *((wrong, "refused") for wrong in (400, 413, 422)),
        *((early, "try_again") for early in (425, 429)),
        *((broken, "ambiguous") for broken in (408, 409, 500, 502, 503)),
    ],
)
def test_status_says_what_became_of_the_message(status: int, verdict: str | None) -> None:
    answer = judge(status, None, host="peer")

    assert (answer.verdict if answer else None) == verdict


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (301, "unexpected_redirect"),
        (401, "credentials_refused"),
        (403, "credentials_refused"),
        (404, "no_such_address"),
    ],
)
def test_status_that_is_nobodys_fault_stops_the_channel(status: int, reason: str) -> None:
    with pytest.raises(ChannelUnavailable) as caught:
        judge(status, None, host="peer")

    assert caught.value.reason_code == reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("120", 120),
        (" 7 ", 7),
        ("Wed, 11 Mar 2026 12:01:30 GMT", 90),
        ("Wed, 11 Mar 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float) -> None:
    assert wait_seconds(header, now=NOON) == seconds


def halves(bad: set[int], calls: list[int], *, stops_at: int = 99) -> Any:
    def call(messages: Sequence[Message]) -> Answer:
        calls.append(len(messages))
        if len(calls) >= stops_at:
            raise ChannelUnavailable("quota_exhausted", "gone")
        numbers = {int(one.contact_value) for one in messages}
        return Answer("refused", "poison") if numbers & bad else ACCEPTED

    return call


def numbered(count: int, tmp_path: Path) -> list[Message]:
    with CouponApiHarness(tmp_path) as harness:
        return [harness.message(number, contact_value=str(number)) for number in range(count)]


def test_two_poisons_among_sixteen_are_found_in_few_calls(tmp_path: Path) -> None:
    calls: list[int] = []

    answers = deliver_by_halves(numbered(16, tmp_path), halves({3, 11}, calls))

    assert [index for index, answer in enumerate(answers) if answer.verdict == "refused"] == [3, 11]
    # 16, then in each half of 8: 8, 4 and 4, 2 and 2, 1 and 1 = 1 + 2 x 7.
    assert len(calls) == 15


def test_quota_that_goes_while_halving_leaves_the_rest_to_be_tried_again(tmp_path: Path) -> None:
    answers = deliver_by_halves(numbered(4, tmp_path), halves({3}, [], stops_at=3))

    # All four are refused, the first two taken, then the quota is gone.
    assert [answer.verdict for answer in answers] == ["accepted", "accepted", "try_again", "try_again"]


def test_red_packets_number_never_changes_and_is_short(tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef"

    assert bill_number(key) == bill_number(key)
    assert bill_number(key) != bill_number(key[:-1] + "e")
    assert len(bill_number("f" * 32)) == len(bill_number("0" * 32)) == 25
    assert int(bill_number(key), 36) == int(key, 16)


def test_red_packets_signature_is_that_of_the_documentation() -> None:
    # WeChat Pay, chapter 4.3 (signature algorithm), the example of its page.
    values = {
        "appid": "wxd930ea5d5a258f4f",
        "mch_id": "10000100",
        "device_info": "1000",
        "body": "test",
        "nonce_str": "ibuaiVcKdpRxkhJA",
    }

    assert signature(values, "192006250b4c09247ec02edce69f6a2d") == "9A0A8659F005D6984697E2CA0A9CF3B7"


def test_long_chinese_text_leaves_in_parts_and_is_one_message(tmp_path: Path) -> None:
    text = "想念您" * 40
    with SmppHarness(tmp_path) as harness, harness.open() as way:
        answer = way.deliver([harness.message(0, content=RenderedMessage("", text))])[0]
        parts = list(harness.smpp.accepted)

    assert answer == Answer("accepted", reference="m1")
    # 120 characters of two bytes: more than one PDU of 140 bytes, each with a header of six bytes.
    assert len(parts) == 2
    assert "".join(part.text[6:].decode("utf-16-be") for part in parts) == text


def test_text_that_is_taken_in_part_is_unclear(tmp_path: Path) -> None:
    with SmppHarness(tmp_path) as harness, harness.open() as way:
        harness.smpp.behaviour.statuses = [0, 0x58]
        answer = way.deliver([harness.message(0, content=RenderedMessage("", "想念您" * 40))])[0]

    assert (answer.verdict, answer.reason_code) == ("ambiguous", "taken_in_part")


def test_receipt_that_comes_before_the_answer_is_kept(tmp_path: Path) -> None:
    with SmppHarness(tmp_path) as harness, harness.open() as way:
        harness.smpp.behaviour.sends_receipt_first = True
        answer = way.deliver([harness.message(0)])[0]
        receipts = way.collect_receipts()

    assert answer.verdict == "accepted"
    assert [(one.reference, one.event) for one in receipts] == [("m0", "delivered")]
    assert receipts[0].occurred_at == datetime(2026, 3, 11, 10, 1, tzinfo=UTC)


def test_report_of_one_of_a_call_names_that_one_without_its_number(tmp_path: Path) -> None:
    with AliyunSmsHarness(tmp_path) as harness, harness.open() as way:
        messages = [harness.message(number) for number in range(3)]
        answers = way.deliver(messages)
        report = {
            "phone_number": messages[1].contact_value.removeprefix("+86"),
            "biz_id": "b3",
            "report_time": "2026-03-11 18:00:00",
            "success": True,
        }
        (receipt,) = way.read_receipts(json.dumps([report]).encode(), {})

    assert len({answer.reference for answer in answers}) == 3
    assert receipt.reference == answers[1].reference
    assert receipt.occurred_at == datetime(2026, 3, 11, 10, tzinfo=UTC)
    assert report["phone_number"] not in repr(receipt)


def test_wechat_token_that_has_expired_is_renewed_once_and_the_message_sent_once(tmp_path: Path) -> None:
    with WechatHarness(tmp_path) as harness, harness.open() as way:
        harness.server.fail(Fault("body", Response(200, b'{"errcode": 42001}')))
        answer = way.deliver([harness.message(0)])[0]

        assert answer.verdict == "accepted"
        assert len(harness.log) == 1
        harness.server.fail(Fault("body", Response(200, b'{"errcode": 42001}')), times=2)
        with pytest.raises(ChannelUnavailable, match="credentials_refused"):
            way.deliver([harness.message(1)])


def test_wechat_template_says_that_it_remembers_ten_minutes_and_carries_no_marketing(tmp_path: Path) -> None:
    with WechatHarness(tmp_path) as harness:
        harness.inject("marketing_refused")
        traits = harness.open().traits

    assert traits.remembers_keys_for == timedelta(minutes=10)
    assert not traits.may_carry_marketing


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/hook", "https://10.0.0.8/hook", "https://[::1]/hook", "https://169.254.169.254/x"]
)
def test_webhook_to_an_inner_address_is_not_called(url: str, tmp_path: Path) -> None:
    secret = {"RECALL_WEBHOOK_SECRET": "whsec_" + "A" * 44}
    with (
        WebhookHarness(tmp_path) as harness,
        WebhookDelivery(Settings("event", {"RECALL_WEBHOOK_URL": url} | secret, tmp_path)) as way,
        pytest.raises(ChannelUnavailable, match="inner_address"),
    ):
        way.deliver([harness.message(0)])


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"RECALL_WEBHOOK_URL": "http://partner.example/x"}, "expected https"),
        ({"RECALL_WEBHOOK_URL": "https://user:pw@partner.example/x"}, "expected https"),
        ({"RECALL_WEBHOOK_URL": "https://partner.example/x", "RECALL_WEBHOOK_SECRET": "whsec_short"}, "24 bytes"),
        ({}, "RECALL_WEBHOOK_URL is not set"),
    ],
)
def test_webhook_with_a_wrong_setting_names_it(environment: dict[str, str], fault: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=fault):
        WebhookDelivery(Settings("event", environment, tmp_path))


@pytest.mark.parametrize(
    ("delivery_code", "module", "extra", "environment"),
    [
        ("twilio", "twilio.rest", "twilio", {}),
        ("aliyun_sms", "alibabacloud_dysmsapi20170525", "aliyun", {}),
        ("smpp", "smpplib.client", "smpp", {}),
        ("ses", "boto3", "aws", {}),
        ("s3_file", "boto3", "aws", {}),
        ("meta", "facebook_business.api", "meta", {}),
        ("google", "google.ads", "google", {}),
    ],
)
def test_vendors_library_that_is_not_installed_is_named_with_its_extra(
    delivery_code: str,
    module: str,
    extra: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UsageError, match=rf"the extra {extra} brings"):
        open_delivery(delivery_code, Settings("any", environment, tmp_path))


@pytest.mark.parametrize("harness_class", [CallListHarness, GiftListHarness])
def test_outcomes_are_read_back_from_the_partners_files(
    harness_class: type[CallListHarness] | type[GiftListHarness], tmp_path: Path
) -> None:
    with harness_class(tmp_path) as harness, harness.open() as way:
        folder = harness.sftp.root / "drop" / harness.channel
        answers = next(name for name in ("outcomes", "acknowledgements") if name == way._answers_folder)
        assert way.collect_receipts() == []
        (folder / answers).mkdir()
        for number, (payload, _) in enumerate(harness.receipts()):
            (folder / answers / f"day{number}.csv").write_bytes(payload)
        (folder / answers / "half.csv.part").write_text("not yet")

        first, again = way.collect_receipts(), way.collect_receipts()
        (folder / answers / "wrong.csv").write_text("idempotency_key,outcome,occurred_at\n1,hm,2026-03-11T10:00:00Z\n")
        with pytest.raises(ReceiptRefused, match="one of"):
            way.collect_receipts()

    assert first == again
    assert [one.idempotency_key for one in first] == [f"{number:032x}" for number in (1, 2)]
    assert first[0].occurred_at == datetime(2026, 3, 11, 2, tzinfo=UTC)


def test_preview_of_an_audience_shows_hashes_only(tmp_path: Path) -> None:
    with MetaHarness(tmp_path) as harness:
        path = harness.open().preview([harness.message(0)], tmp_path)

    (line,) = path.read_text().splitlines()
    assert set(json.loads(line)) == {"idempotency_key", "PHONE_SHA256"}
    assert harness.contact(0).lstrip("+") not in line
    assert path.stat().st_mode & 0o077 == 0
