"""Every way of delivery that ships stands every fault that can happen to it."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from tests.channels import harnesses
from tests.channels.harnesses import HARNESSES

from recall.domain.definition_files import CHANNELS
from recall.testing.channel_suite import FAULTS, ChannelSuite


class TestAliyunSms(ChannelSuite):
    harness_class = harnesses.AliyunSmsHarness


class TestSmpp(ChannelSuite):
    harness_class = harnesses.SmppHarness


class TestTwilio(ChannelSuite):
    harness_class = harnesses.TwilioHarness


class TestEmail(ChannelSuite):
    harness_class = harnesses.EmailHarness


class TestSes(ChannelSuite):
    harness_class = harnesses.SesHarness


class TestWechat(ChannelSuite):
    harness_class = harnesses.WechatHarness


class TestCallList(ChannelSuite):
    harness_class = harnesses.CallListHarness


class TestGiftList(ChannelSuite):
    harness_class = harnesses.GiftListHarness


class TestFileDrop(ChannelSuite):
    harness_class = harnesses.FileDropHarness


class TestCouponApi(ChannelSuite):
    harness_class = harnesses.CouponApiHarness


class TestRedPacket(ChannelSuite):
    harness_class = harnesses.RedPacketHarness


class TestWebhook(ChannelSuite):
    harness_class = harnesses.WebhookHarness


class TestGoogle(ChannelSuite):
    harness_class = harnesses.GoogleHarness


class TestMeta(ChannelSuite):
    harness_class = harnesses.MetaHarness


class TestS3File(ChannelSuite):
    harness_class = harnesses.S3FileHarness


def test_every_way_of_delivery_that_ships_has_a_harness_and_a_class() -> None:
    shipped = {point.name for point in entry_points(group="recall.channels") if point.value.startswith("recall.")}
    tested = {
        value.harness_class
        for value in globals().values()
        if isinstance(value, type) and issubclass(value, ChannelSuite) and value is not ChannelSuite
    }

    assert {harness.delivery_code for harness in HARNESSES} == shipped
    assert tested == set(HARNESSES)
    assert {harness.channel for harness in HARNESSES} == set(CHANNELS)


@pytest.mark.parametrize("harness", HARNESSES, ids=lambda harness: harness.delivery_code)
def test_every_fault_is_a_test_or_has_its_reason(harness: type[harnesses.ChannelHarness]) -> None:
    checks = harness.faults()

    assert set(checks) == set(FAULTS)
    assert all(reason.strip() for reason in harness.not_applicable.values())
    assert "no_fault" not in harness.not_applicable
    assert "no_contact_told" not in harness.not_applicable
