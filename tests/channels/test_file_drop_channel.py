from __future__ import annotations

import csv
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import paramiko
import pytest
from tests.support.sftp_peer import SftpPeer, rsa_key

from recall.channels.contract import Batch, ChannelUnavailable, FileDelivery, Message, Settings
from recall.channels.file_drop_channel import FileDropDelivery, FolderPlace, formula_safe, open_file_drop
from recall.domain.errors import UsageError
from recall.domain.message_template import RenderedMessage

SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd",) if os.access(path, os.X_OK)), None)


def batch(*contacts: str, text: str = "", batch_id: str = "gift-20260311-welcome_back-1-abc") -> Batch:
    return Batch(
        batch_id,
        "gift",
        [
            Message(
                idempotency_key=f"key{number}",
                contact_value=contact,
                content=RenderedMessage("", text) if text else None,
                campaign_id="welcome_back",
                step_number=1,
                arm_code="parcel",
                variant_code="box",
                offer_code="gift",
                locale="en",
                selected_date=date(2026, 3, 11),
            )
            for number, contact in enumerate(contacts)
        ],
    )


def to_folder(folder: Path) -> FileDelivery:
    return open_file_drop(Settings("gift", {"RECALL_FILE_DROP_URL": folder.as_uri()}, folder / "unused"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_file_in_a_folder_has_its_rows_and_a_manifest_that_fits(tmp_path: Path) -> None:
    with to_folder(tmp_path) as way:
        answer = way.deliver(batch("Main Street 1, Berlin", "中山路 2 号"))

    assert answer.verdict == "accepted"
    file, manifest = sorted((tmp_path / "gift").iterdir())
    assert [row["contact"] for row in rows(file)] == ["Main Street 1, Berlin", "中山路 2 号"]
    assert json.loads(manifest.read_text()) == {
        "batch_id": "gift-20260311-welcome_back-1-abc",
        "channel": "gift",
        "file": file.name,
        "row_count": 2,
        "byte_count": len(file.read_bytes()),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert file.stat().st_mode & 0o077 == 0


def test_file_that_is_delivered_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    with to_folder(tmp_path) as way:
        way.deliver(batch("Main Street 1", "Main Street 2"))
        way.deliver(batch("Main Street 1"))

    assert len(list((tmp_path / "gift").iterdir())) == 2
    assert len(rows(next((tmp_path / "gift").glob("*.csv")))) == 1


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-2", "'-2"),
        ("@sum(a1)", "'@sum(a1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("Main Street 1", "Main Street 1"),
        ("+8613912345678", "+8613912345678"),
        ("+86139=1", "'+86139=1"),
        ("", ""),
    ],
)
def test_cell_that_a_spreadsheet_would_calculate_is_shown_instead(cell: str, written: str) -> None:
    assert formula_safe(cell) == written


def test_file_quotes_line_breaks_and_defuses_formulas(tmp_path: Path) -> None:
    with to_folder(tmp_path) as way:
        way.deliver(batch('=cmd|"/c calc"!A1', text="line one\nline two"))

    (row,) = rows(next((tmp_path / "gift").glob("*.csv")))
    assert row["contact"] == '\'=cmd|"/c calc"!A1'
    assert row["text"] == "line one\nline two"


class _PlaceThatBreaks(FolderPlace):
    """Loses the connection at the first rename."""

    def rename_part(self, name: str) -> None:
        raise OSError("connection lost")


def test_file_whose_rename_broke_is_ambiguous(tmp_path: Path) -> None:
    answer = FileDropDelivery(_PlaceThatBreaks(tmp_path), "").deliver(batch("Main Street 1"))

    assert (answer.verdict, answer.reason_code) == ("ambiguous", "not_surely_renamed")


def test_file_that_cannot_be_written_stops_the_channel(tmp_path: Path) -> None:
    blocked = tmp_path / "gift"
    blocked.write_text("a file where the folder should be")

    with pytest.raises(ChannelUnavailable, match="no_folder"), to_folder(tmp_path) as way:
        way.deliver(batch("Main Street 1"))


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"RECALL_FILE_DROP_URL": "ftp://host/x"}, "RECALL_FILE_DROP_URL: expected"),
        ({"RECALL_FILE_DROP_URL": "sftp://me@host/x"}, "RECALL_FILE_DROP_HOST_KEY: expected"),
        (
            {"RECALL_FILE_DROP_URL": "sftp://me@host/x", "RECALL_FILE_DROP_HOST_KEY": "ssh-ed25519 notbase64"},
            "RECALL_FILE_DROP_HOST_KEY: expected",
        ),
    ],
)
def test_file_drop_with_a_wrong_setting_names_it(environment: dict[str, str], fault: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=fault):
        open_file_drop(Settings("gift", environment, tmp_path))


def test_file_drop_without_settings_uses_the_homes_outbox(tmp_path: Path) -> None:
    with open_file_drop(Settings("gift", {}, tmp_path / "outbox")) as way:
        way.deliver(batch("Main Street 1"))

    assert len(list((tmp_path / "outbox" / "gift").glob("*.csv"))) == 1


@dataclass(frozen=True)
class SshServer:
    """OpenSSH's own server, for one test."""

    port: int
    folder: Path
    host_key: str
    key_file: Path

    def environment(self, **more: str) -> dict[str, str]:
        user = pwd.getpwuid(os.getuid()).pw_name
        return {
            "RECALL_FILE_DROP_URL": f"sftp://{user}@127.0.0.1:{self.port}{self.folder}",
            "RECALL_FILE_DROP_HOST_KEY": self.host_key,
            "RECALL_FILE_DROP_KEY_FILE": str(self.key_file),
        } | more


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[SshServer]:
    if SSHD is None:
        pytest.skip("OpenSSH's sshd is not installed here (apt-get install openssh-server)")
    for name in ("host", "user"):
        rsa_key(name).write_private_key_file(str(tmp_path / name))
    public = {name: paramiko.RSAKey(filename=str(tmp_path / name)) for name in ("host", "user")}
    (tmp_path / "authorized").write_text(f"ssh-rsa {public['user'].get_base64()}\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n"
        "Subsystem sftp internal-sftp\n"
    )
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield SshServer(port, tmp_path / "drop", f"ssh-rsa {public['host'].get_base64()}", tmp_path / "user")
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_file_over_sftp_arrives_and_is_replaced_when_delivered_again(ssh_server: SshServer, tmp_path: Path) -> None:
    with open_file_drop(Settings("gift", ssh_server.environment(), tmp_path)) as way:
        first = way.deliver(batch("Main Street 1", "Main Street 2"))
        second = way.deliver(batch("Main Street 1"))

    assert (first.verdict, second.verdict) == ("accepted", "accepted")
    files = sorted(path.name for path in (ssh_server.folder / "gift").iterdir())
    assert files == ["gift-20260311-welcome_back-1-abc.csv", "gift-20260311-welcome_back-1-abc.manifest.json"]
    assert len(rows(ssh_server.folder / "gift" / files[0])) == 1


def test_sftp_server_with_another_host_key_gets_nothing(ssh_server: SshServer, tmp_path: Path) -> None:
    stranger = f"ssh-rsa {rsa_key('a stranger').get_base64()}"
    environment = ssh_server.environment(RECALL_FILE_DROP_HOST_KEY=stranger)

    with (
        pytest.raises(ChannelUnavailable, match="wrong_host_key"),
        open_file_drop(Settings("gift", environment, tmp_path)) as way,
    ):
        way.deliver(batch("Main Street 1"))

    assert not ssh_server.folder.exists()


@pytest.fixture
def sftp_peer(tmp_path: Path) -> Iterator[SftpPeer]:
    root = tmp_path / "server"
    root.mkdir()
    with SftpPeer(root) as peer:
        yield peer


def test_file_over_the_sftp_protocol_arrives_and_is_replaced_when_delivered_again(
    sftp_peer: SftpPeer, tmp_path: Path
) -> None:
    with open_file_drop(Settings("gift", sftp_peer.environment(), tmp_path)) as way:
        first = way.deliver(batch("Main Street 1", "Main Street 2"))
        second = way.deliver(batch("Main Street 1"))

    assert (first.verdict, second.verdict) == ("accepted", "accepted")
    files = sorted((sftp_peer.root / "drop" / "gift").iterdir())
    assert [path.suffix for path in files] == [".csv", ".json"]
    assert len(rows(files[0])) == 1


def test_sftp_connection_cut_before_the_first_rename_leaves_no_file_under_its_name(
    sftp_peer: SftpPeer, tmp_path: Path
) -> None:
    sftp_peer.cuts_before_rename = True
    with open_file_drop(Settings("gift", sftp_peer.environment(), tmp_path)) as way:
        answer = way.deliver(batch("Main Street 1"))

    # Seen from here the name may have been given; the next run puts the same file there.
    assert answer.verdict == "ambiguous"
    assert {path.suffix for path in (sftp_peer.root / "drop" / "gift").iterdir()} == {".part"}


def test_sftp_connection_cut_after_the_first_rename_is_ambiguous(sftp_peer: SftpPeer, tmp_path: Path) -> None:
    sftp_peer.cuts_after_rename = True
    with open_file_drop(Settings("gift", sftp_peer.environment(), tmp_path)) as way:
        answer = way.deliver(batch("Main Street 1"))

    assert answer.verdict == "ambiguous"


@pytest.mark.parametrize("reason", ["wrong_host_key", "credentials_refused"])
def test_sftp_server_that_is_a_stranger_or_refuses_us_gets_nothing(
    sftp_peer: SftpPeer, tmp_path: Path, reason: str
) -> None:
    environment = sftp_peer.environment()
    if reason == "wrong_host_key":
        environment["RECALL_FILE_DROP_HOST_KEY"] = f"ssh-rsa {rsa_key('a stranger').get_base64()}"
    else:
        environment["RECALL_FILE_DROP_URL"] = environment["RECALL_FILE_DROP_URL"].replace("let", "do%20not%20let")

    with (
        pytest.raises(ChannelUnavailable, match=reason),
        open_file_drop(Settings("gift", environment, tmp_path)) as way,
    ):
        way.deliver(batch("Main Street 1"))

    assert list(sftp_peer.root.iterdir()) == []


def test_sftp_server_that_is_not_there_stops_the_channel(tmp_path: Path) -> None:
    environment = {
        "RECALL_FILE_DROP_URL": "sftp://me@127.0.0.1:1/drop",
        "RECALL_FILE_DROP_HOST_KEY": f"ssh-rsa {rsa_key('a stranger').get_base64()}",
    }

    with (
        pytest.raises(ChannelUnavailable, match="no_connection"),
        open_file_drop(Settings("gift", environment, tmp_path)) as way,
    ):
        way.deliver(batch("Main Street 1"))
