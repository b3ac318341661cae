"""The policies that the worth rule is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.policy.hillstrom import ACTIONS, Customer
from bench.policy.judging import Choice

FOREST_TREES = 100
FOREST_DEPTH = 5
FOREST_LEAF = 200


def best_action(training: Sequence[Customer]) -> str:
    """Returns the e-mail after which customers to choose on spent most."""
    spent = {
        action: np.mean([customer.spend_amount for customer in training if customer.arm == action])
        for action in ACTIONS
    }
    return max(ACTIONS, key=lambda action: float(spent[action]))


def to_all(training: Sequence[Customer], judged: Sequence[Customer]) -> Choice:
    """Writes to everybody, the e-mail that did better."""
    action = best_action(training)
    return {customer.number: action for customer in judged}


def to_none(training: Sequence[Customer], judged: Sequence[Customer]) -> Choice:
    """Writes to nobody."""
    return {customer.number: None for customer in judged}


def rfm_best_third(training: Sequence[Customer], judged: Sequence[Customer]) -> Choice:
    """Writes to the third with the best sum of fifths of recency and money; there is no frequency."""
    action = best_action(training)
    recency = _fifths([-customer.recency_months for customer in judged])
    money = _fifths([customer.history_amount for customer in judged])
    ranked = sorted(
        range(len(judged)),
        key=lambda place: (-(recency[place] + money[place]), -judged[place].history_amount, judged[place].number),
    )
    chosen = {judged[place].number for place in ranked[: round(len(judged) / 3)]}
    return {customer.number: action if customer.number in chosen else None for customer in judged}


@dataclass(frozen=True)
class UpliftForest:
    """What causalml's uplift forest expects of each e-mail for each customer.

    Attributes:
        numbers: Of the customers.
        actions: The e-mails.
        gains: Per customer and e-mail the expected contribution, in dollars, before its cost.
    """

    numbers: Sequence[int]
    actions: Sequence[str]
    gains: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    def choose(self, unit_cost: float) -> Choice:
        """Writes to whom more is expected from than an e-mail costs, what most is expected from.

        Args:
            unit_cost: Of an e-mail, in dollars.
        """
        return {
            number: self.actions[int(gains.argmax())] if gains.max() > unit_cost else None
            for number, gains in zip(self.numbers, self.gains, strict=True)
        }


def grow_forest(
    training: Sequence[Customer], judged: Sequence[Customer], *, margin_rate: float, seed: int
) -> UpliftForest:
    """Grows a forest on how much each e-mail raises the chance to buy.

    A purchase counts as much as the mean one of the customers to choose on.

    Args:
        training: The customers to choose on.
        judged: Those to choose for.
        margin_rate: Contribution per dollar spent.
        seed: Of the forest.
    """
    from causalml.inference.tree import UpliftRandomForestClassifier

    forest = UpliftRandomForestClassifier(
        control_name="none",
        n_estimators=FOREST_TREES,
        max_depth=FOREST_DEPTH,
        min_samples_leaf=FOREST_LEAF,
        random_state=seed,
        n_jobs=1,
    )
    forest.fit(
        _features(training),
        treatment=np.array([customer.arm or "none" for customer in training]),
        y=np.array([int(customer.is_converted) for customer in training]),
    )
    purchase = np.mean([customer.spend_amount for customer in training if customer.is_converted])
    return UpliftForest(
        numbers=[customer.number for customer in judged],
        actions=[str(name) for name in forest.classes_ if name != "none"],
        gains=np.asarray(forest.predict(_features(judged))) * float(purchase) * margin_rate,
    )


def _features(customers: Sequence[Customer]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(
        [(customer.recency_months, customer.history_amount, *customer.features) for customer in customers], dtype=float
    )


def _fifths(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns of each value its fifth, 5 for the greatest; equal values are in the same."""
    edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    return np.searchsorted(edges, values, side="right") + 1
