"""The frame of a night: what it is built from, and how it ends."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from recall.domain.errors import GateBlocked, RecallError
from recall.domain.home import PROJECT_ROOT
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect
from recall.warehouse.control import bind_workspace
from recall.warehouse.definitions import have_same_rules

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
CODE_SUFFIXES = frozenset({".sql", ".yml", ".csv"})


@dataclass(frozen=True)
class Night:
    """What the models of one night are built for.

    Args:
        build_id: Number of the build in control.builds.
        as_of_date: The last business day included.
        previous_as_of_date: The day that the marts serve so far; None before the first night.
        previous_load_id: The last load that the served marts have seen; 0 before the first night.
        load_id: The last load that this night sees.
        definitions_version: Version of the definitions in force.
        code_version: Digest of the dbt project.
        is_full_rebuild: True when every user is rebuilt.
    """

    build_id: int
    as_of_date: date
    previous_as_of_date: date | None
    previous_load_id: int
    load_id: int
    definitions_version: str
    code_version: str
    is_full_rebuild: bool


def code_version(project: Path = DBT_PROJECT) -> str:
    """Returns a digest of everything in the dbt project that decides what the models hold.

    Args:
        project: The dbt project's folder.
    """
    digest = hashlib.sha256()
    files = sorted(
        path
        for folder in ("models", "macros")
        for path in (project / folder).rglob("*")
        if path.suffix in CODE_SUFFIXES and path.is_file()
    )
    for path in files:
        digest.update(path.relative_to(project).as_posix().encode())
        digest.update(b"\0")
        digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def definitions_version(connection: psycopg.Connection) -> str:
    """Returns the version of the definitions that were loaded last.

    Args:
        connection: As transformer.

    Raises:
        RecallError: No definitions were loaded yet.
    """
    row = connection.execute("select definitions_version from definitions.versions where is_current").fetchone()
    if row is None:
        raise RecallError("no definitions were loaded yet", next_command="recall load")
    return str(row[0])


def _definitions_begin_between(connection: psycopg.Connection, after: date, until: date) -> bool:
    # Marts follow the definitions in force on the as-of date for their whole history, so a row that takes
    # effect between two nights changes history as a new file would.
    tables = connection.execute(
        "select table_name from information_schema.columns"
        " where table_schema = 'definitions' and column_name = 'valid_from' order by table_name"
    ).fetchall()
    for (table,) in tables:
        query = sql.SQL("select 1 from definitions.{} where valid_from > %s and valid_from <= %s limit 1")
        if connection.execute(query.format(sql.Identifier(table)), (after, until)).fetchone():
            return True
    return False


def prepare_night(workspace: Workspace, as_of_date: date, full_refresh: bool = False) -> Night:
    """Opens a build and writes the one row that tells every model what it is built for.

    The caller holds the night lock, so a build that is still marked running belongs to a run that died.

    Args:
        workspace: The workspace whose zone, currency and holdout share apply.
        as_of_date: The last business day to include.
        full_refresh: True to rebuild every user although nothing demands it.

    Returns:
        The opened night.

    Raises:
        GateBlocked: The marts already serve a later day, or the warehouse belongs to other settings.
        RecallError: No definitions were loaded yet.
    """
    code = code_version()
    with connect("transformer") as connection:
        bind_workspace(connection, workspace)
        connection.execute(
            "update control.builds set state = 'failed', finished_at = clock_timestamp() where state = 'running'"
        )
        served = connection.execute(
            "select as_of_date, load_id, definitions_version, code_version from control.published"
        ).fetchone()
        served_date: date | None = served[0] if served else None
        if served_date is not None and as_of_date < served_date:
            raise GateBlocked(
                f"the marts serve {served_date}; a build for {as_of_date} would let yesterday overwrite today."
                " A past day is built apart, in schemas of its own",
                next_command=f"recall nightly --as-of {as_of_date} --scratch",
            )
        definitions = definitions_version(connection)
        load_id = connection.execute("select coalesce(max(load_id), 0) from control.loads").fetchone()
        is_full = (
            served is None
            or served_date is None
            or full_refresh
            # Other exchange rates alone are no reason: the models find the orders of the days concerned.
            or not have_same_rules(served[2], definitions)
            or served[3] != code
            or _definitions_begin_between(connection, served_date, as_of_date)
        )
        values = {
            "as_of_date": as_of_date,
            "previous_as_of_date": served_date,
            "previous_load_id": served[1] if served else 0,
            "load_id": load_id[0] if load_id else 0,
            "definitions_version": definitions,
            "code_version": code,
            "is_full_rebuild": is_full,
        }
        connection.execute("delete from control.night")
        with connection.cursor(row_factory=class_row(Night)) as cursor:
            night = cursor.execute(
                "insert into control.builds (as_of_date, previous_as_of_date, previous_load_id, load_id,"
                " definitions_version, code_version, is_full_rebuild, state)"
                " values (%(as_of_date)s, %(previous_as_of_date)s, %(previous_load_id)s, %(load_id)s,"
                " %(definitions_version)s, %(code_version)s, %(is_full_rebuild)s, 'running')"
                " returning build_id, as_of_date, previous_as_of_date, previous_load_id, load_id,"
                " definitions_version, code_version, is_full_rebuild",
                values,
            ).fetchone()
        assert night is not None
        connection.execute(
            "insert into control.night (build_id, as_of_date, previous_as_of_date, previous_load_id, load_id,"
            " definitions_version, code_version, is_full_rebuild, business_time_zone, currency_code,"
            " global_holdout_rate)"
            " values (%(build_id)s, %(as_of_date)s, %(previous_as_of_date)s, %(previous_load_id)s, %(load_id)s,"
            " %(definitions_version)s, %(code_version)s, %(is_full_rebuild)s, %(zone)s, %(currency)s, %(rate)s)",
            values
            | {
                "build_id": night.build_id,
                "zone": workspace.business_time_zone,
                "currency": workspace.currency_code,
                "rate": workspace.global_holdout_rate,
            },
        )
    return night


def are_marts_as_contracted() -> bool:
    """Returns whether the public tables of the marts need not be looked at tonight.

    What they are follows from the project's code, and new code rebuilds everything. A rebuild makes the tables, the
    night after it tightens what could not be required before the rows were there; from then on they stand as long as
    nobody removes one.
    """
    names = sorted(path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql"))
    with connect("transformer") as connection:
        row = connection.execute(
            "select not night.is_full_rebuild and not served.is_full_rebuild and ("
            " select count(*) from pg_catalog.pg_class"
            " where relnamespace = to_regnamespace('marts') and relname = any (%s)) = %s"
            " from control.night as night"
            " cross join control.published as published"
            " inner join control.builds as served on published.build_id = served.build_id",
            (names, len(names)),
        ).fetchone()
    return row is not None and bool(row[0])


def complete_night() -> None:
    """Marks the published build complete: its outcomes, audiences and gates passed, so it may be exported."""
    with connect("transformer") as connection:
        changed = connection.execute(
            "update control.builds set state = 'complete', finished_at = clock_timestamp()"
            " where build_id = (select build_id from control.night) and state = 'published'"
        ).rowcount
    if changed != 1:
        raise RecallError("the night under way was never published, so it cannot be completed")


def fail_night() -> None:
    """Marks the build under way failed; the marts go on serving the last published one."""
    with connect("transformer") as connection:
        connection.execute(
            "update control.builds set state = 'failed', finished_at = clock_timestamp()"
            " where build_id = (select build_id from control.night) and state in ('running', 'published')"
        )
