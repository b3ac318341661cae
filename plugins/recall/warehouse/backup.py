"""Backup and restore of what cannot be computed again: who was sent what, who a person is, who said no, by which rules.

Orders, visits and the other delivered files come back from the landing folder, marts from a night. What is kept here
is what no file and no night could bring back: the ledger, the random ids of contacts, every consent with the account of
the files that brought it, frozen campaigns and definitions, and the numbers of loads, so that later ones go on.

A backup is a zip of COPY streams, one per table, and a manifest with their digests. **It holds contacts**, so only its
owner can read it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, LiteralString

import psycopg
from alembic import command
from alembic.script import ScriptDirectory
from psycopg import IsolationLevel, sql

from recall.domain.errors import RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.domain.progress import Progress, SilentProgress
from recall.warehouse.connection import connect, dsn
from recall.warehouse.schema import alembic_config, upgrade

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
CHUNK_BYTES = 1 << 20

WHOLE_SCHEMAS = ("definitions", "ledger")
"""Every table of these is kept, also one that a later migration adds."""

_ALL: LiteralString = "true"
_OF_CONSENTS: LiteralString = "table_name = 'consents'"
PARTS: Mapping[tuple[str, str], LiteralString] = MappingProxyType(
    {
        ("control", "workspace"): _ALL,
        ("control", "loads"): _ALL,
        ("control", "files"): _OF_CONSENTS,
        ("control", "repeated_rows"): "file_id in (select file_id from control.files where table_name = 'consents')",
        ("quarantine", "rows"): _OF_CONSENTS,
        ("raw", "consents"): _ALL,
        ("raw", "consents_versions"): _ALL,
        ("pii", "contact_keys"): _ALL,
        ("pii", "contact_points"): _ALL,
        ("pii", "erased_contacts"): _ALL,
    }
)
"""Further tables, and which of their rows."""

OWNED_SCHEMAS = ("control", "definitions", "ledger", "pii", "quarantine", "raw")
STANDING_TABLES = frozenset({("control", "schema_version"), ("control", "night_lock")})
"""Tables that have rows in an empty warehouse too."""


@dataclass(frozen=True)
class KeptTable:
    """One table of a backup.

    Attributes:
        schema: Its schema.
        name: Its name.
        columns: The columns kept, in the order of the stream.
        row_count: Rows of the stream.
        sha256: Digest of the stream's bytes, in hexadecimal.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    row_count: int
    sha256: str

    @property
    def member_name(self) -> str:
        """Name of its stream inside the archive."""
        return f"{self.schema}.{self.name}.copy"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Attributes:
        taken_at: The instant of the database's clock that all streams show, in UTC.
        as_of_date: The day that was served then; None before the first night.
        schema_version: The migration that the tables were at.
        tables: In an order in which each comes after those that it refers to.
    """

    taken_at: datetime
    as_of_date: date | None
    schema_version: str
    tables: tuple[KeptTable, ...]

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(table.row_count for table in self.tables)


def write_backup(path: Path, *, home: Home | None = None, progress: Progress | None = None) -> Manifest:
    """Writes a backup; the file gets its name only when it is complete, and is readable by its owner alone.

    All tables are read as of one instant, in a stream: memory does not grow with them. Hold the night lock, so that no
    message is on its way at that instant.

    Args:
        path: The file; must not exist.
        home: The home folder; default the current one.
        progress: Whoever looks at it.

    Returns:
        What was written.

    Raises:
        UsageError: There is such a file, or no such folder; nothing was touched.
    """
    if path.exists():
        raise UsageError(f"{path} exists; a backup never replaces another one", next_command=f"recall backup {path}.2")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder")
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, connect("owner", home=home) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                manifest = _write_streams(connection, archive, progress or SilentProgress())
                archive.writestr(MANIFEST_NAME, _to_json(manifest))
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Returns what a backup says of itself.

    Args:
        path: The file.

    Raises:
        UsageError: It is no backup, or one of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            values = json.loads(archive.read(MANIFEST_NAME))
        if values["format_version"] != FORMAT_VERSION:
            raise UsageError(f"{path} has format {values['format_version']}, this software reads {FORMAT_VERSION}")
        return Manifest(
            taken_at=datetime.fromisoformat(values["taken_at"]),
            as_of_date=date.fromisoformat(values["as_of_date"]) if values["as_of_date"] else None,
            schema_version=values["schema_version"],
            tables=tuple(KeptTable(**{**table, "columns": tuple(table["columns"])}) for table in values["tables"]),
        )
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no backup, or a damaged one ({type(error).__name__})") from error


def restore_backup(
    path: Path, *, is_complete: bool = False, home: Home | None = None, progress: Progress | None = None
) -> Manifest:
    """Restores a backup into an empty warehouse, all of it or nothing.

    What was sent after the backup was taken is in no table any more, and would be sent again. So sending is stopped by
    the kill switch until a person says that nothing was.

    Args:
        path: The file.
        is_complete: True if nothing was sent after the backup was taken: then sending is not stopped.
        home: The home folder; default the current one.
        progress: Whoever looks at it.

    Returns:
        What was restored.

    Raises:
        UsageError: The warehouse is not empty, or the file is no backup or comes from newer software; nothing was
            touched.
        RecallError: The file is damaged; nothing was restored.
    """
    place = home or current_home()
    manifest = read_manifest(path)
    config = alembic_config(dsn("owner", place))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if manifest.schema_version not in known:
        raise UsageError(
            f"{path} was written at migration {manifest.schema_version}, which this software does not know yet;"
            " restore it with the release that wrote it, or a later one"
        )
    with connect("owner", home=place) as connection:
        _refuse_unless_empty(connection, path)
        is_older = _schema_version(connection) != manifest.schema_version
    if is_older:
        # Rows go where they come from, and then along with all later migrations.
        command.downgrade(config, manifest.schema_version)
    try:
        with connect("owner", home=place) as connection, zipfile.ZipFile(path) as archive:
            for table in manifest.tables:
                with (progress or SilentProgress()).stage(f"{table.schema}.{table.name}") as stage:
                    _read_stream(connection, archive, table)
                    stage.advance(table.row_count)
            if not is_complete:
                _stop_sending(connection, manifest)
    except (zipfile.BadZipFile, psycopg.DataError, psycopg.IntegrityError, KeyError) as error:
        raise RecallError(f"{path} is damaged ({type(error).__name__}); nothing was restored") from error
    finally:
        if is_older:
            upgrade(place)
    return manifest


def _write_streams(connection: psycopg.Connection, archive: zipfile.ZipFile, progress: Progress) -> Manifest:
    row = connection.execute("select transaction_timestamp(), (select as_of_date from control.published)").fetchone()
    assert row is not None
    tables = []
    for schema, name in _kept_tables(connection):
        columns = tuple(_columns(connection, schema, name))
        statement = sql.SQL("copy (select {} from {} where {}) to stdout").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Identifier(schema, name),
            sql.SQL(PARTS.get((schema, name), _ALL)),
        )
        with progress.stage(f"{schema}.{name}") as stage:
            member_name = KeptTable(schema, name, columns, 0, "").member_name
            with archive.open(member_name, "w", force_zip64=True) as member:
                row_count, digest = _copy_out(connection, statement, member)
            stage.advance(row_count)
        tables.append(KeptTable(schema, name, columns, row_count, digest))
    return Manifest(row[0].astimezone(UTC), row[1], _schema_version(connection), tuple(tables))


def _copy_out(connection: psycopg.Connection, statement: sql.Composed, member: IO[bytes]) -> tuple[int, str]:
    """Copies a query into a stream; returns its rows and digest."""
    digest = hashlib.sha256()
    row_count = 0
    chunk = bytearray()

    def write() -> None:
        digest.update(chunk)
        member.write(chunk)
        chunk.clear()

    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            chunk += block
            # Within a value a line break is written as a backslash and a letter.
            row_count += bytes(block).count(b"\n")
            if len(chunk) >= CHUNK_BYTES:
                write()
    write()
    return row_count, digest.hexdigest()


def _read_stream(connection: psycopg.Connection, archive: zipfile.ZipFile, table: KeptTable) -> None:
    """Copies one stream into its table, and makes sure that it was the one that was written."""
    target = sql.Identifier(table.schema, table.name)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        target, sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    digest = hashlib.sha256()
    with archive.open(table.member_name) as member, connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            while chunk := member.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
        if digest.hexdigest() != table.sha256 or cursor.rowcount != table.row_count:
            raise RecallError(f"{table.schema}.{table.name} is not what the manifest says; nothing was restored")
    identities = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attidentity <> ''",
        (f"{table.schema}.{table.name}",),
    ).fetchall()
    for (column,) in identities:
        connection.execute(
            sql.SQL(
                "select setval(pg_get_serial_sequence(%s, %s), coalesce(max({column}), 1), max({column}) is not null)"
                " from {table}"
            ).format(column=sql.Identifier(column), table=target),
            (f"{table.schema}.{table.name}", column),
        )


def _stop_sending(connection: psycopg.Connection, manifest: Manifest) -> None:
    connection.execute(
        "insert into ledger.kill_switches (channel, is_stopped, note) values ('*', true, %s)"
        " on conflict (channel) do update set is_stopped = true, note = excluded.note,"
        " changed_at = clock_timestamp()",
        (f"restored as of {manifest.taken_at:%Y-%m-%d %H:%M} UTC: what was sent later is not known here",),
    )


def _refuse_unless_empty(connection: psycopg.Connection, path: Path) -> None:
    for schema, name in _base_tables(connection):
        if (schema, name) in STANDING_TABLES:
            continue
        found = connection.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(schema, name))).fetchone()
        if found is not None:
            raise UsageError(
                f"{schema}.{name} has rows: a backup is restored into an empty warehouse only, before anything is"
                " loaded",
                next_command=f"RECALL_HOME=<a new folder> recall restore {path}",
            )


def _base_tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    rows = connection.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema = any(%s) and table_type = 'BASE TABLE' order by table_schema, table_name",
        (list(OWNED_SCHEMAS),),
    ).fetchall()
    return [(str(schema), str(name)) for schema, name in rows]


def _kept_tables(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Names the tables, each after those that it refers to."""
    kept = [table for table in _base_tables(connection) if table[0] in WHOLE_SCHEMAS or table in PARTS]
    references = connection.execute(
        "select child_schema.nspname, child.relname, parent_schema.nspname, parent.relname"
        " from pg_constraint as keys"
        " inner join pg_class as child on keys.conrelid = child.oid"
        " inner join pg_namespace as child_schema on child.relnamespace = child_schema.oid"
        " inner join pg_class as parent on keys.confrelid = parent.oid"
        " inner join pg_namespace as parent_schema on parent.relnamespace = parent_schema.oid"
        " where keys.contype = 'f'"
    ).fetchall()
    needs: dict[tuple[str, str], set[tuple[str, str]]] = {table: set() for table in kept}
    for child_schema, child, parent_schema, parent in references:
        if (child_schema, child) in needs and (parent_schema, parent) in needs:
            needs[child_schema, child].add((parent_schema, parent))
    yield from TopologicalSorter(needs).static_order()


def _columns(connection: psycopg.Connection, schema: str, name: str) -> list[str]:
    """Returns the columns that hold what was written; those that the database computes come back by themselves."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attgenerated = '' order by attnum",
        (f"{schema}.{name}",),
    ).fetchall()
    return [str(row[0]) for row in rows]


def _schema_version(connection: psycopg.Connection) -> str:
    row = connection.execute("select version_num from control.schema_version").fetchone()
    if row is None:
        raise RecallError("the warehouse has no schemas yet", next_command="recall up")
    return str(row[0])


def _to_json(manifest: Manifest) -> str:
    values: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "about": "A backup of recall. It holds contacts of people: keep it where only its owner can read it.",
        "taken_at": manifest.taken_at.isoformat(),
        "as_of_date": manifest.as_of_date.isoformat() if manifest.as_of_date else None,
        "schema_version": manifest.schema_version,
        "tables": [asdict(table) for table in manifest.tables],
    }
    return json.dumps(values, indent=2)
