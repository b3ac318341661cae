"""What the DAGs share: assets, clock, retries and the form of a manual run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from recall.domain.errors import RecallError
from recall.domain.workspace import load_workspace

RAW_LOADED = Asset(name="raw_loaded", uri="recall://warehouse/raw")
MARTS_BUILT = Asset(name="marts_built", uri="recall://warehouse/marts")
AUDIENCES_EXPORTED = Asset(name="audiences_exported", uri="recall://warehouse/ledger")
REPORT_PUBLISHED = Asset(name="report_published", uri="recall://warehouse/report")
DEFINITIONS_CALIBRATED = Asset(name="definitions_calibrated", uri="recall://warehouse/fits")


def business_zone() -> str:
    """Returns the zone in which 03:30 is meant: the workspace's, or UTC as long as no workspace is chosen."""
    try:
        return load_workspace().business_time_zone
    except RecallError:
        return "UTC"


def nightly() -> CronTriggerTimetable:
    """Returns the clock of the chain's first DAG: 03:30 business time, an hour that exists on every day.

    The as-of date is the day on which the interval begins, so it must not be empty as a plain cron string's is; the
    night before 03:30 always begins on the day before, also where a clock change makes it an hour longer or shorter.
    A scheduler that is started waits for the next 03:30: an interval timetable would run, and send, at once.
    """
    return CronTriggerTimetable(
        "30 3 * * *", timezone=business_zone(), interval=timedelta(days=1), run_immediately=timedelta(0)
    )


def on_demand(*assets: Asset) -> AssetOrTimeSchedule:
    """Returns the clock of a DAG that its assets start, and that can be asked for a range of nights.

    Args:
        assets: What it waits for.
    """
    from recall.hooks.timetables import NightsOnDemand

    clock = NightsOnDemand("30 3 * * *", timezone=business_zone(), interval=timedelta(days=1))
    # The scheduler's own kind of timetable, which a serialized DAG names as it does those of the SDK.
    return AssetOrTimeSchedule(timetable=clock, assets=list(assets))  # type: ignore[arg-type]  # a clock by its form


def hourly(*, minute: int) -> CronTriggerTimetable:
    """Returns a clock that strikes once an hour; a scheduler that is started waits for the next one.

    Args:
        minute: Minute of the hour.
    """
    return CronTriggerTimetable(f"{minute} * * * *", timezone=business_zone(), run_immediately=timedelta(0))


def dag_settings(documentation: str | None, **params: Param) -> dict[str, Any]:
    """Returns the arguments that every DAG of the night shares.

    Args:
        documentation: The DAG file's docstring, shown as the DAG's page.
        params: What else a run of this DAG may be asked for, by name.
    """
    # There is no start date: one in the future makes a run end well without a task, and one in the past makes a new
    # scheduler run the last night at once.
    return {
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": False,
        "tags": ["recall"],
        "doc_md": documentation,
        # A database that restarts is worth a second try; a gate is not, and says so by failing at once.
        "default_args": {"owner": "recall", "retries": 2, "retry_delay": timedelta(minutes=5)},
        "params": {
            "as_of_date": Param(None, type=["null", "string"], format="date", title="As-of date"),
            "full_refresh": Param(False, type="boolean", title="Rebuild every user"),
            "is_fit_forced": Param(False, type="boolean", title="Fit although no fit is due"),
            "stop_after": Param("", type="string", title="Name of the DAG after which the chain ends"),
            **params,
        },
    }
