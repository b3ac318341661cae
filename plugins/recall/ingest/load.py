"""Load a landing folder: what is new comes in, what is wrong is set aside, what is unchanged costs nothing."""

from __future__ import annotations

import difflib
import getpass
import logging
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

import psycopg

from recall.domain.errors import RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.domain.progress import Progress, SilentProgress, Stage
from recall.domain.tables import TABLE_NAMES, TABLES, Table
from recall.domain.workspace import Workspace
from recall.ingest.expressions import Settings
from recall.ingest.landing import (
    Discovery,
    FileFault,
    LandingFile,
    Misplaced,
    check_manifest,
    date_in_name,
    digest_of,
    discover,
)
from recall.ingest.merge import Arrival, Chunks, Merger, is_empty
from recall.ingest.parsing import ParsedFile, Parser, Part
from recall.ingest.summary import FileResult, LoadSummary, TableResult
from recall.warehouse.connection import connect
from recall.warehouse.control import bind_workspace

LOG = logging.getLogger(__name__)
BATCH_BYTES = 512 << 20
"""Files of one table are merged together up to so many bytes: one transaction, one look for repeated keys.

Those of an empty table are merged together whatever their size, so that its indexes are built once, after all rows.
"""
BATCH_FILES = 1000
ANALYZE_RATE = 0.1
"""Share of a table that must be new before its statistics are taken again."""
LOAD_LOCK = 0x5245_4341_4C4C_0001


@dataclass(frozen=True)
class _Known:
    """What is known of a path from earlier loads."""

    loaded_id: int | None = None
    loaded_digest: str | None = None
    refused_id: int | None = None
    refused_digest: str | None = None
    is_accepted: bool = False


@dataclass(frozen=True)
class _Pending:
    """A file that must be looked into."""

    file: LandingFile
    digest: str
    known: _Known
    is_replay: bool = False


@dataclass(frozen=True)
class _Context:
    """What the steps of one load share."""

    connection: psycopg.Connection
    load_id: int
    settings: Settings
    max_bad_rate: float
    load_date: date
    accepted: frozenset[str]
    stage: Stage
    scratch: Path


def load_landing(
    workspace: Workspace,
    *,
    landing: Path | None = None,
    accept: Sequence[str] = (),
    replay: Sequence[str] = (),
    progress: Progress | None = None,
    now: datetime | None = None,
    home: Home | None = None,
) -> LoadSummary:
    """Loads what is new in a landing folder.

    Args:
        workspace: Zones and currency; its definitions must have been loaded.
        landing: The folder; default the workspace's own.
        accept: Paths below the folder of rejected files, or names of silent tables, that a person accepts: a file
            with too many bad rows loads its good ones, any other rejected file is gone on without.
        replay: Paths below the folder of files whose records are judged again though nothing in them changed, by the
            rules, rates and time of now: what was set aside may come in, and only that is news.
        progress: Who is told about stages and rows.
        now: The moment after which an instant lies in the future; default the present one.
        home: The home folder; default the current one.

    Returns:
        What was done; rejected files are in it and raise nothing here (`sources.require_sources` does).

    Raises:
        UsageError: A name to accept is neither a file nor a table, or one to replay no loaded file that is there.
        GateBlocked: The warehouse belongs to a workspace of another zone or currency.
        RecallError: Another load is running; wait for it.
    """
    started = time.monotonic()
    place = home or current_home()
    moment = now or datetime.now(UTC)
    folder = landing or workspace.landing_dir
    discovery = discover(folder)
    accepted = frozenset(_relative(name, folder) for name in accept)
    with connect("loader", autocommit=True, home=place) as connection, _only_load(connection):
        bind_workspace(connection, workspace)
        _accept(connection, accepted, discovery)
        row = connection.execute("insert into control.loads default values returning load_id").fetchone()
        assert row is not None
        load_id = int(row[0])
        try:
            again = frozenset(_relative(name, folder) for name in replay)
            pending, unchanged_count = _sort_out(connection, discovery, accepted, again)
            files, tables = _load_tables(
                connection, workspace, load_id, moment, accepted, pending, progress or SilentProgress(), place
            )
            files = [*_refuse_misplaced(connection, discovery.misplaced, load_id, accepted), *files]
        except BaseException:
            _finish(connection, load_id, "failed")
            raise
        _finish(connection, load_id, "done")
        results = tuple(_with_counts(connection, files))
    return LoadSummary(
        load_id=load_id,
        files=results,
        tables=tuple(_per_table(results, tables)),
        unchanged_count=unchanged_count,
        ignored=discovery.ignored,
        seconds=time.monotonic() - started,
    )


def _finish(connection: psycopg.Connection, load_id: int, state: str) -> None:
    connection.execute(
        "update control.loads set state = %s, finished_at = clock_timestamp() where load_id = %s", (state, load_id)
    )


@contextmanager
def _only_load(connection: psycopg.Connection) -> Iterator[None]:
    """Keeps a second load out: two that merge the same key at once would both think that they won."""
    row = connection.execute("select pg_try_advisory_lock(%s)", (LOAD_LOCK,)).fetchone()
    if row is None or not row[0]:
        raise RecallError("another load is running; wait until it is done", next_command="recall status")
    try:
        yield
    finally:
        # A connection that broke has given the lock back already.
        if not connection.broken:
            connection.execute("select pg_advisory_unlock(%s)", (LOAD_LOCK,))


def _relative(name: str, folder: Path) -> str:
    """Returns the path below the landing folder of a name as a person types it."""
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(folder.absolute()):
        return path.relative_to(folder.absolute()).as_posix()
    return name.replace("\\", "/").removeprefix("./").removeprefix("landing/").rstrip("/")


def _accept(connection: psycopg.Connection, accepted: frozenset[str], discovery: Discovery) -> None:
    """Notes what a person accepts: a silent table at once, a file where it is known to be rejected."""
    person = getpass.getuser()
    present = {file.path for file in discovery.files} | {entry.file.path for entry in discovery.misplaced}
    for name in sorted(accepted):
        if name in TABLE_NAMES:
            connection.execute(
                "insert into control.accepted_silences (table_name, accepted_by, last_file_id)"
                " select %(table)s, %(person)s, max(file_id) from control.files"
                " where table_name = %(table)s and state = 'loaded' and not is_of_receipts"
                " on conflict (table_name) do update set accepted_by = excluded.accepted_by,"
                " accepted_at = clock_timestamp(), last_file_id = excluded.last_file_id",
                {"table": name, "person": person},
            )
            continue
        known = connection.execute(
            "update control.files set state = 'accepted', accepted_by = %s, accepted_at = clock_timestamp()"
            " where file_path = %s and state in ('rejected', 'accepted')",
            (person, name),
        ).rowcount
        if not known and name not in present:
            near = difflib.get_close_matches(name, [*present, *TABLE_NAMES], n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"--accept {name}: neither a file of the landing folder nor a table{hint}")


def _sort_out(
    connection: psycopg.Connection, discovery: Discovery, accepted: frozenset[str], again: frozenset[str]
) -> tuple[list[_Pending], int]:
    """Finds the files that are new, changed, were rejected before, or are to be judged again."""
    known: dict[str, _Known] = defaultdict(_Known)
    rows = connection.execute(
        "select file_path, file_id, digest, state from control.files where state <> 'replaced'"
    ).fetchall()
    for path, file_id, digest, state in rows:
        entry = known[path]
        if state == "loaded":
            known[path] = _Known(file_id, digest, entry.refused_id, entry.refused_digest, entry.is_accepted)
        else:
            known[path] = _Known(entry.loaded_id, entry.loaded_digest, file_id, digest, state == "accepted")
    loaded_paths = [path for path, entry in known.items() if entry.loaded_id is not None]
    present = {file.path for file in discovery.files}
    for name in sorted(again):
        if name not in present or name not in loaded_paths:
            near = difflib.get_close_matches(name, [path for path in loaded_paths if path in present], n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{name}: not a loaded file that is still in the landing folder{hint}")
    pending: list[_Pending] = []
    for file in discovery.files:
        digest = digest_of(file.location)
        entry = known[file.path]
        is_given_up = entry.is_accepted and digest == entry.refused_digest and file.path not in accepted
        is_settled = digest == entry.loaded_digest and entry.refused_id is None
        is_replay = is_settled and file.path in again
        if is_replay or (not is_given_up and not is_settled):
            pending.append(_Pending(file, digest, entry, is_replay))
    return pending, len(discovery.files) - len(pending)


def _load_tables(
    connection: psycopg.Connection,
    workspace: Workspace,
    load_id: int,
    now: datetime,
    accepted: frozenset[str],
    pending: Sequence[_Pending],
    progress: Progress,
    home: Home,
) -> tuple[list[FileResult], dict[str, float]]:
    """Loads table by table, parents first; returns what became of each file and the seconds of each table."""
    load_date = now.astimezone(ZoneInfo(workspace.business_time_zone)).date()
    settings = Settings(
        business_time_zone=workspace.business_time_zone,
        source_time_zone=workspace.source_time_zone,
        currency_code=workspace.currency_code,
        now=now,
        first_rates=dict(
            connection.execute(
                "select currency_code, min(rate_date) from definitions.exchange_rates group by currency_code"
            ).fetchall()
        ),
    )
    max_bad_rate = _max_bad_rate(connection, load_date)
    results: list[FileResult] = []
    seconds: dict[str, float] = {}
    home.root.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        mine = [entry for entry in pending if entry.file.table_name == table.name]
        if not mine:
            continue
        began = time.monotonic()
        with progress.stage(f"load {table.name}") as stage:
            for batch in _batches(mine, None if is_empty(connection, table) else BATCH_BYTES):
                scratch = Path(tempfile.mkdtemp(prefix="load-", dir=home.root))
                try:
                    context = _Context(connection, load_id, settings, max_bad_rate, load_date, accepted, stage, scratch)
                    results.extend(_load_batch(context, table, batch))
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
        seconds[table.name] = time.monotonic() - began
    return results, seconds


def _max_bad_rate(connection: psycopg.Connection, on: date) -> float:
    row = connection.execute(
        "select max_bad_rate from definitions.load_rules where valid_from <= %s order by valid_from desc limit 1", (on,)
    ).fetchone()
    if row is None:
        raise RecallError("no definitions were loaded yet, so max_bad_rate is unknown", next_command="recall load")
    return float(row[0])


def _batches(pending: Sequence[_Pending], max_bytes: int | None) -> Iterator[list[_Pending]]:
    batch: list[_Pending] = []
    size = 0
    for entry in pending:
        entry_size = entry.file.location.stat().st_size
        is_full = max_bytes is not None and size + entry_size > max_bytes
        if batch and (is_full or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry_size
    if batch:
        yield batch


def _load_batch(context: _Context, table: Table, batch: Sequence[_Pending]) -> Iterator[FileResult]:
    """Judges the files of a batch, then merges the good ones in one transaction."""
    parser = Parser(table, context.settings, context.scratch)
    try:
        parsed: list[tuple[_Pending, ParsedFile]] = []
        for entry in batch:
            if entry.digest == entry.known.loaded_digest and not entry.is_replay:
                # The path has its loaded content back: whatever was refused in between is mended.
                _set_replaced(context.connection, [entry.known.refused_id])
                continue
            context.stage.note(entry.file.path)
            try:
                parsed.append((entry, _judge(context, parser, entry)))
            except FileFault as fault:
                yield _refuse(context.connection, entry, fault.message, context.load_id, context.accepted)
        if parsed:
            with context.connection.transaction():
                _merge(context, table, parser, parsed)
            for entry, file in parsed:
                yield FileResult(
                    entry.file.path, table.name, "loaded", extra_columns=file.extra_columns, hints=file.hints
                )
    finally:
        parser.close()


def _judge(context: _Context, parser: Parser, entry: _Pending) -> ParsedFile:
    is_accepted = entry.file.path in context.accepted or (
        entry.known.is_accepted and entry.known.refused_digest == entry.digest
    )
    return parser.parse(
        entry.file,
        entry.digest,
        promised_rows=check_manifest(entry.file, entry.digest),
        # Whoever accepts a file that has too many bad rows takes the good ones; one judged again was taken before.
        max_bad_rate=1.0 if is_accepted or entry.is_replay else context.max_bad_rate,
    )


def _refuse(
    connection: psycopg.Connection, entry: _Pending, error: str, load_id: int, accepted: frozenset[str]
) -> FileResult:
    """Notes a file that does not load; what its path held before stays loaded."""
    is_same = entry.known.refused_digest == entry.digest
    is_accepted = entry.file.path in accepted or (is_same and entry.known.is_accepted)
    state = "accepted" if is_accepted else "rejected"
    with connection.transaction():
        if not is_same:
            _set_replaced(connection, [entry.known.refused_id])
        connection.execute(
            "insert into control.files (file_path, table_name, digest, byte_count, state, load_id, error, accepted_by,"
            " accepted_at) values (%(path)s, %(table)s, %(digest)s, %(size)s, %(state)s, %(load)s, %(error)s,"
            " case when %(accepted)s then %(person)s end, case when %(accepted)s then clock_timestamp() end)"
            " on conflict (file_path) where state in ('rejected', 'accepted')"
            " do update set error = excluded.error, state = excluded.state, load_id = excluded.load_id",
            {
                "path": entry.file.path,
                "table": entry.file.table_name,
                "digest": entry.digest,
                "size": entry.file.location.stat().st_size,
                "state": state,
                "load": load_id,
                "error": error,
                "accepted": is_accepted,
                "person": getpass.getuser(),
            },
        )
    LOG.warning("%s: %s: %s", entry.file.path, state, error)
    return FileResult(entry.file.path, entry.file.table_name, state, error=error)


def _refuse_misplaced(
    connection: psycopg.Connection, misplaced: Sequence[Misplaced], load_id: int, accepted: frozenset[str]
) -> Iterator[FileResult]:
    for entry in misplaced:
        digest = digest_of(entry.file.location)
        row = connection.execute(
            "select file_id, digest, state from control.files"
            " where file_path = %s and state in ('rejected', 'accepted')",
            (entry.file.path,),
        ).fetchone()
        known = _Known(None, None, row[0], row[1], row[2] == "accepted") if row else _Known()
        yield _refuse(connection, _Pending(entry.file, digest, known), entry.error, load_id, accepted)


def _set_replaced(connection: psycopg.Connection, file_ids: Sequence[int | None]) -> None:
    known = [file_id for file_id in file_ids if file_id is not None]
    connection.execute("update control.files set state = 'replaced' where file_id = any (%s::bigint[])", (known,))


def _merge(context: _Context, table: Table, parser: Parser, parsed: Sequence[tuple[_Pending, ParsedFile]]) -> None:
    connection = context.connection
    contested_count = parser.find_contested([file for _, file in parsed])
    replaced_ids = [entry.known.loaded_id for entry, _ in parsed if entry.known.loaded_id is not None]
    # The path's old row gives way first: of one path only one content may count.
    _set_replaced(connection, [*replaced_ids, *(entry.known.refused_id for entry, _ in parsed)])
    # So does what was set aside of it: judged again, the same record bears the same name.
    connection.execute("delete from quarantine.rows where file_id = any (%s)", (replaced_ids,))
    arrivals = []
    for entry, file in parsed:
        row = connection.execute(
            "insert into control.files (file_path, table_name, digest, byte_count, state, load_id, heard_date,"
            " extra_columns) values (%s, %s, %s, %s, 'loaded', %s, %s, %s) returning file_id",
            (
                entry.file.path,
                table.name,
                file.digest,
                file.byte_count,
                context.load_id,
                date_in_name(entry.file.path) or context.load_date,
                list(file.extra_columns),
            ),
        ).fetchone()
        assert row is not None
        file_id = int(row[0])
        _quarantine(connection, table, file_id, file, context.load_id)
        stream = partial(_stream, parser, file, file_id, context)
        arrivals.append(
            Arrival(
                file_id=file_id,
                row_count=file.row_count,
                quarantined_count=len(file.set_aside),
                unique=partial(stream, "unique"),
                contested=partial(stream, "contested"),
                everything=partial(stream, "all"),
            )
        )
    merger = Merger(connection, table, context.load_id)
    merger.merge(arrivals, replaced_ids=replaced_ids, contested_count=contested_count)
    _analyze(connection, table, sum(file.good_count for _, file in parsed))


def _stream(parser: Parser, file: ParsedFile, file_id: int, context: _Context, part: Part) -> Chunks:
    constants = (file_id, context.load_id) if part == "unique" else (file_id,)
    for row_count, lines in parser.stream(file, part, *constants):
        context.stage.advance(row_count)
        yield row_count, lines


def _quarantine(connection: psycopg.Connection, table: Table, file_id: int, file: ParsedFile, load_id: int) -> None:
    """Sets records aside; the lines of tables with personal data go to `pii` only."""
    apart = table.keeps_lines_apart
    with connection.cursor() as cursor:
        with cursor.copy(
            "copy quarantine.rows (replay_id, table_name, file_id, file_path, record_number, line_number, byte_offset,"
            " rule_code, column_name, raw_line, load_id) from stdin"
        ) as copy:
            for entry in file.set_aside:
                record = entry.record
                copy.write_row(
                    (
                        _replay_id(file, record.record_number),
                        table.name,
                        file_id,
                        file.file.path,
                        record.record_number,
                        record.line_number,
                        record.byte_offset,
                        entry.rule.code,
                        entry.rule.column,
                        None if apart else record.raw_line,
                        load_id,
                    )
                )
        if apart:
            cursor.executemany(
                "insert into pii.quarantined_lines (replay_id, raw_line) values (%s, %s)",
                [(_replay_id(file, entry.record.record_number), entry.record.raw_line) for entry in file.set_aside],
            )


def _replay_id(file: ParsedFile, record_number: int) -> UUID:
    """Names a record by its place and its file's content: the same in every load and every warehouse."""
    return uuid5(NAMESPACE_URL, f"{file.file.path}\n{file.digest}\n{record_number}")


def _analyze(connection: psycopg.Connection, table: Table, row_count: int) -> None:
    """Takes statistics where much is new, so that the night after a first load is planned with knowledge."""
    name = f"{table.schema}.{table.name}"
    row = connection.execute("select greatest(reltuples, 0) from pg_class where oid = %s::regclass", (name,)).fetchone()
    assert row is not None
    if row_count > ANALYZE_RATE * float(row[0]):
        connection.execute(f"analyze {name}".encode())


def _with_counts(connection: psycopg.Connection, files: Sequence[FileResult]) -> Iterator[FileResult]:
    """Adds the counts as they are after the whole load: a later file may have superseded rows of an earlier one."""
    counts = {
        path: values
        for path, *values in connection.execute(
            "select file_path, row_count, loaded_count, quarantined_count, repeated_count, superseded_count"
            " from control.files where state = 'loaded' and file_path = any (%s)",
            ([file.path for file in files if file.state == "loaded"],),
        )
    }
    for file in files:
        if file.state != "loaded":
            yield file
            continue
        row_count, loaded, quarantined, repeated, superseded = counts[file.path]
        yield replace(
            file,
            row_count=row_count,
            loaded_count=loaded,
            quarantined_count=quarantined,
            repeated_count=repeated,
            superseded_count=superseded,
        )


def _per_table(files: Sequence[FileResult], seconds: dict[str, float]) -> Iterator[TableResult]:
    for table_name, duration in seconds.items():
        mine = [file for file in files if file.table_name == table_name and file.state == "loaded"]
        yield TableResult(
            table_name=table_name,
            file_count=len(mine),
            row_count=sum(file.row_count for file in mine),
            loaded_count=sum(file.loaded_count for file in mine),
            quarantined_count=sum(file.quarantined_count for file in mine),
            repeated_count=sum(file.repeated_count for file in mine),
            superseded_count=sum(file.superseded_count for file in mine),
            seconds=duration,
        )
