"""Stories of who leaves again: taken back out of an audience, or dropped before being written to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.sending import AS_OF_DATE, CAMPAIGN, SELECTED_DATE, SendingWorld, make_sending_world

from recall.channels.base import MessageDeliveryBase
from recall.channels.contract import FOR_EVER, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.cli.plan_table import show_plan
from recall.domain.errors import RecallError
from recall.hooks import delivery

ADS = CAMPAIGN.replace(
    "max_lapse_days: 90\n",
    "  - {arm_code: ads, channel: media, offer_code: content, variant_code: plain}\nmax_lapse_days: 90\n",
)
PHONES = {"ann": "+493012345671", "bob": "+493012345672", "eve": "+493012345673"}


class Audience(MessageDeliveryBase):
    """An advertising audience: a set of contacts, each call of which can be answered otherwise."""

    def __init__(self, folder: Path) -> None:
        traits = Traits(frozenset({"phone"}), batch_size=2, remembers_keys_for=FOR_EVER)
        super().__init__(Settings("media", {}, folder), traits)
        self.members: set[str] = set()
        self.removal_answer = Answer("accepted")
        self.is_down = False

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Adds members."""
        self.members |= {one.contact_value for one in messages}
        return [Answer("accepted")] * len(messages)

    def take_back(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Removes members, unless told otherwise."""
        if self.is_down:
            raise ChannelUnavailable("no_connection", "nobody listens")
        if self.removal_answer.verdict == "accepted":
            self.members -= {one.contact_value for one in messages}
        return [self.removal_answer] * len(messages)


@pytest.fixture
def world(warehouse: Any, workspace_factory: Any) -> SendingWorld:
    """Ann, Bob and Eve, selected for an advertising audience."""
    world = make_sending_world(warehouse, workspace_factory, {"campaigns/welcome_back.yml": ADS})
    for user_id, phone in PHONES.items():
        world.contact(user_id, phone=phone)
        world.consent(user_id, "media", True)
    world.refresh()
    for user_id in PHONES:
        world.member(user_id, arm="ads")
    return world


@pytest.fixture
def audience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audience:
    """The audience that the channel delivers to."""
    audience = Audience(tmp_path)
    monkeypatch.setattr(delivery, "open_delivery", lambda code, settings: audience)
    return audience


def export(as_of_date: date = AS_OF_DATE, **environment: str) -> delivery.ExportSummary:
    delivery.register_members(as_of_date)
    return delivery.export_channel(as_of_date, "media", environment=environment, sleep=lambda seconds: None)


def night_that_drops(world: SendingWorld, reason: str, *user_ids: str) -> date:
    """A night later, on which nobody is selected and these are to be taken back; returns its as-of date."""
    later = AS_OF_DATE + timedelta(days=1)
    world.run(
        "insert into audiences.int_removals__due select send_id, campaign_id, step_number, channel, contact_id, %s"
        " from ledger.sends where user_id = any(%s)",
        reason,
        list(user_ids),
    )
    world.build(later)
    return later


def removals(world: SendingWorld) -> dict[str, tuple[str, str | None, int]]:
    """State, answer and number of tries of each removal, by user."""
    return {
        user_id: (state, answer, count)
        for user_id, state, answer, count in world.rows(
            "select user_id, removals.state, answer_code, removals.attempt_count"
            " from ledger.removals inner join ledger.sends using (send_id)"
        )
    }


def test_whoever_returned_leaves_the_audience_though_nobody_is_selected(
    world: SendingWorld, audience: Audience
) -> None:
    export()
    later = night_that_drops(world, "no_longer_lapsed", "ann", "bob")
    assert delivery.due_channels(later) == ["media"]

    summary = export(later)

    assert audience.members == {PHONES["eve"]}
    assert (summary.removed_count, summary.newly_sent_count) == (2, 0)
    assert removals(world) == {"ann": ("done", None, 1), "bob": ("done", None, 1)}
    assert delivery.due_channels(later) == []
    assert export(later).removed_count == 0


def test_only_what_this_system_added_is_ever_removed(world: SendingWorld, audience: Audience) -> None:
    # Eve was put into the audience by somebody else before we came.
    world.run("delete from audiences.aud_recall_members where user_id = 'eve'")
    audience.members = {PHONES["eve"]}
    export()

    export(night_that_drops(world, "no_consent", "ann", "bob", "eve"))

    assert audience.members == {PHONES["eve"]}


@pytest.mark.parametrize("verdict", ["try_again", "ambiguous"])
def test_removal_that_was_put_off_or_left_unclear_is_asked_for_again_by_the_next_run(
    world: SendingWorld, audience: Audience, verdict: Any
) -> None:
    export()
    later = night_that_drops(world, "no_consent", "ann")
    audience.removal_answer = Answer(verdict, "vendor_limit")

    first = export(later)
    waiting = removals(world)
    audience.removal_answer = Answer("accepted")
    second = export(later)

    assert (first.removed_count, second.removed_count) == (0, 1)
    assert waiting == {"ann": ("waiting", "vendor_limit", 1)}
    assert removals(world) == {"ann": ("done", None, 2)}
    assert PHONES["ann"] not in audience.members


def test_audience_that_cannot_be_reached_is_asked_again_and_says_so(world: SendingWorld, audience: Audience) -> None:
    export()
    later = night_that_drops(world, "no_consent", "ann")
    audience.is_down = True

    with pytest.raises(RecallError, match="no_connection"):
        export(later)
    assert removals(world) == {}
    audience.is_down = False

    assert export(later).removed_count == 1


def test_second_lapse_of_the_same_night_stays_though_the_first_one_is_taken_back(
    world: SendingWorld, audience: Audience
) -> None:
    export()
    later = night_that_drops(world, "no_longer_lapsed", "ann")
    selected = SELECTED_DATE + timedelta(days=1)
    world.member("ann", arm="ads", selected_date=selected, last_key_date=SELECTED_DATE)
    # The first removal is put off, and she is added for the second lapse meanwhile.
    audience.removal_answer = Answer("try_again", "vendor_limit")
    export(later)
    audience.removal_answer = Answer("accepted")

    assert export(later).removed_count == 0
    assert audience.members == set(PHONES.values())


def test_kill_switch_keeps_everybody_where_they_are(world: SendingWorld, audience: Audience) -> None:
    export()
    later = night_that_drops(world, "no_consent", "ann")
    world.run("insert into ledger.kill_switches (channel, is_stopped) values ('media', true)")

    with pytest.raises(RecallError, match="kill switch"):
        export(later)

    assert audience.members == set(PHONES.values())


def test_list_for_a_partner_names_those_who_are_to_go(world: SendingWorld, tmp_path: Path) -> None:
    drop = tmp_path / "partner"
    export(RECALL_FILE_DROP_URL=drop.as_uri())
    later = night_that_drops(world, "no_consent", "ann", "eve")

    summary = export(later, RECALL_FILE_DROP_URL=drop.as_uri())

    (path,) = (drop / "media").glob("media-removals-20260312-*.csv")
    with path.open(newline="") as file:
        assert sorted(row["contact"] for row in csv.DictReader(file)) == [PHONES["ann"], PHONES["eve"]]
    assert summary.removed_count == 2


def test_contact_that_is_gone_can_be_named_to_nobody(world: SendingWorld, audience: Audience) -> None:
    export()
    later = night_that_drops(world, "no_consent", "ann")
    world.run("delete from pii.user_contact_points where user_id = 'ann'")
    world.run("delete from pii.contact_points where contact_value = %s", PHONES["ann"])

    assert export(later).removed_count == 0
    assert removals(world) == {"ann": ("refused", "unreachable", 1)}


def test_plan_shows_what_is_added_again_dropped_and_left_and_how_much_room_there_is(
    world: SendingWorld, audience: Audience, capsys: pytest.CaptureFixture[str]
) -> None:
    export()
    later = night_that_drops(world, "no_consent", "ann")
    selected = SELECTED_DATE + timedelta(days=1)
    # Bob's key is used, Eve is due for a second step and could not be added on a first try.
    world.member("bob", arm="ads", selected_date=selected)
    world.member("eve", arm="ads", step=2, selected_date=selected)
    delivery.register_members(later)
    audience.is_down = True
    with pytest.raises(RecallError):
        export(later)
    # Of 100 lapsed customers half may be written to, and 3 standard deviations of sqrt(100 / 4) = 5 more: 65.
    world.run("insert into marts.fct_lapse_episodes select 'u' || n, true from generate_series(1, 100) as n")

    plan = delivery.plan(later)
    show_plan(plan)

    assert [
        (step.step_number, step.add_count, step.retry_count, step.drop_count, step.leave_count) for step in plan.steps
    ] == [(1, 0, 0, 1, 1), (2, 1, 1, 0, 0)]
    assert [(drop.reason_code, drop.drop_count) for drop in plan.drops] == [("no_consent", 1)]
    assert {(size.night_count, size.largest_night_count) for size in plan.sizes} == {(2, 65)}
    assert "The night writes to 2 of at most 65 (room for 63)." in capsys.readouterr().out


def test_plan_drops_whoever_still_waits_of_an_earlier_day_or_left_the_audience(world: SendingWorld) -> None:
    delivery.register_members(AS_OF_DATE)
    world.run("delete from audiences.aud_recall_members where user_id = 'ann'")

    assert [(each.reason_code, each.drop_count) for each in delivery.plan(AS_OF_DATE).drops] == [("left_audience", 1)]
    later = AS_OF_DATE + timedelta(days=1)
    world.build(later)
    assert [(each.reason_code, each.drop_count) for each in delivery.plan(later).drops] == [("overtaken", 3)]
