"""Builds a past day apart: the same models in schemas of their own, beside what is served.

A scratch build reads what was delivered and writes only schemas whose names begin with `scratch_`, its control tables
included: the served day does not move, no view of a reader is touched, and nothing of it can be sent, because no
audience is selected and the exporter may not read there. The next scratch build replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from recall.domain.progress import Progress, SilentProgress
from recall.domain.workspace import Workspace
from recall.hooks import dbt, night_lock
from recall.hooks.night import code_version, definitions_version
from recall.warehouse.connection import connect
from recall.warehouse.control import bind_workspace

LAYERS: tuple[dbt.Layer, ...] = ("staging", "intermediate", "marts", "outcomes")
PUBLISHED: frozenset[dbt.Layer] = frozenset({"marts", "outcomes"})
SCHEMAS = tuple(f"{dbt.SCRATCH_PREFIX}{name}" for name in ("control", *LAYERS))
SEEN_AS_IT_IS = ("files", "row_changes", "survival_fits", "survival_terms")
"""Tables of the control schema that the models read and a night does not write."""

CONTROL = sql.Identifier(f"{dbt.SCRATCH_PREFIX}control")


@dataclass(frozen=True)
class ScratchBuild:
    """A past day that stands apart.

    Attributes:
        as_of_date: The last business day included.
        tables: Schema and name of each public table and view, in order.
    """

    as_of_date: date
    tables: tuple[tuple[str, str], ...]


def build_scratch(workspace: Workspace, as_of_date: date, *, progress: Progress | None = None) -> ScratchBuild:
    """Builds, tests and publishes a day in the scratch schemas, whatever day is served.

    Files that were not loaded yet are not looked at; definitions are those in force on that day.

    Args:
        workspace: The workspace whose zone and currency apply.
        as_of_date: The last business day to include.
        progress: Whoever looks at it.

    Returns:
        What was built.

    Raises:
        RecallError: A model or test failed or another run is at work; what is served is as it was.
        GateBlocked: The warehouse belongs to other settings.
    """
    watcher = progress or SilentProgress()
    with night_lock.hold(night_lock.this_process(f"scratch build as of {as_of_date}")) as lock:
        with watcher.stage(f"prepare {as_of_date} apart") as stage:
            stage.note(f"{_drop()} old tables and views dropped")
            _prepare(workspace, as_of_date)
        for layer in LAYERS:
            lock.require()
            with watcher.stage(f"build {dbt.SCRATCH_PREFIX}{layer}") as stage:
                results = dbt.build_layer(
                    layer,
                    prefix=dbt.SCRATCH_PREFIX,
                    on_node_done=lambda done, total: stage.note(f"{done}/{total}"),
                )
                models = [result for result in results if result.resource_type == "model"]
                stage.note(f"{len(models)} models, {len(results) - len(models)} tests")
                if layer in PUBLISHED:
                    dbt.run_operation("publish", {"layer": layer}, prefix=dbt.SCRATCH_PREFIX)
                if layer == "marts":
                    _take_over_fits(as_of_date)
        _complete()
    return ScratchBuild(as_of_date, _public_tables())


def drop_scratch() -> int:
    """Drops whatever a scratch build left.

    Returns:
        How many tables and views went; 0 if there were none.

    Raises:
        Busy: Another run is at work; wait for it.
    """
    with night_lock.hold(night_lock.this_process("drop the scratch build")):
        return _drop()


def _relations(connection: psycopg.Connection, schemas: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Schema, name and kind (table or view) of what stands in some schemas, partitions left out, in order."""
    rows = connection.execute(
        "select namespaces.nspname, classes.relname, case classes.relkind when 'v' then 'view' else 'table' end"
        " from pg_catalog.pg_class as classes"
        " inner join pg_catalog.pg_namespace as namespaces on classes.relnamespace = namespaces.oid"
        " where namespaces.nspname = any(%s) and classes.relkind in ('r', 'p', 'v') and not classes.relispartition"
        " order by 1, 2",
        (list(schemas),),
    ).fetchall()
    return [(str(schema), str(name), str(kind)) for schema, name, kind in rows]


def _drop() -> int:
    """Drops every relation of the scratch schemas and keeps the schemas, with who may read them."""
    with connect("transformer") as connection:
        found = _relations(connection, SCHEMAS)
        for schema, name, kind in found:
            statement = sql.SQL(
                "drop view if exists {} cascade" if kind == "view" else "drop table if exists {} cascade"
            )
            connection.execute(statement.format(sql.Identifier(schema, name)))
    return len(found)


def _prepare(workspace: Workspace, as_of_date: date) -> None:
    """Makes the control tables that the models read: a night of their own, and views of what was delivered."""
    with connect("transformer") as connection:
        bind_workspace(connection, workspace)
        for table in SEEN_AS_IT_IS:
            connection.execute(
                sql.SQL("create view {} as select * from {}").format(
                    sql.Identifier(SCHEMAS[0], table), sql.Identifier("control", table)
                )
            )
        for table in ("builds", "night", "node_results", "served_outcomes"):
            connection.execute(
                sql.SQL("create table {} (like {} including all)").format(
                    sql.Identifier(SCHEMAS[0], table), sql.Identifier("control", table)
                )
            )
        connection.execute(
            sql.SQL(
                "create view {0}.published as select build_id, as_of_date, load_id, definitions_version, code_version,"
                " state, published_at from {0}.builds where published_at is not null"
            ).format(CONTROL)
        )
        connection.execute(
            sql.SQL(
                "with build as (insert into {0}.builds (as_of_date, previous_load_id, load_id, definitions_version,"
                " code_version, is_full_rebuild, state)"
                " select %(day)s, 0, coalesce(max(load_id), 0), %(definitions)s, %(code)s, true, 'running'"
                " from control.loads returning *)"
                " insert into {0}.night (build_id, as_of_date, previous_load_id, load_id, definitions_version,"
                " code_version, is_full_rebuild, business_time_zone, currency_code, global_holdout_rate)"
                " select build_id, as_of_date, previous_load_id, load_id, definitions_version, code_version,"
                " is_full_rebuild, %(zone)s, %(currency)s, %(rate)s from build"
            ).format(CONTROL),
            {
                "day": as_of_date,
                "definitions": definitions_version(connection),
                "code": code_version(),
                "zone": workspace.business_time_zone,
                "currency": workspace.currency_code,
                "rate": workspace.global_holdout_rate,
            },
        )


def _take_over_fits(as_of_date: date) -> None:
    """Copies the fits that the day knew: they were made once, by the weekly calibration, and nights only read them."""
    with connect("transformer") as connection:
        tables = connection.execute(
            "select classes.relname, array_agg(cast(attributes.attname as text))"
            " from pg_catalog.pg_class as classes"
            " inner join pg_catalog.pg_namespace as namespaces on classes.relnamespace = namespaces.oid"
            " inner join pg_catalog.pg_attribute as attributes on classes.oid = attributes.attrelid"
            " where namespaces.nspname = %s and classes.relkind in ('r', 'p') and not classes.relispartition"
            " and attributes.attnum > 0 and not attributes.attisdropped"
            " group by classes.relname having bool_or(attributes.attname = 'fitted_date')",
            (f"{dbt.SCRATCH_PREFIX}marts",),
        ).fetchall()
        for table, columns in tables:
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            connection.execute(
                sql.SQL("insert into {} ({}) select {} from {} where fitted_date <= %s").format(
                    sql.Identifier(f"{dbt.SCRATCH_PREFIX}marts", table), names, names, sql.Identifier("marts", table)
                ),
                (as_of_date,),
            )


def _complete() -> None:
    """Writes down that the scratch build is whole."""
    with connect("transformer") as connection:
        connection.execute(
            sql.SQL("update {}.builds set state = 'complete', finished_at = clock_timestamp()").format(CONTROL)
        )


def _public_tables() -> tuple[tuple[str, str], ...]:
    """What readers may look at."""
    schemas = tuple(f"{dbt.SCRATCH_PREFIX}{layer}" for layer in LAYERS if layer in PUBLISHED)
    with connect("transformer") as connection:
        return tuple((schema, name) for schema, name, _ in _relations(connection, schemas))
