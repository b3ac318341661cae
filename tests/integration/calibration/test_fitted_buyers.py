"""Models of buyers fitted to published data and to simulated buyers whose fate is known; no database."""

from __future__ import annotations

import gzip
import math
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recall.domain.buyer_models import Buyers, ModelCode, Parameters, alive_probability, fit_buyers

CDNOW = Path(__file__).resolve().parents[4] / "shared" / "data" / "cdnow_sample.txt.gz"
Flags = NDArray[np.bool_]
MODELS: tuple[ModelCode, ...] = ("mbg_nbd", "bg_nbd")


def cdnow_buyers() -> Buyers:
    """Repeat days, recency and age in weeks up to 30 September 1997."""
    if not CDNOW.exists():
        pytest.skip(f"needs the CDNOW sample, which is not in {CDNOW.parent}")
    end = date(1997, 9, 30)
    days: dict[str, set[date]] = defaultdict(set)
    with gzip.open(CDNOW, "rt", encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if len(fields) == 5 and (day := date.fromisoformat(fields[2])) <= end:
                days[fields[1]].add(day)
    return Buyers.from_rows(
        [
            (len(dates) - 1, (max(dates) - min(dates)).days / 7, (end - min(dates)).days / 7, 1)
            for dates in days.values()
        ]
    )


def test_bg_nbd_fits_cdnow_as_published() -> None:
    buyers = cdnow_buyers()
    assert buyers.buyer_count == 2357
    fit = fit_buyers(buyers, "bg_nbd")
    found = fit.parameters
    assert fit.has_converged
    assert (round(found.r, 3), round(found.alpha, 3), round(found.a, 3), round(found.b, 3)) == (
        0.243,
        4.414,
        0.793,
        2.426,
    )
    assert round(fit.log_likelihood, 1) == -9582.4


def simulated_buyers(parameters: Parameters, count: int, seed: int) -> tuple[Buyers, Flags]:
    """Buyers who order and drop out by chance, watched for 180 to 400 days; the second value is who is alive then."""
    draw = np.random.default_rng(seed)
    rates = draw.gamma(parameters.r, 1 / parameters.alpha, count)
    chances = draw.beta(parameters.a, parameters.b, count)
    ages = draw.integers(180, 401, count).astype(np.float64)
    repeats, last = np.zeros(count), np.zeros(count)
    alive = draw.random(count) >= chances if parameters.first_coin else np.ones(count, dtype=np.bool_)
    orders_on = alive.copy()
    while orders_on.any():
        following = last + draw.exponential(1 / rates)
        orders_on &= following <= ages
        repeats[orders_on] += 1
        last[orders_on] = following[orders_on]
        drops_out = orders_on & (draw.random(count) < chances)
        alive &= ~drops_out
        orders_on &= ~drops_out
    return Buyers(repeats, last, ages, np.ones(count)), alive


@pytest.mark.parametrize("model_code", MODELS)
def test_fitted_chance_to_be_alive_is_the_share_alive_in_each_tenth_of_simulated_buyers(model_code: ModelCode) -> None:
    truth = Parameters(model_code, r=0.7, alpha=25.0, a=0.9, b=2.2)
    buyers, alive = simulated_buyers(truth, 40_000, seed=7)
    fit = fit_buyers(buyers, model_code)
    assert fit.has_converged
    chances = alive_probability(fit.parameters, buyers)
    tenths = np.array_split(np.argsort(chances, kind="stable"), 10)
    offences = [
        (round(float(chances[tenth].mean()), 3), round(float(alive[tenth].mean()), 3))
        for tenth in tenths
        if abs(chances[tenth].mean() - alive[tenth].mean()) > 0.02
    ]
    assert offences == []


def test_buyers_counted_in_another_order_or_one_by_one_fit_the_same() -> None:
    buyers, _ = simulated_buyers(Parameters("mbg_nbd", 0.7, 25.0, 0.9, 2.2), 2_000, seed=3)
    rows = list(zip(buyers.repeat_counts, buyers.recencies, buyers.ages, buyers.weights, strict=True))
    counted = Buyers.from_rows([(*row[:3], 2.0) for row in rows[::-1]])
    once, twice = fit_buyers(buyers, "mbg_nbd"), fit_buyers(counted, "mbg_nbd")
    assert math.isclose(twice.log_likelihood, 2 * once.log_likelihood, rel_tol=1e-9)
    assert math.isclose(twice.parameters.r, once.parameters.r, rel_tol=1e-4)
