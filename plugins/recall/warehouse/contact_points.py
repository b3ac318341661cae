"""Contact points: who can be reached where, kept apart in the schema `pii`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from recall.domain.contact import CONTACT_CODES, ContactKey, normalised, region_of_time_zone
from recall.domain.errors import UsageError
from recall.domain.home import Home, current_home
from recall.domain.progress import Progress, SilentProgress
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect
from recall.warehouse.erasure import erased_hashes, erasure_key
from recall.warehouse.queries import query
from recall.warehouse.secrets import secret

BATCH_ROWS = 10_000
SHORTEST_KEY = 16


@dataclass(frozen=True)
class ContactRefresh:
    """What a refresh of the contact points did.

    Attributes:
        user_count: Users whose contacts were looked at again.
        unusable_count: Values that are no phone, e-mail, openid or address, so that they reach nobody.
        shared_count: Users who share a contact point with another one, all of them, not only tonight's.
    """

    user_count: int
    unusable_count: int
    shared_count: int


def contact_key(workspace: Workspace, home: Home | None = None) -> ContactKey:
    """Returns the key of contact hashes: the workspace's reference, else one made in the home folder.

    Args:
        workspace: The workspace.
        home: The home folder; default the current one.

    Raises:
        UsageError: The reference leads nowhere, or to fewer than 16 characters.
    """
    reference = workspace.pseudonym_key
    if reference is None:
        return ContactKey(secret(home or current_home(), "keys", "pseudonym").encode())
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "").strip()
    else:
        path = workspace.path / Path(name).expanduser()
        value = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if len(value) < SHORTEST_KEY:
        raise UsageError(
            f"workspace.yml: pseudonym_key: {reference} holds no key of at least {SHORTEST_KEY} characters",
            next_command=f"export {name}=$(openssl rand -base64 32)" if kind == "env" else f"ls -l {name}",
        )
    return ContactKey(value.encode())


def refresh_contact_points(
    workspace: Workspace, as_of_date: date, *, progress: Progress | None = None
) -> ContactRefresh:
    """Brings contact points and the groups of users who share them to the as-of date.

    Only users whose contacts changed since the last refresh are looked at. A contact keeps its random contact_id for
    ever, also under a new key: then every hash is written anew before anything is looked up.

    Args:
        workspace: The workspace, for its key and its country.
        as_of_date: The last business day included; a version of a contact from later on does not hold yet.
        progress: Whoever shows rows; default nobody.

    Returns:
        Counts of the refresh.

    Raises:
        UsageError: The workspace's key cannot be read.
    """
    key = contact_key(workspace)
    zone = workspace.business_time_zone
    unusable_count = 0
    with connect("loader") as connection, (progress or SilentProgress()).stage("contact points") as stage:
        # Two refreshes at once would give one contact two ids.
        connection.execute("lock table pii.user_contact_points in share row exclusive mode")
        key_version = _use_key(connection, key)
        user_count = _resolve_changed_contacts(connection, as_of_date, zone)
        if user_count:
            unusable_count = _normalise(connection, key, region_of_time_zone(zone), stage.advance)
            _leave_out_erased(connection)
            for name in ("add_contact_points", "forget_user_contact_points", "link_user_contact_points"):
                connection.execute(query(name), {"key_version": key_version})
            connection.execute("analyze pii.contact_points")
            connection.execute("analyze pii.user_contact_points")
            _group_users(connection)
        shared = connection.execute("select count(*) from pii.person_groups").fetchone()
        connection.execute(
            "insert into pii.contact_refreshes (as_of_date, load_id, user_count, unusable_count)"
            " values (%s, (select coalesce(max(load_id), 0) from control.loads), %s, %s)",
            (as_of_date, user_count, unusable_count),
        )
    return ContactRefresh(user_count, unusable_count, shared[0] if shared else 0)


def _use_key(connection: psycopg.Connection, key: ContactKey) -> int:
    """Returns the key's version; a key that was not the last one in use hashes all contact points anew."""
    latest = connection.execute(
        "select key_version, fingerprint from pii.contact_keys order by key_version desc limit 1"
    ).fetchone()
    if latest is not None and latest[1] == key.fingerprint:
        return int(latest[0])
    key_version = 1 if latest is None else int(latest[0]) + 1
    connection.execute(
        "insert into pii.contact_keys (key_version, fingerprint) values (%s, %s)", (key_version, key.fingerprint)
    )
    connection.execute("create temporary table new_hashes (contact_id text, contact_hash text) on commit drop")
    for batch in _stream(connection, "select contact_id, contact_code, contact_value from pii.contact_points"):
        _copy(
            connection,
            "copy new_hashes (contact_id, contact_hash) from stdin",
            ((contact_id, key.hash_of(code, value)) for contact_id, code, value in batch),
        )
    connection.execute(
        "update pii.contact_points as points set contact_hash = new_hashes.contact_hash, key_version = %s"
        " from new_hashes where points.contact_id = new_hashes.contact_id",
        (key_version,),
    )
    return key_version


def _resolve_changed_contacts(connection: psycopg.Connection, as_of_date: date, zone: str) -> int:
    last = connection.execute(
        "select as_of_date, load_id from pii.contact_refreshes order by refresh_id desc limit 1"
    ).fetchone()
    # On an earlier day than the last refresh newer contacts do not hold yet, whoever they belong to.
    after_date, after_load = last if last is not None and last[0] <= as_of_date else (date.min, -1)
    parameters = {"after_load": after_load, "after_date": after_date, "as_of_date": as_of_date, "zone": zone}
    connection.execute("create temporary table changed_contacts (user_id text primary key) on commit drop")
    user_count = connection.execute(query("find_changed_contacts"), parameters).rowcount
    connection.execute(
        "create temporary table contacts_as_of (user_id text primary key, phone text, email text,"
        " wechat_openid text, postal_address text) on commit drop"
    )
    connection.execute(query("resolve_contacts"), parameters)
    return user_count


def _normalise(
    connection: psycopg.Connection, key: ContactKey, region: str | None, advance: Callable[[int], None]
) -> int:
    """Writes the changed users' contacts into normalised_contacts; returns how many values were unusable."""
    connection.execute(
        "create temporary table normalised_contacts (user_id text, contact_code text, contact_value text,"
        " contact_hash text, primary key (user_id, contact_code)) on commit drop"
    )
    unusable_count = 0
    rows = "select user_id, phone, email, wechat_openid, postal_address from contacts_as_of order by user_id"
    for batch in _stream(connection, rows):
        usable: list[tuple[str, str, str, str]] = []
        for user_id, *delivered in batch:
            for contact_code, text in zip(CONTACT_CODES, delivered, strict=True):
                if text is None or not text.strip():
                    continue
                value = normalised(contact_code, text, region=region)
                if value is None:
                    unusable_count += 1
                else:
                    usable.append((user_id, contact_code, value, key.hash_of(contact_code, value)))
        _copy(
            connection,
            "copy normalised_contacts (user_id, contact_code, contact_value, contact_hash) from stdin",
            usable,
        )
        advance(len(batch))
    connection.execute("analyze normalised_contacts")
    return unusable_count


def _leave_out_erased(connection: psycopg.Connection) -> None:
    """Takes out of normalised_contacts what belongs to erased persons, under whatever name it comes again."""
    key = erasure_key()
    erased = erased_hashes(connection, key)
    if not erased:
        return
    connection.execute("create temporary table erased_again (contact_code text, contact_value text) on commit drop")
    rows = "select distinct contact_code, contact_value from normalised_contacts"
    for batch in _stream(connection, rows):
        known = [(code, value) for code, value in batch if (code, key.hash_of(code, value)) in erased]
        _copy(connection, "copy erased_again (contact_code, contact_value) from stdin", known)
    connection.execute(
        "delete from normalised_contacts as normalised using erased_again as erased"
        " where normalised.contact_code = erased.contact_code and normalised.contact_value = erased.contact_value"
    )


def _group_users(connection: psycopg.Connection) -> None:
    """Finds who is connected to whom through shared contact points, in as many rounds as the longest chain needs."""
    connection.execute("create temporary table shared_contacts (user_id text, contact_id text) on commit drop")
    connection.execute(query("list_shared_contact_points"))
    connection.execute("analyze shared_contacts")
    connection.execute(
        "create temporary table grouped_users on commit drop as"
        " select distinct user_id, user_id as group_id from shared_contacts"
    )
    connection.execute("analyze grouped_users")
    while connection.execute(query("join_groups")).rowcount:
        pass
    connection.execute("delete from pii.person_groups")
    connection.execute("insert into pii.person_groups (user_id, group_id) select user_id, group_id from grouped_users")
    connection.execute("analyze pii.person_groups")


def _stream(connection: psycopg.Connection, statement: LiteralString) -> Iterator[list[tuple[Any, ...]]]:
    """Reads a result in batches, so that memory does not grow with the number of customers."""
    with connection.cursor(name="recall_contacts") as cursor:
        cursor.execute(statement)
        while batch := cursor.fetchmany(BATCH_ROWS):
            yield batch


def _copy(connection: psycopg.Connection, statement: LiteralString, rows: Iterable[Sequence[str]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
