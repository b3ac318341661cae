"""When a run fits: weekly, when asked to, and in a night that would have no fit to read."""

from __future__ import annotations

from datetime import date

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from recall.domain.progress import SilentProgress
from recall.hooks import calibration
from recall.operators.calibration import FirstFitOperator, FitOperator
from recall.operators.night_request import NightRequest

DAY = date(2026, 1, 31)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The days that were fitted, by a fit that finds one line drifting."""
    days: list[date] = []

    def fit(as_of_date: date, *, on_node_done: object = None) -> calibration.Fit:
        days.append(as_of_date)
        return calibration.Fit(as_of_date, (calibration.Drift("wine", 30, 52),))

    monkeypatch.setattr(calibration, "calibrate", fit)
    return days


@pytest.mark.parametrize(("is_due", "is_forced"), [(True, False), (False, True)])
def test_a_due_or_wanted_fit_is_made_and_names_the_drifting_lines(
    monkeypatch: pytest.MonkeyPatch, fitted: list[date], is_due: bool, is_forced: bool
) -> None:
    monkeypatch.setattr(calibration, "is_fit_due", lambda day: is_due)
    request = NightRequest(DAY, is_fit_forced=is_forced)
    assert FitOperator(task_id="fit_marts").work(request, SilentProgress()) == {
        "fitted_date": "2026-01-31",
        "drifts": [{"line_id": "wine", "lapse_days_in_force": 30, "lapse_days_suggested": 52}],
    }
    assert fitted == [DAY]


def test_a_night_on_which_no_fit_is_due_skips_it(monkeypatch: pytest.MonkeyPatch, fitted: list[date]) -> None:
    monkeypatch.setattr(calibration, "is_fit_due", lambda day: False)
    with pytest.raises(AirflowSkipException, match="no fit is due on 2026-01-31"):
        FitOperator(task_id="fit_marts").work(NightRequest(DAY), SilentProgress())
    assert fitted == []


@pytest.mark.parametrize("is_first", [True, False])
def test_only_a_night_without_a_fit_to_read_makes_one_and_none_is_skipped(
    monkeypatch: pytest.MonkeyPatch, fitted: list[date], is_first: bool
) -> None:
    monkeypatch.setattr(calibration, "is_first_fit", lambda day: is_first)
    # A skip would take the audiences after it along.
    FirstFitOperator(task_id="fit_first_night").work(NightRequest(DAY), SilentProgress())
    assert fitted == ([DAY] if is_first else [])
