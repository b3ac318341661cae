"""Servers whose rows nobody misses when the tests are over."""

from __future__ import annotations

import psycopg
from psycopg import sql
from tests.support.kept_connection import KeptConnections

from recall.domain.home import Home
from recall.warehouse import embedded_postgres
from recall.warehouse.connection import dsn

THROWN_AWAY = {
    # Nobody misses its rows after a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "512MB",
    # Whoever drops a table looks through all buffers, and a night of a small shop drops a hundred.
    "shared_buffers": "128MB",
}
"""Settings of the tests' servers."""


_KEPT = KeptConnections()


def start_thrown_away(home: Home, *, is_killed: bool = False) -> None:
    """Starts the embedded server of a home for tests; the caller stops it.

    Args:
        home: The home folder.
        is_killed: Whether the server will be killed and must have what it committed when it is started again. Its
            machine goes on, so that nothing but the last commits could be lost.
    """
    embedded_postgres.start(home)
    settings = THROWN_AWAY | ({"synchronous_commit": "on"} if is_killed else {})
    with psycopg.connect(maintenance(home), autocommit=True) as connection:
        for setting, value in settings.items():
            connection.execute(sql.SQL("alter system set {} = {}").format(sql.SQL(setting), sql.Literal(value)))
    embedded_postgres.stop(home)
    embedded_postgres.start(home)


def maintenance(home: Home) -> str:
    """Where databases are made and dropped."""
    return dsn("owner", home).rpartition("/")[0] + "/postgres"


def clone_database(maintenance: str, name: str, template: str) -> None:
    """Makes a database with what another one has, to which nobody may be connected."""
    with _KEPT.connect(maintenance, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def drop_database(maintenance: str, name: str) -> None:
    """Drops a database, whoever is connected to it."""
    with _KEPT.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
