"""A clock for days that have passed."""

from __future__ import annotations

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable


class NightsOnDemand(CronTriggerTimetable):
    """The nights of a range that somebody asks for, as Airflow's own `backfill` does; by itself it never strikes.

    A DAG that starts when its assets are there has no calendar, and Airflow refuses to backfill it. This is the one of
    the DAG that makes the assets.
    """

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Gives the next night of a range, and none to a scheduler, which asks without catching up."""
        if not restriction.catchup:
            return None
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
