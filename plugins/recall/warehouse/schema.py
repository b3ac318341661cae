"""The warehouse's schemas: database, roles and migrations."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from recall.domain.home import Home
from recall.warehouse.connection import SERVICE_ROLES, dsn, owner_url
from recall.warehouse.secrets import secret

MIGRATIONS = Path(__file__).with_name("migrations")


def _ensure_database(url: str) -> None:
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    maintenance = urlunsplit(parts._replace(path="/postgres"))
    try:
        psycopg.connect(url, connect_timeout=10).close()
        return
    except psycopg.OperationalError as error:
        if f'database "{name}" does not exist' not in str(error):
            raise
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _ensure_roles(home: Home, connection: psycopg.Connection) -> None:
    for role in SERVICE_ROLES:
        name = f"recall_{role}"
        known = connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone()
        action = sql.SQL("alter role" if known else "create role")
        connection.execute(
            sql.SQL("{} {} login password {}").format(
                action, sql.Identifier(name), sql.Literal(secret(home, "passwords", role))
            )
        )
    # The owner sets default privileges on what the transformer makes, and so must be its member.
    connection.execute("grant recall_transformer to current_user")


def alembic_config(url: str) -> Config:
    """Returns Alembic's configuration for the warehouse.

    Args:
        url: The owner's libpq URL.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(home: Home) -> None:
    """Makes the database, its roles and every schema that dbt does not own, up to the newest migration.

    Args:
        home: The home folder, with a database configured.

    Raises:
        RecallError: No database is configured.
        psycopg.OperationalError: The server does not answer; start it first.
    """
    url = owner_url(home)
    _ensure_database(url)
    with psycopg.connect(url) as connection:
        _ensure_roles(home, connection)
    command.upgrade(alembic_config(dsn("owner", home)), "head")
