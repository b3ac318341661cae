"""Erases a person: rows, contacts and words go, and a keyed hash of each contact stays so that nobody comes back.

The ledger keeps its pseudonyms: they name nobody without the source, and without them a person who comes again would
be drawn and written to anew. Rows that go are noted like those of a file that was taken away, so that the next night
builds without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from recall.domain.contact import ContactKey, normalised, region_of_time_zone
from recall.domain.errors import GateBlocked, UsageError
from recall.domain.home import Home, current_home
from recall.domain.tables import TABLES, Table
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect
from recall.warehouse.queries import query
from recall.warehouse.secrets import secret

LOAD_LOCK = 5928218432235110401
"""The lock of a load: rows must not come in while a person's are taken away."""


@dataclass(frozen=True)
class ErasureCounts:
    """What an erasure took away.

    Attributes:
        user_count: Users who are erased, those merged with the one asked for included.
        row_count: Rows of inputs, versions that lost included.
        contact_count: Contacts that are known by their hashes only from now on.
        waiting_count: Contacts that advertising audiences still have: they are kept until these have been told.
    """

    user_count: int
    row_count: int
    contact_count: int
    waiting_count: int


def erasure_key(home: Home | None = None) -> ContactKey:
    """Returns the key of erased contacts' hashes, made at first use and never changed.

    Args:
        home: The home folder; default the current one.
    """
    return ContactKey(secret(home or current_home(), "keys", "erasure").encode())


def erased_hashes(connection: psycopg.Connection, key: ContactKey) -> frozenset[tuple[str, str]]:
    """Returns kind and hash of every erased contact.

    Args:
        connection: As loader or owner.
        key: The key of erased contacts' hashes.

    Raises:
        GateBlocked: They were hashed with another key: whoever was erased could not be recognised. Put the home's
            secrets.json back.
    """
    rows = connection.execute("select contact_code, contact_hash, key_fingerprint from pii.erased_contacts").fetchall()
    if any(fingerprint != key.fingerprint for _, _, fingerprint in rows):
        raise GateBlocked(
            "erased contacts were hashed with another key than keys.erasure of secrets.json, so that erased persons"
            " would not be recognised; put the secrets.json of the time of the erasure back",
            next_command="recall doctor",
        )
    return frozenset((str(code), str(contact_hash)) for code, contact_hash, _ in rows)


def erase_user(workspace: Workspace, user_id: str, *, home: Home | None = None) -> ErasureCounts:
    """Erases a user and everybody whom the source says to be the same; done again it changes nothing.

    Args:
        workspace: The workspace, for its country.
        user_id: The user's id as the source writes it.
        home: The home folder; default the current one.

    Raises:
        UsageError: Nothing knows of such a user; nothing was touched.
    """
    with connect("owner", home=home) as connection:
        _hold_loads(connection)
        known = connection.execute(query("find_erased_family"), {"user_id": user_id}).fetchall()
        if not known:
            raise UsageError(f"{user_id!r} is no user that the warehouse knows")
        connection.cursor().executemany(
            "insert into ledger.erasures (user_id, source_code) values (%s, %s) on conflict (user_id) do nothing",
            [(each, "asked" if each == user_id else "merged") for (each,) in known],
        )
        return _erase(connection, workspace, [str(each) for (each,) in known], erasure_key(home), is_news=True)


def erase_arrivals(workspace: Workspace, *, home: Home | None = None) -> ErasureCounts:
    """Erases whatever came of erased users since, and forgets contacts that no audience has any more.

    Args:
        workspace: The workspace, for its country.
        home: The home folder; default the current one.
    """
    with connect("owner", home=home) as connection:
        _hold_loads(connection)
        known = [str(row[0]) for row in connection.execute("select user_id from ledger.erasures order by user_id")]
        if not known:
            return ErasureCounts(0, 0, 0, 0)
        return _erase(connection, workspace, known, erasure_key(home), is_news=False)


def _hold_loads(connection: psycopg.Connection) -> None:
    connection.execute("select pg_advisory_xact_lock(%s)", (LOAD_LOCK,))


def _erase(
    connection: psycopg.Connection, workspace: Workspace, user_ids: Sequence[str], key: ContactKey, *, is_news: bool
) -> ErasureCounts:
    parameters = {"user_ids": list(user_ids)}
    erased_hashes(connection, key)
    contacts = _contacts_of(connection, workspace, parameters)
    connection.cursor().executemany(
        "insert into pii.erased_contacts (contact_code, contact_hash, key_fingerprint) values (%s, %s, %s)"
        " on conflict do nothing",
        [(code, key.hash_of(code, value), key.fingerprint) for code, value in sorted(contacts)],
    )
    row_count = _erase_rows(connection, parameters, is_news=is_news)
    waiting_count = _forget_contacts(connection, contacts, parameters)
    return ErasureCounts(len(user_ids), row_count, len(contacts), waiting_count)


def _contacts_of(
    connection: psycopg.Connection, workspace: Workspace, parameters: dict[str, list[str]]
) -> set[tuple[str, str]]:
    """Returns kind and normalised contact of all that is known of the users: delivered, linked or once sent to."""
    region = region_of_time_zone(workspace.business_time_zone)
    found = set()
    for code, text in connection.execute(query("list_contacts_to_erase"), parameters):
        value = normalised(code, text, region=region)
        if value is not None:
            found.add((str(code), value))
    return found


def _erase_rows(connection: psycopg.Connection, parameters: dict[str, list[str]], *, is_news: bool) -> int:
    """Takes the users' rows away, children before their parents; returns how many.

    A number of a load is used up where rows go, and where somebody is newly erased: whoever is sending meanwhile sees
    by it that everything has to be looked up once more.
    """
    statements = list(_deletions())
    row = connection.execute(
        "insert into control.loads (state, finished_at) values ('done', clock_timestamp()) returning load_id"
    ).fetchone()
    assert row is not None
    row_count = 0
    for statement in statements:
        counted = connection.execute(statement, parameters | {"load_id": row[0]}).fetchone()
        assert counted is not None
        row_count += int(counted[0])
    connection.execute("delete from pii.feedback_texts where user_id = any(%(user_ids)s)", parameters)
    if not row_count and not is_news:
        connection.execute("delete from control.loads where load_id = %s", (row[0],))
    for user_id in parameters["user_ids"]:
        pattern = f"(^|[^[:alnum:]_]){re.escape(user_id)}($|[^[:alnum:]_])"
        connection.execute("update pii.quarantined_lines set raw_line = '' where raw_line ~ %s", (pattern,))
        connection.execute("update quarantine.rows set raw_line = '' where raw_line ~ %s", (pattern,))
    return row_count


def _deletions() -> Iterator[sql.Composed]:
    of_user = sql.SQL("a.user_id = any(%(user_ids)s)")
    of_order = sql.SQL(
        "a.order_id in (select order_id from raw.orders where user_id = any(%(user_ids)s)"
        " union select order_id from raw.orders_versions where user_id = any(%(user_ids)s))"
    )
    of_touch = sql.SQL(
        "a.touch_id in (select touch_id from raw.touches where user_id = any(%(user_ids)s)"
        " union select touch_id from raw.touches_versions where user_id = any(%(user_ids)s)"
        " union select idempotency_key from ledger.sends where user_id = any(%(user_ids)s))"
    )
    children = {"order_items": of_order, "refunds": of_order, "receipts": of_touch}
    with_children = [table for table in TABLES if table.name in children]
    for table in [*with_children, *(table for table in TABLES if table.has("user_id"))]:
        for suffix in ("", "_versions"):
            yield _deletion(table, suffix, children.get(table.name, of_user))


def _deletion(table: Table, suffix: str, condition: sql.SQL) -> sql.Composed:
    event = table.event_column
    is_instant = event is not None and table.column(event).kind.sql_type == "timestamptz"
    changes = [
        sql.Identifier("a", name) if table.has(name) else sql.SQL("null::text")
        for name in ("user_id", "order_id", "product_id")
    ]
    changes.append(sql.Identifier("a", event) if event and is_instant else sql.SQL("null::timestamptz"))
    return sql.SQL(
        """
        with

        gone as (
            delete from {relation} as a where {condition} returning a.*
        ),

        noted as (
            insert into control.row_changes (load_id, table_name, user_id, order_id, product_id, happened_at)
            select %(load_id)s, {table_name}, {changes} from gone as a
        ),

        repeats as (
            delete from control.repeated_rows as repeated
            where repeated.row_hash in (select gone._row_hash from gone)
            returning repeated.file_id
        ),

        counted as (
            select file_id, sum(standing_count)::bigint as standing_count, sum(repeated_count)::bigint as repeated_count
            from (
                select _file_id as file_id, 1 as standing_count, 0 as repeated_count from gone
                union all
                select file_id, 0, 1 from repeats
            ) as each_row
            group by file_id
        ),

        moved as (
            update control.files as files
            set
                {count_column} = files.{count_column} - counted.standing_count,
                repeated_count = files.repeated_count - counted.repeated_count,
                erased_count = files.erased_count + counted.standing_count + counted.repeated_count
            from counted
            where files.file_id = counted.file_id
        )

        select count(*) from gone
        """
    ).format(
        relation=sql.Identifier(table.schema, f"{table.name}{suffix}"),
        condition=condition,
        table_name=sql.Literal(table.name),
        changes=sql.SQL(", ").join(changes),
        count_column=sql.Identifier("superseded_count" if suffix else "loaded_count"),
    )


def _forget_contacts(
    connection: psycopg.Connection, contacts: set[tuple[str, str]], parameters: dict[str, list[str]]
) -> int:
    """Cuts whoever is reached there off, and deletes the contact points that no audience has any more.

    Returns:
        How many are kept until the audiences have been told.
    """
    names = {
        "contact_codes": [code for code, _ in contacts],
        "contact_values": [value for _, value in contacts],
    }
    connection.execute(query("cut_off_erased_contacts"), parameters | names)
    connection.execute(query("forget_erased_contacts"), parameters | names)
    row = connection.execute(query("count_kept_contacts"), parameters).fetchone()
    return int(row[0]) if row else 0
