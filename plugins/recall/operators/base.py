"""The frame of every task: order, lock, progress and errors."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import psycopg
from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.domain.progress import Progress, SilentProgress
from recall.hooks import foreground, night_lock
from recall.hooks.dbt import scrub
from recall.operators.night_request import NightRequest
from recall.operators.schedule import business_zone

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


ENGINES = frozenset({"psycopg", "psycopg2", "sqlalchemy", "duckdb", "pyarrow", "adbc_driver_manager"})
"""Packages whose errors quote what they choked on."""
PATIENCE = timedelta(minutes=10)
"""How long a task on Airflow waits for a task of another run; then it fails and is tried again."""
SHARED_LEASE = timedelta(seconds=20)


class RecallOperator(BaseOperator):
    """Runs one function of the night under the night lock.

    In a foreground run errors reach the command line as they are and the terminal shows the progress. Under a scheduler
    a blocked gate fails without a retry, and the error is left as an XCom for whoever follows the run.
    """

    lock: ClassVar[Literal["alone", "shared", "none"]] = "alone"
    """Whether the task writes alone, beside the other tasks that it is mapped with, or not at all."""

    sends: ClassVar[bool] = False
    """Whether the task may write to people, which no backfill does."""

    @abstractmethod
    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Does the task's work.

        Args:
            request: What the run was asked for.
            progress: Whoever looks at it.

        Returns:
            Counts and short texts without personal values; they become the task's XCom and the terminal's remark.
        """

    def execute(self, context: Context) -> dict[str, Any]:
        """Runs `work` for Airflow."""
        if self.sends and is_backfill(context):
            raise AirflowFailException(f"{self.dag_id}.{self.task_id}: a backfill never sends anything")
        run = foreground.current_run()
        if run is not None:
            with run.task(self.task_id):
                return self._record(run, self._work_in(context, run.progress))
        try:
            with self._lock(context):
                return self._work_in(context, SilentProgress())
        except RecallError as error:
            context["ti"].xcom_push(key=foreground.ERROR_KEY, value=foreground.describe_error(error))
            if isinstance(error, GateBlocked | UsageError) or request_of(context).is_followed:
                raise AirflowFailException(error.message) from error
            raise
        except (ImportError, LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
            # A fault of the program does not mend itself by waiting.
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    def _lock(self, context: Context) -> AbstractContextManager[object]:
        """Takes the night lock as this task needs it; in a foreground run the whole run has it already."""
        if self.lock == "none":
            return nullcontext()
        name = f"{self.dag_id}.{self.task_id} of {context['run_id']} on Airflow"
        if self.lock == "shared":
            # No task can tell whether it is the last one, so the lock is not given back but runs out soon.
            everybody = night_lock.Holder(purpose=name, host="airflow", pid=0, started=0)
            return night_lock.hold(everybody, lease=SHARED_LEASE, keep=True, patience=PATIENCE)
        return night_lock.hold(night_lock.this_process(name), patience=PATIENCE)

    def _record(self, run: foreground.ForegroundRun, result: dict[str, Any]) -> dict[str, Any]:
        """Keeps the result for the command that started the run."""
        run.results.setdefault(self.task_id, []).append(result)
        return result

    def _work_in(self, context: Context, progress: Progress) -> dict[str, Any]:
        """Finds the run's order and works on it; an engine's error loses the values of rows before it is logged."""
        try:
            return self.work(request_of(context), progress)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ENGINES:
                raise
            raise RecallError(
                f"{self.task_id}: {type(error).__name__}: {scrub(str(error), names_are_quoted=_is_postgres(error))}",
                next_command="recall doctor",
            ) from None


class AnnounceOperator(RecallOperator):
    """Hands the night over to the next DAG: writes the order into the extra of its asset's event.

    It skips itself, and so ends the chain, where the run was asked to stop after this DAG, and in a backfill, since
    nothing may be sent after one.

    Args:
        asset: What this DAG has made.
    """

    def __init__(self, *, asset: Asset, **kwargs: Any) -> None:
        super().__init__(outlets=[asset], **kwargs)
        self.asset = asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Writes the event's extra; touches nothing, and so needs no lock."""
        request = request_of(context)
        if request.stop_after == self.dag_id:
            raise AirflowSkipException(f"asked to stop after {self.dag_id}")
        if is_backfill(context):
            raise AirflowSkipException("a backfill announces nothing, so that nothing is sent")
        extra = request.extra()
        context["outlet_events"][self.asset].extra = extra
        return extra

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Does nothing: the announcement is the event itself."""
        return {}


def _is_postgres(error: Exception) -> bool:
    """Whether quotes in an error's text stand around names of tables and constraints rather than around values."""
    return isinstance(error, psycopg.Error)


def request_of(context: Context) -> NightRequest:
    """Reads a run's order from its Airflow context.

    Args:
        context: As Airflow hands it to a task.
    """
    dag_run = context["dag_run"]
    events = context["triggering_asset_events"]
    return NightRequest.resolve(
        conf=dag_run.conf or {},
        triggering_extras=[event.extra for asset in events for event in events[asset]],
        interval_start=dag_run.data_interval_start,
        time_zone=business_zone(),
    )


def is_backfill(context: Context) -> bool:
    """Whether a run was made by Airflow's own `backfill`.

    Args:
        context: As Airflow hands it to a task.
    """
    return str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type)) == "backfill"


def counts_of(summary: DataclassInstance) -> dict[str, Any]:
    """Turns a summary into what an XCom can carry.

    Args:
        summary: A dataclass of numbers, texts, dates, paths and lists of those.
    """
    return {key: _plain(value) for key, value in asdict(summary).items()}


def _plain(value: Any) -> Any:
    """Turns what JSON does not know into text."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, date | Path | Decimal | timedelta):
        return str(value)
    return value
