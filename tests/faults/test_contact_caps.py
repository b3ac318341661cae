"""Contact caps when a message is claimed: what was selected before somebody else wrote is not sent on top of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.support.sending import AS_OF_DATE, CAMPAIGN, SELECTED_DATE, SendingWorld, make_sending_world
from tests.support.smtp_peer import SmtpPeer

from recall.domain.definition_files import SHIPPED_DIR
from recall.hooks import delivery
from recall.warehouse import ledger

ONE_A_WEEK = "channel,window_days,max_count,valid_from\n,7,1,2020-01-01\n"
ONE_MAIL_A_WEEK = "channel,window_days,max_count,valid_from\nemail,7,1,2020-01-01\n"
SUPPRESSED = ("suppressed", "contact_cap")


def send(peer: SmtpPeer, as_of_date: date = AS_OF_DATE) -> delivery.ExportSummary:
    delivery.register_members(as_of_date)
    return delivery.export_channel(as_of_date, "email", environment=peer.environment, sleep=lambda seconds: None)


def build(world: SendingWorld, selected_date: date) -> None:
    world.build(selected_date - timedelta(days=1))


def move_to_gift(world: SendingWorld, user_id: str, step: int) -> None:
    """What an arm that takes the best may do: the same person's next step goes by post."""
    world.run(
        "update audiences.aud_recall_members as members"
        " set channel = 'gift', contact_id = points.contact_id"
        " from pii.user_contact_points as points"
        " where points.user_id = members.user_id and points.contact_code = 'postal_address'"
        " and members.user_id = %s and members.step_number = %s",
        user_id,
        step,
    )


def reachable_by_both(world: SendingWorld, user_id: str) -> None:
    world.contact(user_id, email=f"{user_id}@example.com", postal_address=f"{user_id} Street 1, Berlin")
    world.consent(user_id, "email", True)
    world.consent(user_id, "gift", True)
    world.refresh()


def claim(connection: psycopg.Connection, channel: str) -> list[ledger.Claim]:
    request = ledger.ClaimRequest(
        SELECTED_DATE,
        channel,
        owner=f"worker of {channel}",
        lease=delivery.LEASE,
        row_limit=10,
        tried_before="-infinity",
        now=datetime(2026, 3, 11, 12, tzinfo=UTC),
    )
    claims, _ = ledger.claim(connection, request)
    return claims


def test_two_steps_of_one_day_are_one_message_by_default(
    warehouse: Any, workspace_factory: Any, smtp_peer: SmtpPeer
) -> None:
    shipped = (SHIPPED_DIR / "contact_caps.csv").read_text()
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": shipped})
    world.people(["ann"])
    world.member("ann", step=2, last_key_date=date(2026, 1, 2))

    summary = send(smtp_peer)

    assert smtp_peer.log.receivers == ["ann@example.com"]
    assert world.entries() == {"ann-1-2026-03-11": ("sent", None), "ann-2-2026-03-11": SUPPRESSED}
    assert summary.reasons == {"contact_cap": 1}


@pytest.mark.parametrize(
    ("day", "state"),
    # The week of 17 March begins on 11 March, that of 18 March on the day after.
    [(date(2026, 3, 17), SUPPRESSED), (date(2026, 3, 18), ("sent", None))],
)
def test_cap_of_a_week_rolls_on_with_the_day(
    warehouse: Any, workspace_factory: Any, smtp_peer: SmtpPeer, day: date, state: tuple[str, str | None]
) -> None:
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": ONE_A_WEEK})
    world.people(["ann"])
    send(smtp_peer)
    build(world, day)
    world.member("ann", step=2, selected_date=day)

    send(smtp_peer, day - timedelta(days=1))

    assert world.entries()[f"ann-2-{day}"] == state
    assert len(smtp_peer.log.receivers) == (1 if state == SUPPRESSED else 2)


@pytest.mark.parametrize(("caps", "state"), [(ONE_A_WEEK, SUPPRESSED), (ONE_MAIL_A_WEEK, ("claimed", None))])
def test_cap_of_one_channel_leaves_the_others_alone(
    warehouse: Any, workspace_factory: Any, caps: str, state: tuple[str, str | None]
) -> None:
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": caps})
    reachable_by_both(world, "ann")
    world.member("ann")
    world.member("ann", step=2)
    move_to_gift(world, "ann", 2)
    delivery.register_members(AS_OF_DATE)

    for channel in ("email", "gift"):
        with warehouse.connect("exporter") as connection:
            claim(connection, channel)

    assert world.entries() == {"ann-1-2026-03-11": ("claimed", None), "ann-2-2026-03-11": state}


def test_caps_of_a_campaign_hold_beside_those_of_everybody(
    warehouse: Any, workspace_factory: Any, smtp_peer: SmtpPeer
) -> None:
    caps = "caps: [{channel: email, window_days: 7, max_count: 1}]\n"
    files = {"campaigns/welcome_back.yml": CAMPAIGN + caps}
    world = make_sending_world(warehouse, workspace_factory, files)
    world.people(["ann"])
    world.member("ann", step=2)

    send(smtp_peer)

    assert world.entries()["ann-2-2026-03-11"] == SUPPRESSED


def test_cap_that_is_not_in_force_yet_holds_nobody_back(
    warehouse: Any, workspace_factory: Any, smtp_peer: SmtpPeer
) -> None:
    later = "channel,window_days,max_count,valid_from\n,1,5,2020-01-01\n,7,1,2026-03-11\n"
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": later})
    world.people(["ann"])
    world.member("ann", step=2)

    send(smtp_peer)

    assert smtp_peer.log.receivers == ["ann@example.com"] * 2


def test_two_persons_who_came_to_share_a_mailbox_share_its_cap(
    warehouse: Any, workspace_factory: Any, smtp_peer: SmtpPeer
) -> None:
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": ONE_A_WEEK})
    for user_id in ("ann", "bob"):
        world.contact(user_id, email="family@example.com")
        world.consent(user_id, "email", True)
    world.refresh()
    world.member("ann")
    world.member("bob", step=2)

    send(smtp_peer)

    assert smtp_peer.log.receivers == ["family@example.com"]
    assert world.entries() == {"ann-1-2026-03-11": ("sent", None), "bob-2-2026-03-11": SUPPRESSED}


def test_two_channels_that_claim_two_persons_at_one_contact_do_not_exceed_its_cap_together(
    warehouse: Any, workspace_factory: Any
) -> None:
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": ONE_A_WEEK})
    for user_id, channel in (("ann", "email"), ("bob", "event")):
        world.contact(user_id, email="family@example.com")
        world.consent(user_id, channel, True)
    world.refresh()
    world.member("ann")
    world.member("bob", step=2)
    world.run("update audiences.aud_recall_members set channel = 'event' where user_id = 'bob'")
    delivery.register_members(AS_OF_DATE)

    with warehouse.connect("exporter") as mail, warehouse.connect("exporter") as event:
        assert len(claim(mail, "email")) == 1
        event.execute("set local lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            claim(event, "event")
        event.rollback()
        mail.commit()
        assert claim(event, "event") == []

    assert world.entries() == {"ann-1-2026-03-11": ("claimed", None), "bob-2-2026-03-11": SUPPRESSED}


def test_two_channels_that_claim_one_person_at_once_do_not_exceed_a_cap_together(
    warehouse: Any, workspace_factory: Any
) -> None:
    world = make_sending_world(warehouse, workspace_factory, {"definitions/contact_caps.csv": ONE_A_WEEK})
    reachable_by_both(world, "ann")
    world.member("ann")
    world.member("ann", step=2)
    move_to_gift(world, "ann", 2)
    delivery.register_members(AS_OF_DATE)

    with warehouse.connect("exporter") as mail, warehouse.connect("exporter") as gift:
        assert len(claim(mail, "email")) == 1
        gift.execute("set local lock_timeout = '200ms'")
        # Before the first claim is committed the second cannot know of it, and so it waits.
        with pytest.raises(psycopg.errors.LockNotAvailable):
            claim(gift, "gift")
        gift.rollback()
        mail.commit()
        assert claim(gift, "gift") == []

    assert world.entries() == {"ann-1-2026-03-11": ("claimed", None), "ann-2-2026-03-11": SUPPRESSED}
