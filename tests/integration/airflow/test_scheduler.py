"""A real Airflow, supervised: it takes up nothing that it should not, and runs what it is told over REST."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest
from tests.integration.airflow.conftest import Shop
from tests.support.files import write_files

from recall.hooks import airflow_rest, airflow_settings, foreground, supervisor

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
        if "expected sources" in line:
            break
    database = airflow_settings.foreground_database(airflow_settings.foreground_dir(shop.warehouse.home))

    def running() -> list[str]:
        with contextlib.closing(sqlite3.connect(database, timeout=30)) as metadata:
            rows = metadata.execute("select task_id from task_instance where state = 'running'").fetchall()
        return [str(row[0]) for row in rows]

    deadline = time.monotonic() + 60
    while running() != ["gate_raw"] and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "".join(shown)
    (left,) = running()
    return left


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
    # What the clock starts every hour, or a load beside the night, is of no test here.
    return [f"{run['dag_id']} {run['state']}" for run in runs if run["dag_id"] in foreground.CHAIN]


def _let_the_scheduler_look(server: supervisor.Server) -> None:
    """Waits until the scheduler has gone round three times: once may have begun before what it is to see."""
    beats: set[str] = set()
    deadline = time.monotonic() + 60
    while len(beats) < 4:
        assert time.monotonic() < deadline, "the scheduler stands still"
        health = httpx.get(f"{server.address}/api/v2/monitor/health", trust_env=False).raise_for_status().json()
        beats.add(str(health["scheduler"]["latest_scheduler_heartbeat"]))
        time.sleep(0.2)


def test_scheduler_started_after_a_killed_foreground_night_takes_up_nothing(
    interrupted_night: str, server: supervisor.Server
) -> None:
    assert interrupted_night == "gate_raw"
    _let_the_scheduler_look(server)
    assert _runs(server) == []


def test_server_asks_for_a_login_and_listens_to_this_machine_only(server: supervisor.Server) -> None:
    assert httpx.get(f"{server.address}/api/v2/dags", trust_env=False).status_code == 401
    listening = set()
    for process in psutil.Process(server.pid).children(recursive=True):
        # A task's process may end meanwhile.
        with contextlib.suppress(psutil.NoSuchProcess):
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == server.port
            }
    assert listening == {"127.0.0.1"}


def test_server_has_the_address_of_receipts_and_knows_no_channel_that_cannot_prove_itself(
    server: supervisor.Server,
) -> None:
    answer = httpx.post(f"{server.address}/receipts/email", content=b"{}", trust_env=False)
    assert (answer.status_code, answer.content) == (404, b"")


def test_load_while_airflow_is_up_is_triggered_there_and_waited_for(
    shop: Shop, server: supervisor.Server, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.deliver("users/2024-03.csv", "user_id,registered_at\ncat,2024-03-01\n")
    assert recall("load") == 0
    assert "Loaded 1 of 1 rows from 1 new files" in capsys.readouterr().out
    assert shop.rows("select user_id from raw.users order by 1") == [("ann",), ("bob",), ("cat",)]
    # The chain stops where it was asked to: nothing was built.
    assert _runs(server) == ["ingest_raw success"]


def test_day_of_a_night_on_airflow_travels_along_the_chain_and_a_refusal_comes_back_with_its_exit_code(
    shop: Shop, server: supervisor.Server, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.warehouse.connect() as connection:
        connection.execute(
            "insert into control.builds (as_of_date, previous_load_id, load_id, definitions_version, code_version,"
            " is_full_rebuild, state, published_at) values ('2024-03-09', 0, 1, 'v', 'c', true, 'complete', now())"
        )
    assert recall("nightly", "--as-of", "2024-03-08") == 3
    error = capsys.readouterr().err
    # Only the second DAG of the chain can know both days.
    assert "the marts serve 2024-03-09" in error
    assert "a build for 2024-03-08" in error
    assert sorted(_runs(server)) == ["build_warehouse failed", "ingest_raw success", "ingest_raw success"]


def test_airflows_own_backfill_builds_a_night_and_starts_no_export(shop: Shop, server: supervisor.Server) -> None:
    with airflow_rest.client(server) as api:
        refused = api.post("/backfills", json=backfill_of("export_audiences"))
        assert refused.status_code == 400
        assert "does not allow backfill runs" in refused.text
        api.post("/backfills", json=backfill_of("build_warehouse")).raise_for_status()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            (run,) = (
                run
                for run in api.get("/dags/build_warehouse/dagRuns").raise_for_status().json()["dag_runs"]
                if run["run_type"] == "backfill"
            )
            if run["state"] in ("success", "failed"):
                break
            time.sleep(1)
        assert run["state"] == "success"
    assert shop.served_day() == "2024-03-10"
    # An asset starts what waits for it when the scheduler looks.
    _let_the_scheduler_look(server)
    assert not [run for run in _runs(server) if run.startswith("export_audiences")]


ASK_ALWAYS = """\
max_audience_rate,max_audience_change_rate,usual_audience_days,max_audience_count,valid_from
0,0.5,14,,1970-01-01
"""
PRESENTS = """\
campaign_id: presents
lines: [all]
steps:
  - {step_number: 1, offset_days: 0}
arms:
  - {arm_code: parcel, channel: gift, offer_code: gift, variant_code: box}
holdout_share: 0
max_lapse_days: 90
"""


def test_night_that_asks_a_person_claims_nothing_before_the_yes_and_then_sends_once(
    shop: Shop, server: supervisor.Server, recall: Recall
) -> None:
    # Bob is the only one who has lapsed, and nobody may be written to before a person was asked.
    write_files(shop.folder, {"campaigns/presents.yml": PRESENTS, "definitions/gate_rules.csv": ASK_ALWAYS})
    shop.deliver("contacts/2024-03.csv", "user_id,postal_address\nbob,1 Old Street\n")
    shop.deliver("consents/2024-03.csv", "user_id,channel,is_opted_in,changed_at\nbob,gift,true,2024-01-01T00:00:00Z\n")
    with airflow_rest.client(server) as api:
        order = {"logical_date": None, "conf": {"as_of_date": "2024-03-11"}}
        api.post("/dags/ingest_raw/dagRuns", json=order).raise_for_status()
        questions: list[dict[str, Any]] = []
        deadline = time.monotonic() + 600
        while not questions and time.monotonic() < deadline:
            time.sleep(1)
            answer = api.get("/dags/build_warehouse/dagRuns/~/hitlDetails", params={"response_received": "false"})
            questions = answer.raise_for_status().json()["hitl_details"]
    assert [str(question["subject"]) for question in questions] == ["audiences: this is unusual. May it go on?"]

    def outcome() -> tuple[object, ...]:
        lists = (shop.warehouse.home.outbox_dir / "gift").glob("*.csv")
        rows = [row["contact"] for path in lists for row in csv.DictReader(path.read_text().splitlines())]
        return shop.rows("select user_id, state from ledger.sends"), rows

    # Of an answer that comes before the scheduler has noted that the task pauses it makes a failure
    # (docs/runbooks/audience_unusual.md).
    asked = questions[0]["task_instance"]
    noted = f"task_id='ask_person', run_id='{asked['dag_run_id']}'"
    log = shop.warehouse.home.logs_dir / "airflow" / "scheduler.log"
    deadline = time.monotonic() + 60
    while not any("executor event" in line and noted in line for line in log.read_text(encoding="utf-8").splitlines()):
        assert time.monotonic() < deadline, "the scheduler has not noted that the task has paused"
        time.sleep(0.2)
    # An export that does not wait would begin now.
    _let_the_scheduler_look(server)
    assert outcome() == ([], [])
    assert shop.rows("select 1 from ledger.entries") == []
    night = "select state from control.builds where as_of_date = '2024-03-11'"
    assert shop.rows(night) == [("published",)]

    assert recall("export", "--as-of", "2024-03-11", "--approve") == 0
    assert shop.rows(night) == [("complete",)]
    assert outcome() == ([("bob", "sent")], ["1 Old Street"])
    assert recall("export", "--as-of", "2024-03-11") == 0
    assert outcome() == ([("bob", "sent")], ["1 Old Street"])


def backfill_of(dag_id: str) -> dict[str, object]:
    """Asks for the one night that strikes on 11 March, which is that of 10 March."""
    return {
        "dag_id": dag_id,
        "from_date": "2024-03-11T00:00:00Z",
        "to_date": "2024-03-11T12:00:00Z",
        "run_backwards": False,
        "max_active_runs": 1,
        "reprocess_behavior": "none",
        "dag_run_conf": {},
    }


def test_process_that_dies_is_started_again_and_the_others_stay(server: supervisor.Server) -> None:
    def running() -> dict[str, int]:
        found = {}
        for process in psutil.Process(server.pid).children():
            # One that was just killed is there for a moment without a command line.
            with contextlib.suppress(psutil.NoSuchProcess):
                words = " ".join(process.cmdline()).replace("_", "-")
                found |= {name: process.pid for name in supervisor.COMPONENTS if name in words}
        return found

    before = running()
    assert set(before) == set(supervisor.COMPONENTS)
    # The one that is up again soonest: the supervisor makes no difference between them.
    os.kill(before["dag-processor"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (after := running()).get("dag-processor") in (None, before["dag-processor"]):
        assert time.monotonic() < deadline, "the DAG processor was not started again"
        time.sleep(0.2)
    assert after == before | {"dag-processor": after["dag-processor"]}


def test_stop_leaves_no_process_behind(shop: Shop, server: supervisor.Server) -> None:
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) >= len(supervisor.COMPONENTS)
    assert supervisor.stop(shop.warehouse.home)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert supervisor.running_server(shop.warehouse.home) is None
    assert foreground.current_run() is None
