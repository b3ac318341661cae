"""The backfill of outcomes: assignment days computed anew, each in a transaction of its own.

A day is worked out by the models of the night itself, which dbt renders: who entered on that day is put in the place of
those whom a night follows, the steps between are temporary tables of the worker, and the day's rows are deleted and
inserted. The transaction also writes down that the day is finished, so that a backfill that died goes on where it was.

Workers are the database role `recall_backfiller`: it may write outcomes and the sums that effects are made of. It has
no right at all in the schemas of audiences, ledger and contacts, so nothing that it does can select or send.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from recall.domain.errors import GateBlocked, RecallError
from recall.domain.progress import Progress, SilentProgress
from recall.hooks import dbt
from recall.warehouse.connection import connect
from recall.warehouse.queries import query

ENTRIES = "int_entries__costed"
FOLLOWED = "int_entries__followed"
LOOKED_UP = ((ENTRIES, "assigned_date"), ("int_person_users__followed", "person_id"))
"""Tables of everybody of which a worker reads a day's rows, and the column that finds them; nights read all rows."""
STEPS = (
    "int_entry_users__followed",
    "int_entry_sources__followed",
    "int_entry_orders__summed",
    "int_entry_visits__found",
    "int_entry_visits__counted",
    "int_entry_episodes__open",
    "int_entry_episodes__aimed",
    "int_recalled_users__delta",
    "int_effect_cells__counted",
)
"""The models between who is followed and what is published, in the order in which they stand on each other."""

TARGETS = (
    (("outcomes", "out_recalled_users"), "int_recalled_users__delta"),
    (("intermediate", "int_effect_cells"), "int_effect_cells__counted"),
)
"""The tables whose days are replaced, each with the model that holds their new rows."""

MAX_PARALLEL_DAYS = 16


@dataclass(frozen=True)
class Backfill:
    """A range of assignment days that is worked on.

    Attributes:
        backfill_id: Its number in control.backfills.
        as_of_date: The served day, up to which outcomes are known.
        day_count: Assignment days in the range with an entry, or with rows that are served.
        finished_count: Of these, the days that an earlier run has finished.
    """

    backfill_id: int
    as_of_date: date
    day_count: int
    finished_count: int


@dataclass(frozen=True)
class BackfilledDays:
    """What a run of the backfill has done.

    Attributes:
        day_count: Days that this run finished.
        entry_count: First entries on these days.
        row_count: Rows of out_recalled_users written.
        seconds: Wall-clock time.
    """

    day_count: int
    entry_count: int
    row_count: int
    seconds: float


def open_backfill(from_date: date, to_date: date) -> Backfill:
    """Begins a backfill of the served build, or goes on with the one of the same range that did not end.

    The caller holds the night lock, so no night moves on meanwhile.

    Args:
        from_date: The first assignment day.
        to_date: The last assignment day, included.

    Returns:
        The backfill with the days that are there to do.

    Raises:
        GateBlocked: The outcomes that are served are not those of the last night; run that night again first.
        RecallError: A model failed; what is served is as it was.
    """
    build_id, as_of_date = _require_served_outcomes()
    dbt.build_layer("entries")
    with connect("transformer") as connection:
        for name, column in LOOKED_UP:
            table = sql.Identifier("intermediate", name)
            index = sql.Identifier(f"{name}__{column}")
            connection.execute(sql.SQL("create index {} on {} ({})").format(index, table, sql.Identifier(column)))
            connection.execute(sql.SQL("analyze {}").format(table))
        for target, _ in TARGETS:
            connection.execute(
                sql.SQL("grant select, insert, delete on {} to recall_backfiller").format(sql.Identifier(*target))
            )
        connection.execute(sql.SQL("grant usage on schema outcomes to recall_backfiller"))
        values = {"build_id": build_id, "from_date": from_date, "to_date": to_date}
        row = connection.execute(query("open_backfill"), values).fetchone()
        assert row is not None
        connection.execute(query("list_backfill_days"), values | {"backfill_id": row[0]})
        counted = connection.execute(
            "select count(*), count(finished_at) from control.backfill_days where backfill_id = %s", (row[0],)
        ).fetchone()
        assert counted is not None
    return Backfill(int(row[0]), as_of_date, int(counted[0]), int(counted[1]))


def run_days(backfill_id: int, *, parallel_days: int, progress: Progress | None = None) -> BackfilledDays:
    """Works on the days of a backfill that are not finished, oldest first.

    Args:
        backfill_id: From `open_backfill`.
        parallel_days: How many days are worked on at once, 1 to 16; each has a connection of its own.
        progress: Whoever looks at it.

    Returns:
        What was done. A day that failed leaves its rows as they were.

    Raises:
        RecallError: A day failed; those that were finished are. Mend the cause and start the same backfill again.
    """
    watcher = progress or SilentProgress()
    workers = max(1, min(parallel_days, MAX_PARALLEL_DAYS))
    started = time.monotonic()
    with connect("transformer") as connection:
        days = [
            day
            for (day,) in connection.execute(
                "select assigned_date from control.backfill_days"
                " where backfill_id = %s and finished_at is null order by assigned_date",
                (backfill_id,),
            ).fetchall()
        ]
    entry_count = row_count = 0
    with watcher.stage("follow assignment days") as stage:
        steps = _steps(dbt.compile_models([FOLLOWED, *STEPS]))
        stop = threading.Event()
        local = threading.local()
        opened: list[psycopg.Connection] = []

        def work(day: date) -> tuple[int, int]:
            if stop.is_set():
                return 0, 0
            if not hasattr(local, "connection"):
                local.connection = connect("backfiller")
                opened.append(local.connection)
            try:
                return _replace_day(local.connection, backfill_id, day, steps)
            except BaseException:
                stop.set()
                raise

        try:
            with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="backfill") as pool:
                done = 0
                for finished in as_completed([pool.submit(work, day) for day in days]):
                    entries, rows = finished.result()
                    entry_count, row_count, done = entry_count + entries, row_count + rows, done + 1
                    stage.advance(rows)
                    stage.note(f"{done}/{len(days)} days")
        finally:
            stop.set()
            for each in opened:
                each.close()
    return BackfilledDays(len(days), entry_count, row_count, round(time.monotonic() - started, 1))


def complete_backfill(backfill_id: int) -> None:
    """Makes the effects anew from the days' sums, and closes the backfill.

    Args:
        backfill_id: From `open_backfill`; all of its days are finished.

    Raises:
        RecallError: A day is not finished, or a model or a test failed; start the same backfill again.
    """
    with connect("transformer") as connection:
        row = connection.execute(
            "select count(*) from control.backfill_days where backfill_id = %s and finished_at is null", (backfill_id,)
        ).fetchone()
    assert row is not None
    if row[0]:
        raise RecallError(f"{row[0]} assignment days of the backfill are not finished: start it again")
    dbt.build_layer("outcomes")
    dbt.run_operation("publish", {"layer": "outcomes"})
    with connect("transformer") as connection:
        connection.execute(
            "update control.backfills set state = 'complete', finished_at = clock_timestamp() where backfill_id = %s",
            (backfill_id,),
        )


def _require_served_outcomes() -> tuple[int, date]:
    """Returns build and day that marts and outcomes serve, where they are one and no other night is under way."""
    with connect("transformer") as connection:
        row = connection.execute(
            "select published.build_id, published.as_of_date, served.build_id, night.build_id"
            " from control.published as published"
            " left join control.served_outcomes as served on true"
            " left join control.night as night on true"
        ).fetchone()
    if row is None:
        raise GateBlocked("no night was built yet, so there are no outcomes", next_command="recall nightly")
    build_id, as_of_date, outcomes_build_id, night_build_id = row
    if not build_id == outcomes_build_id == night_build_id:
        raise GateBlocked(
            f"the night of {as_of_date} has not served its outcomes: a backfill would mix two nights",
            next_command=f"recall nightly --as-of {as_of_date}",
        )
    return int(build_id), as_of_date


def _steps(models: Sequence[dbt.CompiledModel]) -> list[tuple[str, bytes]]:
    """The statements that make a worker's temporary tables, which read each other instead of the night's tables."""
    steps = []
    for model in models[1:]:
        text = model.query
        for other in models:
            text = text.replace(other.relation, f'pg_temp."{other.name}"')
        steps.append((model.name, text.encode()))
    return steps


def _replace_day(
    connection: psycopg.Connection, backfill_id: int, day: date, steps: Sequence[tuple[str, bytes]]
) -> tuple[int, int]:
    """Puts a day's new rows in the place of its old ones, all or nothing.

    Returns:
        Entries of the day, and rows of out_recalled_users.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("create temp table {} on commit drop as select * from {} where assigned_date = {}").format(
                sql.Identifier(FOLLOWED), sql.Identifier("intermediate", ENTRIES), sql.Literal(day)
            )
        )
        entry_count = cursor.rowcount
        cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(FOLLOWED)))
        for name, select in steps:
            cursor.execute(
                sql.SQL("create temp table {} on commit drop as ").format(sql.Identifier(name)).as_bytes() + select
            )
            cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
        # An entry that was served under another day has moved here; that day is one of this backfill as well.
        cursor.execute(
            sql.SQL(
                "delete from {} as served using {} as followed"
                " where served.campaign_id = followed.campaign_id and served.person_id = followed.person_id"
                " and served.assigned_date <> {}"
            ).format(sql.Identifier(*TARGETS[0][0]), sql.Identifier("pg_temp", FOLLOWED), sql.Literal(day))
        )
        row_count = 0
        for target, name in TARGETS:
            cursor.execute(
                sql.SQL("delete from {} where assigned_date = {}").format(sql.Identifier(*target), sql.Literal(day))
            )
            cursor.execute(sql.SQL("select * from {} limit 0").format(sql.Identifier("pg_temp", name)))
            columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in cursor.description or ())
            cursor.execute(
                sql.SQL("insert into {} ({}) select {} from {}").format(
                    sql.Identifier(*target), columns, columns, sql.Identifier("pg_temp", name)
                )
            )
            row_count = row_count or cursor.rowcount
        cursor.execute(
            "update control.backfill_days"
            " set entry_count = %s, row_count = %s, finished_at = clock_timestamp()"
            " where backfill_id = %s and assigned_date = %s",
            (entry_count, row_count, backfill_id, day),
        )
    return entry_count, row_count
