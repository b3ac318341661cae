"""Buying and dropping out by chance: the models BG/NBD and MBG/NBD, fitted by maximum likelihood.

A buyer who is alive orders at random with a rate of its own, gamma distributed over buyers (shape r, rate alpha), and
drops out for good after an order with a probability of its own, beta distributed (a, b). In MBG/NBD the first order may
be the last one; BG/NBD lets buyers drop out after repeat orders only, so that everybody who ordered once is alive.

Time is in whatever unit the counts are in; a likelihood is comparable within one unit only.

Sources: BG/NBD: Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005). MBG/NBD:
Batislam, Denizel and Filiztekin, Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24 (2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

ModelCode = Literal["mbg_nbd", "bg_nbd"]
Numbers = NDArray[np.float64]

STARTS = ((0.0, 0.0, 0.0, 0.0), (-1.0, 0.0, -1.0, 1.0), (0.5, 1.0, -0.5, 0.0))
"""Logarithms of r, alpha, a and b from which the search begins, with the mean age of the buyers as the unit of time."""
SERIES_TOLERANCE = 1e-10
LONGEST_SERIES = 2_000


@dataclass(frozen=True)
class Buyers:
    """Buyers alike in what the models look at, counted, so that they are no more than the days of a history allow.

    Attributes:
        repeat_counts: Orders after the first one, x.
        recencies: Time from the first to the last order, t_x; 0 without a repeat.
        ages: Time from the first order to the end of the observation, T.
        weights: Buyers like that.
    """

    repeat_counts: Numbers
    recencies: Numbers
    ages: Numbers
    weights: Numbers

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[float, float, float, float]]) -> Buyers:
        """Makes buyers of rows (x, t_x, T, how many).

        Args:
            rows: One per kind of buyer, in any order.
        """
        table = np.asarray(rows, dtype=np.float64).reshape(len(rows), 4)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3])

    @cached_property
    def kinds_of_repeats(self) -> tuple[Numbers, NDArray[np.intp]]:
        """The different numbers of repeat orders, and for each kind of buyer its position among them."""
        kinds, positions = np.unique(self.repeat_counts, return_inverse=True)
        return kinds, positions

    @property
    def buyer_count(self) -> int:
        """How many there are."""
        return round(float(self.weights.sum()))


@dataclass(frozen=True)
class Parameters:
    """A model with its four parameters.

    Attributes:
        model_code: Which model.
        r: Shape of the order rates.
        alpha: Rate of the order rates, in units of time.
        a: First parameter of the chance to drop out.
        b: Second parameter of the chance to drop out.
    """

    model_code: ModelCode
    r: float
    alpha: float
    a: float
    b: float

    @property
    def first_coin(self) -> int:
        """How many of the chances to drop out the first order brings: 1, or 0 in BG/NBD."""
        return 1 if self.model_code == "mbg_nbd" else 0


@dataclass(frozen=True)
class Fit:
    """The most likely parameters.

    Attributes:
        parameters: The model and its parameters.
        log_likelihood: Its natural logarithm, in the unit of time of the counts.
        has_converged: Whether the search ended at a maximum inside of the space of parameters.
    """

    parameters: Parameters
    log_likelihood: float
    has_converged: bool


def log_likelihood(parameters: Parameters, buyers: Buyers) -> float:
    """Computes how likely the buyers' orders are, as a natural logarithm.

    Args:
        parameters: A model.
        buyers: What was observed, in the model's unit of time.

    Returns:
        The sum over all buyers.

    Source:
        Fader, Hardie and Lee 2005, equation 6; Batislam et al. 2007, equation 4.
    """
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    # The gamma functions depend on the number of orders only, which has few values.
    kinds, kind = buyers.kinds_of_repeats
    coins = kinds + parameters.first_coin
    orders = gammaln(r + kinds) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    is_alive = (orders + betaln(a, b + coins))[kind] - (r + buyers.repeat_counts) * np.log(alpha + buyers.ages)
    # The last coin fell on dropping out; without a coin nobody has.
    may_be_dead = coins > 0
    last_coin = np.where(may_be_dead, betaln(a + 1, b + np.where(may_be_dead, coins - 1, 0)), -np.inf)
    dropped = (orders + last_coin)[kind] - (r + buyers.repeat_counts) * np.log(alpha + buyers.recencies)
    return float(np.dot(buyers.weights, np.logaddexp(is_alive, dropped)))


def fit_buyers(buyers: Buyers, model_code: ModelCode) -> Fit:
    """Finds the parameters under which the buyers' orders are most likely.

    Args:
        buyers: What was observed; at least one repeat order.
        model_code: Which model.

    Returns:
        The fit, in the unit of time of the buyers. The same buyers in any order give the same one, but for rounding.
    """
    order = np.lexsort((buyers.ages, buyers.recencies, buyers.repeat_counts))
    unit = float(np.average(buyers.ages, weights=buyers.weights)) or 1.0
    scaled = Buyers(
        buyers.repeat_counts[order],
        buyers.recencies[order] / unit,
        buyers.ages[order] / unit,
        buyers.weights[order],
    )
    count = float(scaled.weights.sum())

    def loss(logarithms: Numbers) -> float:
        return -log_likelihood(Parameters(model_code, *map(float, np.exp(logarithms))), scaled) / count

    searches = [
        minimize(loss, np.asarray(start), method="L-BFGS-B", bounds=[(-12.0, 12.0)] * 4, options={"ftol": 1e-10})
        for start in STARTS
    ]
    best = min(searches, key=lambda search: float(search.fun))
    polished = minimize(
        loss,
        best.x,
        method="Nelder-Mead",
        bounds=[(-12.0, 12.0)] * 4,
        options={"xatol": 1e-6, "fatol": 1e-12, "maxiter": 2000, "maxfev": 2000},
    )
    r, alpha, a, b = (float(value) for value in np.exp(polished.x))
    parameters = Parameters(model_code, r, alpha * unit, a, b)
    is_inside = bool(np.all(np.abs(polished.x) < 11.9))
    return Fit(parameters, log_likelihood(parameters, buyers), bool(polished.success) and is_inside)


def alive_probability(parameters: Parameters, buyers: Buyers) -> Numbers:
    """Computes the chance that each kind of buyer is still alive at the end of the observation.

    Args:
        parameters: A model.
        buyers: What was observed, in the model's unit of time.

    Returns:
        Chances 0..1, in the buyers' order.

    Source:
        Batislam et al. 2007, equation 8; for BG/NBD Fader, Hardie and Lee 2008, Computing P(alive) Using the BG/NBD
        Model.
    """
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    x = buyers.repeat_counts
    coins = x + parameters.first_coin
    ratio = ((alpha + buyers.ages) / (alpha + buyers.recencies)) ** (r + x)
    odds = np.where(coins > 0, a / np.where(coins > 0, b + coins - 1, 1.0) * ratio, 0.0)
    return np.asarray(1 / (1 + odds), dtype=np.float64)


def expected_order_count(parameters: Parameters, buyers: Buyers, time: float) -> Numbers:
    """Computes how many orders each kind of buyer is expected to place in the time after the observation.

    Args:
        parameters: A model.
        buyers: What was observed, in the model's unit of time.
        time: How long to look ahead, in that unit.

    Returns:
        Expected orders, in the buyers' order.

    Source:
        Fader, Hardie and Lee 2005, equation 10; Batislam et al. 2007, equation 9; Abramowitz and Stegun 15.3.3.
    """
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    x = buyers.repeat_counts
    coins = x + parameters.first_coin
    z = time / (alpha + buyers.ages + time)
    upper = a + b + coins - 1
    # Euler's transformation of the published series, which overflows for the busiest buyers.
    if_alive = upper / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(upper - r - x, a - 1, upper, z))
    return np.asarray(if_alive * alive_probability(parameters, buyers), dtype=np.float64)


def order_series(parameters: Parameters, repeat_count: int, time: float) -> list[float]:
    """Gives the coefficients by which SQL can sum expected orders of buyers with so many repeats, whatever their age.

    With z = time / (alpha + T + time) a buyer who is alive is expected to place
    (a + b + c - 1) / (a - 1) * (1 - (1 - z)^(a - 1) * sum of coefficient_n * z^n) orders, c being the chances to drop
    out so far. By Euler's transformation the hypergeometric series becomes one that soon ends.

    Args:
        parameters: A model.
        repeat_count: Orders after the first one, x.
        time: How long to look ahead, in the model's unit of time.

    Returns:
        Coefficients from n = 0 on; what is left out is below 1e-10 for a buyer of any age, and less the older it is.

    Raises:
        ArithmeticError: The series is too long to be stored; the parameters are at the edge of what a fit can mean.

    Source:
        Abramowitz and Stegun 15.3.3.
    """
    coins = repeat_count + parameters.first_coin
    upper = parameters.a + parameters.b + coins - 1
    first, second = upper - parameters.r - repeat_count, parameters.a - 1
    z = time / (parameters.alpha + time)
    coefficients = [1.0]
    while True:
        n = len(coefficients) - 1
        factor = (first + n) * (second + n) / ((upper + n) * (n + 1))
        coefficients.append(coefficients[-1] * factor)
        largest = abs(coefficients[-1]) * z ** (n + 1)
        # Once each term is at most z times the one before, the rest is at most a geometric series.
        if largest / (1 - z) < SERIES_TOLERANCE and abs(factor) <= 1:
            return coefficients
        if len(coefficients) > LONGEST_SERIES:
            raise ArithmeticError(f"the series of {repeat_count} repeats has more than {LONGEST_SERIES} terms")
