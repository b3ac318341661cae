"""Connections to the warehouse, one database role per task."""

from __future__ import annotations

import os
from typing import Literal, get_args
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg

from recall.domain.errors import RecallError
from recall.domain.home import Home, current_home
from recall.warehouse.secrets import read_secrets, secret

Role = Literal["owner", "loader", "transformer", "backfiller", "exporter", "bi_reader", "auditor"]
SERVICE_ROLES: tuple[str, ...] = tuple(role for role in get_args(Role) if role != "owner")


def database_role(role: Role) -> str:
    """Returns the name of a role inside PostgreSQL, for example `recall_loader`.

    Args:
        role: The role as the documentation calls it.
    """
    return f"recall_{role}"


def owner_url(home: Home) -> str:
    """Returns the owner's connection string: RECALL_DATABASE_URL, else the embedded server's.

    Args:
        home: The home folder.

    Raises:
        RecallError: There is neither; `recall up` makes the embedded one.
    """
    configured = os.environ.get("RECALL_DATABASE_URL")
    if configured:
        return configured
    address = read_secrets(home).get("postgres")
    if address is None:
        raise RecallError(f"{home.root}: no database was made here yet", next_command="recall up")
    user = database_role("owner")
    password = quote(secret(home, "passwords", "owner"), safe="")
    return f"postgresql://{user}:{password}@{address['host']}:{address['port']}/{address['database']}"


def dsn(role: Role = "owner", home: Home | None = None) -> str:
    """Returns the connection string of one role.

    Args:
        role: Who connects; a service role sees only what its task needs.
        home: The home folder; default the current one.

    Returns:
        A libpq URL with user and password; do not log it.

    Raises:
        RecallError: No database is configured.
    """
    place = home or current_home()
    url = owner_url(place)
    if role == "owner":
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    password = quote(secret(place, "passwords", role), safe="")
    return urlunsplit(parts._replace(netloc=f"{database_role(role)}:{password}@{host}"))


def connect(role: Role = "owner", *, autocommit: bool = False, home: Home | None = None) -> psycopg.Connection:
    """Opens a connection; the caller closes it, best with `with`.

    Args:
        role: Who connects.
        autocommit: True to commit each statement by itself.
        home: The home folder; default the current one.

    Raises:
        RecallError: The server does not answer or refuses; start it as the message says.
    """
    place = home or current_home()
    url = dsn(role, place)
    try:
        return psycopg.connect(url, autocommit=autocommit, application_name=f"recall {role}", connect_timeout=10)
    except psycopg.OperationalError as error:
        parts = urlsplit(url)
        raise RecallError(
            f"database {parts.path.lstrip('/')} at {parts.hostname}:{parts.port} does not accept"
            f" {unquote(parts.username or '')}: {str(error).strip().splitlines()[-1]}",
            next_command="recall up",
        ) from error
