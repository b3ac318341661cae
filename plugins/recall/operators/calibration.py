"""Tasks that fit: the weekly one, and the one of a night that would otherwise have no fit to read."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.build import BuildOperator
from recall.operators.night_request import NightRequest


class FitOperator(RecallOperator):
    """Fits what the marts serve, where the latest fit is old enough; a night without a due fit skips the task."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls calibrate, or skips; a run that was asked for a fit makes it in any case."""
        from recall.hooks.calibration import is_fit_due

        day = request.require_as_of_date()
        if not request.is_fit_forced and not is_fit_due(day):
            raise AirflowSkipException(f"no fit is due on {day}")
        return _fit(request, progress)


class FirstFitOperator(BuildOperator):
    """Fits within a night where there is no fit yet, because audiences are selected by what a fit has found."""

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls calibrate for the first night; any other one goes on."""
        from recall.hooks.calibration import is_first_fit

        if not is_first_fit(request.require_as_of_date()):
            return {}
        return _fit(request, progress)


def _fit(request: NightRequest, progress: Progress) -> dict[str, Any]:
    """Fits for the run's day with progress."""
    from recall.hooks.calibration import calibrate

    with progress.stage("fit churn limits and return curves") as stage:
        fit = calibrate(request.require_as_of_date(), on_node_done=lambda done, total: stage.note(f"{done}/{total}"))
        stage.note(f"{len(fit.drifts)} lines are drifting" if fit.drifts else "no line is drifting")
    return counts_of(fit)
