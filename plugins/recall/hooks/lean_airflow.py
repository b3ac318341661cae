"""Spares Airflow on one machine what only many machines need.

Each saving stands in the place of one thing that Airflow does; without them nothing but time is lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def make_airflow_lean() -> None:
    """Lets a foreground run talk to one version of Airflow, and a failure reach at once all that wait for the task.

    Call it when Airflow's configuration is in place: it imports Airflow.
    """
    answer_in_one_version()
    _pass_failures_on()


@cache
def answer_in_one_version() -> None:
    """Lets Airflow's processes offer tasks the newest version of their interface only.

    Airflow makes it in eight versions when the first task begins, for workers of another age, which takes longer than
    all the tasks of a load. Here whoever runs a task is of the same installation.
    """
    from cadwyn import Cadwyn, HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    make_all = Cadwyn._cadwyn_initialize

    def make_newest(interface: Cadwyn) -> None:
        offered = interface.versions
        interface.versions = VersionBundle(
            HeadVersion(), Version(offered.versions[0].value), api_version_var=offered.api_version_var
        )
        made_of = interface._latest_version_router
        made_of.routes = [route for route in made_of.routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())]
        make_all(interface)

    setattr(Cadwyn, "_cadwyn_initialize", make_newest)  # noqa: B010


def _pass_failures_on() -> None:
    """Lets a failure reach all tasks that depend on it before anybody waits.

    Airflow tells one task after the other, and `dag.test()` waits a second after each, in case that somebody else
    changes something: a night that fails at its first task would stand for a quarter of a minute.
    """
    from airflow.models.dagrun import DagRun

    decide = DagRun.task_instance_scheduling_decisions

    def decide_for_all(run: DagRun, *, session: Any) -> Any:
        decision = decide(run, session=session)
        while decision.changed_tis and not decision.schedulable_tis:
            session.flush()
            decision = decide(run, session=session)
        return decision

    setattr(DagRun, "task_instance_scheduling_decisions", decide_for_all)  # noqa: B010
