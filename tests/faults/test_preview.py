"""Stories of `recall plan --preview`: real copies for real members, nobody's contact, and nothing written."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld, make_sending_world

from recall.cli.plan_table import show_preview
from recall.domain.errors import GateBlocked
from recall.hooks.preview import preview_messages

COUPON_ARM = """\
  - arm_code: voucher
    channel: email
    offer_code: coupon
    variant_code: code
    templates: {en: voucher.txt}
"""
PEOPLE = ("ann", "bob", "eve", "joe", "tom")


@pytest.fixture
def world(warehouse: Any, workspace_factory: Any) -> SendingWorld:
    """Five members by e-mail, one of them in Chinese, and two by post."""
    world = make_sending_world(warehouse, workspace_factory)
    world.land("raw.users", user_id="eve", locale="zh")
    world.people(PEOPLE)
    world.people(["ida", "kim"], arm="parcel")
    return world


def written(world: SendingWorld) -> list[int]:
    """Rows of whatever an export writes."""
    tables = ("persons", "global_holdouts", "assignments", "entries", "sends", "batches", "coupons")
    return [world.rows(f"select count(*) from ledger.{table}")[0][0] for table in tables]


def test_preview_shows_the_frozen_copies_by_channel_and_writes_nothing(
    world: SendingWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = preview_messages(AS_OF_DATE, 5)
    show_preview(messages)

    assert {channel: len(found) for channel, found in messages.items()} == {"email": 5, "gift": 2}
    # From 9 January to 11 March 2026 are 61 days.
    assert sorted({one.content.subject for one in messages["email"] if one.content}) == ["61 days", "61 天"]
    assert [one.content for one in messages["gift"]] == [None, None]
    shown = capsys.readouterr().out
    assert "email: welcome_back step 1, arm mail, offer content, zh, to e…@e….com" in shown
    assert "Subject: 61 days\n\nCome back to Everything." in shown
    assert "gift: welcome_back step 1, arm parcel, offer gift, en, to … (20 characters)" in shown
    assert "@example.com" not in shown
    assert "Street" not in shown
    assert written(world) == [0] * 7
    assert not world.warehouse.home.outbox_dir.exists()


def test_preview_of_fewer_shows_the_same_ones_each_time(world: SendingWorld) -> None:
    all_of_them = preview_messages(AS_OF_DATE, 5)["email"]

    assert preview_messages(AS_OF_DATE, 2)["email"] == all_of_them[:2]
    assert preview_messages(AS_OF_DATE, 2)["email"] == all_of_them[:2]


def test_preview_shows_only_those_whom_an_export_would_add(world: SendingWorld) -> None:
    world.run("update audiences.aud_recall_members set is_campaign_holdout = true where user_id <> 'eve'")

    messages = preview_messages(AS_OF_DATE, 5)

    assert {channel: [one.locale for one in found] for channel, found in messages.items()} == {"email": ["zh"]}


def test_preview_shows_a_sample_of_a_code_and_what_it_will_promise(
    warehouse: Any, workspace_factory: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.support.sending import CAMPAIGN

    text = CAMPAIGN.replace("max_lapse_days: 90\n", COUPON_ARM + "max_lapse_days: 90\n")
    world = make_sending_world(
        warehouse,
        workspace_factory,
        {
            "campaigns/welcome_back.yml": text,
            "campaigns/voucher.txt": "Subject: for you\n\nUse {{ coupon_code }} until {{ coupon_until_date }}.\n",
        },
    )
    world.people(["ann"], arm="voucher")

    show_preview(preview_messages(AS_OF_DATE, 1))

    # 11 March + 30 days is 10 April; nobody knows ann's layer, so she is promised the least: 2 from 20.
    shown = capsys.readouterr().out
    assert "Use SAMPLE-CODE until 2026-04-10." in shown
    assert "[coupon SAMPLE-CODE: 2 off from 20, 2026-03-11 to 2026-04-10; the code is made" in shown
    assert written(world) == [0] * 7


def test_preview_says_which_copy_would_not_be_sent(world: SendingWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("update definitions.campaign_templates set template_source = '{{ 1 // (inactive_days - 61) }}'")

    show_preview(preview_messages(AS_OF_DATE, 1))

    assert "would not be sent: the template fails with ZeroDivisionError" in capsys.readouterr().out


def test_preview_of_a_night_that_did_not_get_through_its_gate_is_refused(world: SendingWorld) -> None:
    world.run("update control.builds set state = 'published'")

    with pytest.raises(GateBlocked, match=f"the night of {AS_OF_DATE} is published"):
        preview_messages(AS_OF_DATE, 1)


def test_preview_of_an_empty_audience_says_so(world: SendingWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("delete from audiences.aud_recall_members where selected_date = %s", SELECTED_DATE)

    show_preview(preview_messages(AS_OF_DATE, 3))

    assert "Nobody would be sent anything" in capsys.readouterr().out
