"""Stories of a night's file, when the place where it goes misbehaves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.sending import AS_OF_DATE, SendingWorld
from tests.support.sftp_peer import SftpPeer

from recall.domain.errors import RecallError
from recall.hooks import delivery


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[SftpPeer]:
    """A partner's SFTP server."""
    root = tmp_path / "partner"
    root.mkdir()
    with SftpPeer(root) as peer:
        yield peer


def send(partner: SftpPeer) -> delivery.ExportSummary:
    delivery.register_members(AS_OF_DATE)
    return delivery.export_channel(AS_OF_DATE, "gift", environment=partner.environment(), sleep=lambda seconds: None)


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
