"""Airflow on this machine: three processes, kept alive by a fourth.

`start` makes Airflow's database, hands over to a supervisor process in the background and waits until everything is
healthy. The supervisor starts a process again when it dies, as all but one do when PostgreSQL goes away for a moment.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx
import psutil
import psycopg
from psycopg import sql

from recall.domain.errors import RecallError
from recall.domain.home import Home
from recall.domain.progress import Progress, SilentProgress
from recall.hooks import airflow_settings
from recall.warehouse.connection import connect
from recall.warehouse.secrets import secret

COMPONENTS = ("api-server", "scheduler", "dag-processor")
"""No task of ours hands itself to a triggerer: a question to a person waits in the database."""

READY_SECONDS = 180.0
STOP_SECONDS = 40.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A running Airflow.

    Attributes:
        pid: The supervisor's process.
        started: Start of that process in whole seconds since 1970 UTC, so that a reused pid is not taken for it.
        port: Where the API server listens on 127.0.0.1.
        user: Name for the login.
        password: Password for the login; do not log it.
    """

    pid: int
    started: int
    port: int
    user: str
    password: str

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"


def running_server(home: Home) -> Server | None:
    """Returns the Airflow that this home has running; None if there is none.

    Args:
        home: The home folder.
    """
    try:
        record = json.loads(_record_file(home).read_text(encoding="utf-8"))
        pid, started, port = int(record["pid"]), int(record["started"]), int(record["port"])
        if abs(psutil.Process(pid).create_time() - started) > 2:
            return None
        password = json.loads(airflow_settings.passwords_file(home).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    user = airflow_settings.ADMIN
    return Server(pid=pid, started=started, port=port, user=user, password=password[user])


def start(home: Home, *, progress: Progress | None = None) -> Server:
    """Starts Airflow and waits until it is healthy; does nothing when it is up.

    Args:
        home: The home folder; its PostgreSQL is up.
        progress: Whoever looks at it.

    Returns:
        The running Airflow.

    Raises:
        RecallError: A part did not come up; the message names its log. Nothing stays running.
    """
    from recall.hooks import dbt

    watcher = progress or SilentProgress()
    running = running_server(home)
    if running is not None:
        return running
    with watcher.stage("dbt project"):
        dbt.parse_ahead(home)
    logs = _logs_dir(home)
    logs.mkdir(parents=True, exist_ok=True)
    airflow_settings.scheduler_dir(home).mkdir(parents=True, exist_ok=True)
    port = _port(home)
    environment = {**os.environ, **airflow_settings.scheduler_environment(home, port), **_log_port()}
    with watcher.stage("Airflow's database"):
        _make_database(home)
        _write_password(home)
        _migrate(environment, logs / "migrate.log")
    with watcher.stage("Airflow's processes"):
        with (logs / "supervisor.log").open("ab") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "recall.hooks.supervisor", str(home.root), str(port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return _wait_until_healthy(home, supervisor)
        except BaseException:
            _end(supervisor.pid)
            raise


def stop(home: Home) -> bool:
    """Stops Airflow and waits until all its processes are gone.

    Args:
        home: The home folder.

    Returns:
        Whether there was anything to stop.

    Raises:
        RecallError: The supervisor did not end in time.
    """
    server = running_server(home)
    if server is None:
        _record_file(home).unlink(missing_ok=True)
        return False
    if not _end(server.pid):
        raise RecallError(f"Airflow's supervisor (process {server.pid}) did not end; see {_logs_dir(home)}")
    _record_file(home).unlink(missing_ok=True)
    return True


def supervise(home: Home, port: int) -> None:
    """Keeps Airflow's processes alive until SIGINT or SIGTERM; this is the body of the supervisor process.

    Args:
        home: The home folder.
        port: Where the API server listens.
    """
    is_asked_to_end = False

    def ask_to_end(signal_number: int, frame: FrameType | None) -> None:
        nonlocal is_asked_to_end
        is_asked_to_end = True

    signal.signal(signal.SIGINT, ask_to_end)
    signal.signal(signal.SIGTERM, ask_to_end)
    record = {"pid": os.getpid(), "started": int(psutil.Process().create_time()), "port": port}
    _write_privately(_record_file(home), json.dumps(record))
    components = [_Component(name, _logs_dir(home) / f"{name}.log") for name in COMPONENTS]
    try:
        while not is_asked_to_end:
            for component in components:
                component.keep_alive(time.monotonic())
            time.sleep(0.5)
    finally:
        for component in components:
            component.ask_to_end()
        deadline = time.monotonic() + STOP_SECONDS / 2
        for component in components:
            component.end(deadline)
        _record_file(home).unlink(missing_ok=True)


class _Component:
    """One of Airflow's processes, in a process group of its own so that no child of it is left behind."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = 1.0
        self.start_after = 0.0

    def keep_alive(self, now: float) -> None:
        """Starts the process if it is not running, each time after a longer pause unless it ran well before."""
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None:
            _say(f"{self.name} ended with code {self.process.returncode}")
            self._kill_group()
            self.pause = 1.0 if now - self.started > STEADY_SECONDS else min(2 * self.pause, LONGEST_PAUSE_SECONDS)
            self.start_after = now + self.pause
            self.process = None
        if now < self.start_after:
            return
        self.started = now
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", self.name],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _say(f"{self.name} started as process {self.process.pid}")

    def ask_to_end(self) -> None:
        """Asks for a clean end, which lets running tasks be put away; SIGTERM would orphan children."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def end(self, deadline: float) -> None:
        """Waits for the end until the deadline, then ends the process and whatever it has left."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _say(f"{self.name} did not end in time and is killed")
        self._kill_group()
        self.process.wait()

    def _kill_group(self) -> None:
        """Kills what is left of the process's group."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return


def _wait_until_healthy(home: Home, supervisor: subprocess.Popen[bytes]) -> Server:
    """Waits until all processes report health and the DAGs are known."""
    deadline = time.monotonic() + READY_SECONDS
    missing = "its API server"
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            raise RecallError(
                f"Airflow's supervisor ended with code {supervisor.returncode}; see {_logs_dir(home)}/supervisor.log",
                next_command="recall doctor",
            )
        server = running_server(home)
        if server is not None:
            missing = _first_unhealthy(server)
            if not missing:
                return server
        time.sleep(0.5)
    raise RecallError(
        f"Airflow did not become healthy within {READY_SECONDS:.0f} s: {missing} is missing; see {_logs_dir(home)}",
        next_command="recall doctor",
    )


def _first_unhealthy(server: Server) -> str:
    """Names the first part that is not healthy yet; empty if all are."""
    from recall.hooks import airflow_rest

    try:
        health = httpx.get(f"{server.address}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        for part in ("metadatabase", "scheduler", "dag_processor"):
            if (health.get(part) or {}).get("status") != "healthy":
                return part
        return "" if airflow_rest.knows_chain(server) else "the list of DAGs"
    except (httpx.HTTPError, ValueError):
        return "its API server"


def _make_database(home: Home) -> None:
    """Makes Airflow's role and database in the warehouse's server, if they are absent."""
    role = sql.Identifier(airflow_settings.AIRFLOW_ROLE)
    password = sql.Literal(secret(home, "passwords", "airflow"))
    try:
        with connect("owner", autocommit=True, home=home) as owner:
            known = owner.execute(
                "select exists (select from pg_roles where rolname = %s),"
                " exists (select from pg_database where datname = %s)",
                (airflow_settings.AIRFLOW_ROLE, airflow_settings.AIRFLOW_DATABASE),
            ).fetchone()
            assert known is not None
            action = sql.SQL("alter role" if known[0] else "create role")
            owner.execute(sql.SQL("{} {} login password {}").format(action, role, password))
            if not known[1]:
                owner.execute(sql.SQL("grant {} to current_user").format(role))
                owner.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(airflow_settings.AIRFLOW_DATABASE), role
                    )
                )
    except psycopg.Error as error:
        raise RecallError(
            f"Airflow's database could not be made in the warehouse's server: {str(error).splitlines()[0]}. The user of"
            " RECALL_DATABASE_URL needs the rights to create a role and a database.",
            next_command="recall doctor",
        ) from error


def _migrate(environment: Mapping[str, str], log: Path) -> None:
    """Brings Airflow's tables up to its version."""
    with log.open("ab") as output:
        status = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    if status != 0:
        raise RecallError(f"Airflow's tables could not be made; see {log}", next_command="recall doctor")


def _write_password(home: Home) -> None:
    """Puts a random password where Airflow's login looks for it, before Airflow could print one of its own."""
    path = airflow_settings.passwords_file(home)
    if not path.is_file():
        _write_privately(path, json.dumps({airflow_settings.ADMIN: secrets.token_urlsafe(18)}))


def _port(home: Home) -> int:
    """Returns the port of last time if it is free, else 8080 if that is free, else any."""
    remembered = airflow_settings.scheduler_dir(home) / "port"
    wishes = [int(remembered.read_text(encoding="utf-8"))] if remembered.is_file() else []
    for wish in [*wishes, 8080, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wish))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
            remembered.write_text(str(port), encoding="utf-8")
            return port
    raise RecallError("no free port on 127.0.0.1")


def _log_port() -> dict[str, str]:
    """Gives the process that serves task logs a free port, so that two Airflows fit on one machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(probe.getsockname()[1])}


def _end(pid: int) -> bool:
    """Asks a supervisor to end and waits for it; a child of this process is reaped."""
    try:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=STOP_SECONDS)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def _write_privately(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _record_file(home: Home) -> Path:
    """Returns the file that says which Airflow this home has running."""
    return home.airflow_dir / "supervisor.json"


def _logs_dir(home: Home) -> Path:
    """Returns the folder of the logs of Airflow's processes."""
    return home.logs_dir / "airflow"


def _say(text: str) -> None:
    """Writes a line of the supervisor's own log."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    supervise(Home(Path(sys.argv[1])), int(sys.argv[2]))
