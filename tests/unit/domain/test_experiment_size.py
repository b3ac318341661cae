"""Sizes of experiments against scipy's binomials, against each other, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from recall.domain.experiment_size import Plan, detectable_lift, members_needed


def test_members_needed_by_hand() -> None:
    # z 1.959964 + 0.841621 = 2.801585, squared 7.848880. Half held out, 10 % to 15 %:
    # (0.15 x 0.85 + 0.10 x 0.90) / 0.5 = 0.435; 7.848880 x 0.435 / 0.0025 = 1365.705.
    assert members_needed(Plan(0.10, 0.5), 0.05) == 1366


@pytest.mark.parametrize(
    ("rate", "lift", "share"), [(0.10, 0.05, 0.5), (0.05, 0.02, 0.1), (0.3, -0.1, 0.2), (0.02, 0.02, 0.3)]
)
def test_members_needed_give_the_power_by_exact_binomials(rate: float, lift: float, share: float) -> None:
    members = members_needed(Plan(rate, share), lift)
    assert members is not None
    held_out = round(members * share)
    treated = members - held_out
    # Every pair of counts, and whether the interval for it leaves 0 out on the right side.
    returned = np.arange(treated + 1)
    control = np.arange(held_out + 1)[:, None]
    treated_rate, control_rate = returned / treated, control / held_out
    error = np.sqrt(
        treated_rate * (1 - treated_rate) / (treated - 1) + control_rate * (1 - control_rate) / (held_out - 1)
    )
    seen = math.copysign(1, lift) * (treated_rate - control_rate) > stats.norm.ppf(0.975) * error
    chances = stats.binom.pmf(returned, treated, rate + lift) * stats.binom.pmf(control, held_out, rate)
    # The normal approximation of so few events is off by some points of power; a formula with a wrong variance by more.
    assert chances[seen].sum() == pytest.approx(0.8, abs=0.035)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.8])
def test_detectable_lift_is_the_one_that_so_many_members_are_needed_for(rate: float) -> None:
    plan = Plan(rate, 0.2, power=0.9)
    lift = detectable_lift(plan, 20_000)
    assert lift is not None
    assert members_needed(plan, lift) == pytest.approx(20_000, abs=1)


def test_members_needed_is_never_less_than_an_estimable_effect_needs() -> None:
    # A lift of 50 points is seen at once, but 10 of the held out must be expected back: 10 / (0.01 x 0.1).
    assert members_needed(Plan(0.01, 0.1), 0.5) == 10_000
    assert detectable_lift(Plan(0.01, 0.1), 9_999) is None


def test_members_needed_lift_out_of_range_is_none() -> None:
    assert members_needed(Plan(0.05, 0.1), -0.05) is None
    assert members_needed(Plan(0.95, 0.1), 0.05) is None
