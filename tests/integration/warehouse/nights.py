"""Nights for tests: the whole of one by the hooks that the DAGs call, or its models alone when only rows matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import psycopg
from psycopg import sql

from recall.domain.home import current_home
from recall.domain.workspace import Workspace
from recall.hooks import dbt
from recall.hooks.night import Night, are_marts_as_contracted, complete_night, prepare_night

CORE_LAYERS: tuple[dbt.Layer, ...] = ("staging", "intermediate", "marts")

MARTS_AND_WHAT_THEY_NEED = (
    "--select", "+fqn:marts", "+fqn:intermediate",
    "--exclude", "fqn:intermediate.outcomes", "fqn:intermediate.calibration", "fqn:intermediate.audiences",
    "fqn:outcomes", "fqn:audiences",
)  # fmt: skip


def run_night(workspace: Workspace, as_of_date: date, *, full_refresh: bool = False) -> None:
    """Builds, tests and publishes the marts for a day, as the DAGs do.

    Args:
        workspace: Whose night.
        as_of_date: The day.
        full_refresh: True to rebuild every user.
    """
    prepare_night(workspace, as_of_date, full_refresh=full_refresh)
    for layer in CORE_LAYERS:
        dbt.build_layer(layer)
    dbt.run_operation("publish", {"layer": "marts"})
    complete_night()


def run_models(workspace: Workspace, as_of_date: date, *, full_refresh: bool = False) -> None:
    """Builds and publishes the marts for a day in one dbt command, without the tests on the deltas.

    Args:
        workspace: Whose night.
        as_of_date: The day.
        full_refresh: True to rebuild every user.
    """
    publish_models(workspace, as_of_date, full_refresh=full_refresh)
    complete_night()


def publish_models(workspace: Workspace, as_of_date: date, *, full_refresh: bool = False) -> Night:
    """The same of a night that goes on: its outcomes or audiences are built after it.

    Args:
        workspace: Whose night.
        as_of_date: The day.
        full_refresh: True to rebuild every user.

    Returns:
        The night, which is under way still.
    """
    night = prepare_night(workspace, as_of_date, full_refresh=full_refresh)
    command = ["run", *MARTS_AND_WHAT_THEY_NEED, *(["fqn:marts"] if are_marts_as_contracted() else [])]
    nodes, failure = dbt._invoke(command, home=current_home(), role="transformer")
    results = [dbt._node_result("marts", node) for node in nodes]
    dbt._record(results)
    assert failure is None
    assert all(result.is_good for result in results), [result for result in results if not result.is_good]
    dbt.run_operation("publish", {"layer": "marts"})
    return night


def public_relations(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """The tables and views whose rows every path to a day must agree on.

    Returns:
        Schema and name of all in marts and of the state tables that move with them, in order.
    """
    rows = connection.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema = 'marts'"
        " or (table_schema = 'intermediate' and table_type = 'BASE TABLE'"
        " and exists (select from pg_constraint where contype = 'p'"
        " and conrelid = format('%I.%I', table_schema, table_name)::regclass)"
        " and not exists (select from pg_class where relispartition"
        " and oid = format('%I.%I', table_schema, table_name)::regclass))"
        " order by 1, 2"
    ).fetchall()
    return [(str(schema), str(name)) for schema, name in rows]


def digests(connection: psycopg.Connection, relations: Iterable[tuple[str, str]] | None = None) -> dict[str, str]:
    """A digest of the rows of each relation, whatever their order.

    Args:
        connection: Who may read them.
        relations: Schemas and names; default all public ones.

    Returns:
        By name the number of rows and the digest.
    """
    found = {}
    for schema, name in relations or public_relations(connection):
        query = sql.SQL(
            "select count(*), md5(coalesce(string_agg(content, '|' order by content), ''))"
            " from (select cast(rows.* as text) as content from {} as rows) as contents"
        )
        row = connection.execute(query.format(sql.Identifier(schema, name))).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = f"{row[0]} rows, {row[1]}"
    return found
