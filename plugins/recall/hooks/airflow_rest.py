"""Runs of the chain on a running Airflow, started and followed over its REST interface."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

import httpx

from recall.domain.errors import RecallError
from recall.domain.progress import Progress, Stage
from recall.hooks import foreground
from recall.hooks.supervisor import Server

POLL_SECONDS = 1.0
HAND_OVER_SECONDS = 120.0
ENDED = frozenset({"success", "failed"})


def knows_chain(server: Server) -> bool:
    """Tells whether Airflow has read every DAG of the chain and beside it.

    Args:
        server: The running Airflow.
    """
    with client(server) as api:
        known = {dag["dag_id"] for dag in _get(api, "/dags", limit=100)["dags"]}
    beside = (dag_id for dag_ids in foreground.BESIDE.values() for dag_id in dag_ids)
    return known.issuperset((*foreground.CHAIN, *beside, *foreground.BY_THE_CLOCK))


def follow_chain(
    server: Server, dag_ids: Sequence[str], order: Mapping[str, Any], *, progress: Progress
) -> dict[str, list[dict[str, Any]]]:
    """Triggers the first DAG and follows it and what its assets trigger, until the last one wanted has ended.

    Args:
        server: The running Airflow.
        dag_ids: The DAGs wanted, each triggered by the assets of the one before.
        order: The run's configuration.
        progress: Whoever looks at it; one stage per task.

    Returns:
        What each task returned, by task id.

    Raises:
        RecallError: A run failed, or did not trigger the next one; of the class and with the text that its task raised.
    """
    with client(server) as api:
        body = {"logical_date": None, "conf": {**order, "stop_after": dag_ids[-1], "is_followed": True}}
        run_id = str(_post(api, f"/dags/{dag_ids[0]}/dagRuns", body)["dag_run_id"])
        return _follow_from(api, server, dag_ids, run_id, progress)


def answer_and_follow(
    server: Server, as_of_date: date, dag_ids: Sequence[str], *, progress: Progress
) -> dict[str, list[dict[str, Any]]] | None:
    """Says yes to the night that waits for a person, and follows it and what its assets trigger.

    Args:
        server: The running Airflow.
        as_of_date: The night's day.
        dag_ids: The DAG that asks, and those that follow it.
        progress: Whoever looks at it; one stage per task.

    Returns:
        What each task returned, by task id; None if no night of that day waits.

    Raises:
        RecallError: As `follow_chain`.
    """
    with client(server) as api:
        waiting = _get(api, f"/dags/{dag_ids[0]}/dagRuns/~/hitlDetails", response_received="false", limit=100)
        for detail in waiting["hitl_details"]:
            task = detail["task_instance"]
            run_id = str(task["dag_run_id"])
            tasks = f"/dags/{dag_ids[0]}/dagRuns/{run_id}/taskInstances"
            prepared = _xcom(api, f"{tasks}/prepare_night/xcomEntries/return_value", -1)
            if task["state"] != "awaiting_input" or not prepared or prepared["as_of_date"] != str(as_of_date):
                continue
            answer = {"chosen_options": ["Approve"], "params_input": {}}
            api.patch(f"{tasks}/{task['task_id']}/{task['map_index']}/hitlDetails", json=answer).raise_for_status()
            return _follow_from(api, server, dag_ids, run_id, progress)
    return None


def _follow_from(
    api: httpx.Client, server: Server, dag_ids: Sequence[str], run_id: str, progress: Progress
) -> dict[str, list[dict[str, Any]]]:
    """Follows a run of the first DAG, and the runs of the others that it triggers."""
    results: dict[str, list[dict[str, Any]]] = {}
    try:
        for position, dag_id in enumerate(dag_ids):
            _follow_run(api, server, dag_id, run_id, progress, results)
            if position + 1 < len(dag_ids):
                run_id = _triggered_run(api, dag_id, run_id, dag_ids[position + 1])
    except KeyboardInterrupt as error:
        raise foreground.Detached(f"{server.address}/dags/{dag_id}/runs/{run_id}") from error
    return results


def _follow_run(
    api: httpx.Client,
    server: Server,
    dag_id: str,
    run_id: str,
    progress: Progress,
    results: dict[str, list[dict[str, Any]]],
) -> None:
    """Shows a run's tasks until it has ended, and raises what made it fail."""
    path = f"/dags/{dag_id}/dagRuns/{run_id}"
    shown: dict[str, ExitStack] = {}
    with ExitStack() as open_stages:
        state = ""
        while state not in ENDED:
            state = _get(api, path)["state"]
            tasks = _get(api, f"{path}/taskInstances", limit=200)["task_instances"]
            for task in tasks:
                _show(task, shown, open_stages, progress)
            if state not in ENDED:
                time.sleep(POLL_SECONDS)
    if not tasks:
        raise RecallError(f"{dag_id} ran no task at all: {server.address}/dags/{dag_id}/runs/{run_id}")
    for task in tasks:
        where = f"{path}/taskInstances/{task['task_id']}/xcomEntries"
        index = task.get("map_index", -1)
        if task["state"] == "failed":
            described = _xcom(api, f"{where}/{foreground.ERROR_KEY}", index)
            if described:
                raise foreground.restore_error(described)
        elif task["state"] == "success":
            value = _xcom(api, f"{where}/return_value", index)
            results.setdefault(task["task_id"], []).append(value if isinstance(value, dict) else {"value": value})
    if state != "success":
        raise RecallError(
            f"{dag_id} failed: {server.address}/dags/{dag_id}/runs/{run_id}", next_command="recall doctor"
        )


def _show(task: Mapping[str, Any], shown: dict[str, ExitStack], open_stages: ExitStack, progress: Progress) -> None:
    """Opens a stage for a task that has begun and closes it when the task has ended."""
    key = f"{task['task_id']} {task.get('map_index', -1)}"
    has_begun = task["state"] in ("running", "success", "failed", "up_for_retry")
    if has_begun and key not in shown:
        shown[key] = ExitStack()
        open_stages.push(shown[key])
        stage: Stage = shown[key].enter_context(progress.stage(str(task["task_display_name"]).replace("_", " ")))
        stage.note("on Airflow")
    if key in shown and task["state"] in ("success", "failed", "upstream_failed", "skipped"):
        shown[key].close()


def _triggered_run(api: httpx.Client, dag_id: str, run_id: str, next_dag_id: str) -> str:
    """Waits for the run of the next DAG that this run's asset event has triggered."""
    deadline = time.monotonic() + HAND_OVER_SECONDS
    while time.monotonic() < deadline:
        events = _get(api, "/assets/events", source_dag_id=dag_id, source_run_id=run_id)["asset_events"]
        for event in events:
            for run in event["created_dagruns"]:
                if run["dag_id"] == next_dag_id:
                    return str(run["run_id"])
        time.sleep(POLL_SECONDS)
    raise RecallError(
        f"{dag_id} ended well, but {next_dag_id} was not triggered within {HAND_OVER_SECONDS:.0f} s; is it paused?",
        next_command="recall status",
    )


@contextmanager
def client(server: Server) -> Iterator[httpx.Client]:
    """Logs in to the REST interface.

    Args:
        server: The running Airflow.

    Yields:
        A client whose addresses are relative to the interface's.

    Raises:
        RecallError: Airflow does not answer or refuses; the message never holds the password.
    """
    try:
        login = httpx.post(
            f"{server.address}/auth/token",
            json={"username": server.user, "password": server.password},
            timeout=30,
            trust_env=False,
        ).raise_for_status()
        token = login.json()["access_token"]
        with httpx.Client(
            base_url=f"{server.address}/api/v2",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        ) as api:
            yield api
    except httpx.HTTPStatusError as error:
        raise RecallError(
            f"Airflow at {server.address} refused {error.request.url.path} with {error.response.status_code}:"
            f" {error.response.text[:200]}",
            next_command="recall status",
        ) from error
    except httpx.HTTPError as error:
        raise RecallError(
            f"Airflow at {server.address} does not answer ({type(error).__name__})",
            next_command="recall up --airflow",
        ) from error


def _get(api: httpx.Client, path: str, **query: str | int) -> dict[str, Any]:
    """Reads one resource."""
    content: dict[str, Any] = api.get(path, params=query).raise_for_status().json()
    return content


def _post(api: httpx.Client, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Makes one resource."""
    content: dict[str, Any] = api.post(path, json=dict(body)).raise_for_status().json()
    return content


def _xcom(api: httpx.Client, path: str, map_index: int) -> Any:
    """Reads a task's value; None where it left none."""
    response = api.get(path, params={"map_index": map_index, "deserialize": "true"})
    return None if response.status_code == httpx.codes.NOT_FOUND else response.raise_for_status().json()["value"]
