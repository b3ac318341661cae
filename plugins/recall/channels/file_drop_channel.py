"""Files for whoever does the sending: a CSV and a manifest in a folder or on an SFTP server.

A file gets its final name only when it is complete, and its manifest comes last. The name follows from the batch, so
delivering it again replaces it, and the receiver recognises rows by their idempotency_key.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import json
import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self
from urllib.parse import unquote, urlsplit

import paramiko
from paramiko.pkey import UnknownKeyType

from recall.channels.contract import ACCEPTED, FOR_EVER, Answer, Batch, ChannelUnavailable, Settings, Traits
from recall.channels.unsubscribe import filled, unsubscribe_address
from recall.domain.contact import CONTACT_CODES
from recall.domain.errors import UsageError

URL_VARIABLE = "RECALL_FILE_DROP_URL"
HOST_KEY_VARIABLE = "RECALL_FILE_DROP_HOST_KEY"
KEY_FILE_VARIABLE = "RECALL_FILE_DROP_KEY_FILE"
TIMEOUT_SECONDS = 30.0
FILE_ROWS = 100_000

COLUMNS = (
    "idempotency_key",
    "channel",
    "contact",
    "campaign_id",
    "step_number",
    "arm_code",
    "variant_code",
    "offer_code",
    "locale",
    "selected_date",
    "subject",
    "text",
    "unsubscribe_url",
)

# What a spreadsheet takes for the beginning of a formula; a blank before it does not help.
_FORMULA = re.compile(r"\s*[=+\-@|%]|[\t\r\n]")
_PHONE = re.compile(r"\+[0-9]{6,15}")
_SFTP_PORT = 22


def open_file_drop(settings: Settings) -> FileDropDelivery:
    """Makes the file delivery from the environment; the plugin `file_drop`.

    Args:
        settings: RECALL_FILE_DROP_URL in its environment names a folder (`file:///srv/outbox`) or a server
            (`sftp://user@host/folder`, with RECALL_FILE_DROP_HOST_KEY); without it the home's outbox is used.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    unsubscribe_pattern = unsubscribe_address(settings, default="")
    url = settings.environment.get(URL_VARIABLE, "").strip()
    if not url:
        return FileDropDelivery(FolderPlace(settings.outbox_dir / settings.channel), unsubscribe_pattern)
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FileDropDelivery(FolderPlace(Path(unquote(parts.path)) / settings.channel), unsubscribe_pattern)
    if parts.scheme != "sftp" or not parts.hostname or not parts.username:
        raise UsageError(f"{URL_VARIABLE}: expected file:///folder or sftp://user@host/folder")
    host_key = settings.environment.get(HOST_KEY_VARIABLE, "").strip()
    place = SftpPlace(
        host=parts.hostname,
        port=parts.port or _SFTP_PORT,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        key_file=settings.environment.get(KEY_FILE_VARIABLE, "").strip(),
        host_key=_parse_host_key(host_key),
        folder=posixpath.join(unquote(parts.path) or ".", settings.channel),
    )
    return FileDropDelivery(place, unsubscribe_pattern)


class Place(Protocol):
    """Where files are put."""

    def open(self) -> None:
        """Connects and makes the folder; raises ChannelUnavailable."""

    def close(self) -> None:
        """Lets go of the connection."""

    def write_part(self, name: str, content: bytes) -> None:
        """Writes a complete `<name>.part`; raises OSError or paramiko.SSHException."""

    def rename_part(self, name: str) -> None:
        """Gives `<name>.part` its final name in one step; raises OSError or paramiko.SSHException."""


class FileDropDelivery:
    """Puts one CSV and one manifest per batch in place.

    Args:
        place: The folder or server.
        unsubscribe_pattern: Address at which a receiver says no; empty for none.
    """

    kind: Literal["files"] = "files"

    def __init__(self, place: Place, unsubscribe_pattern: str) -> None:
        self._place = place
        self._unsubscribe_pattern = unsubscribe_pattern

    def __enter__(self) -> Self:
        """Connects."""
        self._place.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the connection."""
        self._place.close()

    @property
    def traits(self) -> Traits:
        """Any contact; a file is replaced under its own name."""
        return Traits(frozenset(CONTACT_CODES), batch_size=FILE_ROWS, remembers_keys_for=FOR_EVER)

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no; empty if none is set."""
        return filled(self._unsubscribe_pattern, idempotency_key)

    def deliver(self, batch: Batch) -> Answer:
        """Puts one file in place; see the contract."""
        content = self._content(batch)
        files = ((f"{batch.batch_id}.csv", content), (f"{batch.batch_id}.manifest.json", _manifest(batch, content)))
        try:
            for name, data in files:
                self._place.write_part(name, data)
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise ChannelUnavailable(
                "not_written", f"{type(error).__name__} while writing; see {URL_VARIABLE}"
            ) from None
        try:
            for name, _ in files:
                self._place.rename_part(name)
        except (OSError, paramiko.SSHException, EOFError):
            # The file or its manifest may have its final name already; the same batch is put there again.
            return Answer("ambiguous", "not_surely_renamed")
        return ACCEPTED

    def preview(self, batch: Batch, folder: Path) -> Path:
        """Writes the same two files into a folder of this machine; see the contract."""
        content = self._content(batch)
        place = FolderPlace(folder)
        place.open()
        for name, data in (
            (f"{batch.batch_id}.csv", content),
            (f"{batch.batch_id}.manifest.json", _manifest(batch, content)),
        ):
            place.write_part(name, data)
            place.rename_part(name)
        return folder / f"{batch.batch_id}.csv"

    def _content(self, batch: Batch) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for message in batch.messages:
            content = message.content
            cells = (
                message.idempotency_key,
                batch.channel,
                message.contact_value,
                message.campaign_id,
                str(message.step_number),
                message.arm_code,
                message.variant_code,
                message.offer_code,
                message.locale,
                message.selected_date.isoformat(),
                content.subject if content else "",
                content.text if content else "",
                self.unsubscribe_url(message.idempotency_key),
            )
            writer.writerow([formula_safe(cell) for cell in cells])
        return text.getvalue().encode()


@dataclass(frozen=True)
class FolderPlace:
    """A folder of this machine.

    Attributes:
        folder: Made if absent, closed to other users.
    """

    folder: Path

    def open(self) -> None:
        """Makes the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ChannelUnavailable(
                "no_folder", f"{self.folder}: {type(error).__name__}; see {URL_VARIABLE}"
            ) from None

    def close(self) -> None:
        """Nothing is held open."""

    def write_part(self, name: str, content: bytes) -> None:
        """Writes a complete part file, on disk before it is renamed."""
        descriptor = os.open(self.folder / f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename_part(self, name: str) -> None:
        """Gives the part its final name."""
        (self.folder / f"{name}.part").replace(self.folder / name)


class SftpPlace:
    """A folder on an SFTP server whose host key is known.

    Args:
        host: Name or address.
        port: Port.
        user: Login.
        password: Password; empty for a key.
        key_file: Path of a private key; empty for a password.
        host_key: The server's public key, which must match.
        folder: Folder on the server; made if absent.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        password: str,
        key_file: str,
        host_key: paramiko.PKey,
        folder: str,
    ) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._key_file = key_file
        self._host_key = host_key
        self._folder = folder
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    def open(self) -> None:
        """Connects, refuses an unknown host key, and makes the folder."""
        client = paramiko.SSHClient()
        name = self._host if self._port == _SFTP_PORT else f"[{self._host}]:{self._port}"
        client.get_host_keys().add(name, self._host_key.get_name(), self._host_key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            client.connect(
                self._host,
                port=self._port,
                username=self._user,
                password=self._password or None,
                key_filename=self._key_file or None,
                allow_agent=False,
                look_for_keys=False,
                timeout=TIMEOUT_SECONDS,
                banner_timeout=TIMEOUT_SECONDS,
                auth_timeout=TIMEOUT_SECONDS,
                channel_timeout=TIMEOUT_SECONDS,
            )
            sftp = client.open_sftp()
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(TIMEOUT_SECONDS)
            _make_folders(sftp, self._folder)
        except paramiko.AuthenticationException:
            client.close()
            raise ChannelUnavailable("credentials_refused", f"{self._host} refuses the login") from None
        except paramiko.BadHostKeyException:
            client.close()
            raise ChannelUnavailable(
                "wrong_host_key", f"{self._host} shows another key than {HOST_KEY_VARIABLE}; ask its operator"
            ) from None
        except (OSError, paramiko.SSHException, EOFError) as error:
            client.close()
            raise ChannelUnavailable(
                "no_connection", f"{self._host}:{self._port}: {type(error).__name__}; see {URL_VARIABLE}"
            ) from None
        self._client, self._sftp = client, sftp

    def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.close()
            self._client = self._sftp = None

    def write_part(self, name: str, content: bytes) -> None:
        """Writes a complete part file; the server's size is compared."""
        assert self._sftp is not None
        with self._sftp.open(posixpath.join(self._folder, f"{name}.part"), "wb") as file:
            file.set_pipelined(True)
            file.write(content)
        written = self._sftp.stat(posixpath.join(self._folder, f"{name}.part")).st_size
        if written != len(content):
            raise OSError(f"{written} of {len(content)} bytes arrived")

    def rename_part(self, name: str) -> None:
        """Gives the part its final name, over an earlier one of that name."""
        assert self._sftp is not None
        final = posixpath.join(self._folder, name)
        self._sftp.posix_rename(f"{final}.part", final)


def formula_safe(cell: str) -> str:
    """Makes sure that a spreadsheet shows a cell and does not calculate it.

    Args:
        cell: The text. A phone number in E.164 stays as it is: a plus sign and digits calculate to nothing else.

    Returns:
        The text, with an apostrophe before it where it could begin a formula.
    """
    if _PHONE.fullmatch(cell) or not _FORMULA.match(cell):
        return cell
    return f"'{cell}"


def _manifest(batch: Batch, content: bytes) -> bytes:
    values = {
        "batch_id": batch.batch_id,
        "channel": batch.channel,
        "file": f"{batch.batch_id}.csv",
        "row_count": len(batch.messages),
        "byte_count": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return (json.dumps(values, indent=2) + "\n").encode()


def _make_folders(sftp: paramiko.SFTPClient, folder: str) -> None:
    reached = "/" if folder.startswith("/") else ""
    for part in folder.strip("/").split("/"):
        reached = posixpath.join(reached, part)
        try:
            sftp.stat(reached)
        except FileNotFoundError:
            sftp.mkdir(reached, 0o700)


def _parse_host_key(text: str) -> paramiko.PKey:
    expected = f"{HOST_KEY_VARIABLE}: expected the server's public key, such as `ssh-ed25519 AAAA...`"
    parts = text.split()
    # A line of ssh-keyscan begins with the host's name.
    if len(parts) >= 3 and not parts[0].startswith(("ssh-", "ecdsa-")):
        parts = parts[1:]
    if len(parts) < 2:
        raise UsageError(expected, next_command="ssh-keyscan -t ed25519 <host>")
    try:
        return paramiko.PKey.from_type_string(parts[0], base64.b64decode(parts[1], validate=True))
    except (paramiko.SSHException, UnknownKeyType, binascii.Error, ValueError):
        raise UsageError(expected, next_command="ssh-keyscan -t ed25519 <host>") from None
