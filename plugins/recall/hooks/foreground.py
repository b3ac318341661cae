"""Foreground runs: the real DAGs, in this process, one after the other.

A foreground run never shares Airflow's metadata with a scheduler, which would take up an interrupted run and send. It
has a SQLite file of its own that the next run throws away; what must outlive a run is in the warehouse.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.domain.progress import Progress, SilentProgress
from recall.hooks import airflow_settings, night_lock
from recall.hooks.lean_airflow import make_airflow_lean

if TYPE_CHECKING:
    from airflow.sdk import DAG

ERROR_KEY = "recall_error"
CHAIN = ("ingest_raw", "build_warehouse", "export_audiences", "publish_report")
BESIDE = {"ingest_raw": ("collect_receipts", "erase_users"), "build_warehouse": ("calibrate_definitions",)}
"""What an Airflow that is up runs beside the chain, by the DAG whose asset triggers it."""
BY_THE_CLOCK = ("resume_exports",)
"""What an Airflow that is up runs by itself, and a foreground run never."""


class Interrupted(KeyboardInterrupt):
    """The run was asked to end by a signal.

    Args:
        signal_number: Which signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class Detached(KeyboardInterrupt):
    """Whoever followed a run on Airflow stopped looking; the run goes on.

    Args:
        address: Where a browser shows the run.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


@dataclass
class ForegroundRun:
    """What the tasks of a foreground run share with the command that started it.

    Attributes:
        progress: Whoever looks at it.
        lock: The night lock in this process's hands.
        results: What each task returned, by task id, in the order in which they ended.
        failure: The first error that a task raised.
    """

    progress: Progress
    lock: night_lock.HeldLock
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failure: BaseException | None = None

    @contextmanager
    def task(self, task_id: str) -> Iterator[None]:
        """Frames one task: the lock is still ours, signals are ours, an error is kept as it is.

        Args:
            task_id: The task's name.
        """
        if isinstance(self.failure, KeyboardInterrupt):
            raise self.failure
        # Airflow puts its own SIGTERM handler in place before each task; it would let a run go on.
        _catch_signals()
        try:
            self.lock.require()
            yield
        except BaseException as error:
            if not _is_skip(error):
                self.failure = self.failure or error
            raise


_current: ForegroundRun | None = None
_open_logs: dict[Path, TextIO] = {}


def current_run() -> ForegroundRun | None:
    """Returns the foreground run of this process; None under a scheduler."""
    return _current


def describe_error(error: RecallError) -> dict[str, Any]:
    """Turns an error into what an XCom can carry to whoever follows the run over REST."""
    return {"message": error.message, "next_command": error.next_command, "exit_code": error.exit_code}


def restore_error(described: Mapping[str, Any]) -> RecallError:
    """Turns what `describe_error` made back into an error of the same exit code."""
    by_code = {kind.exit_code: kind for kind in (RecallError, UsageError, GateBlocked)}
    kind = by_code.get(int(described["exit_code"]), RecallError)
    return kind(str(described["message"]), next_command=described.get("next_command"))


def run_chain(
    as_of_date: date | None,
    *,
    dag_ids: Sequence[str] = CHAIN,
    conf: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    home: Home | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Runs DAGs of the night for one day and waits for them, in the order of their assets.

    Where a scheduler of this home is up, the run is triggered there and followed instead.

    Args:
        as_of_date: The last business day to include; None only for a run that just loads files.
        dag_ids: Which DAGs; those that follow each other by their assets are run in that order, and those that run
            beside them as well.
        conf: More of the run's order: full_refresh, landing, accept, dry_run.
        progress: Whoever looks at it.
        home: The home folder; default the current one.

    Returns:
        What each task returned, by task id.

    Raises:
        RecallError: A task failed or another run holds the night lock; what was good before goes on serving.
        GateBlocked: A gate stopped the run.
        Interrupted: A signal ended the run; it may simply be started again.
    """
    place = home or current_home()
    watcher = progress or SilentProgress()
    order: dict[str, Any] = {**(conf or {}), "as_of_date": as_of_date.isoformat() if as_of_date else None}
    from recall.hooks import airflow_rest, supervisor

    server = supervisor.running_server(place)
    if server is not None:
        return airflow_rest.follow_chain(server, dag_ids, order, progress=watcher)
    purpose = f"{' '.join(dag_ids)} as of {as_of_date}" if as_of_date else " ".join(dag_ids)
    with _signals_caught(), night_lock.hold(night_lock.this_process(purpose)) as lock:
        run = ForegroundRun(progress=watcher, lock=lock)
        with _as_current(run), _quiet(place) as log:
            with watcher.stage("Airflow, in this process"):
                dags = _prepare_dags(place)
            wanted = [*dag_ids, *(beside for dag_id in dag_ids for beside in BESIDE.get(dag_id, ()))]
            failed_beside: RecallError | None = None
            for dag_id in _in_asset_order({dag_id: dags[dag_id] for dag_id in wanted}):
                try:
                    _run_dag(dags[dag_id], order, run, log)
                except RecallError as error:
                    if dag_id in dag_ids:
                        raise
                    # What runs beside the chain holds it up no more than it would on Airflow; it is told at the end.
                    failed_beside, run.failure = failed_beside or error, None
        if failed_beside is not None:
            raise failed_beside
        return run.results


def answer_waiting(
    as_of_date: date, *, progress: Progress | None = None, home: Home | None = None
) -> dict[str, list[dict[str, Any]]] | None:
    """Says yes to a night on Airflow that waits for a person, and follows it to the end of the chain.

    Args:
        as_of_date: The night's day.
        progress: Whoever looks at it.
        home: The home folder; default the current one.

    Returns:
        What each task returned, by task id; None where no Airflow is up or no night of that day waits.

    Raises:
        RecallError: A task failed.
        GateBlocked: The gate stays closed all the same.
    """
    from recall.hooks import airflow_rest, supervisor

    server = supervisor.running_server(home or current_home())
    if server is None:
        return None
    return airflow_rest.answer_and_follow(server, as_of_date, CHAIN[1:], progress=progress or SilentProgress())


def _run_dag(dag: DAG, order: Mapping[str, Any], run: ForegroundRun, log: Path) -> None:
    """Runs one DAG and raises what its tasks raised.

    `dag.test()` does not raise on failure, and calls a run without a task a success.
    """
    # It reads and stores again all that its bundle holds, and a run needs no more than its own file.
    airflow_settings.apply(airflow_settings.bundle_of(dag.dag_id, Path(dag.fileloc)))
    outcome = dag.test(logical_date=None, run_conf=dict(order))
    if isinstance(run.failure, RecallError | KeyboardInterrupt):
        raise run.failure
    states = [str(task.state) for task in outcome.get_task_instances()]
    if run.failure is not None:
        raise RecallError(
            f"{dag.dag_id} failed: {type(run.failure).__name__}: {_first_line(run.failure)}; see {log}",
            next_command="recall doctor",
        ) from run.failure
    if not states:
        raise RecallError(f"{dag.dag_id} ran no task at all; see {log}", next_command="recall doctor")
    if str(outcome.state) != "success" or not all(state in ("success", "skipped") for state in states):
        counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        raise RecallError(f"{dag.dag_id} ended as {outcome.state} ({counted}); see {log}", next_command="recall doctor")


def _prepare_dags(home: Home) -> dict[str, DAG]:
    """Makes the run's own metadata database and reads the DAGs, every task without retries."""
    airflow_settings.apply(airflow_settings.foreground_environment(home))
    folder = airflow_settings.foreground_dir(home)
    folder.mkdir(parents=True, exist_ok=True)
    is_imported = "airflow.settings" in sys.modules
    settings = _airflow("settings")
    if is_imported:
        # Another run of this process, or another home: what Airflow read at its import is out of date.
        settings.dispose_orm(do_log=False)
        settings.configure_vars()
        _airflow("logging_config").configure_logging()
    _make_metadata(folder)
    settings.configure_orm()
    make_airflow_lean()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(airflow_settings.DAGS_DIR), bundle_name="dags-folder")
    for path, error in bag.import_errors.items():
        raise RecallError(f"{path} could not be read: {str(error).strip().splitlines()[-1]}")
    dags: dict[str, DAG] = dict(bag.dags)
    for dag in dags.values():
        for task in dag.tasks:
            task.retries = 0
    return dags


def _make_metadata(folder: Path) -> None:
    """Puts an empty metadata database in place, from a copy where one was made before by this Airflow."""
    settings = _airflow("settings")
    database = airflow_settings.foreground_database(folder)
    template = folder / f"empty-{version('apache-airflow')}.db"
    for leftover in folder.glob(f"{database.name}*"):
        leftover.unlink()
    if template.is_file():
        shutil.copyfile(template, database)
        return
    settings.configure_orm()
    _airflow("utils.db").initdb()
    settings.dispose_orm(do_log=False)
    draft = template.with_suffix(".part")
    with contextlib.closing(sqlite3.connect(database)) as made, contextlib.closing(sqlite3.connect(draft)) as copy:
        made.backup(copy)
    draft.rename(template)


def _airflow(module: str) -> Any:
    """Imports one of Airflow's modules whose functions carry no types, no earlier than it is needed."""
    return importlib.import_module(f"airflow.{module}")


def _in_asset_order(dags: Mapping[str, DAG]) -> list[str]:
    """Sorts DAGs so that each runs after those that make the assets it waits for."""
    makers = {
        (outlet.name, outlet.uri): dag_id
        for dag_id, dag in dags.items()
        for task in dag.tasks
        for outlet in task.outlets
    }
    needs = {
        dag_id: {makers[asset] for asset in _awaited(dag.timetable.asset_condition) if asset in makers}
        for dag_id, dag in dags.items()
    }
    return list(TopologicalSorter(needs).static_order())


def _awaited(condition: Any) -> Iterator[tuple[str, str]]:
    """Gives name and address of each asset in a schedule's condition, however it is nested; none for a clock."""
    if hasattr(condition, "objects"):
        for part in condition.objects:
            yield from _awaited(part)
    elif condition is not None:
        yield condition.name, condition.uri


def _is_skip(error: BaseException) -> bool:
    """Whether an error only says that a task does not apply."""
    return type(error).__name__ == "AirflowSkipException"


def _first_line(error: BaseException) -> str:
    """Returns the first line of an error, which for a database's error holds no row's value."""
    return re.sub(r"\s+", " ", str(error).splitlines()[0] if str(error) else "no message")


@contextmanager
def _as_current(run: ForegroundRun) -> Iterator[None]:
    """Makes the run the one that this process's tasks find."""
    global _current
    _current = run
    try:
        yield
    finally:
        _current = None


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    """Ends the run at once and cleanly: the same as Ctrl-C, whichever signal it was."""
    # A second signal must not be swallowed by whatever is cleaning up.
    signal.signal(signal_number, signal.SIG_DFL)
    raise Interrupted(signal_number)


def _catch_signals() -> None:
    """Turns SIGINT and SIGTERM into an exception in the main thread."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)


@contextmanager
def _signals_caught() -> Iterator[None]:
    """Catches signals while the block runs and puts the former handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    _catch_signals()
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _quiet(home: Home) -> Iterator[Path]:
    """Sends what Airflow and its tasks print to a log file while the block runs.

    Yields:
        The log file.
    """
    home.logs_dir.mkdir(parents=True, exist_ok=True)
    path = home.logs_dir / "foreground.log"
    # Airflow's loggers keep the stream that they find at its import, so it stays open as long as the process.
    log = _open_logs.get(path) or _open_logs.setdefault(path, path.open("a", encoding="utf-8", buffering=1))
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        yield path
