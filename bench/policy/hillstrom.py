"""An e-mail campaign to past buyers whose three arms were drawn at random (Hillstrom, 2008), and how it is split."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ARMS = {"Mens E-Mail": "mens", "Womens E-Mail": "womens", "No E-Mail": None}
ACTIONS = ("mens", "womens")


@dataclass(frozen=True)
class Customer:
    """A past buyer.

    Attributes:
        number: Place in the file, from 0.
        recency_months: Months since the last purchase, 1 to 12.
        history_amount: What was spent in the past year, in dollars.
        features: What else is known: mens and womens bought, newbie, zip code and channel as 0 or 1 each.
        arm: The e-mail that was drawn, None for none.
        spend_amount: What was spent in the two weeks after, in dollars.
    """

    number: int
    recency_months: int
    history_amount: float
    features: tuple[float, ...]
    arm: str | None
    spend_amount: float

    @property
    def is_converted(self) -> bool:
        """Whether anything was bought in the two weeks after."""
        return self.spend_amount > 0


def read_customers(path: Path) -> list[Customer]:
    """Reads the file.

    Args:
        path: A gzipped CSV with the published columns.

    Returns:
        One per row, in the file's order.
    """
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Customer(
                number=number,
                recency_months=int(row["recency"]),
                history_amount=float(row["history"]),
                features=(
                    float(row["mens"]),
                    float(row["womens"]),
                    float(row["newbie"]),
                    *(float(row["zip_code"] == code) for code in ("Urban", "Surburban", "Rural")),
                    *(float(row["channel"] == code) for code in ("Web", "Phone", "Multichannel")),
                ),
                arm=ARMS[row["segment"]],
                spend_amount=float(row["spend"]),
            )
            for number, row in enumerate(csv.DictReader(file))
        ]


def draw_splits(customers: Sequence[Customer], count: int, seed: int) -> list[frozenset[int]]:
    """Draws halves to choose on; the other half is what a choice is judged by.

    Args:
        customers: All of them.
        count: How many splits.
        seed: Of the dice.

    Returns:
        Per split the numbers of the customers to choose on.
    """
    rng = np.random.default_rng(seed)
    numbers = np.array([customer.number for customer in customers])
    return [frozenset(rng.permutation(numbers)[: len(numbers) // 2].tolist()) for _ in range(count)]
