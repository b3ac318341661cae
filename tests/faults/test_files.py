"""Stories of a night's file, when the place where it goes misbehaves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.support.sending import AS_OF_DATE, SELECTED_DATE, SendingWorld, make_sending_world
from tests.support.sftp_peer import SftpPeer

from recall.domain.errors import RecallError
from recall.hooks import delivery
from recall.warehouse import ledger
from recall.warehouse.arrays import BigintArray

CHANNELS_HEADER = (
    "channel,channel_name,delivery_code,contact_code,unit_cost_amount,daily_capacity,may_carry_marketing,"
    "default_consent,rate_per_second,batch_size,quiet_from,quiet_until,valid_from\n"
    "email,E-mail,smtp,email,0.001,,true,false,,,,,1970-01-01\n"
)
CLAIM_OF_FIRST = ledger.ClaimRequest(
    SELECTED_DATE,
    "gift",
    owner="first",
    lease=delivery.LEASE,
    row_limit=10,
    tried_before="-infinity",
    now=datetime(2026, 3, 11, 12, tzinfo=UTC),
)
"""What a worker asks for who takes the whole of the day's list."""


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[SftpPeer]:
    """A partner's SFTP server."""
    root = tmp_path / "partner"
    root.mkdir()
    with SftpPeer(root) as peer:
        yield peer


def send(partner: SftpPeer, **options: Any) -> delivery.ExportSummary:
    delivery.register_members(AS_OF_DATE)
    return delivery.export_channel(
        AS_OF_DATE, "gift", environment=partner.environment(), sleep=lambda seconds: None, **options
    )


def delivered(partner: SftpPeer) -> list[list[str]]:
    """The contacts of each complete file, sorted: its rows stand in the order of keys, which hang on random ids."""
    found = []
    for path in sorted((partner.root / "drop" / "gift").glob("*.csv")):
        with path.open(newline="") as file:
            found.append(sorted(row["contact"] for row in csv.DictReader(file)))
    return found


def test_file_whose_connection_broke_is_unknown_and_completed_under_its_name(
    world: SendingWorld, partner: SftpPeer
) -> None:
    world.people(["ann", "bob"], arm="parcel")
    partner.cuts_after_rename = True

    first = send(partner)
    # The batch is still to be settled, so the channel is due although everybody has a state.
    assert delivery.due_channels(AS_OF_DATE) == ["gift"]
    partner.cuts_after_rename = False
    second = send(partner)

    assert (first.unknown_count, second.unknown_count, second.sent_count) == (2, 0, 2)
    assert delivered(partner) == [["ann Street 1, Berlin", "bob Street 1, Berlin"]]
    assert world.rows("select state, member_count from ledger.batches") == [("delivered", 2)]


def test_no_after_the_claim_and_before_the_file_keeps_its_person_out(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann", "bob"], arm="parcel")

    def say_no_once_claimed(moment: str) -> None:
        if moment == "after_claim":
            world.consent("ann", "gift", False, on="2026-03-11")
            world.run("insert into control.loads (state) values ('done')")

    summary = send(partner, observer=say_no_once_claimed)

    assert delivered(partner) == [["bob Street 1, Berlin"]]
    assert summary.reasons == {"no_consent": 1}


def test_zombie_leaves_the_file_to_the_worker_that_took_it_over(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann", "bob"], arm="parcel")
    taken_over: list[delivery.ExportSummary] = []

    def sleep_past_the_lease(moment: str) -> None:
        if moment == "after_claim" and not taken_over:
            world.run("update ledger.sends set lease_expires_at = now() - interval '1 second'")
            # Bob says no before the other one puts the file in place, and the zombie does not know.
            world.consent("bob", "gift", False, on="2026-03-11")
            taken_over.append(send(partner))

    zombie = send(partner, observer=sleep_past_the_lease)

    assert delivered(partner) == [["ann Street 1, Berlin"]]
    assert (taken_over[0].newly_sent_count, zombie.newly_sent_count) == (1, 0)
    assert world.rows("select state, member_count from ledger.batches") == [("delivered", 1)]


def test_night_of_several_files_is_put_in_place_by_two_at_once_and_everybody_is_in_one(
    warehouse: Any, workspace_factory: Any, partner: SftpPeer
) -> None:
    terms = "gift,Gift,file_drop,postal_address,8,,true,false,,2,,,1970-01-01\n"
    world = make_sending_world(warehouse, workspace_factory, {"definitions/channels.csv": CHANNELS_HEADER + terms})
    people = [f"user{number}" for number in range(9)]
    world.people(people, arm="parcel")

    summary = send(partner)

    files = delivered(partner)
    assert sorted(map(len, files)) == [1, 2, 2, 2, 2]
    assert sorted(contact for file in files for contact in file) == [f"{one} Street 1, Berlin" for one in people]
    assert (summary.sent_count, summary.newly_sent_count) == (9, 9)
    assert world.rows("select state, count(*) from ledger.batches group by state") == [("delivered", 5)]


def test_file_that_is_completed_leaves_out_who_said_no_meanwhile(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann", "bob"], arm="parcel")
    partner.cuts_after_rename = True
    send(partner)
    world.consent("ann", "gift", False, on="2026-03-11")
    partner.cuts_after_rename = False

    summary = send(partner)

    # She is in the file that may have been read before it was replaced: nobody knows.
    assert delivered(partner) == [["bob Street 1, Berlin"]]
    assert summary.reasons == {"withdrawn_after_handing_over": 1}
    assert (summary.sent_count, summary.unknown_count) == (1, 1)


def test_file_that_could_not_be_written_is_left_to_the_next_run(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann", "bob"], arm="parcel")
    delivery.register_members(AS_OF_DATE)
    nobody_listens = partner.environment(RECALL_FILE_DROP_URL="sftp://shop:x@127.0.0.1:1/drop")

    with pytest.raises(RecallError, match="no_connection"):
        delivery.export_channel(AS_OF_DATE, "gift", environment=nobody_listens)
    assert set(world.sends().values()) == {("failed", "no_connection")}

    assert send(partner).newly_sent_count == 2
    assert delivered(partner) == [["ann Street 1, Berlin", "bob Street 1, Berlin"]]


def test_file_is_not_written_again_once_it_was_delivered(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann"], arm="parcel")
    send(partner)
    (path,) = (partner.root / "drop" / "gift").glob("*.csv")
    path.unlink()  # the partner took it away

    assert send(partner).newly_sent_count == 0

    assert delivered(partner) == []


def test_kill_switch_of_a_channel_keeps_its_file_back(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann"], arm="parcel")
    world.run("insert into ledger.kill_switches (channel, is_stopped) values ('gift', true)")

    with pytest.raises(RecallError, match="kill switch"):
        send(partner)

    assert not (partner.root / "drop" / "gift").exists() or delivered(partner) == []
    assert world.entries() == {"ann-1-2026-03-11": ("waiting", None)}


def test_dry_run_writes_the_file_into_the_home_and_nowhere_else(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann"], arm="parcel")

    summary = delivery.export_channel(AS_OF_DATE, "gift", dry_run=True, environment=partner.environment())

    assert summary.preview_path is not None
    assert summary.preview_path.is_relative_to(world.warehouse.home.root)
    assert len(list(summary.preview_path.glob("*.csv"))) == 1
    assert list(partner.root.iterdir()) == []
    assert world.sends() == {}


def test_file_of_a_dry_run_has_the_name_that_the_export_gives(world: SendingWorld, partner: SftpPeer) -> None:
    world.people(["ann", "bob"], arm="parcel")

    looked_at = delivery.export_channel(AS_OF_DATE, "gift", dry_run=True, environment=partner.environment())
    send(partner)

    assert looked_at.preview_path is not None
    (seen,), (left,) = looked_at.preview_path.glob("*.csv"), (partner.root / "drop" / "gift").glob("*.csv")
    assert seen.name == left.name
    keys = sorted(key for (key,) in world.rows("select idempotency_key from ledger.sends"))
    digest = sha256("\n".join(keys).encode()).hexdigest()
    assert left.stem == f"gift-20260311-welcome_back-1-{digest[:12]}"


def test_file_is_a_workers_until_time_or_another_takes_a_message_of_it(world: SendingWorld) -> None:
    world.people(["ann", "bob"], arm="parcel")
    delivery.register_members(AS_OF_DATE)
    with world.warehouse.connect("exporter") as connection:

        def held_count(owner: str) -> int | None:
            return ledger.count_held_members(connection, batch_id, owner=owner)

        (batch_id,), looked_at = ledger.claim_files(connection, CLAIM_OF_FIRST)
        assert (looked_at, held_count("first"), held_count("second")) == (2, 2, None)

        # Ann's message is another one's by now: Bob's is still the first one's, and the file is nobody's to end.
        connection.execute("update ledger.sends set lease_owner = 'second' where user_id = 'ann'")
        assert (held_count("first"), held_count("second")) == (None, None)
        assert ledger.settle_delivered(connection, batch_id, owner="first") == 1
        ledger.settle_file(connection, batch_id, "delivered", member_count=1)
        assert connection.execute("select state from ledger.batches").fetchall() == [("open",)]

        assert held_count("second") == 1
        connection.execute(
            "update ledger.sends set lease_expires_at = now() - interval '1 second' where user_id = 'ann'"
        )
        assert held_count("second") is None
        assert ledger.settle_delivered(connection, batch_id, owner="second") == 1
        ledger.settle_file(connection, batch_id, "delivered", member_count=2)
        assert held_count("second") == 0
        assert connection.execute("select state, member_count from ledger.batches").fetchall() == [("delivered", 2)]
    assert set(world.entries().values()) == {("sent", None)}


def test_message_that_is_anothers_before_its_file_is_composed_is_not_in_it(
    world: SendingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.people(["ann", "bob"], arm="parcel")
    delivery.register_members(AS_OF_DATE)
    with world.warehouse.connect("exporter") as connection:
        (batch_id,), _ = ledger.claim_files(connection, CLAIM_OF_FIRST)
        listed: list[int] = []

        def once_listed(send_ids: list[int]) -> BigintArray:
            listed.extend(send_ids)
            connection.execute("update ledger.sends set lease_owner = 'second' where user_id = 'ann'")
            return BigintArray(send_ids)

        monkeypatch.setattr(ledger, "BigintArray", once_listed)
        with ledger.composing(connection, batch_id, owner="first") as compositions:
            contacts = [one.contact_value for one in compositions]
        assert len(listed) == 2
        assert contacts == ["bob Street 1, Berlin"]
