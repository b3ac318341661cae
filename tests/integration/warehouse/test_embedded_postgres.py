"""The embedded server survives what happens to servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.support.server_folder import server_folder

from recall.domain.home import Home
from recall.warehouse import embedded_postgres
from recall.warehouse.connection import connect
from recall.warehouse.schema import upgrade


@pytest.fixture
def home() -> Iterator[Home]:
    with server_folder("recall-server-") as folder:
        place = Home(folder)
        try:
            yield place
        finally:
            embedded_postgres.stop(place)


def _postmaster(home: Home) -> int:
    return int((home.postgres_dir / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def test_start_after_kill_9_keeps_committed_rows_and_port(home: Home) -> None:
    embedded_postgres.start(home)
    upgrade(home)
    with connect("owner", home=home) as connection:
        connection.execute("insert into control.loads (state) values ('done')")
        port = connection.info.port
    os.kill(_postmaster(home), signal.SIGKILL)

    embedded_postgres.start(home)

    with connect("owner", home=home) as connection:
        assert connection.info.port == port
        assert connection.execute("select count(*) from control.loads").fetchone() == (1,)


def test_server_listens_on_loopback_only_and_wants_a_password(home: Home) -> None:
    embedded_postgres.start(home)
    upgrade(home)
    with connect("owner", home=home) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
    assert rules == [("scram-sha-256",)]
    assert home.secrets_file.stat().st_mode & 0o077 == 0


def test_stop_twice_does_nothing_the_second_time(home: Home) -> None:
    embedded_postgres.start(home)
    embedded_postgres.stop(home)
    embedded_postgres.stop(home)
    assert not embedded_postgres.is_running(home)
