"""What the shop sells: products that are listed over time, with prices that rise a little and costs that stay."""

from __future__ import annotations

import numpy as np
from examples.simulated_shop.columns import Numbers
from examples.simulated_shop.settings import DURABLE_CATEGORIES, NEVER, STALE_CATEGORIES, Line, Settings

FIRST_PRODUCTS = 4
LISTING_DAYS = 20
"""A living category gets a new product every so many days."""

PRICE_RISE_RATE = 0.3
UNKNOWN_COST_RATE = 0.1


class Catalogue:
    """All products that will ever be listed, in the order of their category and listing day.

    Args:
        settings: The shop.
        lines: Its lines.
    """

    def __init__(self, settings: Settings, lines: tuple[Line, ...]) -> None:
        draw = np.random.default_rng([settings.seed, 1])
        self.categories = tuple(category for line in lines for category in line.categories)
        self.line_of_category = np.array(
            [place for place, line in enumerate(lines) for _ in line.categories], dtype=np.int64
        )
        category: list[int] = []
        listed: list[int] = []
        for place, name in enumerate(self.categories):
            days = [0] * FIRST_PRODUCTS
            if name not in STALE_CATEGORIES:
                days += range(1 + place % LISTING_DAYS, settings.day_count, LISTING_DAYS)
            category += [place] * len(days)
            listed += days
        count = len(category)
        self.category = np.array(category, dtype=np.int64)
        self.listed_day = np.array(listed, dtype=np.int64)
        self.begin = np.searchsorted(self.category, np.arange(len(self.categories)))
        is_durable = np.isin(np.array(self.categories), DURABLE_CATEGORIES)[self.category]
        self.price_cents = draw.integers(300, 3_000, count) * np.where(is_durable, 4, 1)
        self.unit_cost_cents = self.price_cents * draw.integers(35, 60, count) // 100
        self.unit_cost_cents[draw.random(count) < UNKNOWN_COST_RATE] = -1
        rises = draw.random(count) < PRICE_RISE_RATE
        days = self.listed_day + draw.integers(30, 200, count)
        self.rise_day = np.where(rises & (days < settings.day_count), days, NEVER)
        self.risen_cents = self.price_cents * draw.integers(102, 108, count) // 100

    def raise_prices(self, today: int) -> Numbers:
        """Lets today's price rises happen.

        Returns:
            The products that cost more from today on.
        """
        risen = np.flatnonzero(self.rise_day == today)
        self.price_cents[risen] = self.risen_cents[risen]
        return risen

    def draw_products(self, draw: np.random.Generator, categories: Numbers, today: int) -> Numbers:
        """Draws one product of each category among those that are listed by today."""
        is_listed = self.listed_day <= today
        counts = np.bincount(self.category[is_listed], minlength=len(self.categories))
        return np.asarray(self.begin[categories] + (draw.random(len(categories)) * counts[categories]).astype(np.int64))
