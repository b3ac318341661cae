"""Stories of what peers tell afterwards: late, twice, in another order, before we have written down that we sent."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld
from tests.support.sftp_peer import SftpPeer
from tests.support.smtp_peer import SmtpPeer

from recall.cli.why_command import QUERIES_DIR
from recall.domain.errors import RecallError
from recall.hooks import delivery
from recall.hooks.receipts import collect_receipts, receipt_sources
from recall.warehouse.receipts import ReceiptCounts, ToldReceipt, note_landed_receipts, note_receipts

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[SftpPeer]:
    """The SFTP server of whoever sends the gifts out."""
    root = tmp_path / "partner"
    root.mkdir()
    with SftpPeer(root) as peer:
        yield peer


@pytest.fixture
def gifts(world: SendingWorld) -> SendingWorld:
    """Ann and Bob are to get a parcel, whose fate is told in files."""
    world.run("update definitions.channels set delivery_code = 'gift_list' where channel = 'gift'")
    world.people(["ann", "bob"], arm="parcel")
    return world


def settings(partner: SftpPeer) -> dict[str, str]:
    return partner.environment("RECALL_GIFT_LIST")


def send_gifts(partner: SftpPeer, as_of_date: date = AS_OF_DATE) -> delivery.ExportSummary:
    delivery.register_members(as_of_date)
    return delivery.export_channel(as_of_date, "gift", environment=settings(partner), sleep=lambda seconds: None)


def keys(partner: SftpPeer) -> dict[str, str]:
    """What the partner reads in its files: keys by user."""
    found = {}
    for path in (partner.root / "drop" / "gift").glob("*.csv"):
        with path.open(newline="") as file:
            found |= {row["contact"].partition(" ")[0]: row["idempotency_key"] for row in csv.DictReader(file)}
    return found


def acknowledge(partner: SftpPeer, name: str, *rows: tuple[str, str, datetime]) -> None:
    """The partner writes a file of key, outcome and instant."""
    folder = partner.root / "drop" / "gift" / "acknowledgements"
    folder.mkdir(exist_ok=True)
    lines = [",".join((key, outcome, at.isoformat())) for key, outcome, at in rows]
    (folder / name).write_text("\n".join(["idempotency_key,outcome,occurred_at", *lines, ""]))


def send_mail(world: SendingWorld, peer: SmtpPeer, **options: Any) -> delivery.ExportSummary:
    delivery.register_members(AS_OF_DATE)
    return delivery.export_channel(
        AS_OF_DATE, "email", environment=peer.environment, sleep=lambda seconds: None, **options
    )


def tell(world: SendingWorld, channel: str, *receipts: ToldReceipt) -> ReceiptCounts:
    with world.warehouse.connect("exporter", autocommit=True) as connection:
        return note_receipts(connection, channel, receipts)


def told(event: str, key: str = "", reference: str = "", at: datetime = NOON) -> ToldReceipt:
    return ToldReceipt(f"{key}{reference}:{event}", event, at, key, reference)


def key_of(world: SendingWorld, user_id: str) -> str:
    ((key,),) = world.rows("select idempotency_key from ledger.sends where user_id = %s", user_id)
    return str(key)


def deliver_receipt(world: SendingWorld, user_id: str, event: str) -> None:
    """A provider's file of the table receipts, loaded."""
    world.land(
        "raw.receipts", receipt_id=f"{user_id}-{event}", touch_id=key_of(world, user_id), event=event,
        occurred_at="2026-03-11 12:00+00",
    )  # fmt: skip


def refusals(world: SendingWorld) -> list[tuple[Any, ...]]:
    return world.rows("select user_id, channel from raw.consents where not is_opted_in order by 1, 2")


def test_outcomes_of_a_partner_are_joined_to_the_ledger_once(gifts: SendingWorld, partner: SftpPeer) -> None:
    send_gifts(partner)
    by_user = keys(partner)
    acknowledge(partner, "1.csv", (by_user["ann"], "acknowledged", NOON), (by_user["bob"], "acknowledged", NOON))
    acknowledge(partner, "2.csv", (by_user["ann"], "delivered", NOON + timedelta(days=1)))

    first = collect_receipts("gift", environment=settings(partner))
    again = collect_receipts("gift", environment=settings(partner))

    assert (first.told_count, first.new_count, first.unmatched_count) == (3, 3, 0)
    assert (again.told_count, again.new_count, again.unmatched_count) == (3, 0, 0)
    assert gifts.rows(
        "select sends.user_id, receipts.event from ledger.receipts inner join ledger.sends using (send_id)"
        " order by 1, 2"
    ) == [("ann", "accepted"), ("ann", "delivered"), ("bob", "accepted")]
    assert gifts.rows("select source_code, new_count from ledger.receipt_collections") == [("gift", 3)]


def test_file_of_unknown_fate_is_settled_by_what_its_partner_tells(gifts: SendingWorld, partner: SftpPeer) -> None:
    partner.cuts_after_rename = True
    assert send_gifts(partner).unknown_count == 2
    partner.cuts_after_rename = False
    # Out of stock is bad news, and proves all the same that the partner has the list.
    acknowledge(partner, "1.csv", (keys(partner)["ann"], "out_of_stock", NOON))

    counts = collect_receipts("gift", environment=settings(partner))

    assert counts.settled_count == 1
    assert gifts.sends()["ann"] == ("sent", None)
    assert gifts.sends()["bob"][0] == "unknown"
    assert gifts.entries()["ann-1-2026-03-11"] == ("sent", None)


def test_delivered_receipt_settles_an_unknown_mail_which_is_never_sent_again(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob"])
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: receiver.startswith("ann")
    assert send_mail(world, smtp_peer).unknown_count == 1
    deliver_receipt(world, "ann", "delivered")
    # A receipt of a campaign that was run elsewhere is none of ours.
    world.land("raw.receipts", receipt_id="x", touch_id="t9", event="opened", occurred_at="2026-03-11 12:00+00")

    first, again = collect_receipts("landing"), collect_receipts("landing")

    assert (first.new_count, first.settled_count, again.new_count) == (1, 1, 0)
    assert world.sends() == {"ann": ("sent", None), "bob": ("sent", None)}
    summary = send_mail(world, smtp_peer)
    assert (summary.sent_count, summary.unknown_count, summary.newly_sent_count) == (2, 0, 0)
    assert smtp_peer.log.greatest_repetition == 1


def test_receipt_that_comes_before_the_answer_is_written_down_decides_it(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: True
    seen = []

    def provider_is_faster(moment: str) -> None:
        if moment == "before_settle":
            deliver_receipt(world, "ann", "delivered")
            with world.warehouse.connect("exporter", autocommit=True) as connection:
                note_landed_receipts(connection)
            seen.append(world.sends())

    summary = send_mail(world, smtp_peer, observer=provider_is_faster)

    # While the worker holds its claim nobody else settles it; then its own "nobody knows" yields to who does.
    assert seen == [{"ann": ("claimed", None)}]
    assert (summary.sent_count, summary.unknown_count) == (1, 0)
    assert world.entries()["ann-1-2026-03-11"] == ("sent", None)


def test_message_that_was_to_be_tried_again_is_not_where_its_receipt_says_that_it_came(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.at_end = lambda receiver: "451 try later"
    send_mail(world, smtp_peer)
    assert world.sends() == {"ann": ("failed", "smtp_451")}
    smtp_peer.behaviour.at_end = lambda receiver: None

    tell(world, "email", told("delivered", key_of(world, "ann")))

    assert send_mail(world, smtp_peer).newly_sent_count == 0
    assert smtp_peer.log.receivers == []


def test_receipts_in_any_order_leave_the_same_ledger(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    orders = {f"user{number}": order for number, order in enumerate(permutations(range(3)))}
    for user_id in orders:
        world.people([user_id])
        smtp_peer.behaviour.hang_up_after_accepting = lambda receiver: True
        send_mail(world, smtp_peer)
    assert {state for state, _ in world.sends().values()} == {"unknown"}

    for user_id, order in orders.items():
        key = key_of(world, user_id)
        events = [
            told("delivered", key),
            told("bounced", key, at=NOON + timedelta(hours=1)),
            told("complained", key, at=datetime(2099, 1, 1, tzinfo=UTC)),
        ]
        for number in order:
            tell(world, "email", events[number], events[number])

    assert world.sends() == dict.fromkeys(orders, ("sent", None))
    assert refusals(world) == [(user_id, "email") for user_id in orders]
    assert world.rows("select count(*), count(send_id) from ledger.receipts") == [(18, 18)]


def test_unsubscription_is_a_no_at_once_for_every_later_message(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"])
    send_mail(world, smtp_peer)

    counts = tell(world, "email", told("unsubscribed", key_of(world, "ann")), told("opened", key_of(world, "bob")))

    assert counts.refusal_count == 1
    assert refusals(world) == [("ann", "email")]
    # It stands in the account of files like every consent: one row, loaded.
    assert world.rows(
        "select table_name, state, row_count, loaded_count from control.files"
        " where starts_with(file_path, 'consents/of_receipts')"
    ) == [("consents", "loaded", 1, 1)]
    world.member("ann", step=2)
    world.member("bob", step=2)
    send_mail(world, smtp_peer)
    assert sorted(smtp_peer.log.receivers) == ["ann@example.com", "bob@example.com", "bob@example.com"]


def test_no_that_a_partner_holds_ready_is_read_before_its_next_list(gifts: SendingWorld, partner: SftpPeer) -> None:
    send_gifts(partner)
    acknowledge(partner, "1.csv", (keys(partner)["ann"], "refused", NOON))
    for path in (partner.root / "drop" / "gift").glob("*.csv"):
        path.unlink()  # the partner took it away
    gifts.member("ann", arm="parcel", step=2)
    gifts.member("bob", arm="parcel", step=2)

    # Nobody collects; the export does so by itself.
    send_gifts(partner)

    assert set(keys(partner)) == {"bob"}
    assert gifts.entries()["ann-2-2026-03-11"] == ("suppressed", "no_consent")


@pytest.mark.parametrize(
    ("occurred_at", "clock"),
    [(datetime(2099, 1, 1, tzinfo=UTC), "fast"), (datetime(2001, 1, 1, tzinfo=UTC), "slow")],
)
def test_no_of_a_peer_whose_clock_is_wrong_counts_between_the_message_and_now(
    world: SendingWorld, smtp_peer: SmtpPeer, occurred_at: datetime, clock: str
) -> None:
    world.people(["ann"])
    send_mail(world, smtp_peer)

    tell(world, "email", told("unsubscribed", key_of(world, "ann"), at=occurred_at))

    ((changed_at, attempted_at, is_past),) = world.rows(
        "select changed_at, attempted_at, changed_at <= clock_timestamp() from raw.consents, ledger.sends"
        " where not is_opted_in"
    )
    assert is_past, "the gate refuses what lies in the future"
    assert changed_at >= attempted_at, "it answers the message, so that an older yes does not outweigh it"
    if clock == "slow":
        assert changed_at == attempted_at


def test_no_at_the_very_instant_of_a_yes_is_not_lost(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send_mail(world, smtp_peer)
    ((attempted_at,),) = world.rows("select attempted_at from ledger.sends")
    world.land("raw.consents", user_id="ann", channel="email", is_opted_in=True, changed_at=attempted_at)

    tell(world, "email", told("unsubscribed", key_of(world, "ann"), at=attempted_at))

    world.member("ann", step=2)
    send_mail(world, smtp_peer)
    assert len(smtp_peer.log.receivers) == 1


def test_receipt_by_the_peers_own_name_waits_until_that_name_is_known(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"])
    send_mail(world, smtp_peer)

    early = tell(world, "email", told("unsubscribed", reference="m-1"), told("opened", reference="shared"))
    assert (early.new_count, early.unmatched_count, early.refusal_count) == (2, 2, 0)
    world.run("update ledger.sends set peer_reference = 'm-1' where user_id = 'ann'")
    later = tell(world, "email")

    assert (later.unmatched_count, later.refusal_count) == (1, 1)
    assert refusals(world) == [("ann", "email")]


def test_receipt_whose_name_two_messages_bear_is_nobodys_but_its_no_is_both_their_no(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob", "eve"])
    send_mail(world, smtp_peer)
    world.run("update ledger.sends set peer_reference = 'shared' where user_id in ('ann', 'bob')")

    assert tell(world, "email", told("opened", reference="shared")).refusal_count == 0
    counts = tell(world, "email", told("complained", reference="shared"))
    again = tell(world, "email", told("complained", reference="shared"))

    # One of them said no, and nobody can tell which: neither is written to any more.
    assert (counts.unmatched_count, counts.refusal_count, again.refusal_count) == (2, 2, 0)
    assert refusals(world) == [("ann", "email"), ("bob", "email")]
    for user_id in ("ann", "bob", "eve"):
        world.member(user_id, step=2)
    send_mail(world, smtp_peer)
    assert smtp_peer.log.receivers.count("eve@example.com") == 2
    assert len(smtp_peer.log.receivers) == 4


def test_no_with_a_key_of_another_channels_message_is_nobodys(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send_mail(world, smtp_peer)

    assert tell(world, "sms", told("complained", key_of(world, "ann"))).unmatched_count == 1
    assert refusals(world) == []


def land_touch(world: SendingWorld, user_id: str, channel: str | None) -> None:
    world.land(
        "raw.touches", touch_id=f"agency-{user_id}", campaign_id="spring", user_id=user_id, arm_code="mail",
        touched_at="2026-03-01 12:00+00", is_control=False, channel=channel,
    )  # fmt: skip


def land_refusal(world: SendingWorld, user_id: str, event: str, at: str = "2026-03-02 12:00+00") -> None:
    world.land("raw.receipts", receipt_id=f"r-{user_id}", touch_id=f"agency-{user_id}", event=event, occurred_at=at)


def test_no_to_a_campaign_that_was_run_elsewhere_is_a_no_to_ours(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob", "eve", "tom"])
    for user_id, event in (("ann", "unsubscribed"), ("bob", "complained"), ("eve", "bounced")):
        land_touch(world, user_id, "email")
        land_refusal(world, user_id, event)

    first, again = collect_receipts("landing"), collect_receipts("landing")

    # They are no sends of ours, so that nothing is settled by them; who said no is not written to.
    assert (first.new_count, first.refusal_count, again.refusal_count) == (0, 2, 0)
    assert refusals(world) == [("ann", "email"), ("bob", "email")]
    assert world.rows("select distinct changed_at from raw.consents where not is_opted_in") == [
        (datetime(2026, 3, 2, 12, tzinfo=UTC),)
    ]
    send_mail(world, smtp_peer)
    assert sorted(smtp_peer.log.receivers) == ["eve@example.com", "tom@example.com"]


def test_no_that_came_before_the_touch_it_answers_counts_when_that_is_known(world: SendingWorld) -> None:
    world.people(["ann"])
    land_refusal(world, "ann", "unsubscribed", at="2026-02-20 12:00+00")
    assert collect_receipts("landing").refusal_count == 0
    world.refresh()
    land_touch(world, "ann", "email")

    assert collect_receipts("landing").refusal_count == 1
    # A clock that is slow does not let anybody answer before the touch, which was on 1 March.
    assert world.rows("select changed_at from raw.consents where not is_opted_in") == [
        (datetime(2026, 3, 1, 12, tzinfo=UTC),)
    ]


def test_no_to_a_touch_whose_channel_nobody_told_is_a_no_to_every_channel(world: SendingWorld) -> None:
    world.people(["ann"])
    land_touch(world, "ann", None)
    land_refusal(world, "ann", "unsubscribed")

    collect_receipts("landing")

    assert {channel for _, channel in refusals(world)} == {
        channel for (channel,) in world.rows("select channel from definitions.channels")
    }


@pytest.mark.parametrize("is_told_by_file", [True, False])
def test_message_whose_row_a_restored_ledger_has_lost_is_not_sent_again_where_its_receipt_is_there(
    world: SendingWorld, smtp_peer: SmtpPeer, is_told_by_file: bool
) -> None:
    world.people(["ann", "bob"])
    send_mail(world, smtp_peer)
    key = key_of(world, "ann")
    # The backup was taken after the members were registered and before they were sent to.
    world.run("delete from ledger.sends")
    world.run("update ledger.entries set state = 'waiting', reason_code = null")
    if is_told_by_file:
        world.land(
            "raw.receipts", receipt_id="r", touch_id=key, event="unsubscribed", occurred_at="2026-03-11 12:00+00"
        )
        assert collect_receipts("landing").new_count == 0
    else:
        assert tell(world, "email", told("unsubscribed", key)).unmatched_count == 1

    summary = send_mail(world, smtp_peer)

    # Of bob's message nothing is left: that is why a restore pulls the kill switch.
    assert smtp_peer.log.receivers.count("ann@example.com") == 1
    assert smtp_peer.log.receivers.count("bob@example.com") == 2
    assert (summary.sent_count, summary.newly_sent_count) == (2, 1)
    assert world.sends() == {"ann": ("sent", None), "bob": ("sent", None)}
    # And what the receipt told is known as well.
    assert refusals(world) == [("ann", "email")]


def test_message_to_be_tried_again_is_not_while_its_receipt_waits_to_be_collected(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann"])
    smtp_peer.behaviour.at_end = lambda receiver: "451 try later"
    send_mail(world, smtp_peer)
    smtp_peer.behaviour.at_end = lambda receiver: None
    deliver_receipt(world, "ann", "delivered")

    summary = send_mail(world, smtp_peer)

    assert smtp_peer.log.receivers == []
    assert (summary.sent_count, summary.newly_sent_count) == (1, 0)


def test_file_that_cannot_be_read_stops_its_channel_but_not_the_no_in_the_file_beside_it(
    gifts: SendingWorld, partner: SftpPeer
) -> None:
    send_gifts(partner)
    by_user = keys(partner)
    acknowledge(partner, "1.csv", (by_user["ann"], "gone", NOON))
    acknowledge(partner, "2.csv", (by_user["bob"], "refused", NOON))
    gifts.member("ann", arm="parcel", step=2)

    with pytest.raises(RecallError, match=r"acknowledgements/1\.csv"):
        collect_receipts("gift", environment=settings(partner))
    assert refusals(gifts) == [("bob", "gift")]
    with pytest.raises(RecallError, match="nothing is sent through it"):
        send_gifts(partner)
    assert gifts.entries()["ann-2-2026-03-11"] == ("waiting", None)

    acknowledge(partner, "1.csv", (by_user["ann"], "delivered", NOON))
    assert send_gifts(partner).newly_sent_count == 1


def test_sources_are_landing_and_the_channels_that_sent_and_can_be_asked(
    gifts: SendingWorld, partner: SftpPeer, smtp_peer: SmtpPeer
) -> None:
    environment = settings(partner) | smtp_peer.environment
    assert receipt_sources(environment=environment) == ["landing"]
    send_gifts(partner)
    gifts.contact("eve", email="eve@example.com")
    gifts.consent("eve", "email", True)
    gifts.refresh()
    gifts.member("eve")
    send_mail(gifts, smtp_peer)

    # Nobody can ask an SMTP server what became of a mail.
    assert receipt_sources(environment=environment) == ["landing", "gift"]
    # One whose settings are lost is listed all the same, so that its collection says so.
    assert receipt_sources(environment=settings(partner)) == ["landing", "email", "gift"]


def test_partner_that_is_down_is_told_as_such(gifts: SendingWorld, partner: SftpPeer) -> None:
    send_gifts(partner)
    nobody_listens = settings(partner) | {"RECALL_GIFT_LIST_URL": "sftp://shop:x@127.0.0.1:1/drop"}

    with pytest.raises(RecallError, match="no_connection"):
        collect_receipts("gift", environment=nobody_listens)


def test_no_is_obeyed_by_a_later_night_too(gifts: SendingWorld, partner: SftpPeer) -> None:
    send_gifts(partner)
    acknowledge(partner, "1.csv", (keys(partner)["ann"], "refused", NOON))
    collect_receipts("gift", environment=settings(partner))
    gifts.build(SELECTED_DATE)
    gifts.member("ann", arm="parcel", step=2, selected_date=date(2026, 3, 12))

    summary = send_gifts(partner, SELECTED_DATE)

    assert summary.reasons == {"no_consent": 1}


def test_why_tells_what_was_drawn_sent_told_and_said(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])
    send_mail(world, smtp_peer)
    # Ann has a second name, which shares her mailbox and was never written to.
    world.run("insert into ledger.persons values ('ann_too', 'ann', now())")
    tell(world, "email", told("opened", key_of(world, "ann")), told("unsubscribed", key_of(world, "ann")))

    def rows(part: str, user_id: str) -> list[dict[str, Any]]:
        (path,) = QUERIES_DIR.glob(f"*_{part}.sql")
        with world.warehouse.connect("auditor") as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(path.read_bytes(), {"user_id": user_id}).fetchall()

    for user_id in ("ann", "ann_too"):
        assert [(row["campaign_id"], row["arm_code"]) for row in rows("arms", user_id)] == [("welcome_back", "mail")]
        assert [(row["user_id"], row["state"]) for row in rows("sends", user_id)] == [("ann", "sent")]
        assert {row["event"] for row in rows("receipts", user_id)} == {"opened", "unsubscribed"}
    assert [row["state"] for row in rows("memberships", "ann")] == ["sent"]
    # Yes on 1 January, and no since the message.
    assert [(row["channel"], row["is_opted_in"]) for row in rows("consents", "ann")] == [("email", False)]
