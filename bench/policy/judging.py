"""What a policy would have earned, from a campaign whose arms were drawn: inverse propensity.

Whoever happened to get what the policy would have chosen stands for all whom it would have chosen that for; each is
weighted by how seldom that happened (Horvitz and Thompson, 1952).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bench.policy.hillstrom import Customer

Choice = Mapping[int, str | None]
"""Per number of a customer the e-mail to send, None for none."""


@dataclass(frozen=True)
class Value:
    """Profit per customer, in dollars.

    Attributes:
        mean: The estimate.
        error: Its standard error.
    """

    mean: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.mean - 1.959963984540054 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.mean + 1.959963984540054 * self.error


def profits(
    customers: Sequence[Customer], choice: Choice, *, margin_rate: float, unit_cost: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns per customer what stands for the policy's profit: 0 where another arm was drawn than it chooses.

    Args:
        customers: Those to judge by, none of whom the policy was chosen on.
        choice: The policy.
        margin_rate: Contribution per dollar spent.
        unit_cost: Of an e-mail, in dollars.
    """
    drawn = Counter(customer.arm for customer in customers)
    return np.array(
        [
            (margin_rate * customer.spend_amount - (unit_cost if customer.arm else 0.0))
            * len(customers)
            / drawn[customer.arm]
            if choice[customer.number] == customer.arm
            else 0.0
            for customer in customers
        ]
    )


def value_of(each: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Value:
    """Returns mean and standard error of what customers stand for."""
    return Value(mean=float(each.mean()), error=float(each.std(ddof=1)) / math.sqrt(len(each)))


def over_splits(values: Sequence[Value]) -> Value:
    """Returns the mean over splits with the mean error of one.

    Splits share customers, so that more of them do not make the interval narrower.
    """
    return Value(
        mean=sum(value.mean for value in values) / len(values), error=sum(value.error for value in values) / len(values)
    )
