"""kill -9 at every labelled moment of an export, then the same export again, counted in the peer's own log."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from tests.support.crash import LEASE, export_and_die
from tests.support.sending import AS_OF_DATE, SendingWorld
from tests.support.smtp_peer import SmtpPeer

from recall.hooks import delivery
from recall.warehouse import ledger

PEOPLE = ["ann", "bob", "eve"]
EVERYBODY = [f"{name}@example.com" for name in PEOPLE]


def export_again(world: SendingWorld, peer: SmtpPeer) -> delivery.ExportSummary:
    """The same export after the crash; it waits until the dead worker's lease has run out."""
    delivery.register_members(AS_OF_DATE)
    return delivery.export_channel(AS_OF_DATE, "email", environment=peer.environment, lease=LEASE)


def assert_nobody_twice_and_all_accounted_for(summary: delivery.ExportSummary, peer: SmtpPeer) -> None:
    """Invariants U and N."""
    assert peer.log.greatest_repetition <= 1
    assert summary.member_count == len(PEOPLE)
    assert summary.member_count == (
        summary.sent_count + summary.failed_count + summary.suppressed_count + summary.unknown_count
    )


@pytest.mark.parametrize("moment", ["before_claim", "after_claim"])
def test_export_killed_before_anything_was_handed_over_reaches_everybody_the_second_time(
    world: SendingWorld, smtp_peer: SmtpPeer, moment: str
) -> None:
    world.people(PEOPLE)
    export_and_die(AS_OF_DATE, "email", moment, smtp_peer.environment)
    assert smtp_peer.log.receivers == []

    summary = export_again(world, smtp_peer)

    assert sorted(smtp_peer.log.receivers) == EVERYBODY
    assert summary.newly_sent_count == 3
    assert_nobody_twice_and_all_accounted_for(summary, smtp_peer)


@pytest.mark.parametrize("moment", ["after_peer_accepted", "before_settle"])
def test_export_killed_between_acceptance_and_settling_leaves_one_unknown(
    world: SendingWorld, smtp_peer: SmtpPeer, moment: str
) -> None:
    world.people(PEOPLE)
    export_and_die(AS_OF_DATE, "email", moment, smtp_peer.environment)
    assert len(smtp_peer.log.receivers) == 1

    summary = export_again(world, smtp_peer)

    # The first one was accepted, but whoever knew is dead; it is not sent again. The other two are.
    assert sorted(smtp_peer.log.receivers) == EVERYBODY
    assert (summary.unknown_count, summary.sent_count) == (1, 2)
    assert summary.reasons == {"worker_lost_after_handing_over": 1}
    assert_nobody_twice_and_all_accounted_for(summary, smtp_peer)


def test_export_killed_after_settling_sends_the_rest(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(PEOPLE)
    export_and_die(AS_OF_DATE, "email", "after_settle", smtp_peer.environment)
    assert len(smtp_peer.log.receivers) == 1

    summary = export_again(world, smtp_peer)

    assert sorted(smtp_peer.log.receivers) == EVERYBODY
    assert (summary.sent_count, summary.newly_sent_count) == (3, 2)
    assert_nobody_twice_and_all_accounted_for(summary, smtp_peer)


def test_naive_resend_after_a_crash_is_caught_by_these_checks(
    world: SendingWorld, smtp_peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks can fail: a ledger that takes up again whatever is not settled writes to somebody twice."""
    world.people(PEOPLE)
    export_and_die(AS_OF_DATE, "email", "after_peer_accepted", smtp_peer.environment)

    def forget_that_it_was_handed_over(connection: object, channel: str, *, is_repeatable: bool) -> int:
        world.run("update ledger.sends set attempted_at = null where state = 'claimed'")
        return honest(connection, channel, is_repeatable=is_repeatable)  # type: ignore[arg-type]

    honest = ledger.settle_expired
    monkeypatch.setattr(ledger, "settle_expired", forget_that_it_was_handed_over)
    summary = export_again(world, smtp_peer)

    assert smtp_peer.log.greatest_repetition == 2
    with pytest.raises(AssertionError):
        assert_nobody_twice_and_all_accounted_for(summary, smtp_peer)


def test_export_killed_right_before_handing_over_leaves_one_unknown_that_nobody_got(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(PEOPLE)
    export_and_die(AS_OF_DATE, "email", "after_begin", smtp_peer.environment)
    assert smtp_peer.log.receivers == []

    summary = export_again(world, smtp_peer)

    # Whoever comes after the dead worker cannot know that not a byte went out.
    assert len(smtp_peer.log.receivers) == 2
    assert (summary.unknown_count, summary.sent_count) == (1, 2)
    assert_nobody_twice_and_all_accounted_for(summary, smtp_peer)


@pytest.mark.parametrize(
    "moment", ["before_claim", "after_claim", "after_begin", "after_peer_accepted", "before_settle", "after_settle"]
)
def test_file_export_killed_anywhere_leaves_one_file_with_everybody_once(
    world: SendingWorld, tmp_path: Path, moment: str
) -> None:
    world.people(PEOPLE, arm="parcel")
    environment = {"RECALL_FILE_DROP_URL": (tmp_path / "partner").as_uri()}
    # A second in all, as with messages.
    export_and_die(AS_OF_DATE, "gift", moment, environment, lease=LEASE / delivery.FILE_LEASES)

    delivery.register_members(AS_OF_DATE)
    summary = delivery.export_channel(AS_OF_DATE, "gift", environment=environment, lease=LEASE)

    files = sorted((tmp_path / "partner" / "gift").iterdir())
    assert [path.suffix for path in files] == [".csv", ".json"]
    with files[0].open(newline="") as file:
        contacts = Counter(row["contact"] for row in csv.DictReader(file))
    assert contacts == {"ann Street 1, Berlin": 1, "bob Street 1, Berlin": 1, "eve Street 1, Berlin": 1}
    assert (summary.member_count, summary.sent_count, summary.unknown_count) == (3, 3, 0)
