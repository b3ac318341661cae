"""What nothing could bring back survives the loss of the database, and nobody hears twice because of it."""

from __future__ import annotations

import json
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from tests.conftest import Warehouse, WorkspaceFactory
from tests.integration.audiences.test_selection import FILES, FIRST, SECOND, build_night
from tests.support.sending import AS_OF_DATE, SendingWorld, make_sending_world
from tests.support.smtp_peer import SmtpPeer
from tests.support.thrown_away import clone_database, drop_database, maintenance

from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.domain.home import Home
from recall.domain.tables import TABLES
from recall.domain.workspace import Workspace
from recall.hooks import delivery
from recall.ingest.load import load_landing
from recall.warehouse import backup
from recall.warehouse.campaigns import load_campaigns
from recall.warehouse.definitions import load_definitions
from recall.warehouse.schema import alembic_config
from recall.warehouse.secrets import read_secrets

# Tables of migrations that a backup leaves out, and what brings them back.
FROM_LANDING_FILES = {
    f"{table.schema}.{table.name}{suffix}"
    for table in TABLES
    if table.name != "consents"
    for suffix in ("", "_versions")
} | {"pii.feedback_texts", "pii.quarantined_lines", "control.row_changes"}
FROM_THE_NEXT_NIGHT = {
    "control.builds",
    "control.night",
    "control.node_results",
    "control.gate_results",
    # Without a note of whose outcomes are served, a night follows every entry anew.
    "control.served_outcomes",
    "control.backfills",
    "control.backfill_days",
    "control.survival_fits",
    "control.survival_terms",
    "pii.contact_refreshes",
    "pii.person_groups",
    "pii.user_contact_points",
}
# What a person allowed for another state of the warehouse is asked for anew.
ASKED_AGAIN = {"control.gate_approvals", "control.accepted_silences"}


@pytest.fixture
def smtp_peer() -> Iterator[SmtpPeer]:
    """A real SMTP server."""
    with SmtpPeer() as peer:
        yield peer


@dataclass(frozen=True)
class Disaster:
    """Loses the database of a warehouse and puts an empty, migrated one in its place."""

    cluster: Home
    warehouse: Warehouse

    def __call__(self) -> None:
        name = read_secrets(self.warehouse.home)["postgres"]["database"]
        server = maintenance(self.cluster)
        self.warehouse.kept.close()
        drop_database(server, name)
        clone_database(server, name, read_secrets(self.cluster)["postgres"]["database"])


@pytest.fixture
def lose_database(cluster: Home, warehouse: Warehouse) -> Disaster:
    return Disaster(cluster, warehouse)


@pytest.fixture
def world(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> SendingWorld:
    """Ann, Bob and Eve, selected for one step, and a night that is complete."""
    world = make_sending_world(warehouse, workspace_factory)
    world.people(["ann", "bob", "eve"])
    return world


def send(peer: SmtpPeer, as_of_date: Any = AS_OF_DATE) -> delivery.ExportSummary:
    delivery.register_members(as_of_date)
    return delivery.export_channel(as_of_date, "email", environment=peer.environment, sleep=lambda seconds: None)


def load(workspace: Workspace) -> None:
    """`recall load`."""
    load_definitions(workspace)
    load_campaigns(workspace)
    assert load_landing(workspace).rejected == ()


def test_database_lost_between_two_nights_and_restored_sends_to_nobody_twice(
    tmp_path: Path, workspace_factory: WorkspaceFactory, lose_database: Disaster, smtp_peer: SmtpPeer
) -> None:
    copy = "Subject: {{ campaign_id }} {{ step_number }}\n\nCome back. {{ unsubscribe_url }}\n"
    workspace = workspace_factory(FILES | {"campaigns/copy.txt": copy})
    load(workspace)
    build_night(FIRST)
    first = send(smtp_peer, FIRST)
    heard = list(smtp_peer.log.receivers)
    assert first.newly_sent_count == len(heard) > 0

    backup.write_backup(tmp_path / "kept.zip")
    lose_database()
    backup.restore_backup(tmp_path / "kept.zip", is_complete=True)
    load(workspace)
    # Every step of the first night is still due on the second: without the ledger they would all be sent again.
    build_night(SECOND, is_tested=True)
    send(smtp_peer, SECOND)

    said = Counter((receiver, str(mail["Subject"])) for receiver, _, mail in smtp_peer.log.accepted)
    assert max(said.values()) == 1
    assert set(heard) <= {receiver for receiver, _ in said}


def test_sending_stays_stopped_after_a_restore_until_a_person_releases_it(
    world: SendingWorld, tmp_path: Path, lose_database: Disaster, smtp_peer: SmtpPeer, workspace_factory: Any
) -> None:
    backup.write_backup(tmp_path / "kept.zip")
    send(smtp_peer)
    lose_database()

    backup.restore_backup(tmp_path / "kept.zip")
    again = make_sending_world(world.warehouse, workspace_factory)
    for user_id in ("ann", "bob", "eve"):
        again.contact(user_id, email=f"{user_id}@example.com")
    again.refresh()
    for user_id in ("ann", "bob", "eve"):
        again.member(user_id)

    # The backup is older than the sends: by itself nobody is written to.
    with pytest.raises(GateBlocked, match="kill switch"):
        send(smtp_peer)
    assert smtp_peer.log.greatest_repetition == 1
    ((channel, note),) = again.rows("select channel, note from ledger.kill_switches where is_stopped")
    assert channel == "*"
    assert note.startswith("restored as of ")


def test_backup_is_a_file_that_only_its_owner_can_read_and_that_replaces_none(
    world: SendingWorld, tmp_path: Path
) -> None:
    path = tmp_path / "kept.zip"

    manifest = backup.write_backup(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("kept*")] == ["kept.zip"]
    counts = {f"{table.schema}.{table.name}": table.row_count for table in manifest.tables}
    assert (counts["pii.contact_points"], counts["raw.consents"], counts["definitions.campaigns"]) == (3, 3, 1)
    assert manifest.as_of_date == AS_OF_DATE
    with pytest.raises(UsageError, match="never replaces"):
        backup.write_backup(path)


def test_backup_that_breaks_off_leaves_no_file(
    world: SendingWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> tuple[int, str]:
        raise OSError("no space left on device")

    monkeypatch.setattr(backup, "_copy_out", broken)

    with pytest.raises(OSError, match="no space"):
        backup.write_backup(tmp_path / "kept.zip")

    assert list(tmp_path.glob("kept*")) == []


def test_restore_into_a_warehouse_that_holds_anything_is_refused(world: SendingWorld, tmp_path: Path) -> None:
    backup.write_backup(tmp_path / "kept.zip")

    with pytest.raises(UsageError, match="has rows") as refusal:
        backup.restore_backup(tmp_path / "kept.zip")

    assert refusal.value.exit_code == 2
    assert "recall restore" in str(refusal.value.next_command)


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Copies a backup with other content."""
    other = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
    return other


def test_backup_of_which_a_row_was_changed_is_not_restored_at_all(
    world: SendingWorld, tmp_path: Path, lose_database: Disaster
) -> None:
    backup.write_backup(tmp_path / "kept.zip")
    changed = rewritten(
        tmp_path / "kept.zip",
        lambda name, content: content.replace(b"\tt\t", b"\tf\t") if name == "raw.consents.copy" else content,
    )
    lose_database()

    with pytest.raises(RecallError, match=r"raw\.consents is not what the manifest says"):
        backup.restore_backup(changed)

    with world.warehouse.connect() as connection:
        assert connection.execute("select count(*) from pii.contact_points").fetchone() == (0,)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_file_that_is_no_backup_is_wrong_use(warehouse: Warehouse, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(content)

    with pytest.raises(UsageError, match="is no backup"):
        backup.restore_backup(path)


def test_backup_of_newer_software_is_refused(world: SendingWorld, tmp_path: Path, lose_database: Disaster) -> None:
    backup.write_backup(tmp_path / "kept.zip")

    def from_the_future(name: str, content: bytes) -> bytes:
        if name != backup.MANIFEST_NAME:
            return content
        return json.dumps(json.loads(content) | {"schema_version": "9999"}).encode()

    changed = rewritten(tmp_path / "kept.zip", from_the_future)
    lose_database()

    with pytest.raises(UsageError, match="9999"):
        backup.restore_backup(changed)


def test_backup_of_an_earlier_release_is_restored_and_migrated(
    warehouse: Warehouse, tmp_path: Path, lose_database: Disaster
) -> None:
    command.downgrade(alembic_config(warehouse.dsn()), "0012")
    with warehouse.connect() as connection:
        connection.execute("insert into ledger.persons values ('ann', 'ann', now())")
    backup.write_backup(tmp_path / "kept.zip")
    lose_database()
    with warehouse.connect() as connection:
        newest = connection.execute("select version_num from control.schema_version").fetchone()

    assert backup.restore_backup(tmp_path / "kept.zip").schema_version == "0012"

    with warehouse.connect() as connection:
        assert connection.execute("select version_num from control.schema_version").fetchone() == newest
        assert connection.execute("select user_id, person_id from ledger.persons").fetchall() == [("ann", "ann")]


def test_numbers_go_on_after_a_restore_where_they_stood(
    world: SendingWorld, tmp_path: Path, lose_database: Disaster, smtp_peer: SmtpPeer
) -> None:
    send(smtp_peer)
    ((last_load, last_send),) = world.rows(
        "select (select max(load_id) from control.loads), (select max(send_id) from ledger.sends)"
    )
    backup.write_backup(tmp_path / "kept.zip")
    lose_database()
    backup.restore_backup(tmp_path / "kept.zip")

    assert world.rows("insert into control.loads (state) values ('done') returning load_id") == [(last_load + 1,)]
    assert world.rows("select nextval(pg_get_serial_sequence('ledger.sends', 'send_id'))") == [(last_send + 1,)]
    # What was sent is closed for ever, as before.
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never sent again"):
        world.run(
            "update ledger.sends set state = 'claimed', settled_at = null, lease_owner = 'me', lease_expires_at = now()"
        )


def test_every_table_is_kept_or_comes_back_by_itself(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        tables = {f"{schema}.{name}" for schema, name in backup._base_tables(connection)}
        kept = {f"{schema}.{name}" for schema, name in backup._kept_tables(connection)}

    standing = {f"{schema}.{name}" for schema, name in backup.STANDING_TABLES}
    assert tables - kept == FROM_LANDING_FILES | FROM_THE_NEXT_NIGHT | ASKED_AGAIN | standing
    assert {"ledger.sends", "ledger.persons", "ledger.assignments", "pii.contact_points", "raw.consents"} <= kept
