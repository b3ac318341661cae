"""Stories of one night's sending against a real SMTP server and a real folder, counted in the peer's own log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld
from tests.support.smtp_peer import SmtpPeer

from recall.domain.errors import GateBlocked, RecallError
from recall.hooks import delivery


def send(peer: SmtpPeer, **options: Any) -> delivery.ExportSummary:
    delivery.register_members(AS_OF_DATE)
    return delivery.export_channel(
        AS_OF_DATE, "email", environment=peer.environment, sleep=lambda seconds: None, **options
    )


def assert_adds_up(summary: delivery.ExportSummary) -> None:
    """Invariant N."""
    assert summary.member_count == (
        summary.sent_count + summary.failed_count + summary.suppressed_count + summary.unknown_count
    )


def test_export_of_three_members_sends_each_once_and_again_nobody(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob", "eve"])

    first, second = send(smtp_peer), send(smtp_peer)

    assert (first.sent_count, first.newly_sent_count) == (3, 3)
    assert (second.sent_count, second.newly_sent_count) == (3, 0)
    assert sorted(smtp_peer.log.receivers) == ["ann@example.com", "bob@example.com", "eve@example.com"]
    assert_adds_up(second)


def test_export_speaks_the_users_language_and_names_the_quiet_days(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.land("raw.users", user_id="li", locale="zh-CN")
    world.people(["li", "ann"])

    send(smtp_peer)

    # From 9 January to 11 March 2026 are 22 + 28 + 11 = 61 days.
    subjects = {receiver: str(mail["Subject"]) for receiver, _, mail in smtp_peer.log.accepted}
    assert subjects == {"li@example.com": "61 天", "ann@example.com": "61 days"}


def test_opt_out_after_the_selection_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"])
    world.consent("ann", "email", False, on="2026-03-11")

    summary = send(smtp_peer)

    assert smtp_peer.log.receivers == ["bob@example.com"]
    assert world.sends()["ann"] == ("suppressed", "no_consent")
    assert_adds_up(summary)


def test_opt_out_between_claim_and_send_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])

    def say_no_once_claimed(moment: str) -> None:
        if moment == "after_claim":
            world.consent("ann", "email", False, on="2026-03-11")

    summary = send(smtp_peer, observer=say_no_once_claimed)

    assert smtp_peer.log.receivers == []
    assert world.sends() == {"ann": ("suppressed", "no_consent")}
    assert_adds_up(summary)


MANY = [f"user{number}" for number in range(10)]


def say_no(world: SendingWorld) -> None:
    for user_id in MANY:
        world.consent(user_id, "email", False, on="2026-03-11")
    world.run("insert into control.loads (state) values ('done')")


def come_back(world: SendingWorld) -> None:
    for user_id in MANY:
        world.run("insert into audiences.int_key_behaviours__unseen values (%s, 'all', '2026-03-11')", user_id)
    # Of a load that is still running, one file is in.
    world.run(
        "insert into control.files (file_path, table_name, digest, byte_count, state, load_id)"
        " values ('orders/1.csv', 'orders', '', 0, 'loaded', 1)"
    )


def pull_the_switch(world: SendingWorld) -> None:
    world.run("insert into ledger.kill_switches (channel, is_stopped) values ('email', true)")


@pytest.mark.parametrize("accepted_count", [1, 2, 4, 6])
@pytest.mark.parametrize("word", [say_no, come_back, pull_the_switch])
def test_word_that_comes_between_messages_that_were_looked_up_together_stops_the_next_one(
    world: SendingWorld, smtp_peer: SmtpPeer, word: Callable[[SendingWorld], None], accepted_count: int
) -> None:
    # A fast peer is written to by 1, 2, 4 and 3 messages that are looked up at once.
    world.people(MANY)

    def speak(moment: str) -> None:
        if moment == "after_peer_accepted" and len(smtp_peer.log.receivers) == accepted_count:
            word(world)

    with suppress(GateBlocked):
        send(smtp_peer, observer=speak)

    assert len(smtp_peer.log.receivers) == accepted_count
    states = Counter(world.sends().values())
    assert states["sent", None] == accepted_count
    assert sum(states.values()) == states["sent", None] + states[
        {say_no: ("suppressed", "no_consent"), come_back: ("suppressed", "already_returned"),
         pull_the_switch: ("failed", "kill_switch")}[word]
    ]  # fmt: skip


def test_peer_that_breaks_in_the_middle_leaves_only_its_own_message_unknown(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(MANY)
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: len(smtp_peer.log.receivers) == 5

    summary = send(smtp_peer)

    assert sorted(smtp_peer.log.receivers) == sorted(f"{user_id}@example.com" for user_id in MANY)
    assert (summary.sent_count, summary.unknown_count) == (9, 1)


def test_opt_out_of_another_user_of_the_same_mailbox_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    # Ann registered twice with one mailbox and said no under her other name.
    world.contact("ann_too", email="ANN@example.com")
    world.people(["ann"])
    world.consent("ann_too", "email", False)

    send(smtp_peer)

    assert smtp_peer.log.receivers == []
    assert world.sends() == {"ann": ("suppressed", "no_consent")}


def test_opt_out_before_a_merge_counts_after_it(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    world.land("raw.users", user_id="old_ann", merged_into="ann")
    world.consent("old_ann", "email", False, on="2026-02-01")

    send(smtp_peer)

    assert smtp_peer.log.receivers == []


def test_member_without_any_consent_row_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.contact("ann", email="ann@example.com")
    world.refresh()
    world.member("ann")

    send(smtp_peer)

    assert world.sends() == {"ann": ("suppressed", "no_consent")}


def test_customer_who_returned_after_the_selection_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"])
    world.run("insert into audiences.int_key_behaviours__unseen values ('ann', 'all', '2026-03-11')")
    # A row that arrived late but lies before the last key day is no return.
    world.run("insert into audiences.int_key_behaviours__unseen values ('bob', 'all', '2026-01-09')")

    summary = send(smtp_peer)

    assert smtp_peer.log.receivers == ["bob@example.com"]
    assert world.sends()["ann"] == ("suppressed", "already_returned")
    assert_adds_up(summary)


def test_return_under_a_merged_name_is_suppressed(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    world.land("raw.users", user_id="old_ann", merged_into="ann")
    world.run("insert into audiences.int_key_behaviours__unseen values ('old_ann', 'all', '2026-03-11')")

    send(smtp_peer)

    assert smtp_peer.log.receivers == []


def test_member_whose_contact_changed_is_not_sent_to_at_the_old_one(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    world.run("update pii.contacts set email = 'new@example.com', _load_id = 2 where user_id = 'ann'")
    world.refresh()

    send(smtp_peer)

    assert smtp_peer.log.receivers == []
    assert world.sends() == {"ann": ("suppressed", "unreachable")}


def test_held_out_members_are_logged_and_never_sent(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    for user_id in ("bob", "eve"):
        world.contact(user_id, email=f"{user_id}@example.com")
        world.consent(user_id, "email", True)
    world.refresh()
    world.member("bob", is_global_holdout=True)
    world.member("eve", is_campaign_holdout=True)

    summary = send(smtp_peer)

    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert (summary.member_count, summary.held_out_count) == (1, 2)
    assert {state for state, _ in world.entries().values()} == {"sent", "held_out"}


@pytest.mark.parametrize("is_said_to_be_held_out", [True, False])
def test_database_refuses_to_claim_a_held_out_member(
    world: SendingWorld, smtp_peer: SmtpPeer, is_said_to_be_held_out: bool
) -> None:
    world.people(["ann"])
    world.run("update audiences.aud_recall_members set is_campaign_holdout = true")
    delivery.register_members(AS_OF_DATE)

    with world.warehouse.connect("exporter") as connection, pytest.raises(psycopg.errors.IntegrityError) as refusal:
        connection.execute(
            "insert into ledger.sends (campaign_id, step_number, channel, contact_id, last_key_date, audience_id,"
            " is_held_out, selected_date, person_id, user_id, line_id, idempotency_key, state, lease_owner,"
            " lease_expires_at, claimed_at) select campaign_id, step_number, channel, contact_id, last_key_date,"
            " audience_id, %s, selected_date, person_id, user_id, line_id, 'key', 'claimed', 'me', now(), now()"
            " from ledger.entries",
            (is_said_to_be_held_out,),
        )

    expected = psycopg.errors.CheckViolation if is_said_to_be_held_out else psycopg.errors.ForeignKeyViolation
    assert isinstance(refusal.value, expected)


def test_database_refuses_to_move_a_send_to_a_held_out_member_and_to_lose_an_entry(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])
    world.run("update audiences.aud_recall_members set is_campaign_holdout = true where user_id = 'bob'")
    send(smtp_peer)

    for statement, refusal in {
        "update ledger.sends set audience_id = 'bob-1-2026-03-11'": psycopg.errors.ForeignKeyViolation,
        "update ledger.sends set audience_id = 'nobody'": psycopg.errors.ForeignKeyViolation,
        "delete from ledger.entries where is_held_out": psycopg.errors.IntegrityConstraintViolation,
    }.items():
        with pytest.raises(refusal):
            world.run(statement)


def test_key_of_a_send_is_a_hash_of_what_it_is_unique_by(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send(smtp_peer)

    ((key, contact_id),) = world.rows("select idempotency_key, contact_id from ledger.sends")
    named = f"welcome_back|1|email|{contact_id}|2026-01-09"
    assert key == sha256(named.encode()).hexdigest()[:32]


def test_key_of_a_send_is_the_same_however_a_session_writes_dates(world: SendingWorld) -> None:
    with world.warehouse.connect("exporter") as connection:
        connection.execute("set datestyle = 'German'")
        row = connection.execute(
            "select ledger.idempotency_key('welcome_back', 1, 'email', 'c1', date '2026-01-09')"
        ).fetchone()

    assert row == (sha256(b"welcome_back|1|email|c1|2026-01-09").hexdigest()[:32],)


def test_database_refuses_to_register_a_held_out_person_as_sendable(world: SendingWorld) -> None:
    world.people(["ann"])
    world.run("update audiences.aud_recall_members set is_campaign_holdout = true")
    delivery.register_members(AS_OF_DATE)

    with (
        world.warehouse.connect("exporter") as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation, match="assignments"),
    ):
        connection.execute("update ledger.entries set is_held_out = false, state = 'waiting'")


def test_database_refuses_to_reopen_what_was_sent(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send(smtp_peer)

    with (
        world.warehouse.connect("exporter") as connection,
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never sent again"),
    ):
        connection.execute(
            "update ledger.sends set state = 'claimed', settled_at = null, lease_owner = 'me',"
            " lease_expires_at = now() + interval '1 hour'"
        )


def test_connection_cut_after_acceptance_is_unknown_and_never_sent_again(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: receiver.startswith("ann")

    first, second = send(smtp_peer), send(smtp_peer)

    assert sorted(smtp_peer.log.receivers) == ["ann@example.com", "bob@example.com"]
    assert world.sends() == {"ann": ("unknown", "no_final_reply"), "bob": ("sent", None)}
    assert (first.unknown_count, second.unknown_count, second.newly_sent_count) == (1, 1, 0)
    assert_adds_up(second)


def test_unknown_send_is_not_made_again_by_a_later_night(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: True
    send(smtp_peer)
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: False
    # A night that would wrongly select her again for the step.
    world.build(SELECTED_DATE)
    world.member("ann", selected_date=date(2026, 3, 12))

    delivery.register_members(SELECTED_DATE)
    summary = delivery.export_channel(SELECTED_DATE, "email", environment=smtp_peer.environment)

    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert summary.reasons == {"already_sent": 1}


@pytest.mark.parametrize(("has_arrived", "message_count"), [(True, 1), (False, 2)])
def test_unknown_send_is_made_again_only_when_a_person_says_that_it_did_not_arrive(
    world: SendingWorld, smtp_peer: SmtpPeer, has_arrived: bool, message_count: int
) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: True
    send(smtp_peer)
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: False

    with world.warehouse.connect("exporter") as connection:
        connection.execute("select ledger.settle_unknown(send_id, %s) from ledger.sends", (has_arrived,))
    summary = send(smtp_peer)

    assert len(smtp_peer.log.receivers) == message_count
    assert (summary.sent_count, summary.unknown_count) == (1, 0)


def test_receiver_that_is_refused_fails_and_the_others_are_sent(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob", "eve"])
    smtp_peer.behaviour.at_rcpt = lambda receiver: "550 no such user" if receiver.startswith("bob") else None

    summary = send(smtp_peer)
    send(smtp_peer)

    assert sorted(smtp_peer.log.receivers) == ["ann@example.com", "eve@example.com"]
    assert world.sends()["bob"] == ("failed", "smtp_550")
    assert_adds_up(summary)


def test_temporary_refusal_is_tried_again_and_then_sent_once(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    answers = iter(["451 try later"])
    smtp_peer.behaviour.at_end = lambda receiver: next(answers, None)

    summary = send(smtp_peer)

    assert summary.newly_sent_count == 1
    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert world.rows("select attempt_count from ledger.sends") == [(2,)]


def test_temporary_refusal_without_end_is_left_to_the_next_run(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.at_rcpt = lambda receiver: "450 busy"

    summary = send(smtp_peer)

    assert world.sends() == {"ann": ("failed", "smtp_450")}
    assert_adds_up(summary)

    smtp_peer.behaviour.at_rcpt = lambda receiver: None
    assert send(smtp_peer).newly_sent_count == 1


def test_server_that_cannot_be_reached_leaves_everybody_to_the_next_run(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])
    delivery.register_members(AS_OF_DATE)
    nobody_listens = smtp_peer.environment | {"RECALL_SMTP_URL": "smtp://127.0.0.1:1?tls=none"}

    with pytest.raises(RecallError, match="no_connection"):
        delivery.export_channel(AS_OF_DATE, "email", environment=nobody_listens)

    assert set(world.sends().values()) == {("failed", "no_connection")}
    assert send(smtp_peer).newly_sent_count == 2


def test_server_that_refuses_everybody_stops_the_run(
    world: SendingWorld, smtp_peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "REFUSALS_IN_A_ROW", 3)
    world.people([f"user{number}" for number in range(5)])
    smtp_peer.behaviour.at_rcpt = lambda receiver: "554 relaying denied"

    with pytest.raises(RecallError, match="refuses_everyone"):
        send(smtp_peer)

    # Three were asked for and refused; the other two were not asked for and may be sent to later.
    assert sorted(world.sends().values()) == [("failed", "refuses_everyone")] * 2 + [("failed", "smtp_554")] * 3


def test_kill_switch_stops_before_the_next_message(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob", "eve"])

    def pull_after_the_first(moment: str) -> None:
        if moment == "after_settle":
            world.run("insert into ledger.kill_switches (channel, is_stopped) values ('*', true)")

    with pytest.raises(GateBlocked, match="kill switch"):
        send(smtp_peer, observer=pull_after_the_first)

    assert len(smtp_peer.log.receivers) == 1
    assert sorted(world.sends().values()) == [("failed", "kill_switch")] * 2 + [("sent", None)]
    with pytest.raises(GateBlocked, match="kill switch"):
        send(smtp_peer)

    world.run("update ledger.kill_switches set is_stopped = false")
    assert send(smtp_peer).newly_sent_count == 2
    assert smtp_peer.log.greatest_repetition == 1


def test_two_persons_that_share_a_mailbox_get_one_message(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    # They became persons before they shared it, so they stay two.
    for user_id in ("ann", "bob"):
        world.contact(user_id, email="family@example.com")
        world.consent(user_id, "email", True)
    world.refresh()
    world.member("ann")
    world.member("bob", last_key_date=date(2026, 1, 20))

    summary = send(smtp_peer)

    assert smtp_peer.log.receivers == ["family@example.com"]
    assert summary.reasons == {"already_sent": 1}


def test_step_that_was_already_sent_is_not_sent_for_another_episode(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send(smtp_peer)
    world.build(SELECTED_DATE)
    # Her episode in another line began before that message, so the step has spoken to her about it.
    world.member("ann", selected_date=date(2026, 3, 12), last_key_date=date(2026, 1, 20))

    delivery.register_members(SELECTED_DATE)
    delivery.export_channel(SELECTED_DATE, "email", environment=smtp_peer.environment)

    assert smtp_peer.log.receivers == ["ann@example.com"]


def test_second_lapse_is_sent_again(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send(smtp_peer)
    later = date(2026, 6, 1)
    world.build(later)
    # She came back on 1 April, after the message of 11 March, and lapsed again.
    world.member("ann", selected_date=date(2026, 6, 2), last_key_date=date(2026, 4, 1))

    delivery.register_members(later)
    delivery.export_channel(later, "email", environment=smtp_peer.environment)

    assert smtp_peer.log.receivers == ["ann@example.com"] * 2


def test_suppressed_member_is_sent_when_a_later_night_selects_again(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    world.consent("ann", "email", False, on="2026-03-11")
    send(smtp_peer)
    world.consent("ann", "email", True, on="2026-03-12")
    world.build(date(2026, 3, 12))
    world.member("ann", selected_date=date(2026, 3, 13))

    delivery.register_members(date(2026, 3, 12))
    delivery.export_channel(date(2026, 3, 12), "email", environment=smtp_peer.environment)

    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert world.entries() == {
        "ann-1-2026-03-11": ("suppressed", "no_consent"),
        "ann-1-2026-03-13": ("sent", None),
    }


def test_campaign_edited_while_sending_sends_the_frozen_copy(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    from recall.warehouse.campaigns import load_campaigns

    world.people(["ann"])
    template = world.workspace.campaigns_dir / "warm.en.txt"
    template.write_text("Subject: another\n\nText {{ unsubscribe_url }}\n")
    load_campaigns(world.workspace)

    send(smtp_peer)

    assert [str(mail["Subject"]) for _, _, mail in smtp_peer.log.accepted] == ["61 days"]


@pytest.mark.parametrize(
    ("state", "day"), [("published", AS_OF_DATE), ("failed", AS_OF_DATE), ("complete", SELECTED_DATE)]
)
def test_export_of_a_night_that_is_not_complete_or_not_served_is_blocked(
    world: SendingWorld, smtp_peer: SmtpPeer, state: str, day: date
) -> None:
    world.people(["ann"])
    world.build(day, state)

    with pytest.raises(GateBlocked):
        send(smtp_peer)

    assert smtp_peer.log.receivers == []


def test_dry_run_writes_the_messages_and_touches_neither_peer_nor_ledger(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])

    summary = delivery.export_channel(AS_OF_DATE, "email", dry_run=True, environment=smtp_peer.environment)

    assert summary.preview_path is not None
    assert summary.preview_path.read_text().count("To: ") == 2
    assert summary.member_count == 2
    assert smtp_peer.log.receivers == []
    assert world.sends() == world.entries() == {}


def test_plan_counts_what_an_export_would_add_leave_and_cost(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"])
    send(smtp_peer)
    world.contact("eve", email="eve@example.com")
    world.contact("tom", email="tom@example.com")
    world.refresh()
    world.member("eve")
    world.member("tom", is_campaign_holdout=True)
    world.run(
        "insert into audiences.aud_recall_exclusions values ('welcome_back', 1, %s, 'joe', 'all', 1, 'no_consent')",
        SELECTED_DATE,
    )

    plan = delivery.plan(AS_OF_DATE)

    assert (plan.add_count, plan.leave_count, plan.held_out_count) == (1, 2, 1)
    # One e-mail at 0.001.
    assert str(plan.cost_amount) == "0.001"
    assert plan.excluded_counts == {"no_consent": 1}


def test_member_that_left_the_audience_before_the_export_is_not_sent_to(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])
    delivery.register_members(AS_OF_DATE)
    world.run("delete from audiences.aud_recall_members where user_id = 'ann'")

    send(smtp_peer)

    assert smtp_peer.log.receivers == ["bob@example.com"]
    assert world.entries()["ann-1-2026-03-11"] == ("suppressed", "left_audience")


def test_lease_on_a_clock_that_is_frozen_loses_to_the_database(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    # A worker that slept past its lease wakes up after another one took over: it must neither send nor settle.
    world.people(["ann"])
    taken_over: list[delivery.ExportSummary] = []

    def sleep_past_the_lease(moment: str) -> None:
        if moment == "after_claim" and not taken_over:
            world.run("update ledger.sends set lease_expires_at = now() - interval '1 second'")
            taken_over.append(send(smtp_peer))

    zombie = send(smtp_peer, observer=sleep_past_the_lease, lease=timedelta(seconds=30))

    assert taken_over[0].newly_sent_count == 1
    assert zombie.newly_sent_count == 0
    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert world.sends() == {"ann": ("sent", None)}


def test_zombie_that_wakes_up_before_handing_over_does_not_send_what_became_unknown(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann"])
    delivery.register_members(AS_OF_DATE)

    def lose_the_lease(moment: str) -> None:
        if moment == "after_claim":
            world.run(
                "update ledger.sends set state = 'unknown', reason_code = 'worker_lost_after_handing_over',"
                " lease_owner = null, lease_expires_at = null, settled_at = now(), attempted_at = now()"
            )

    delivery.export_channel(
        AS_OF_DATE,
        "email",
        environment=smtp_peer.environment,
        observer=lose_the_lease,
        sleep=lambda seconds: None,
        lease=timedelta(seconds=1),
    )

    assert smtp_peer.log.receivers == []


def test_template_that_breaks_on_one_member_does_not_stop_the_others(warehouse: Any, workspace_factory: Any) -> None:
    from tests.support.sending import make_sending_world

    # 61 - 61 is 0 for ann only; the try-out at loading divides by 45 - 61.
    copy = "Subject: hi\n\n{{ 1 // (inactive_days - 61) }} {{ unsubscribe_url }}\n"
    world = make_sending_world(warehouse, workspace_factory, {"campaigns/warm.en.txt": copy})
    world.people(["ann"])
    world.contact("bob", email="bob@example.com")
    world.consent("bob", "email", True)
    world.refresh()
    world.member("bob", last_key_date=date(2026, 1, 1))
    with SmtpPeer() as peer:
        summary = send(peer)

        assert peer.log.receivers == ["bob@example.com"]
    assert world.sends()["ann"] == ("failed", "not_renderable")
    assert_adds_up(summary)


def test_logs_and_errors_of_an_export_carry_no_contact(
    world: SendingWorld, smtp_peer: SmtpPeer, caplog: pytest.LogCaptureFixture
) -> None:
    world.people(["ann", "bob"])
    smtp_peer.behaviour.at_rcpt = lambda receiver: f"550 {receiver} is unknown" if receiver.startswith("ann") else None
    caplog.set_level("DEBUG")

    summary = send(smtp_peer)

    delivery_lines = [record.getMessage() for record in caplog.records if record.name.startswith("recall")]
    assert any("2 members, 1 sent" in line for line in delivery_lines)
    assert "@example.com" not in f"{delivery_lines} {summary}"
    # What the server said about the address is not kept either.
    assert world.sends()["ann"] == ("failed", "smtp_550")
