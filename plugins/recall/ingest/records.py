"""Where the records of a CSV file stand: found again by reading its lines, for the few that were set aside."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

from recall.ingest.landing import TextFacts

RAW_LINE_CHARACTERS = 100_000
OPENING = re.compile(rb'(?:^|,)"')
CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')


@dataclass(frozen=True)
class Record:
    """One record and its place.

    Attributes:
        record_number: Number among the file's records, the first being 1.
        line_number: Line where it begins, the header's being 1; None in a file without lines.
        byte_offset: Byte where it begins, in the unpacked file; None in a file without lines.
        raw_line: Its text without the line end, cut after 100,000 characters.
        byte_count: Its whole length in bytes.
        is_refused: True if the parser could not split it into columns.
        is_unclosed: True if a quotation mark in it is never closed.
        is_last: True if nothing follows it.
    """

    record_number: int
    line_number: int | None
    byte_offset: int | None
    raw_line: str
    byte_count: int
    is_refused: bool = False
    is_unclosed: bool = False
    is_last: bool = False

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return f"row {self.record_number:,}" if self.line_number is None else f"line {self.line_number:,}"


def storable(text: str) -> str:
    """Returns a record's text as a database can hold it: cut, and with a picture in place of each NUL.

    Args:
        text: The text as delivered.
    """
    return text[:RAW_LINE_CHARACTERS].replace("\0", "\N{SYMBOL FOR NULL}")


def locate_records(
    facts: TextFacts, *, refused_lines: Collection[int], good_numbers: Collection[int], skips_blank: bool
) -> list[Record]:
    """Finds records again that the parser refused or whose values broke a rule.

    Args:
        facts: The file.
        refused_lines: Numbers that the parser gave to refused records; it counts the header and blank lines.
        good_numbers: Numbers of the wanted records among those that the parser could split, the first being 1.
        skips_blank: True if the parser passes over blank lines, as it does in files of several columns.

    Returns:
        The records in the file's order.
    """
    found: list[Record] = []
    wanted = len(set(refused_lines)) + len(set(good_numbers))
    refused = set(refused_lines)
    good = set(good_numbers)
    parser_line = 1
    line_number = 1
    record_number = 0
    good_number = 0
    offset = facts.header_bytes
    with facts.location.open("rb") as stream:
        line_number += stream.read(facts.header_bytes).count(b"\n")
        while len(found) < wanted:
            record, is_unclosed = _read_record(stream, has_quotes=facts.has_quotes)
            if not record:
                break
            parser_line += 1
            if not (skips_blank and not record.strip(b"\r\n")):
                record_number += 1
                is_refused = parser_line in refused
                good_number += not is_refused
                if is_refused or good_number in good:
                    end = stream.tell()
                    is_last = not stream.read(1)
                    stream.seek(end)
                    text = record[: 4 * RAW_LINE_CHARACTERS].decode("utf-8", errors="ignore").rstrip("\r\n")
                    found.append(
                        Record(
                            record_number=record_number,
                            line_number=line_number,
                            byte_offset=offset,
                            raw_line=storable(text),
                            byte_count=len(record),
                            is_refused=is_refused,
                            is_unclosed=is_unclosed,
                            is_last=is_last,
                        )
                    )
            offset += len(record)
            line_number += record.count(b"\n")
    return found


def _read_record(stream: BinaryIO, *, has_quotes: bool) -> tuple[bytes, bool]:
    """Reads lines up to the end of a record; says whether the file ended inside quotation marks."""
    record = stream.readline()
    if not has_quotes or b'"' not in record:
        return record, False
    parts = [record]
    inside = _ends_inside(record, inside=False)
    while inside:
        line = stream.readline()
        if not line:
            return b"".join(parts), True
        parts.append(line)
        inside = _ends_inside(line, inside=True)
    return b"".join(parts), False


def _ends_inside(line: bytes, *, inside: bool) -> bool:
    """Tells whether a quoted field is still open at the end of a line; a mark inside a bare field opens none."""
    position = 0
    while True:
        if inside:
            closing = CLOSING.match(line, position)
            if closing is None:
                return True
            position = closing.end()
            inside = False
        # A field begins at the line's start or after a comma; `^` holds at position 0 only.
        opening = OPENING.search(line, position)
        if opening is None:
            return False
        position = opening.end()
        inside = True
