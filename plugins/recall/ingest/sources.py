"""What must have arrived before anything is built on it: missing orders look like churn and would become messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from recall.domain.errors import GateBlocked
from recall.domain.home import Home
from recall.domain.tables import Table, find_table
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect


@dataclass(frozen=True)
class SilentSource:
    """A table that is expected and has been silent for too long.

    Attributes:
        table_name: The table.
        last_heard_date: The last business date that it spoke of; None if it never did.
        max_silent_days: How long it may be silent, in days.
    """

    table_name: str
    last_heard_date: date | None
    max_silent_days: int


def require_sources(workspace: Workspace, as_of_date: date, *, home: Home | None = None) -> None:
    """Stops a build or an export while a delivered file is rejected or an expected table silent.

    Args:
        workspace: Gives the business time zone.
        as_of_date: The last business date that is about to be built or exported.
        home: The home folder; default the current one.

    Raises:
        GateBlocked: Mend or accept what the message names, load again, and go on.
    """
    with connect("loader", home=home) as connection:
        refuse_rejected(connection)
        orders = connection.execute(
            "select 1 from control.files where table_name = 'orders' and state = 'loaded' limit 1"
        ).fetchone()
        if orders is None:
            raise GateBlocked(
                f"no orders were ever loaded; deliver them into {workspace.landing_dir / 'orders'}",
                next_command="recall load",
            )
        silent = silent_sources(connection, workspace, as_of_date)
    if silent:
        names = "; ".join(
            f"{source.table_name}: "
            + (f"last heard of {source.last_heard_date}" if source.last_heard_date else "never heard of")
            + f", may be silent for {source.max_silent_days} days"
            for source in silent
        )
        raise GateBlocked(
            f"expected sources are silent as of {as_of_date}: {names}; deliver them, or accept the silence",
            next_command=" ".join(["recall load", *(f"--accept {source.table_name}" for source in silent)]),
        )


def refuse_rejected(connection: psycopg.Connection) -> None:
    """Stops while a file is rejected that was neither mended nor accepted.

    Args:
        connection: As loader.

    Raises:
        GateBlocked: Mend the files under their names and load again, or accept them.
    """
    rejected = connection.execute(
        "select file_path, error from control.files where state = 'rejected' order by file_path"
    ).fetchall()
    if rejected:
        lines = "\n".join(f"{path}: {error}" for path, error in rejected)
        count = f"{len(rejected)} file{'s were' if len(rejected) > 1 else ' was'} rejected"
        raise GateBlocked(
            f"{count} and nothing of {'them' if len(rejected) > 1 else 'it'} loaded; mend and deliver again"
            f" under the same name, or accept:\n{lines}",
            next_command=f"recall load --accept {rejected[0][0]}",
        )


def silent_sources(connection: psycopg.Connection, workspace: Workspace, as_of_date: date) -> list[SilentSource]:
    """Finds expected tables that have been silent for longer than they may.

    A table of events speaks through the business dates of its rows, any other through its deliveries; an empty file
    speaks for the date in its name, else for the day of its load. What receipts told is no word of the table's source.

    Args:
        connection: As loader.
        workspace: Gives the business time zone.
        as_of_date: The last business date that is about to be built.

    Returns:
        The silent tables in alphabetical order, without those whose silence a person accepted.
    """
    expected = connection.execute(
        "select table_name, max_silent_days from definitions.sources order by table_name"
    ).fetchall()
    silent = []
    for name, max_silent_days in expected:
        table = find_table(name)
        if table is None:
            continue
        source = _Source(connection, table, workspace.business_time_zone, as_of_date)
        if source.has_spoken_since(as_of_date - timedelta(days=max_silent_days)) or source.is_accepted():
            continue
        silent.append(SilentSource(name, source.last_heard_date(), max_silent_days))
    return silent


@dataclass(frozen=True)
class _Source:
    """When one table was heard of, as seen on a day."""

    connection: psycopg.Connection
    table: Table
    business_time_zone: str
    as_of_date: date

    def has_spoken_since(self, since: date) -> bool:
        """Asks for any row of the last days, which an index answers, and not for the last of all rows."""
        delivered = self._last_delivery()
        if delivered is not None and delivered >= since:
            return True
        if self.table.event_column is None:
            return False
        query = sql.SQL("select exists (select from {table} where {event} >= %s and {event} < %s and {delivered})")
        return bool(self._one(self._named(query), self._begin(since), self._begin(self.as_of_date, days=1)))

    def last_heard_date(self) -> date | None:
        """Returns the last business date that the table spoke of; None if it never did."""
        heard = [self._last_delivery()]
        if self.table.event_column is not None:
            query = sql.SQL("select max({event}) from {table} where {event} < %s and {delivered}")
            latest = self._one(self._named(query), self._begin(self.as_of_date, days=1))
            if isinstance(latest, datetime):
                latest = latest.astimezone(ZoneInfo(self.business_time_zone)).date()
            heard.append(latest)
        return max((day for day in heard if day is not None), default=None)

    def is_accepted(self) -> bool:
        """Tells whether a person accepted the silence; that ends with the table's next file."""
        return bool(
            self._one(
                sql.SQL(
                    "select exists (select from control.accepted_silences where table_name = %s"
                    " and last_file_id is not distinct from (select max(file_id) from control.files"
                    " where table_name = %s and state = 'loaded' and not is_of_receipts))"
                ),
                self.table.name,
                self.table.name,
            )
        )

    def _last_delivery(self) -> date | None:
        """The date that deliveries speak for: of a table of events only the empty ones, for rows have dates."""
        only_empty = sql.SQL("and row_count = 0" if self.table.event_column else "")
        query = sql.SQL("select max(heard_date) from control.files where table_name = %s and state = 'loaded' {}")
        latest = self._one(query.format(only_empty), self.table.name)
        assert latest is None or isinstance(latest, date)
        return latest

    def _named(self, query: sql.SQL) -> sql.Composed:
        assert self.table.event_column is not None
        has_told = self._one(
            sql.SQL("select exists (select from control.files where table_name = %s and is_of_receipts)"),
            self.table.name,
        )
        return query.format(
            event=sql.Identifier(self.table.event_column),
            table=sql.Identifier(self.table.schema, self.table.name),
            delivered=sql.SQL(
                "_file_id not in (select file_id from control.files where is_of_receipts)" if has_told else "true"
            ),
        )

    def _begin(self, day: date, *, days: int = 0) -> date | datetime:
        """Returns the begin of a business date, in the type of the table's event column."""
        assert self.table.event_column is not None
        day += timedelta(days=days)
        if self.table.column(self.table.event_column).kind.sql_type == "date":
            return day
        return datetime.combine(day, time(), ZoneInfo(self.business_time_zone))

    def _one(self, query: sql.SQL | sql.Composed, *values: object) -> Any:
        row = self.connection.execute(query, values).fetchone()
        return None if row is None else row[0]
