"""What lies in the landing folder: files found, told apart by content, and checked as a whole."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from recall.domain.tables import TABLE_NAMES, find_table, nearest_name

BLOCK_BYTES = 1 << 20
MANIFEST_SUFFIX = ".manifest.json"
ENDINGS = {".csv": "csv", ".csv.gz": "csv.gz", ".parquet": "parquet"}
MAX_UNPACKED_RATIO = 200
"""A gzip archive that grows by more than this is taken for a bomb, once it exceeds `MAX_UNPACKED_BYTES`."""
MAX_UNPACKED_BYTES = 1 << 30
GZIP_WINDOW = 16 + zlib.MAX_WBITS
DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")


class FileFault(Exception):
    """A fault of a file as a whole: nothing of it loads.

    Args:
        message: What is wrong, naming the column or line and what was expected.
        is_acceptable: True if a person may have the good rows loaded nevertheless.
    """

    def __init__(self, message: str, *, is_acceptable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_acceptable = is_acceptable


@dataclass(frozen=True)
class LandingFile:
    """One file below the landing folder.

    Attributes:
        location: Where it is.
        path: Its path below the landing folder, with forward slashes: its name for ever.
        table_name: The first folder of that path.
        format: csv, csv.gz or parquet.
    """

    location: Path
    path: str
    table_name: str
    format: str


@dataclass(frozen=True)
class Misplaced:
    """A data file that no table can take, and why."""

    file: LandingFile
    error: str


@dataclass(frozen=True)
class Discovery:
    """What a landing folder holds.

    Attributes:
        files: The data files, in the order of their paths.
        misplaced: Data files that no table can take.
        ignored: Paths of all other files.
    """

    files: tuple[LandingFile, ...]
    misplaced: tuple[Misplaced, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class TextFacts:
    """What one pass over a CSV file's bytes told.

    Attributes:
        location: A plain file with the same records: the file itself, or its unpacked copy.
        header: The names in the first record.
        header_bytes: Length of the first record with its line end, and of a byte order mark before it.
        has_nul: True if a byte is NUL, which no database text can hold.
        has_quotes: True if a quotation mark stands anywhere.
        has_mixed_ends: True if some lines end in CR LF and others in LF.
        ends_with_newline: True if the last line is finished.
    """

    location: Path
    header: tuple[str, ...]
    header_bytes: int
    has_nul: bool
    has_quotes: bool
    has_mixed_ends: bool
    ends_with_newline: bool


def discover(landing: Path) -> Discovery:
    """Finds the data files below a landing folder.

    Args:
        landing: The folder; may be absent, which is an empty one.

    Returns:
        Files in the order of their paths; hidden files, manifests and unfinished deliveries are left out.
    """
    files: list[LandingFile] = []
    misplaced: list[Misplaced] = []
    ignored: list[str] = []
    root = landing.resolve()
    found = sorted(landing.rglob("*"), key=lambda path: path.relative_to(landing).as_posix())
    for location in found:
        if not location.is_file():
            continue
        path = location.relative_to(landing).as_posix()
        if any(part.startswith((".", "_")) for part in path.split("/")) or path.endswith((".part", ".tmp")):
            continue
        if path.endswith(MANIFEST_SUFFIX):
            continue
        ending = next((suffix for suffix in ENDINGS if path.endswith(suffix)), None)
        if ending is None:
            ignored.append(path)
            continue
        folder, slash, _ = path.partition("/")
        file = LandingFile(location, path, folder if slash else "", ENDINGS[ending])
        if not location.resolve().is_relative_to(root):
            misplaced.append(Misplaced(file, "the link leads out of the landing folder"))
        elif not slash:
            name = path.removesuffix(ending)
            wanted = nearest_name(name, TABLE_NAMES) or "<table>"
            misplaced.append(Misplaced(file, f"it belongs into a folder of its table: {wanted}/{path}"))
        elif find_table(folder) is None:
            wanted = nearest_name(folder, TABLE_NAMES) or f"one of {', '.join(TABLE_NAMES)}"
            misplaced.append(Misplaced(file, f"there is no table {folder!r}; the nearest known name is {wanted}"))
        else:
            files.append(file)
    return Discovery(tuple(files), tuple(misplaced), tuple(ignored))


def digest_of(location: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal.

    Args:
        location: The file.
    """
    with location.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def date_in_name(path: str) -> date | None:
    """Returns the date that a file's name carries, for example 2024-02-29 or 20240229; None if there is none.

    Args:
        path: Path of the file.
    """
    for year, month, day in reversed(DATE_IN_NAME.findall(path.rpartition("/")[2])):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def check_manifest(file: LandingFile, digest: str) -> int | None:
    """Holds a file against the manifest beside it, if there is one.

    Args:
        file: The file.
        digest: SHA-256 of its bytes, in hexadecimal.

    Returns:
        The number of records that the manifest promises; None without a manifest or a number.

    Raises:
        FileFault: The manifest is unreadable or its digest differs; the file did not arrive as it was sent.
    """
    manifest = file.location.with_name(file.location.name + MANIFEST_SUFFIX)
    if not manifest.is_file():
        return None
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        promised = content.get("row_count")
        expected = content.get("sha256")
    except (ValueError, AttributeError) as error:
        raise FileFault(f"its manifest {manifest.name} is not a JSON object: {error}") from error
    if expected is not None and str(expected).lower() != digest:
        raise FileFault(f"its manifest says sha256 {expected}, but the file's is {digest}")
    if promised is not None and (isinstance(promised, bool) or not isinstance(promised, int) or promised < 0):
        raise FileFault(f"its manifest {manifest.name}: row_count: expected a whole number, found {promised!r}")
    return promised


def read_text_facts(file: LandingFile, folder: Path) -> TextFacts:
    """Reads a CSV file once, block by block, and checks it as a whole; unpacks an archive on the way.

    Args:
        file: A file of format csv or csv.gz.
        folder: Where an unpacked copy may be written.

    Returns:
        What the bytes told.

    Raises:
        FileFault: The archive is cut off, or the text is not UTF-8; the message names the line.
    """
    packed = file.format == "csv.gz"
    location = folder / "unpacked.csv" if packed else file.location
    decoder = codecs.getincrementaldecoder("utf-8")()
    has_nul = False
    has_quotes = False
    crlf_count = 0
    newline_count = 0
    last = b""
    head = b""
    copy = location.open("wb") if packed else None
    try:
        for block in _blocks(file):
            if copy is not None:
                copy.write(block)
            if len(head) < BLOCK_BYTES:
                head += block
                _refuse_utf16(head)
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line = newline_count + error.object[: error.start].count(b"\n") + 1
                raise FileFault(_encoding_message(error, line)) from error
            has_nul = has_nul or b"\0" in block
            has_quotes = has_quotes or b'"' in block
            newline_count += block.count(b"\n")
            crlf_count += block.count(b"\r\n") + (last == b"\r" and block[:1] == b"\n")
            last = block[-1:]
    finally:
        if copy is not None:
            copy.close()
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise FileFault("truncated: the file ends in the middle of a UTF-8 character") from error
    header, header_bytes = _header(head)
    return TextFacts(
        location=location,
        header=header,
        header_bytes=header_bytes,
        has_nul=has_nul,
        has_quotes=has_quotes,
        has_mixed_ends=0 < crlf_count < newline_count,
        ends_with_newline=last in (b"\n", b"\r"),
    )


def unify_line_ends(facts: TextFacts, folder: Path) -> Path:
    """Copies a CSV file with every line ended by LF.

    Args:
        facts: What is known of the file.
        folder: Where to write the copy.

    Returns:
        The copy.
    """
    copy = folder / "unified.csv"
    with facts.location.open("rb") as source, copy.open("wb") as target:
        held = b""
        while block := source.read(BLOCK_BYTES):
            block = held + block
            # A CR at the end of a block may belong to an LF in the next one.
            held = b"\r" if block.endswith(b"\r") else b""
            target.write(block.removesuffix(held).replace(b"\r\n", b"\n") if held else block.replace(b"\r\n", b"\n"))
        target.write(held)
    return copy


def _blocks(file: LandingFile) -> Iterator[bytes]:
    with file.location.open("rb") as stream:
        if file.format != "csv.gz":
            while block := stream.read(BLOCK_BYTES):
                yield block
            return
        unpacker = zlib.decompressobj(GZIP_WINDOW)
        read = 0
        written = 0
        try:
            while packed := stream.read(BLOCK_BYTES):
                read += len(packed)
                while packed:
                    block = unpacker.decompress(packed, BLOCK_BYTES)
                    written += len(block)
                    if written > MAX_UNPACKED_BYTES and written > MAX_UNPACKED_RATIO * read:
                        raise FileFault(f"the archive grows to more than {MAX_UNPACKED_RATIO} times its size")
                    if block:
                        yield block
                    packed = unpacker.unconsumed_tail
                    if unpacker.eof:
                        # Archives may be several streams one after the other.
                        packed = unpacker.unused_data
                        unpacker = zlib.decompressobj(GZIP_WINDOW)
                        if not packed.strip(b"\0"):
                            packed = stream.read(BLOCK_BYTES)
                            read += len(packed)
                            if not packed.strip(b"\0"):
                                return
        except zlib.error as error:
            raise FileFault(f"damaged archive: not readable as gzip after {written:,} bytes of text") from error
    raise FileFault(f"truncated archive: it ends after {written:,} bytes of text, before the end of its gzip stream")


def _refuse_utf16(head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileFault("wrong encoding: the file is UTF-16; deliver it as UTF-8")


def _encoding_message(error: UnicodeDecodeError, line: int) -> str:
    found = f"byte 0x{error.object[error.start]:02X} in line {line:,} is not UTF-8"
    # Enough of the text around the byte to tell Chinese from chance, cut at a line so as not to split a character.
    around = error.object[error.start : error.start + 4096].rpartition(b"\n")[0] or error.object[error.start :]
    try:
        around.decode("gb18030")
    except UnicodeDecodeError:
        return f"wrong encoding: {found}; deliver the file as UTF-8"
    return f"wrong encoding: {found}, but could be GBK or a Latin one; deliver the file as UTF-8"


def _header(head: bytes) -> tuple[tuple[str, ...], int]:
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    # The block may end inside a character of a later line; the header ends long before.
    text = head[mark:].decode("utf-8", errors="ignore")
    if not text.strip():
        raise FileFault("empty: expected a header row with the names of the columns")
    lines = text.splitlines(keepends=True)
    used: list[str] = []

    def feed() -> Iterator[str]:
        for line in lines:
            used.append(line)
            yield line

    try:
        names = next(csv.reader(feed(), strict=True))
    except (csv.Error, StopIteration) as error:
        raise FileFault(f"line 1: the header is not readable as CSV: {error}") from error
    return tuple(name.strip() for name in names), mark + len("".join(used).encode())
