"""The models of buyers against the averages that they stand for, integrated numerically."""

from __future__ import annotations

import math

import pytest
from scipy.integrate import quad

from recall.domain.buyer_models import (
    Buyers,
    ModelCode,
    Parameters,
    alive_probability,
    expected_order_count,
    log_likelihood,
    order_series,
)

MODELS: tuple[ModelCode, ...] = ("mbg_nbd", "bg_nbd")


def test_everybody_who_ordered_once_is_alive_in_bg_nbd_only() -> None:
    once = Buyers.from_rows([(0, 0, 365, 1)])
    assert alive_probability(Parameters("bg_nbd", 0.5, 30, 0.8, 2.5), once)[0] == 1
    # 1 / (1 + 0.8 / 2.5 * ((30 + 365) / 30)^0.5) = 1 / (1 + 0.32 * 3.62859) = 0.46274
    assert round(float(alive_probability(Parameters("mbg_nbd", 0.5, 30, 0.8, 2.5), once)[0]), 4) == 0.4627


def test_likelihood_of_one_buyer_is_the_average_over_rates_and_chances() -> None:
    # One repeat after 2 weeks, watched for 5: it orders at 2 with density rate * exp(-2 rate) having survived its first
    # order (1 - p); then it dropped out (p), or stayed silent for 3 more weeks ((1 - p) exp(-3 rate)).
    parameters = Parameters("mbg_nbd", 1.5, 4.0, 1.2, 2.3)

    def given_rate(power: int) -> float:
        return quad(lambda p: p ** (1 - power) * (1 - p) ** (1 + power) * beta_density(p, 1.2, 2.3), 0, 1)[0]

    def over_rates(weeks: float) -> float:
        return quad(lambda u: u * math.exp(-weeks * u) * gamma_density(u, 1.5, 4.0), 0, math.inf)[0]

    by_hand = given_rate(0) * over_rates(2) + given_rate(1) * over_rates(5)
    assert math.isclose(log_likelihood(parameters, Buyers.from_rows([(1, 2, 5, 1)])), math.log(by_hand), rel_tol=1e-7)


def beta_density(p: float, a: float, b: float) -> float:
    return p ** (a - 1) * (1 - p) ** (b - 1) * math.gamma(a + b) / (math.gamma(a) * math.gamma(b))


def gamma_density(rate: float, shape: float, inverse_scale: float) -> float:
    return inverse_scale**shape * rate ** (shape - 1) * math.exp(-inverse_scale * rate) / math.gamma(shape)


KINDS = [(0, 0, 10, 1), (0, 0, 700, 1), (1, 30, 200, 1), (6, 180, 200, 1), (25, 300, 300, 1)]


@pytest.mark.parametrize("parameters", [Parameters(code, 0.6, 40.0, 0.85, 2.4) for code in MODELS], ids=MODELS)
def test_expected_orders_are_the_average_over_what_is_known_of_a_living_buyer(parameters: Parameters) -> None:
    # With a chance p to drop out at each order, a living buyer with rate u places (1 - exp(-u p t)) / p orders in t
    # days; the rate is gamma with r + x and alpha + T, the chance beta with a and b + the chances survived.
    found = expected_order_count(parameters, Buyers.from_rows(KINDS), 90)
    for kind, orders in zip(KINDS, found, strict=True):
        x, _, age, _ = kind
        survived = x + parameters.first_coin

        def orders_given(p: float, x: int = x, age: float = age) -> float:
            known = parameters.alpha + age
            return (1 - (known / (known + 90 * p)) ** (parameters.r + x)) / p

        if_alive = quad(
            lambda p, f=orders_given, s=survived: f(p) * beta_density(p, parameters.a, parameters.b + s),
            0,
            1,
            limit=200,
        )[0]
        alive = float(alive_probability(parameters, Buyers.from_rows([kind]))[0])
        assert math.isclose(orders, if_alive * alive, rel_tol=1e-6), kind


@pytest.mark.parametrize("parameters", [Parameters(code, 0.6, 12.0, 0.85, 2.4) for code in MODELS], ids=MODELS)
def test_series_sums_to_the_expected_orders_of_any_age(parameters: Parameters) -> None:
    for repeats in (0, 1, 7, 300):
        coefficients = order_series(parameters, repeats, 90)
        for age in (0.0, 20.0, 400.0, 3650.0):
            z = 90 / (parameters.alpha + age + 90)
            upper = parameters.a + parameters.b + repeats + parameters.first_coin - 1
            series = sum(coefficient * z**number for number, coefficient in enumerate(coefficients))
            if_alive = upper / (parameters.a - 1) * (1 - (1 - z) ** (parameters.a - 1) * series)
            buyer = Buyers.from_rows([(repeats, age / 2 if repeats else 0, age, 1)])
            expected = expected_order_count(parameters, buyer, 90) / alive_probability(parameters, buyer)
            assert math.isclose(if_alive, float(expected[0]), rel_tol=1e-6), (repeats, age)
