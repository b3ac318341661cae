"""One file read by DuckDB: every record judged once, then streamed as lines that COPY takes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recall.domain.errors import RecallError
from recall.domain.tables import Kind, Table, nearest_name
from recall.ingest.expressions import (
    EXTRA,
    Rule,
    Settings,
    Types,
    csv_field,
    extra_expression,
    fault_expression,
    given,
    given_expression,
    identifier,
    literal,
    quoted_field,
    rules_of,
    typed_expression,
)
from recall.ingest.landing import FileFault, LandingFile, TextFacts, read_text_facts, unify_line_ends
from recall.ingest.records import Record, locate_records, storable

MEMORY_LIMIT = "96MB"
"""What DuckDB may hold before it goes to disk; more of it made no load faster."""

THREADS = 2
LONG_RECORD_MEMORY_LIMIT = "512MB"
LONG_RECORD_BYTES = 4096
STREAM_ROWS = 10_000
KEYS_AT_ONCE = 2_000_000
MAX_RECORD_BYTES = 2 << 20
MALFORMED = Rule("malformed_record", None, "")
TOO_LONG = Rule("record_too_long", None, "")

Part = Literal["unique", "contested", "all"]
"""Which good records to stream: those whose key stands once in the batch, the others, or all of them."""


@dataclass(frozen=True)
class SetAside:
    """One record that broke a rule, and the first rule that it broke."""

    record: Record
    rule: Rule


@dataclass(frozen=True)
class ParsedFile:
    """A file whose records were all judged.

    Attributes:
        file: The file.
        digest: SHA-256 of its bytes, in hexadecimal.
        byte_count: Its size in bytes.
        row_count: Number of its records.
        set_aside: Records that broke a rule, in the file's order.
        extra_columns: Names of its columns that the table does not know, in alphabetical order.
        hints: Remarks for whoever delivers the file.
        scan_name: DuckDB table with one row per record that could be split: key_hash and fault.
        split_count: Number of those records.
        select: DuckDB query of its typed rows, in the file's order.
        refused_numbers: Record numbers of those that could not be split, ascending.
    """

    file: LandingFile
    digest: str
    byte_count: int
    row_count: int
    set_aside: tuple[SetAside, ...]
    extra_columns: tuple[str, ...]
    hints: tuple[str, ...]
    scan_name: str
    split_count: int
    select: str
    refused_numbers: tuple[int, ...]

    @property
    def good_count(self) -> int:
        """Number of records that broke no rule."""
        return self.row_count - len(self.set_aside)


@dataclass(frozen=True)
class _Source:
    """A file as DuckDB sees it.

    Attributes:
        relation: DuckDB expression that reads it.
        columns: Per name in the file's header the identifier of the column.
        types: Per name its DuckDB type.
        facts: What is known of a CSV file's bytes; None for Parquet.
    """

    relation: str
    columns: dict[str, str]
    types: Types
    facts: TextFacts | None


@dataclass(frozen=True)
class _Scan:
    """What judging every record of a source told.

    Attributes:
        name: DuckDB table with one row per record that could be split: key_hash and fault.
        split_count: Number of records that could be split.
        faulty_count: Number of those that broke a rule.
        refused: Numbers that the parser gave to records that it could not split, ascending.
    """

    name: str
    split_count: int
    faulty_count: int
    refused: tuple[int, ...]

    @property
    def row_count(self) -> int:
        return self.split_count + len(self.refused)

    @property
    def bad_count(self) -> int:
        return self.faulty_count + len(self.refused)


class Parser:
    """Reads the files of one table in a DuckDB of its own.

    Args:
        table: The table.
        settings: Zones, currency and the moment now.
        folder: An existing empty folder for unpacked and spilled data; the caller removes it.
    """

    def __init__(self, table: Table, settings: Settings, folder: Path) -> None:
        self.table = table
        self.settings = settings
        self.folder = folder
        self._file_count = 0
        self._has_contested = False
        self._has_more_memory = False
        self._database = duckdb.connect(
            folder / "scans.duckdb",
            config={
                "threads": THREADS,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(folder / "spill"),
                "autoinstall_known_extensions": False,
                "python_enable_replacements": False,
            },
        )
        self._run("set enable_progress_bar = false")
        self._run(f"set TimeZone = {literal(settings.source_time_zone)}")

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        return self._database.execute(statement).fetchall()

    def _take_more_memory(self) -> None:
        """Thousands of records are in memory at once; where each is long, the usual limit would not do."""
        self._run(f"set memory_limit = '{LONG_RECORD_MEMORY_LIMIT}'")
        self._has_more_memory = True

    def _drop_rejects(self) -> None:
        self._run("drop table if exists reject_errors")
        self._run("drop table if exists reject_scans")

    def close(self) -> None:
        """Frees what DuckDB holds."""
        self._database.close()

    def parse(self, file: LandingFile, digest: str, *, promised_rows: int | None, max_bad_rate: float) -> ParsedFile:
        """Judges every record of a file.

        Args:
            file: The file.
            digest: SHA-256 of its bytes.
            promised_rows: The number of records that its manifest promises, if any.
            max_bad_rate: The share of bad records above which nothing of the file loads.

        Returns:
            The judged file, ready to be streamed.

        Raises:
            FileFault: The file as a whole is at fault; the message names the column or line.
        """
        self._file_count += 1
        folder = self.folder / f"file_{self._file_count}"
        folder.mkdir()
        try:
            source = self._open(file, folder)
            try:
                select, rules = self._select(source)
                scan = self._scan(source, select, rules)
            except duckdb.InvalidInputException:
                if source.facts is None or not source.facts.has_mixed_ends:
                    raise
                plain = replace(file, location=unify_line_ends(source.facts, folder), format="csv")
                source = self._csv_source(plain, folder)
                select, rules = self._select(source)
                scan = self._scan(source, select, rules)
            if promised_rows is not None and promised_rows != scan.row_count:
                raise FileFault(f"its manifest promises {promised_rows:,} rows, but it has {scan.row_count:,}")
            set_aside = self._set_aside(source, scan, rules, max_bad_rate)
        except duckdb.OutOfMemoryException:
            if self._has_more_memory:
                raise
            self._take_more_memory()
            shutil.rmtree(folder)
            return self.parse(file, digest, promised_rows=promised_rows, max_bad_rate=max_bad_rate)
        except duckdb.Error as error:
            raise FileFault(f"not readable as {file.format}: {str(error).splitlines()[0]}") from error
        if file.location.stat().st_size > LONG_RECORD_BYTES * scan.row_count:
            self._take_more_memory()
        extras = tuple(sorted(name for name in source.columns if not self.table.has(name)))
        return ParsedFile(
            file=file,
            digest=digest,
            byte_count=file.location.stat().st_size,
            row_count=scan.row_count,
            set_aside=set_aside,
            extra_columns=extras,
            hints=self._hints(source, extras),
            scan_name=scan.name,
            split_count=scan.split_count,
            select=select,
            refused_numbers=tuple(entry.record.record_number for entry in set_aside if entry.record.is_refused),
        )

    def find_contested(self, files: Sequence[ParsedFile]) -> int:
        """Finds the keys that stand more than once in a batch; streams tell their records apart from then on.

        Args:
            files: The files of the batch.

        Returns:
            Number of good records whose key stands more than once.
        """
        scans = " union all ".join(f"select key_hash from {file.scan_name} where fault = 0" for file in files)
        self._run("create or replace table contested (key_hash ubigint, record_count bigint)")
        # One part of the keys after the other, so that counting fifty million takes no more memory than two.
        part_count = 1 + sum(file.split_count for file in files) // KEYS_AT_ONCE
        for part in range(part_count):
            self._run(
                f"insert into contested select key_hash, count(*) from ({scans}) where key_hash % {part_count} = {part}"
                " group by key_hash having count(*) > 1"
            )
        ((contested_count,),) = self._run("select coalesce(sum(record_count), 0)::bigint from contested")
        self._has_contested = contested_count > 0
        return int(contested_count)

    def stream(self, parsed: ParsedFile, part: Part, *constants: int) -> Iterator[tuple[int, memoryview]]:
        """Yields a file's good records as CSV lines for COPY.

        Args:
            parsed: The file, one of those given to `find_contested`.
            part: Which records.
            *constants: Whole numbers that follow the row's own fields, such as file_id and load_id.

        Yields:
            Number of records and their lines: the table's columns in order, extra columns as JSON, hash of the
            content, the constants, then (unless `part` is unique) whether the key stands more than once in the
            batch, and the record number.
        """
        if part == "contested" and not self._has_contested:
            return
        position = 0
        line_end, separator = _text_scalar("\n"), _text_scalar("")
        for batch in self._lines(parsed, part, constants).to_arrow_reader(STREAM_ROWS):
            lines, keep = batch.column(0), batch.column(1)
            numbers = np.arange(position + 1, position + batch.num_rows + 1, dtype=np.int64)
            position += batch.num_rows
            texts = _texts_of(_record_numbers(numbers, parsed.refused_numbers))
            if keep.false_count:
                lines, texts = lines.filter(keep), texts.filter(keep)
            if len(lines):
                whole = pc.binary_join_element_wise(lines, texts, line_end, separator)
                yield len(whole), _bytes_of(whole)
        self._drop_rejects()
        if position != parsed.split_count:
            raise RecallError(
                f"{parsed.file.path}: {parsed.split_count:,} records were judged, but {position:,} read again;"
                " nothing of the file was loaded",
                next_command="recall load",
            )

    def _lines(self, parsed: ParsedFile, part: Part, constants: Sequence[int]) -> duckdb.DuckDBPyRelation:
        fields = [*(csv_field(column) for column in self.table.columns), quoted_field(EXTRA)]
        content = "concat(" + ", ',', ".join(fields) + ", ',')"
        contested = "key_hash in (select key_hash from contested)" if self._has_contested else "false"
        tail = "".join(f",{constant}" for constant in constants) + ","
        flag = "" if part == "unique" else " || case when is_contested then 't,' else 'f,' end"
        keep = {"unique": "is_good and not is_contested", "contested": "is_good and is_contested", "all": "is_good"}
        return self._database.sql(
            f"select content || md5(content) || '{tail}'{flag} as line, {keep[part]} as keep"
            f" from (select {content} as content, fault = 0 as is_good, {contested} as is_contested"
            f" from ({parsed.select}))"
        )

    def _open(self, file: LandingFile, folder: Path) -> _Source:
        # DuckDB takes * and [ in a name for a pattern, so the file is read under a plain one.
        link = folder / "landed"
        link.symlink_to(file.location.resolve())
        linked = replace(file, location=link)
        return self._parquet_source(link) if file.format == "parquet" else self._csv_source(linked, folder)

    def _csv_source(self, file: LandingFile, folder: Path) -> _Source:
        facts = read_text_facts(file, folder)
        columns = {name: f"column_{number}" for number, name in enumerate(facts.header)}
        self._check_header(facts.header)
        typed = ", ".join(f"'{column}': 'VARCHAR'" for column in columns.values())
        # ignore_errors would do where nobody asks for the rejects, but it was seen to drop all rows after a bad one.
        relation = (
            f"read_csv({literal(str(facts.location))}, auto_detect = false, header = true, delim = ',', quote = '\"',"
            f" escape = '\"', max_line_size = {MAX_RECORD_BYTES}, store_rejects = true, columns = {{{typed}}})"
        )
        return _Source(relation, columns, dict.fromkeys(columns, "VARCHAR"), facts)

    def _parquet_source(self, link: Path) -> _Source:
        try:
            with pq.ParquetFile(link) as parquet:
                names = list(parquet.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise FileFault(f"truncated or damaged: not readable as Parquet: {error}") from error
        self._check_header(names)
        relation = f"read_parquet({literal(str(link))}, file_row_number = true, hive_partitioning = false)"
        described = self._run(f"describe select * from {relation}")
        types = {str(row[0]): str(row[1]) for row in described if row[0] in names}
        for column in self.table.columns:
            if column.kind is Kind.ID and types.get(column.name) in ("FLOAT", "DOUBLE"):
                raise FileFault(
                    f"column {column.name!r} holds floating point numbers, which turn 7 into 7.0; ids are text"
                )
        return _Source(relation, {name: identifier(name) for name in names}, types, None)

    def _check_header(self, names: Sequence[str]) -> None:
        repeated = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
        if repeated:
            raise FileFault(f"column {repeated[0]!r} stands more than once in the header")
        missing = [name for name in self.table.required_names if name not in names]
        if not missing:
            return
        if len(names) == 1 and (separator := next((mark for mark in ";\t|" if mark in names[0]), None)):
            raise FileFault(f"columns seem to be separated by {separator!r}; expected commas")
        unknown = [name for name in names if not self.table.has(name)]
        parts = []
        for name in missing:
            near = nearest_name(name, unknown) or nearest_name(name, names)
            parts.append(f"{name!r}" + (f" (the nearest column in the file is {near!r})" if near else ""))
        plural = "s" if len(missing) > 1 else ""
        raise FileFault(f"required column{plural} missing: {', '.join(parts)}")

    def _hints(self, source: _Source, extras: Sequence[str]) -> tuple[str, ...]:
        absent = [name for name in self.table.column_names if name not in source.columns]
        return tuple(
            f"column {name!r} is not known and was kept as an extra; did you mean {near!r}?"
            for name in extras
            if (near := nearest_name(name, absent)) is not None
        )

    def _select(self, source: _Source) -> tuple[str, tuple[Rule, ...]]:
        """Returns the query of typed rows with key_hash and fault, and the rules whose numbers fault holds."""
        known = [column for column in self.table.columns if column.name in source.columns]
        extras = {name: column for name, column in source.columns.items() if not self.table.has(name)}
        raw = [
            f"{given_expression(source.columns[column.name], source.types[column.name])} as {given(column.name)}"
            for column in known
        ]
        raw.append(f"{extra_expression(extras, source.types)} as {EXTRA}")
        typed = [
            f"{typed_expression(column, source.types.get(column.name), self.settings)} as {identifier(column.name)}"
            for column in self.table.columns
        ]
        may_hold_nul = source.facts is None or source.facts.has_nul
        rules = rules_of(self.table, source.types, self.settings, may_hold_nul=may_hold_nul)
        key = ", ".join(identifier(name) for name in self.table.key)
        select = (
            f"select *, hash({key}) as key_hash, {fault_expression(rules)} as fault"
            f" from (select *, {', '.join(typed)} from (select {', '.join(raw)} from {source.relation}))"
        )
        return select, rules

    def _scan(self, source: _Source, select: str, rules: Sequence[Rule]) -> _Scan:
        name = f"scan_{self._file_count}"
        self._run(f"create or replace table {name} as select key_hash, fault from ({select})")
        ((split_count, faulty_count),) = self._run(f"select count(*), count(*) filter (where fault <> 0) from {name}")
        refused: tuple[int, ...] = ()
        if source.facts is not None:
            # One record can be refused for several reasons.
            refused = tuple(line for (line,) in self._run("select distinct line from reject_errors order by line"))
            self._drop_rejects()
        return _Scan(name, split_count, faulty_count, refused)

    def _set_aside(
        self, source: _Source, scan: _Scan, rules: Sequence[Rule], max_bad_rate: float
    ) -> tuple[SetAside, ...]:
        if not scan.bad_count:
            return ()
        is_too_bad = scan.bad_count > max_bad_rate * scan.row_count
        # A file that is refused anyway only needs an example of each kind, and the end that may be cut off.
        limit = "limit 1" if is_too_bad else ""
        faulty: dict[int, int] = dict(
            self._run(f"select rowid + 1, fault from {scan.name} where fault <> 0 order by rowid {limit}")
        )
        refused = (*scan.refused[:1], *scan.refused[-1:]) if is_too_bad else scan.refused
        records = self._locate(source, refused, faulty)
        _refuse_cut_off(source, records)
        if is_too_bad:
            raise FileFault(self._too_bad(scan, rules, records, max_bad_rate), is_acceptable=True)
        by_number = iter(faulty[number] for number in sorted(faulty))
        entries = []
        for record in records:
            if record.is_refused:
                rule = TOO_LONG if record.byte_count > MAX_RECORD_BYTES else MALFORMED
            else:
                rule = rules[next(by_number) - 1]
            entries.append(SetAside(record, rule))
        if len(entries) != scan.bad_count:
            raise FileFault(
                f"its quotation marks are ambiguous: {scan.bad_count:,} rows are bad, but only {len(entries):,}"
                " could be found again"
            )
        return tuple(entries)

    def _locate(self, source: _Source, refused: Sequence[int], faulty: Collection[int]) -> list[Record]:
        if source.facts is not None:
            return locate_records(
                source.facts, refused_lines=refused, good_numbers=faulty, skips_blank=len(source.columns) > 1
            )
        wanted = ", ".join(str(number - 1) for number in sorted(faulty))
        fields = ", ".join(f"{identifier(name)} := {column}" for name, column in source.columns.items())
        rows = self._run(
            f"select file_row_number + 1, to_json(struct_pack({fields}))::varchar from {source.relation}"
            f" where file_row_number in ({wanted}) order by file_row_number"
        )
        return [Record(number, None, None, storable(line), len(line)) for number, line in rows]

    def _too_bad(self, scan: _Scan, rules: Sequence[Rule], records: Sequence[Record], max_bad_rate: float) -> str:
        counts = self._run(
            f"select fault, count(*) from {scan.name} where fault <> 0 group by fault order by count(*) desc, fault"
        )
        reasons = [
            f"{rule.code} in column {rule.column!r} {count:,} times" if rule.column else f"{rule.code} {count:,} times"
            for fault, count in counts
            for rule in (rules[fault - 1],)
        ]
        if scan.refused:
            reasons.append(f"not the header's columns {len(scan.refused):,} times")
        first = min(records, key=lambda record: record.record_number)
        return (
            f"{scan.bad_count:,} of {scan.row_count:,} rows are bad ({scan.bad_count / scan.row_count:.1%},"
            f" allowed are {max_bad_rate:.1%}): {'; '.join(reasons)}; the first is {first.place}"
        )


def _refuse_cut_off(source: _Source, records: Sequence[Record]) -> None:
    """Tells a file that lost its end from one with a bad last row."""
    for record in records:
        if record.is_unclosed:
            raise FileFault(f"{record.place}: a quotation mark is never closed; the file may be truncated")
        if record.is_last and record.is_refused and source.facts is not None and not source.facts.ends_with_newline:
            raise FileFault(f"truncated: {record.place}, the last, lacks columns and its line end")


def _record_numbers(numbers: npt.NDArray[np.int64], refused_numbers: Sequence[int]) -> npt.NDArray[np.int64]:
    """Turns numbers among the records that could be split into numbers among all records."""
    if not refused_numbers:
        return numbers
    # Before the k-th refused record (from 0) stand refused_numbers[k] - k - 1 others.
    before = np.asarray(refused_numbers, dtype=np.int64) - np.arange(len(refused_numbers)) - 1
    shifted: npt.NDArray[np.int64] = numbers + np.searchsorted(before, numbers, side="left")
    return shifted


# pa.array and pa.scalar import all of pandas to look at what they are given: half a second and 50 MB.
def _text_scalar(text: str) -> pa.StringScalar:
    data = text.encode()
    offsets = np.array([0, len(data)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])[0]


def _texts_of(numbers: npt.NDArray[np.int64]) -> pa.StringArray:
    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)]).cast(pa.string())


def _bytes_of(lines: pa.StringArray) -> memoryview:
    """Returns the texts of an array that was just made, one after the other, without copying them."""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(lines) + 1)
    return memoryview(data)[: int(ends[-1])]
