"""Every DAG is known with exactly its tasks, and reading them touches nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from recall.domain.home import Home
from recall.hooks import airflow_settings

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DAGS_DIR = PROJECT_ROOT / "dags"

# DAG -> task -> the tasks that follow it.
EXPECTED: dict[str, dict[str, set[str]]] = {
    "ingest_raw": {
        "load_definitions": {"load_files"},
        "load_files": {"require_sources"},
        "require_sources": {"gate_raw"},
        "gate_raw": {"announce_raw"},
        "announce_raw": set(),
    },
    "build_warehouse": {
        "prepare_night": {"build_staging"},
        "build_staging": {"build_intermediate"},
        "build_intermediate": {"build_marts"},
        "build_marts": {"publish_marts"},
        "publish_marts": {"build_outcomes"},
        "build_outcomes": {"publish_outcomes"},
        "publish_outcomes": {"fit_first_night"},
        "fit_first_night": {"build_audiences"},
        "build_audiences": {"publish_audiences"},
        "publish_audiences": {"gate_audiences"},
        "gate_audiences": {"ask_person"},
        "ask_person": {"complete_night"},
        "complete_night": {"announce_marts"},
        "announce_marts": set(),
    },
    "export_audiences": {
        "require_sources": {"register_members"},
        "register_members": {"list_channels"},
        "list_channels": {"export_channel"},
        "export_channel": {"announce_export"},
        "announce_export": set(),
    },
    "publish_report": {
        "write_report": {"announce_report"},
        "announce_report": set(),
    },
    "collect_receipts": {
        "list_sources": {"collect_source"},
        "collect_source": set(),
    },
    "erase_users": {
        "erase_users": {"tell_channels"},
        "tell_channels": set(),
    },
    "resume_exports": {
        "list_waiting": {"export_channel"},
        "export_channel": set(),
    },
    "backfill_effects": {
        "backfill_days": set(),
    },
    "calibrate_definitions": {
        "fit_marts": {"announce_fit"},
        "announce_fit": set(),
    },
}
CHAIN = ("ingest_raw", "build_warehouse", "export_audiences", "publish_report")

# Reads every module of the package and every DAG with the network closed, and tells what it has found.
READ_ALL = """
import importlib, json, pkgutil, socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened at import")

socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.socket.bind = refuse
socket.create_connection = refuse

import recall
modules = [
    module.name
    for module in pkgutil.walk_packages(recall.__path__, "recall.")
    if ".migrations" not in module.name and not module.name.endswith("__main__")
]
for name in modules:
    importlib.import_module(name)

from airflow import plugins_manager
from recall.domain.home import current_home
from airflow.dag_processing.dagbag import DagBag
import_errors = dict(plugins_manager.get_import_errors())
bag = DagBag(dag_folder=sys.argv[1], bundle_name="dags-folder")
import email
report = {
    "home": sorted(path.name for path in current_home().root.glob("*")),
    "import_errors": {**import_errors, **bag.import_errors},
    "modules": modules,
    "email": email.__file__,
    "dags": {
        dag_id: {
            "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
            "file": dag.fileloc,
            "doc": dag.doc_md,
            "starts_in_triggerer": [task.task_id for task in dag.tasks if task.start_from_trigger],
            "start": str(dag.start_date),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "outlets": [outlet.name for task in dag.tasks for outlet in task.outlets],
            "awaits": [asset.name for asset in getattr(dag.timetable.asset_condition, "objects", [])],
            "timetable": type(dag.timetable).__name__,
            "expression": getattr(getattr(dag.timetable, "timetable", dag.timetable), "expression", ""),
            "interval_days": getattr(getattr(dag.timetable, "interval", None), "days", 0),
        }
        for dag_id, dag in bag.dags.items()
    },
}
open(sys.argv[2], "w").write(json.dumps(report))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process finds when it reads everything without a network."""
    folder = tmp_path_factory.mktemp("dags")
    report = folder / "report.json"
    outcome = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(DAGS_DIR), str(report)],
        env={**os.environ, **airflow_settings.foreground_environment(Home(folder / "home"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return content


def test_dags_when_read_have_no_import_error(found: dict[str, Any]) -> None:
    assert found["import_errors"] == {}


def test_dags_when_read_are_exactly_these_with_exactly_these_tasks(found: dict[str, Any]) -> None:
    tasks = {
        dag_id: {task_id: set(following) for task_id, following in dag["tasks"].items()}
        for dag_id, dag in found["dags"].items()
    }
    assert tasks == EXPECTED


def test_dag_files_are_named_like_their_dag_and_document_themselves(found: dict[str, Any]) -> None:
    assert {path.name for path in DAGS_DIR.glob("*.py")} == {f"{dag_id}.py" for dag_id in EXPECTED}
    for dag_id, dag in found["dags"].items():
        assert Path(dag["file"]).name == f"{dag_id}.py"
        assert dag["doc"], dag_id
        assert "**Starts**" in dag["doc"], dag_id
        assert "**Ends**" in dag["doc"], dag_id


def test_dag_files_only_wire(found: dict[str, Any]) -> None:
    for path in DAGS_DIR.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 120, f"{path.name} has {len(lines)} lines"
        assert not [line for line in lines if line.lstrip().startswith(("def ", "class "))], path.name


def test_dags_of_the_night_are_chained_by_assets_and_one_clock(found: dict[str, Any]) -> None:
    dags = found["dags"]
    assert dags["ingest_raw"]["awaits"] == []
    assert dags["ingest_raw"]["timetable"] == "CronTriggerTimetable"
    assert dags["ingest_raw"]["expression"] == "30 3 * * *"
    assert dags["ingest_raw"]["interval_days"] == 1
    for maker, follower in pairwise(CHAIN):
        assert dags[maker]["outlets"] == dags[follower]["awaits"], f"{maker} -> {follower}"
    # A fit beside the night must not hold up what is sent.
    assert dags["calibrate_definitions"]["awaits"] == dags["build_warehouse"]["outlets"]
    # Peers tell what they know at any hour, and delivered receipts come with a load.
    assert dags["collect_receipts"]["awaits"] == dags["ingest_raw"]["outlets"]
    assert dags["collect_receipts"]["timetable"] == "AssetOrTimeSchedule"
    # Channels that could not be told of an erased person are told with the next load.
    assert dags["erase_users"]["awaits"] == dags["ingest_raw"]["outlets"]


def test_dags_beside_the_night_strike_once_an_hour(found: dict[str, Any]) -> None:
    dags = found["dags"]
    assert dags["collect_receipts"]["expression"] == "5 * * * *"
    assert dags["resume_exports"]["expression"] == "10 * * * *"
    assert dags["resume_exports"]["awaits"] == []


def test_dags_run_one_at_a_time_and_never_catch_up(found: dict[str, Any]) -> None:
    for dag_id, dag in found["dags"].items():
        assert dag["max_active_runs"] == 1, dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["start"] == "None", f"{dag_id}: a start date decides when a new scheduler runs for the first time"


def test_no_task_needs_a_triggerer(found: dict[str, Any]) -> None:
    # None is kept up (`supervisor.COMPONENTS`), and a task that hands itself to one would wait for ever.
    assert [dag["starts_in_triggerer"] for dag in found["dags"].values()] == [[]] * len(EXPECTED)
    for path in (PROJECT_ROOT / "plugins" / "recall" / "operators").glob("*.py"):
        assert "defer" not in path.read_text(encoding="utf-8"), path.name


def test_every_module_of_the_package_is_read_without_a_socket(found: dict[str, Any]) -> None:
    # The child process dies on the first socket; here it is enough that it has really read the package.
    assert {"recall.cli.app", "recall.hooks.foreground", "recall.operators.base"} <= set(found["modules"])
    assert found["home"] == ["logs"], "Airflow's own"


def test_import_email_after_the_plugins_is_still_the_standard_library(found: dict[str, Any]) -> None:
    import email

    assert Path(found["email"]) == Path(email.__file__)
    assert "site-packages" not in found["email"]
    assert PROJECT_ROOT not in Path(found["email"]).parents


def test_plugins_folder_holds_nothing_that_airflow_would_import_loosely() -> None:
    plugins = PROJECT_ROOT / "plugins"
    ignored = {
        line
        for line in (plugins / ".airflowignore").read_text(encoding="utf-8").splitlines()
        if line[:1] not in ("#", "")
    }
    assert ignored == {"recall"}
    assert {path.name for path in plugins.iterdir() if path.name not in (".airflowignore", "__pycache__")} == {"recall"}
