"""Effects of campaigns whose truth is known, and the same figures by numpy and scipy.

bench/effects does the first with thousands of campaigns; here a few hundred must do, with bounds that follow from the
binomial error of their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from bench.effects import simulation
from bench.effects.simulation import Judgement, Shop
from scipy import stats

from recall.domain.home import Home

CAMPAIGNS = 400
SEED = 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def assert_sound(found: Judgement, *, at_least: int) -> None:
    """Coverage within four binomial errors of 95 %, and no bias beyond four standard errors."""
    assert found.stated_count >= at_least
    error = math.sqrt(0.95 * 0.05 / found.stated_count)
    assert abs(found.coverage - 0.95) < 4 * error, found
    assert abs(found.bias) < 4 * found.bias_error, found


def test_fixed_interval_covers_no_effect_and_a_planted_one(home: Home, rng: np.random.Generator) -> None:
    for lift in (0.0, 0.05):
        rows = simulation.estimate(home, simulation.draw_rates(rng, Shop(300, 200, 0.4, lift), CAMPAIGNS))
        assert not any(row["is_approximate"] for row in rows)
        assert_sound(simulation.judge(rows, lift), at_least=CAMPAIGNS)
        # Of one truth not the other: with 0.05 planted, intervals that leave it out would say so.
        assert simulation.judge(rows, lift + 0.1).coverage < 0.7


def test_fixed_interval_of_money_covers_the_planted_lift(home: Home, rng: np.random.Generator) -> None:
    drawn, truth = simulation.draw_amounts(rng, Shop(1_500, 1_200, 0.25, 0.05), CAMPAIGNS)
    assert_sound(simulation.judge(simulation.estimate(home, drawn), truth), at_least=CAMPAIGNS)


def test_anytime_valid_interval_holds_over_sixty_looks_where_the_fixed_one_does_not(
    home: Home, rng: np.random.Generator
) -> None:
    campaigns = 150
    rows = simulation.estimate(home, simulation.draw_looks(rng, Shop(5_000, 1_000, 0.1), campaigns))
    assert len(rows) > 59 * campaigns
    ever = simulation.excluding_zero(rows, "sequential_low", "sequential_high")
    # At most 5 % of the campaigns, and four binomial errors of 150 of them.
    assert len(ever) / campaigns < 0.05 + 4 * math.sqrt(0.05 * 0.95 / campaigns)
    peeking = simulation.excluding_zero(rows, "lift_low", "lift_high")
    assert len(peeking) / campaigns > 0.12


def test_planted_returns_and_profit_are_recovered(home: Home, rng: np.random.Generator) -> None:
    profits = simulation.draw_profits(rng, home, Shop(1_500, 700, 0.2, 0.05), CAMPAIGNS)
    # 750 x 0.05 + 750 x 0.075.
    assert profits.caused_count == pytest.approx(93.75)
    assert_sound(profits.judge("caused"), at_least=CAMPAIGNS)
    assert_sound(profits.judge("incremental_profit"), at_least=CAMPAIGNS)
    for row in profits.rows:
        assert row["roi_low"] < row["roi"] < row["roi_high"]
        gained = row["incremental_contribution_amount"] - row["cost_amount"]
        assert float(row["incremental_profit_amount"]) == pytest.approx(float(gained), abs=1e-5)


def test_mismatch_p_is_uniform_as_drawn_tiny_otherwise_and_equals_scipys(home: Home, rng: np.random.Generator) -> None:
    rows = simulation.draw_mismatches(rng, home, 250, 200)
    assert len(rows) == 250
    assert {row["degrees_of_freedom"] for row in rows} == {3}
    found = [float(row["mismatch_p"]) for row in rows]
    for p, row in zip(found, rows, strict=True):
        assert p == pytest.approx(simulation.exact_p(row), abs=1e-6)
    # Kolmogorov and Smirnov: a distance above 1.95 / sqrt(n) has a chance of 1 in 1,000.
    assert stats.kstest(found, "uniform").statistic < 1.95 / math.sqrt(len(found))
    lost = simulation.draw_mismatches(rng, home, 20, 400, lost_rate=0.9)
    assert max(float(row["mismatch_p"]) for row in lost) < 0.001


PERSONS = {
    "campaign_id": "text", "comparison_code": "text", "arm_code": "text", "is_control": "boolean",
    "window_days": "integer", "layer_code": "text", "reason_code": "text", "line_id": "text", "is_matured": "boolean",
    "visit_count": "integer", "order_count": "integer", "net_amount": "numeric", "contribution_amount": "numeric",
    "is_returned": "boolean", "earlier_order_count": "integer", "earlier_net_amount": "numeric",
    "assigned_date": "date", "is_campaign_window": "boolean", "cost_amount": "numeric",
    "unknown_cost_count": "integer", "person_id": "text", "user_id": "text", "offer_code": "text",
    "last_key_date": "date", "returned_date": "date", "relapse_key_date": "date",
}  # fmt: skip
CHAIN = (
    "int_recalled_users__active", "int_winsor_limits__found", "int_effect_cells__counted", "int_effect_cells__delta",
    "int_effect_cells__summed", "int_effect_strata__summed", "int_effects__compared",
    "int_effect_strata__paired", "int_effects__adjusted", "int_campaign_effects__delta",
)  # fmt: skip
# How many persons: `dusk` is too small in the control and goes with `dawn`, as persons without a layer do.
SIZES = {"top": (400, 120), "low": (300, 90), "dawn": (80, 25), "dusk": (40, 9), None: (60, 20)}


@pytest.fixture(scope="module")
def persons() -> list[dict[str, Any]]:
    """Persons of one campaign with two arms by sms; they come back the sooner the more they bought before."""
    rng = np.random.default_rng(SEED)
    people = []
    for layer, (treated, control) in SIZES.items():
        for number in range(treated + control):
            before = int(rng.poisson(2))
            spent = round(float(before * rng.lognormal(3, 0.5)), 2)
            is_control = number >= treated
            orders = int(rng.poisson(0.3 + 0.15 * before + (0 if is_control else 0.1)))
            amount = round(float(orders * rng.lognormal(3, 0.8)), 2)
            people.append(
                {
                    "campaign_id": "own", "comparison_code": "sms",
                    "arm_code": "A" if number % 2 or is_control else "B",
                    "is_control": is_control, "window_days": 30, "layer_code": layer,
                    "reason_code": ["price", "service"][number % 3 % 2] if layer else None,
                    "line_id": "all" if layer else None, "is_matured": number % 11 != 0,
                    "visit_count": orders, "order_count": orders, "net_amount": amount,
                    "contribution_amount": round(0.3 * amount, 2), "is_returned": orders > 0 and layer is not None,
                    "earlier_order_count": before, "earlier_net_amount": spent,
                    "assigned_date": simulation.AS_OF - timedelta(days=40 + number % 7), "is_campaign_window": True,
                    "cost_amount": 0, "unknown_cost_count": 0,
                }
            )  # fmt: skip
    return people


@pytest.fixture(scope="module")
def effects(home: Home, persons: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """By arm, segment type, segment and metric what the models say of these persons."""
    simulation.put(
        home,
        "int_recalled_users__delta",
        PERSONS,
        ([person.get(column) for column in PERSONS] for person in persons),
    )
    simulation.put(home, "int_campaigns__checked", simulation.CHECKED, iter([("own", "own", 0, None, True)]))
    simulation.run_models(home, *CHAIN)
    return {
        (row["arm_code"], row["segment_type"], row["segment_code"], row["metric_code"]): row
        for row in simulation.rows_of(home, "int_campaign_effects__delta")
    }


def value_of(person: dict[str, Any], metric: str) -> float:
    """A person's value by the definition of the metric."""
    source = {"visit_rate": "visit_count", "order_rate": "order_count", "return_rate": "is_returned"}.get(
        metric, metric
    )
    value = float(person[source])
    return float(value > 0) if metric.endswith("_rate") else value


def sides_of(
    persons: list[dict[str, Any]], arm: str, segment: str | None = None, reason: str | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The matured of an arm and of the control in a segment."""
    matured = [
        person
        for person in persons
        if person["is_matured"] and segment in (None, person["layer_code"]) and reason in (None, person["reason_code"])
    ]
    control = [person for person in matured if person["is_control"]]
    return [person for person in matured if not person["is_control"] and person["arm_code"] == arm], control


def assert_welch(row: dict[str, Any], treated: Sequence[float], control: Sequence[float]) -> None:
    """The row's lift and interval are scipy's."""
    interval = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    assert (row["treated_count"], row["control_count"]) == (len(treated), len(control))
    assert float(row["lift"]) == pytest.approx(np.mean(treated) - np.mean(control), rel=1e-9)
    assert float(row["lift_low"]) == pytest.approx(interval.low, rel=1e-6)
    assert float(row["lift_high"]) == pytest.approx(interval.high, rel=1e-6)


@pytest.mark.parametrize("arm", ["A", "B"])
@pytest.mark.parametrize("metric", ["visit_rate", "order_rate", "order_count", "net_amount", "contribution_amount"])
def test_plain_lift_is_welchs_in_every_segment(
    effects: dict[tuple[Any, ...], dict[str, Any]], persons: list[dict[str, Any]], arm: str, metric: str
) -> None:
    for key, sides in (
        (("all", "all"), sides_of(persons, arm)),
        (("layer", "top"), sides_of(persons, arm, segment="top")),
        (("reason", "price"), sides_of(persons, arm, reason="price")),
    ):
        treated, control = ([value_of(person, metric) for person in side] for side in sides)
        assert_welch(effects[arm, *key, metric], treated, control)


def test_return_rate_is_among_those_who_had_lapsed(
    effects: dict[tuple[Any, ...], dict[str, Any]], persons: list[dict[str, Any]]
) -> None:
    treated, control = (
        [value_of(person, "return_rate") for person in side if person["line_id"]] for side in sides_of(persons, "A")
    )
    assert_welch(effects["A", "all", "all", "return_rate"], treated, control)


def test_immature_persons_of_arm_and_control_are_counted_beside(
    effects: dict[tuple[Any, ...], dict[str, Any]], persons: list[dict[str, Any]]
) -> None:
    waiting = [
        person for person in persons if not person["is_matured"] and (person["is_control"] or person["arm_code"] == "B")
    ]
    assert effects["B", "all", "all", "order_rate"]["immature_count"] == len(waiting) > 0


def test_winsorised_money_is_cut_at_the_99th_percentile_of_all_buyers(
    effects: dict[tuple[Any, ...], dict[str, Any]], persons: list[dict[str, Any]]
) -> None:
    amounts = sorted(person["net_amount"] for person in persons if person["is_matured"] and person["net_amount"])
    limit = amounts[math.ceil(0.99 * len(amounts)) - 1]
    assert limit < amounts[-1]
    treated, control = (
        [min(value_of(person, "net_amount"), limit) for person in side] for side in sides_of(persons, "A")
    )
    assert_welch(effects["A", "all", "all", "net_amount_winsorised"], treated, control)


def adjusted(treated: list[dict[str, Any]], control: list[dict[str, Any]], metric: str) -> tuple[float, float, float]:
    """Lift, variance and Welch term by least squares of one stratum, both sides centred by themselves."""
    sides = []
    for people in (treated, control):
        y = np.array([value_of(person, metric) for person in people])
        x = np.array([[person["earlier_order_count"], person["earlier_net_amount"]] for person in people], dtype=float)
        sides.append((y, x))
    centred_x = np.vstack([x - x.mean(axis=0) for _, x in sides])
    centred_y = np.concatenate([y - y.mean() for y, _ in sides])
    slopes = np.linalg.lstsq(centred_x, centred_y, rcond=None)[0]
    middle = np.vstack([x for _, x in sides]).mean(axis=0)
    means = [y.mean() - (x.mean(axis=0) - middle) @ slopes for y, x in sides]
    variances = [np.var(y - x @ slopes, ddof=1) / len(y) for y, x in sides]
    terms = [variance**2 / (len(y) - 1) for variance, (y, _) in zip(variances, sides, strict=True)]
    return means[0] - means[1], sum(variances), sum(terms)


@pytest.mark.parametrize("metric", ["order_rate", "order_count", "net_amount"])
def test_cuped_is_least_squares_in_each_layer_and_narrower(
    effects: dict[tuple[Any, ...], dict[str, Any]], persons: list[dict[str, Any]], metric: str
) -> None:
    # Fewer than 30 of the control: dawn, dusk and no layer make one stratum.
    strata = [
        [[p for p in side if p["layer_code"] in layers] for side in sides_of(persons, "A")]
        for layers in (["top"], ["low"], ["dawn", "dusk", None])
    ]
    total = sum(len(treated) + len(control) for treated, control in strata)
    lift = variance = term = 0.0
    for treated, control in strata:
        weight = (len(treated) + len(control)) / total
        part = adjusted(treated, control, metric)
        lift += weight * part[0]
        variance += weight**2 * part[1]
        term += weight**4 * part[2]
    width = stats.t.ppf(0.975, variance**2 / term) * math.sqrt(variance)
    row, plain = effects["A", "all", "all", f"{metric}_cuped"], effects["A", "all", "all", metric]
    assert float(row["lift"]) == pytest.approx(lift, rel=1e-8)
    assert float(row["lift_high"] - row["lift_low"]) == pytest.approx(2 * width, rel=1e-6)
    assert row["lift_high"] - row["lift_low"] < plain["lift_high"] - plain["lift_low"]
    one_layer = sides_of(persons, "A", segment="top")
    assert float(effects["A", "layer", "top", f"{metric}_cuped"]["lift"]) == pytest.approx(
        adjusted(*one_layer, metric)[0], rel=1e-8
    )
