"""Loads the dated business rows of a workspace into the schema `definitions`, all or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from recall.domain.definition_checks import DEFAULT_LINE, check_definitions
from recall.domain.definition_files import (
    DEFINITION_FILES,
    SHIPPED_DIR,
    DefinitionFile,
    Problem,
    Row,
    Value,
    nearest,
    parse_definition,
)
from recall.domain.errors import GateBlocked
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect

WITHOUT_REBUILD = frozenset({"exchange_rates"})
"""Definitions whose change touches the users with orders on the days concerned, and nobody else."""
RATES_MARK = "-"
"""Stands in a version between what follows from all other definitions and what follows from these as well."""


@dataclass(frozen=True)
class DefinitionsVersion:
    """A set of definitions, named by its content.

    Attributes:
        definitions_version: Short name that builds and marts are stamped with; up to its `-` it is the same for sets
            that differ in exchange rates alone.
        digest: SHA-256 over every typed row; equal content has an equal digest wherever it was loaded.
        is_new: Whether this load replaced the tables.
    """

    definitions_version: str
    digest: str
    is_new: bool


def load_definitions(workspace: Workspace) -> DefinitionsVersion:
    """Replaces the definitions in the warehouse by those of a workspace, if they differ.

    A file in the workspace's `definitions` folder replaces the package's default of that name; a file left out
    takes the default. All files are checked before anything is written.

    Args:
        workspace: The workspace.

    Returns:
        The version that is in the warehouse now.

    Raises:
        GateBlocked: A file, row or cell is wrong; the message lists all faults. Correct the files and load again;
            the definitions loaded before stay as they are.
    """
    tables, problems = _read(workspace)
    if problems:
        count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''}"
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise GateBlocked(
            f"{count} in the definitions of {workspace.path}; nothing was changed:\n{listed}",
            next_command="recall doctor",
        )
    digest = _digest(tables)
    rules_digest = _digest({name: rows for name, rows in tables.items() if name not in WITHOUT_REBUILD})
    version = f"d{rules_digest[:12]}{RATES_MARK}{digest[:6]}"
    with connect("loader") as connection:
        # Two loads at once would each see the other's version as the current one.
        connection.execute("lock table definitions.versions in share row exclusive mode")
        current = connection.execute("select digest from definitions.versions where is_current").fetchone()
        if current is not None and current[0] == digest:
            return DefinitionsVersion(version, digest, is_new=False)
        for definition in DEFINITION_FILES:
            _replace(connection, definition, tables[definition.name])
        connection.execute("update definitions.versions set is_current = false where is_current")
        connection.execute(
            "insert into definitions.versions (definitions_version, digest, is_current, loaded_at)"
            " values (%s, %s, true, clock_timestamp())"
            " on conflict (definitions_version) do update set is_current = true, loaded_at = excluded.loaded_at",
            (version, digest),
        )
    return DefinitionsVersion(version, digest, is_new=True)


def have_same_rules(version: str, other: str) -> bool:
    """Tells whether two sets of definitions differ in nothing but exchange rates.

    Args:
        version: A definitions_version.
        other: Another one.
    """
    return version.partition(RATES_MARK)[0] == other.partition(RATES_MARK)[0]


def validate_definitions(workspace: Workspace) -> list[Problem]:
    """Checks the definitions of a workspace without touching the warehouse.

    Args:
        workspace: The workspace.

    Returns:
        Every fault, file by file; empty if `load_definitions` would accept them.
    """
    return _read(workspace)[1]


def _read(workspace: Workspace) -> tuple[dict[str, list[Row]], list[Problem]]:
    problems = _check_file_names(workspace.definitions_dir)
    tables: dict[str, list[Row]] = {}
    faulty: set[str] = set()
    for definition in DEFINITION_FILES:
        own = workspace.definitions_dir / definition.file_name
        path = own if own.is_file() else SHIPPED_DIR / definition.file_name
        rows, faults = parse_definition(definition, path.read_bytes())
        if definition.name == "business_lines" and own.is_file():
            rows = _with_default_line(definition, rows)
        tables[definition.name] = rows
        problems.extend(faults)
        if faults:
            faulty.add(definition.name)
    # A file whose cells are wrong would only give second faults that vanish with the first.
    sound = {name: rows if name not in faulty else [] for name, rows in tables.items()}
    if "business_lines" in faulty:
        sound["category_lines"] = []
    problems.extend(check_definitions(sound, currency_code=workspace.currency_code))
    return tables, problems


def _check_file_names(folder: Path) -> list[Problem]:
    known = [definition.file_name for definition in DEFINITION_FILES]
    if not folder.is_dir():
        return []
    return [
        Problem(path.name, None, None, f"a definition file ({nearest(path.name, known)})", "an unknown name")
        for path in sorted(folder.iterdir())
        if path.name not in known and not path.name.startswith(".")
    ]


def _with_default_line(definition: DefinitionFile, rows: list[Row]) -> list[Row]:
    """Adds the shipped line `all` to lines that lack it, because what maps to no other line belongs there."""
    if any(row.values["line_id"] == DEFAULT_LINE for row in rows):
        return rows
    shipped, _ = parse_definition(definition, (SHIPPED_DIR / definition.file_name).read_bytes())
    return [*rows, *(row for row in shipped if row.values["line_id"] == DEFAULT_LINE)]


def _digest(tables: Mapping[str, Sequence[Row]]) -> str:
    content = {
        definition.name: {
            "columns": [column.stored_name for column in definition.columns],
            "rows": sorted(
                [_canonical(row.values[column.name]) for column in definition.columns]
                for row in tables[definition.name]
            ),
        }
        for definition in DEFINITION_FILES
        if definition.name in tables
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _canonical(value: Value) -> str:
    """Writes a value so that equal values are equal texts: 0.50 and 0.5 are the same definition."""
    if value is None:
        return "-"
    if isinstance(value, bool | int | str):
        return f"{type(value).__name__}:{value}"
    return f"{type(value).__name__}:{value.normalize():f}" if hasattr(value, "normalize") else f"date:{value}"


def _replace(connection: psycopg.Connection, definition: DefinitionFile, rows: Sequence[Row]) -> None:
    table = sql.Identifier("definitions", definition.name)
    connection.execute(sql.SQL("delete from {}").format(table))
    columns = sql.SQL(", ").join(sql.Identifier(column.stored_name) for column in definition.columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} ({}) from stdin").format(table, columns)) as copy,
    ):
        for row in rows:
            copy.write_row([row.values[column.name] for column in definition.columns])
