"""A real Airflow, supervised: it takes up nothing that it should not, and runs what it is told over REST."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from tests.integration.airflow.conftest import EPISODES, Shop

from recall.hooks import airflow_rest, foreground, supervisor

Recall = Callable[..., int]


@pytest.fixture(scope="module")
def interrupted_night(shop: Shop) -> str:
    """Kills a foreground night in the middle, as a power cut would, and names the task it was in."""
    process = subprocess.Popen(
        [sys.executable, "-m", "recall.cli.app", "nightly", "--as-of", "2024-02-25"],
        env={**os.environ, **shop.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line)
        if "prepare the night" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "".join(shown)
    assert shop.rows("select state from control.builds") == [("running",)]
    assert (shop.warehouse.home.airflow_dir / "foreground" / "run.db").is_file()
    return "build_staging"


@pytest.fixture(scope="module")
def server(shop: Shop, interrupted_night: str) -> Iterator[supervisor.Server]:
    """Airflow, started after a foreground night was killed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shop.environment.items():
            patch.setenv(name, value)
        started = supervisor.start(shop.warehouse.home)
    try:
        yield started
    finally:
        supervisor.stop(shop.warehouse.home)


def _runs(server: supervisor.Server) -> list[str]:
    with airflow_rest.client(server) as api:
        runs = api.get("/dags/~/dagRuns").raise_for_status().json()["dag_runs"]
    return [f"{run['dag_id']} {run['state']}" for run in runs]


def test_scheduler_started_after_a_killed_foreground_night_takes_up_nothing(server: supervisor.Server) -> None:
    # Time enough for the scheduler's loop, which looks for runs every second, and for its first 03:30.
    time.sleep(5)
    assert _runs(server) == []


def test_server_asks_for_a_login_and_listens_to_this_machine_only(server: supervisor.Server) -> None:
    assert httpx.get(f"{server.address}/api/v2/dags", trust_env=False).status_code == 401
    listening = {
        connection.laddr.ip
        for process in psutil.Process(server.pid).children(recursive=True)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == server.port
    }
    assert listening == {"127.0.0.1"}


def test_nightly_while_airflow_is_up_is_triggered_there_and_waited_for(
    shop: Shop, server: supervisor.Server, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("nightly", "--as-of", "2024-02-25", "--no-export") == 0
    assert shop.served_day() == "2024-02-25"
    assert shop.episodes() == EPISODES
    assert "Loaded " in capsys.readouterr().out
    # The chain stops where it was asked to: nothing was exported.
    assert sorted(_runs(server)) == ["build_warehouse success", "ingest_raw success"]


def test_blocked_gate_on_airflow_reaches_the_command_with_its_exit_code(
    shop: Shop, server: supervisor.Server, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.deliver("orders/2024-03.csv", "order_id,user_id,net_amount\no4,bob,5.00\n")
    assert recall("load") == 3
    error = capsys.readouterr().err
    assert "orders/2024-03.csv" in error
    assert "ordered_at" in error
    assert shop.served_day() == "2024-02-25"


def test_process_that_dies_is_started_again(server: supervisor.Server) -> None:
    def schedulers() -> list[psutil.Process]:
        return [
            process for process in psutil.Process(server.pid).children() if "scheduler" in " ".join(process.cmdline())
        ]

    (before,) = schedulers()
    before.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        after = [process for process in schedulers() if process.pid != before.pid]
        if after:
            return
        time.sleep(0.2)
    pytest.fail("the scheduler was not started again")


def test_stop_leaves_no_process_behind(shop: Shop, server: supervisor.Server) -> None:
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) >= len(supervisor.COMPONENTS)
    assert supervisor.stop(shop.warehouse.home)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert supervisor.running_server(shop.warehouse.home) is None
    assert foreground.current_run() is None
