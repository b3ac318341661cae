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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, Self
from urllib.parse import unquote, urlsplit

import paramiko
from paramiko.pkey import UnknownKeyType

from recall.channels.contract import (
    ACCEPTED,
    Answer,
    Batch,
    ChannelUnavailable,
    Message,
    Receipt,
    ReceiptEvent,
    ReceiptRefused,
    Settings,
    Traits,
)
from recall.channels.standard_webhooks import receipt_of
from recall.channels.unsubscribe import filled, unsubscribe_address
from recall.domain.contact import CONTACT_CODES
from recall.domain.coupon import COUPON_TEXTS
from recall.domain.errors import UsageError

PREFIX = "RECALL_FILE_DROP"
TIMEOUT_SECONDS = 30.0
FILE_ROWS = 100_000
ROWS_AT_ONCE = 500
ANY_CONTACT = Traits(frozenset(CONTACT_CODES), batch_size=FILE_ROWS)
LARGEST_ANSWER_BYTES = 64 * 2**20

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
    *COUPON_TEXTS,
)

# What a spreadsheet takes for the beginning of a formula; a blank before it does not help.
_FORMULA = re.compile(r"\s*[=+\-@|%]|[\t\r\n]")
_PHONE = re.compile(r"\+[0-9]{6,15}")
_SFTP_PORT = 22
_NO_COUPON = ("",) * len(COUPON_TEXTS)


def open_file_drop(settings: Settings) -> FileDropDelivery:
    """Makes the file delivery from the environment; the plugin `file_drop`.

    Args:
        settings: RECALL_FILE_DROP_URL in its environment names a folder (`file:///srv/outbox`) or a server
            (`sftp://user@host/folder`, with RECALL_FILE_DROP_HOST_KEY); without it the home's outbox is used.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return FileDropDelivery(open_place(settings, PREFIX), unsubscribe_address(settings, default=""))


def open_list(
    settings: Settings, prefix: str, *, contact_code: str, answers_folder: str, answers: Mapping[str, ReceiptEvent]
) -> FileDropDelivery:
    """Makes the delivery of lists that somebody works off and answers in files beside them.

    Args:
        settings: `<prefix>_URL`, `<prefix>_HOST_KEY` and `<prefix>_KEY_FILE` in its environment, as of open_place.
        prefix: What the variables' names begin with.
        contact_code: The contact that the lists need.
        answers_folder: Folder beside the files where the answers are written.
        answers: What the words of the answers mean.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return FileDropDelivery(
        open_place(settings, prefix),
        unsubscribe_address(settings, default=""),
        traits=Traits(frozenset({contact_code}), batch_size=FILE_ROWS),
        answers_folder=answers_folder,
        answers=answers,
    )


def open_place(settings: Settings, prefix: str) -> Place:
    """Returns the place that the environment names.

    Args:
        settings: `<prefix>_URL` in its environment names a folder or a server, with `<prefix>_HOST_KEY` and, where it
            holds no password, `<prefix>_KEY_FILE`; without it the home's outbox is used.
        prefix: What the variables' names begin with.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    url_variable, host_key_variable = f"{prefix}_URL", f"{prefix}_HOST_KEY"
    url = settings.environment.get(url_variable, "").strip()
    if not url:
        return FolderPlace(settings.outbox_dir / settings.channel, url_variable)
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FolderPlace(Path(unquote(parts.path)) / settings.channel, url_variable)
    if parts.scheme != "sftp" or not parts.hostname or not parts.username:
        raise UsageError(f"{url_variable}: expected file:///folder or sftp://user@host/folder")
    host_key = settings.environment.get(host_key_variable, "").strip()
    return SftpPlace(
        host=parts.hostname,
        port=parts.port or _SFTP_PORT,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        key_file=settings.environment.get(f"{prefix}_KEY_FILE", "").strip(),
        host_key=_parse_host_key(host_key, host_key_variable),
        folder=posixpath.join(unquote(parts.path) or ".", settings.channel),
        prefix=prefix,
    )


class Place(Protocol):
    """Where files are put."""

    def open(self) -> None:
        """Connects and makes the folder; raises ChannelUnavailable."""

    def close(self) -> None:
        """Lets go of the connection."""

    def write_part(self, name: str, chunks: Iterable[bytes]) -> None:
        """Writes a complete `<name>.part`; raises OSError or paramiko.SSHException."""

    def rename_part(self, name: str) -> None:
        """Gives `<name>.part` its final name in one step; raises OSError or paramiko.SSHException."""

    def names(self, folder: str) -> Sequence[str]:
        """Returns the names of files in a folder below; none if there is no such folder; raises as write_part."""

    def read(self, name: str) -> bytes:
        """Returns a file below; raises as write_part."""


class FileDropDelivery:
    """Puts one CSV and one manifest per batch in place.

    Args:
        place: The folder or server.
        unsubscribe_pattern: Address at which a receiver says no; empty for none.
        traits: What it can do; default any contact.
        answers_folder: Folder beside the files where whoever works them off writes what came of it; empty for none.
        answers: What their words mean.
    """

    kind: Literal["files"] = "files"

    def __init__(
        self,
        place: Place,
        unsubscribe_pattern: str,
        *,
        traits: Traits = ANY_CONTACT,
        answers_folder: str = "",
        answers: Mapping[str, ReceiptEvent] = MappingProxyType({}),
    ) -> None:
        self._place = place
        self._unsubscribe_pattern = unsubscribe_pattern
        self._traits = traits
        self._answers_folder = answers_folder
        self._answers = answers

    def __enter__(self) -> Self:
        """Connects."""
        self._place.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the connection."""
        self._place.close()

    @property
    def traits(self) -> Traits:
        """What the plugin can do."""
        return self._traits

    def unsubscribe_url(self, idempotency_key: str) -> str:
        """Returns the address at which the receiver of a message says no; empty if none is set."""
        return filled(self._unsubscribe_pattern, idempotency_key)

    def deliver(self, batch: Batch) -> Answer:
        """Puts one file in place; see the contract."""
        try:
            names = self._write_parts(self._place, batch)
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise ChannelUnavailable("not_written", f"{type(error).__name__} while writing the file") from None
        try:
            for name in names:
                self._place.rename_part(name)
        except (OSError, paramiko.SSHException, EOFError):
            # The file or its manifest may have its final name already; the same batch is put there again.
            return Answer("ambiguous", "not_surely_renamed")
        return ACCEPTED

    def preview(self, batch: Batch, folder: Path) -> Path:
        """Writes the same two files into a folder of this machine; see the contract."""
        place = FolderPlace(folder)
        place.open()
        for name in self._write_parts(place, batch):
            place.rename_part(name)
        return folder / f"{batch.batch_id}.csv"

    def _write_parts(self, place: Place, batch: Batch) -> Sequence[str]:
        """Writes the parts of file and manifest; returns their names in the order in which they get them."""
        names = f"{batch.batch_id}.csv", f"{batch.batch_id}.manifest.json"
        written = _Counted(self.rows_of(batch))
        place.write_part(names[0], written)
        values = {
            "batch_id": batch.batch_id,
            "channel": batch.channel,
            "file": names[0],
            "row_count": written.row_count,
            "byte_count": written.byte_count,
            "sha256": written.digest.hexdigest(),
        }
        place.write_part(names[1], [(json.dumps(values, indent=2) + "\n").encode()])
        return names

    def read_receipts(self, payload: bytes, headers: Mapping[str, str]) -> Sequence[Receipt]:
        """Reads one file of whoever works the lists off: idempotency_key, outcome, occurred_at."""
        try:
            rows = list(csv.DictReader(io.StringIO(payload.decode("utf-8-sig"), newline=""), strict=True))
            return [
                receipt_of(row["idempotency_key"], self._answers[row["outcome"]], row["occurred_at"]) for row in rows
            ]
        except (ValueError, KeyError, TypeError, csv.Error):
            words = ", ".join(sorted(self._answers))
            raise ReceiptRefused(
                f"expected idempotency_key, outcome (one of {words}) and occurred_at with a zone"
            ) from None

    def collect_receipts(self) -> Sequence[Receipt]:
        """Reads every file of the folder of answers, in the order of their names."""
        if not self._answers_folder:
            return []
        receipts: list[Receipt] = []
        refusals: list[str] = []
        try:
            for name in sorted(self._place.names(self._answers_folder)):
                if not name.endswith(".csv"):
                    continue
                try:
                    receipts += self.read_receipts(self._place.read(posixpath.join(self._answers_folder, name)), {})
                except ReceiptRefused as refusal:
                    # There may be a no in the files beside it, which must not wait for this one.
                    refusals.append(f"{self._answers_folder}/{name}: {refusal}")
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise ChannelUnavailable("not_read", f"{type(error).__name__} while reading answers") from None
        if refusals:
            raise ReceiptRefused("; ".join(refusals), readable=receipts)
        return receipts

    def rows_of(self, batch: Batch) -> Iterator[Sequence[str]]:
        """Returns the file's rows, the names of the columns first.

        Args:
            batch: Its name and its rows.
        """
        yield COLUMNS
        channel = formula_safe(batch.channel)
        for message in batch.messages:
            content = message.content
            yield (
                formula_safe(message.idempotency_key),
                channel,
                formula_safe(message.contact_value),
                *_shared_cells(
                    message.campaign_id,
                    message.step_number,
                    message.arm_code,
                    message.variant_code,
                    message.offer_code,
                    message.locale,
                    message.selected_date,
                ),
                formula_safe(content.subject) if content else "",
                formula_safe(content.text) if content else "",
                formula_safe(self.unsubscribe_url(message.idempotency_key)),
                *map(formula_safe, coupon_cells(message)),
            )


@lru_cache(maxsize=1024)
def _shared_cells(*values: str | int | date) -> Sequence[str]:
    """Writes out what many messages have in common."""
    return tuple(formula_safe(value.isoformat() if isinstance(value, date) else str(value)) for value in values)


class _Counted:
    """A file's bytes, some hundred rows at a time, and what its manifest says of those that were taken.

    Args:
        rows: The rows, the names of the columns first.
    """

    def __init__(self, rows: Iterator[Sequence[str]]) -> None:
        self._rows = rows
        self.row_count = -1
        self.byte_count = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for rows in iter(lambda: list(islice(self._rows, ROWS_AT_ONCE)), []):
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(rows)
            chunk = text.getvalue().encode()
            self.row_count += len(rows)
            self.byte_count += len(chunk)
            self.digest.update(chunk)
            yield chunk


@dataclass(frozen=True)
class FolderPlace:
    """A folder of this machine.

    Attributes:
        folder: Made if absent, closed to other users.
        variable: Variable that names it, for errors.
    """

    folder: Path
    variable: str = f"{PREFIX}_URL"

    def open(self) -> None:
        """Makes the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ChannelUnavailable(
                "no_folder", f"{self.folder}: {type(error).__name__}; see {self.variable}"
            ) from None

    def close(self) -> None:
        """Nothing is held open."""

    def write_part(self, name: str, chunks: Iterable[bytes]) -> None:
        """Writes a complete part file, on disk before it is renamed."""
        descriptor = os.open(self.folder / f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())

    def rename_part(self, name: str) -> None:
        """Gives the part its final name."""
        (self.folder / f"{name}.part").replace(self.folder / name)

    def names(self, folder: str) -> Sequence[str]:
        """Returns the names of files in a folder below."""
        place = self.folder / folder
        return [path.name for path in place.iterdir() if path.is_file()] if place.is_dir() else []

    def read(self, name: str) -> bytes:
        """Returns a file below."""
        path = self.folder / name
        _refuse_too_large(path.stat().st_size)
        return path.read_bytes()


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
        prefix: What the names of its variables begin with, for errors.
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
        prefix: str,
    ) -> None:
        self._prefix = prefix
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
                "wrong_host_key", f"{self._host} shows another key than {self._prefix}_HOST_KEY; ask its operator"
            ) from None
        except (OSError, paramiko.SSHException, EOFError) as error:
            client.close()
            raise ChannelUnavailable(
                "no_connection", f"{self._host}:{self._port}: {type(error).__name__}; see {self._prefix}_URL"
            ) from None
        self._client, self._sftp = client, sftp

    def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.close()
            self._client = self._sftp = None

    def write_part(self, name: str, chunks: Iterable[bytes]) -> None:
        """Writes a complete part file; the server's size is compared."""
        assert self._sftp is not None
        size = 0
        with self._sftp.open(posixpath.join(self._folder, f"{name}.part"), "wb") as file:
            file.set_pipelined(True)
            for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
        written = self._sftp.stat(posixpath.join(self._folder, f"{name}.part")).st_size
        if written != size:
            raise OSError(f"{written} of {size} bytes arrived")

    def rename_part(self, name: str) -> None:
        """Gives the part its final name, over an earlier one of that name."""
        assert self._sftp is not None
        final = posixpath.join(self._folder, name)
        self._sftp.posix_rename(f"{final}.part", final)

    def names(self, folder: str) -> Sequence[str]:
        """Returns the names of files in a folder below."""
        assert self._sftp is not None
        try:
            return self._sftp.listdir(posixpath.join(self._folder, folder))
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes:
        """Returns a file below."""
        assert self._sftp is not None
        path = posixpath.join(self._folder, name)
        _refuse_too_large(self._sftp.stat(path).st_size or 0)
        with self._sftp.open(path, "rb") as file:
            return file.read()


def _refuse_too_large(size: int) -> None:
    if size > LARGEST_ANSWER_BYTES:
        raise OSError("larger than an answer may be")


def formula_safe(cell: str) -> str:
    """Makes sure that a spreadsheet shows a cell and does not calculate it.

    Args:
        cell: The text. A phone number in E.164 stays as it is: a plus sign and digits calculate to nothing else.

    Returns:
        The text, with an apostrophe before it where it could begin a formula.
    """
    if not cell or cell[0].isalnum() or _PHONE.fullmatch(cell) or not _FORMULA.match(cell):
        return cell
    return f"'{cell}"


def coupon_cells(message: Message) -> Sequence[str]:
    """Returns the cells that tell of a message's coupon, in the order of COUPON_TEXTS; empty where it has none.

    Args:
        message: The message.
    """
    return tuple(message.coupon.texts().values()) if message.coupon else _NO_COUPON


def _make_folders(sftp: paramiko.SFTPClient, folder: str) -> None:
    reached = "/" if folder.startswith("/") else ""
    for part in folder.strip("/").split("/"):
        reached = posixpath.join(reached, part)
        try:
            sftp.stat(reached)
        except FileNotFoundError:
            sftp.mkdir(reached, 0o700)


def _parse_host_key(text: str, variable: str) -> paramiko.PKey:
    expected = f"{variable}: expected the server's public key, such as `ssh-ed25519 AAAA...`"
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
