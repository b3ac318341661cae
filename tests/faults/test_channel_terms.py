"""Stories of a channel's terms: how fast, at which hours, what it may carry, and what is said twice with one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld

from recall.channels.base import MessageDeliveryBase
from recall.channels.contract import ACCEPTED, Answer, ChannelUnavailable, Message, Settings, Traits
from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.hooks import delivery
from recall.warehouse import ledger

MORNING = datetime(2026, 3, 11, 10, tzinfo=UTC)


@dataclass
class Clocks:
    """Clocks that only sleeping moves."""

    now: datetime = MORNING
    slept_seconds: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.slept_seconds += seconds

    def monotonic(self) -> float:
        return self.slept_seconds


class Vendor(MessageDeliveryBase):
    """A vendor's interface within the process: calls `rule` for each call, and keeps what it accepted."""

    def __init__(self, traits: Traits, rule: Callable[[int, Sequence[Message]], Sequence[Answer]]) -> None:
        super().__init__(Settings("email", {}, Path("/nonexistent")), traits)
        self.rule = rule
        self.calls: list[list[str]] = []
        self.accepted: list[str] = []

    def deliver(self, messages: Sequence[Message]) -> Sequence[Answer]:
        self.calls.append([one.contact_value for one in messages])
        answers = self.rule(len(self.calls), messages)
        self.accepted += [
            one.contact_value for one, answer in zip(messages, answers, strict=True) if answer.verdict == "accepted"
        ]
        return answers


@dataclass
class Story:
    """A world whose e-mail goes to a vendor."""

    world: SendingWorld
    monkeypatch: pytest.MonkeyPatch
    clocks: Clocks = field(default_factory=Clocks)

    def terms(self, **values: object) -> None:
        changes = ", ".join(f"{name} = %s" for name in values)
        self.world.run(f"update definitions.channels set {changes} where channel = 'email'", *values.values())

    def send(self, vendor: Vendor, **options: Any) -> delivery.ExportSummary:
        return self.send_with(vendor, self.clocks.sleep, **options)

    def send_with(self, vendor: Vendor, sleep: Callable[[float], None], **options: Any) -> delivery.ExportSummary:
        self.monkeypatch.setattr(delivery, "open_delivery", lambda code, settings: vendor)
        delivery.register_members(AS_OF_DATE)
        return delivery.export_channel(
            AS_OF_DATE,
            "email",
            environment={},
            sleep=sleep,
            now=lambda: self.clocks.now,
            monotonic=self.clocks.monotonic,
            **options,
        )

    def zone(self, user_id: str, time_zone: str) -> None:
        self.world.run("insert into marts.dim_users values (%s, %s)", user_id, time_zone)

    @property
    def entries(self) -> dict[str, tuple[str, str | None]]:
        return {key.partition("-")[0]: value for key, value in self.world.entries().items()}


@pytest.fixture
def story(world: SendingWorld, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(world, monkeypatch)


def vendor(
    rule: Callable[[int, Sequence[Message]], Sequence[Answer]] = lambda call, messages: [ACCEPTED] * len(messages),
    **traits: Any,
) -> Vendor:
    return Vendor(Traits(frozenset({"email"}), **traits), rule)


def test_batch_of_which_one_is_refused_and_one_put_off_reaches_the_others_once(story: Story) -> None:
    story.world.people(["ann", "bob", "eve", "tom"])

    def rule(call: int, messages: Sequence[Message]) -> Sequence[Answer]:
        judged = {"bob@example.com": Answer("refused", "no_such_user")}
        if call == 1:
            judged["eve@example.com"] = Answer("try_again", "busy", wait_seconds=30)
        return [judged.get(one.contact_value, Answer("accepted", reference="ref")) for one in messages]

    peer = vendor(rule, batch_size=10)
    summary = story.send(peer)

    assert [len(call) for call in peer.calls] == [4, 1]
    assert Counter(peer.accepted) == {"ann@example.com": 1, "eve@example.com": 1, "tom@example.com": 1}
    assert story.world.sends()["bob"] == ("failed", "no_such_user")
    assert (summary.sent_count, summary.failed_count) == (3, 1)
    # It asked for 30 seconds, and got them before the second call.
    assert story.clocks.slept_seconds >= 30
    assert story.world.rows("select distinct peer_reference from ledger.sends where state = 'sent'") == [("ref",)]


def test_batch_size_and_rate_of_the_definitions_bound_the_calls(story: Story) -> None:
    story.world.people([f"user{number}" for number in range(7)])
    story.terms(batch_size=3, rate_per_second="0.5")
    peer = vendor(batch_size=100)

    story.send(peer)

    assert sorted(len(call) for call in peer.calls) == [1, 3, 3]
    # At one message in two seconds the third call leaves when six messages have had their twelve seconds.
    assert story.clocks.slept_seconds >= 12


def test_peer_that_asks_for_an_hour_is_left_to_the_next_run(story: Story) -> None:
    story.world.people(["ann", "bob"])
    peer = vendor(lambda call, messages: [Answer("try_again", "http_429", wait_seconds=3600)] * len(messages))

    with pytest.raises(RecallError, match="asks_for_a_pause"):
        story.send(peer)

    assert len(peer.calls) == 1
    assert set(story.world.sends().values()) == {("failed", "asks_for_a_pause")}
    story.clocks.sleep(3600)
    assert story.send(vendor()).newly_sent_count == 2


def test_quiet_hours_are_looked_at_where_each_user_lives(story: Story) -> None:
    story.world.people(["ann", "li", "sam"])
    story.terms(quiet_from="20:00", quiet_until="08:00")
    # At 12:30 UTC it is 20:30 in Shanghai, 08:30 in New York, and 12:30 for Sam, whose zone nobody knows.
    story.clocks.now = datetime(2026, 3, 11, 12, 30, tzinfo=UTC)
    story.zone("li", "Asia/Shanghai")
    story.zone("ann", "America/New_York")
    peer = vendor()

    summary = story.send(peer)

    assert sorted(peer.accepted) == ["ann@example.com", "sam@example.com"]
    assert story.entries["li"] == ("waiting", "quiet_hours")
    assert (summary.waiting_count, summary.reasons) == (1, {"quiet_hours": 1})
    assert summary.resumes_at == datetime(2026, 3, 12, 0, 0, tzinfo=UTC)
    assert delivery.due_channels(AS_OF_DATE) == ["email"]

    story.clocks.now = datetime(2026, 3, 12, 0, 0, tzinfo=UTC)
    assert story.send(peer).newly_sent_count == 1
    assert Counter(peer.accepted).most_common(1)[0][1] == 1


def test_quiet_hours_that_begin_while_sending_stop_it(story: Story) -> None:
    story.world.people([f"user{number}" for number in range(5)])
    story.terms(quiet_from="20:00", quiet_until="08:00", rate_per_second="0.1")
    # Ten seconds a message: at 20:00 three have left (19:59:40, :50 and 20:00 is too late).
    story.clocks.now = datetime(2026, 3, 11, 19, 59, 35, tzinfo=UTC)
    peer = vendor()

    summary = story.send(peer)

    assert len(peer.accepted) == 3
    assert Counter(story.entries.values()) == {("sent", None): 3, ("waiting", "quiet_hours"): 2}
    assert summary.resumes_at == datetime(2026, 3, 12, 8, 0, tzinfo=UTC)


def test_export_goes_on_by_itself_as_soon_as_the_first_quiet_hours_have_ended(story: Story) -> None:
    story.world.people(["ann", "li"])
    story.terms(quiet_from="20:00", quiet_until="08:00")
    # 22:00 in Berlin, whose 8 o'clock is 07:00 UTC; 05:00 in Shanghai, whose 8 o'clock is midnight UTC.
    story.clocks.now = datetime(2026, 3, 11, 21, 0, tzinfo=UTC)
    story.zone("ann", "Europe/Berlin")
    story.zone("li", "Asia/Shanghai")
    peer = vendor()
    assert story.send(peer).waiting_count == 2

    midnight = datetime(2026, 3, 12, 0, 0, tzinfo=UTC)
    assert delivery.resumable_exports(now=midnight - timedelta(seconds=1)) == []
    assert delivery.resumable_exports(now=midnight) == [delivery.Resumption(AS_OF_DATE, "email")]
    story.clocks.now = midnight
    story.send(peer)
    assert peer.accepted == ["li@example.com"]
    assert delivery.resumable_exports(now=midnight + timedelta(hours=1)) == []

    story.clocks.now = midnight + timedelta(hours=7)
    assert delivery.resumable_exports(now=story.clocks.now) == [delivery.Resumption(AS_OF_DATE, "email")]
    assert story.send(peer).waiting_count == 0
    assert peer.accepted == ["li@example.com", "ann@example.com"]


def test_who_still_waits_when_the_next_night_is_registered_is_reached_by_that_one_and_once(story: Story) -> None:
    story.world.people(["ann", "bob"])
    story.terms(quiet_from="20:00", quiet_until="08:00")
    story.clocks.now = datetime(2026, 3, 11, 21, 0, tzinfo=UTC)
    peer = vendor()
    story.send(peer)
    # Nobody ran the export in the morning. The next night still selects Ann; Bob's step is no longer due.
    story.world.build(SELECTED_DATE)
    story.world.member("ann", selected_date=SELECTED_DATE + timedelta(days=1))

    delivery.register_members(SELECTED_DATE)
    delivery.export_channel(SELECTED_DATE, "email", environment={}, now=lambda: datetime(2026, 3, 12, 9, 0, tzinfo=UTC))

    assert peer.accepted == ["ann@example.com"]
    assert story.world.entries() == {
        "ann-1-2026-03-11": ("suppressed", "overtaken"),
        "bob-1-2026-03-11": ("suppressed", "overtaken"),
        "ann-1-2026-03-12": ("sent", None),
    }
    # The day of before is settled: 2 members = 2 suppressed.
    assert delivery.resumable_exports(now=datetime(2026, 3, 13, tzinfo=UTC)) == []


def test_kill_switch_ends_a_wait_of_minutes_within_five_seconds(story: Story) -> None:
    story.world.people(["ann", "bob", "eve"])
    # One message in 200 seconds: after the first one the export sleeps.
    story.terms(rate_per_second="0.005")
    peer = vendor()
    pulled_at: list[float] = []

    def sleep(seconds: float) -> None:
        if not pulled_at:
            story.world.run("insert into ledger.kill_switches (channel, is_stopped) values ('email', true)")
            pulled_at.append(story.clocks.slept_seconds)
        story.clocks.sleep(seconds)

    with pytest.raises(GateBlocked, match="kill switch"):
        story.send_with(peer, sleep)

    assert len(peer.accepted) == 1
    assert story.clocks.slept_seconds - pulled_at[0] <= delivery.KILL_SWITCH_SECONDS == 5
    # Nobody is lost: who was claimed is let go of, and the export goes on when the switch is released.
    story.world.run("update ledger.kill_switches set is_stopped = false")
    assert story.send(peer).sent_count == 3
    assert Counter(peer.accepted).most_common(1)[0][1] == 1


@pytest.mark.parametrize("who", ["the definitions", "the plugin"])
def test_channel_that_may_not_carry_marketing_carries_none(story: Story, who: str) -> None:
    story.world.people(["ann"])
    story.terms(may_carry_marketing=who == "the plugin")
    peer = vendor(may_carry_marketing=who == "the definitions")

    summary = story.send(peer)

    assert peer.calls == []
    assert story.entries == {"ann": ("suppressed", "channel_policy")}
    assert summary.suppressed_count == 1


def test_channel_whose_plugin_reaches_another_contact_is_wrong_use(story: Story) -> None:
    story.world.people(["ann"])
    peer = Vendor(Traits(frozenset({"phone"})), lambda call, messages: [])

    with pytest.raises(UsageError, match=r"email needs email, but smtp reaches phone"):
        story.send(peer)


class Forgetful:
    """A vendor that takes a message, and then breaks the connection the first time; it knows keys, or it does not."""

    def __init__(self, *, knows_keys: bool) -> None:
        self.knows_keys = knows_keys
        self.taken: list[str] = []

    def __call__(self, call: int, messages: Sequence[Message]) -> Sequence[Answer]:
        answers = []
        for one in messages:
            is_known = one.idempotency_key in self.taken
            if not (is_known and self.knows_keys):
                self.taken.append(one.idempotency_key)
            answers.append(ACCEPTED if is_known else Answer("ambiguous", "no_answer"))
        return answers


def test_unclear_answer_is_repeated_with_the_same_key_where_the_peer_knows_keys(story: Story) -> None:
    story.world.people(["ann", "bob"])
    rule = Forgetful(knows_keys=True)
    peer = vendor(rule, remembers_keys_for=timedelta(hours=24))

    summary = story.send(peer)

    assert Counter(rule.taken).most_common(1)[0][1] == 1
    assert (summary.sent_count, summary.unknown_count) == (2, 0)
    assert sorted(map(len, peer.calls)) == [1, 1, 1, 1]


def test_unclear_answer_is_never_repeated_where_the_peer_knows_no_keys(story: Story) -> None:
    story.world.people(["ann", "bob"])
    rule = Forgetful(knows_keys=False)

    first, second = story.send(vendor(rule)), story.send(vendor(rule))

    assert Counter(rule.taken).most_common(1)[0][1] == 1
    assert (first.unknown_count, second.unknown_count) == (2, 2)


def test_naive_channel_that_claims_to_know_keys_is_caught_by_these_checks(story: Story) -> None:
    story.world.people(["ann"])
    rule = Forgetful(knows_keys=False)

    story.send(vendor(rule, remembers_keys_for=timedelta(hours=24)))

    assert Counter(rule.taken).most_common(1)[0][1] == 2


def test_key_that_the_peer_has_forgotten_is_not_repeated(story: Story) -> None:
    story.world.people(["ann"])
    rule = Forgetful(knows_keys=True)
    # Remembered for a minute, which is not longer than the lease of the worker that would repeat it.
    peer = vendor(rule, remembers_keys_for=timedelta(seconds=60))

    summary = story.send(peer)

    assert (len(peer.calls), summary.unknown_count) == (1, 1)
    with pytest.raises(Exception, match="never sent again"):
        story.world.run(
            "update ledger.sends set repeatable_until = clock_timestamp() - interval '1 second';"
            "update ledger.sends set state = 'claimed', lease_owner = 'x', lease_expires_at = now(), settled_at = null,"
            " reason_code = null"
        )


def test_who_says_no_before_the_repetition_is_not_written_to_again(story: Story) -> None:
    story.world.people(["ann"])
    rule = Forgetful(knows_keys=True)
    peer = vendor(rule, remembers_keys_for=timedelta(hours=24))

    def say_no(moment: str) -> None:
        if moment == "after_settle":
            story.world.consent("ann", "email", False, on="2026-03-11")

    summary = story.send(peer, observer=say_no)

    assert len(peer.calls) == 1
    assert summary.reasons == {"withdrawn_after_handing_over": 1}


def test_repetition_that_is_put_off_says_nothing_about_the_first_time(story: Story) -> None:
    story.world.people(["ann"])
    answers = [Answer("ambiguous", "no_answer"), Answer("try_again", "http_429")]
    peer = vendor(lambda call, messages: [answers[min(call, 2) - 1]], remembers_keys_for=timedelta(hours=24))

    story.send(peer)

    # Were it failed and retryable, a day later, with the key forgotten, she would get it a second time.
    assert story.world.sends() == {"ann": ("unknown", "http_429")}


def test_storm_of_broken_answers_stops_the_channel_before_everybody_is_unknown(story: Story) -> None:
    story.world.people([f"user{number}" for number in range(9)])
    peer = vendor(lambda call, messages: [Answer("ambiguous", "http_500")] * len(messages))

    with pytest.raises(RecallError, match="answers_unclearly"):
        story.send(peer)

    assert len(peer.calls) == delivery.UNCLEAR_IN_A_ROW == 5
    assert Counter(story.world.sends().values()) == {("unknown", "http_500"): 5, ("failed", "answers_unclearly"): 4}


def test_quota_that_is_gone_at_sixty_per_cent_leaves_the_rest_to_the_next_run(story: Story) -> None:
    story.world.people([f"user{number}" for number in range(10)])

    def rule(call: int, messages: Sequence[Message]) -> Sequence[Answer]:
        if call > 3:
            raise ChannelUnavailable("quota_exhausted", "the day's quota is used up")
        return [ACCEPTED] * len(messages)

    peer = vendor(rule, batch_size=2)
    with pytest.raises(RecallError, match="quota_exhausted"):
        story.send(peer)

    assert Counter(story.world.sends().values()) == {("sent", None): 6, ("failed", "quota_exhausted"): 4}
    again = vendor(batch_size=2)
    assert story.send(again).newly_sent_count == 4
    assert not set(again.accepted) & set(peer.accepted)


def test_crash_after_acceptance_is_repeated_with_the_key_and_accepted_once(story: Story) -> None:
    story.world.people(["ann"])
    rule = Forgetful(knows_keys=True)
    peer = vendor(rule, remembers_keys_for=timedelta(hours=24))

    class Killed(BaseException):
        pass

    def die(moment: str) -> None:
        if moment == "before_settle":
            raise Killed

    with pytest.raises(Killed):
        story.send(peer, observer=die)
    assert story.world.sends() == {"ann": ("claimed", None)}
    story.world.run("update ledger.sends set lease_expires_at = clock_timestamp() - interval '1 second'")

    summary = story.send(peer)

    assert (summary.sent_count, summary.unknown_count) == (1, 0)
    assert len(rule.taken) == 1


def test_terms_in_force_are_those_of_the_day(story: Story) -> None:
    story.world.run(
        "insert into definitions.channels (channel, channel_name, delivery_code, unit_cost_amount,"
        " may_carry_marketing, default_consent, rate_per_second, valid_from)"
        " values ('email', 'E-mail', 'smtp', 0, true, false, 7, '2026-03-01'),"
        " ('email', 'E-mail', 'smtp', 0, true, false, 9, '2027-01-01')"
    )
    with story.world.warehouse.connect("exporter") as connection:
        rate = ledger.channel_terms(connection, "email", SELECTED_DATE).rate_per_second

    assert rate == 7
