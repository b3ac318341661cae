"""Who could buy: users, and per user and line a customer with a trait, a rhythm and a state that each day moves on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from examples.simulated_shop.catalogue import Catalogue
from examples.simulated_shop.settings import (
    BAD_CHANNEL,
    CHANNELS,
    LINE_SHARES,
    NEVER,
    PROSPECT_RATE,
    REASONS,
    SECOND_LINE_RATE,
    STALE_CATEGORIES,
    TRAITS,
    WRONG_MATCH_RATE,
    Line,
    Settings,
)

VISIT_RING_DAYS = 8
ORDER_RING_DAYS = 31
NO_REASON = -1


class Users:
    """What is fixed about every user; ids follow the order of registration.

    Args:
        settings: The shop.
        draw: Where chance comes from.
    """

    def __init__(self, settings: Settings, draw: np.random.Generator) -> None:
        count = settings.user_count
        days = draw.integers(0, max(1, int(settings.day_count * 0.8)), count)
        days[draw.random(count) < 0.25] = 0
        self.register_day = np.sort(days)
        self.channel = draw.choice(len(CHANNELS), count, p=[channel.share for channel in CHANNELS])
        self.is_prospect = draw.random(count) < PROSPECT_RATE
        tier_days = self.register_day + draw.integers(5, 200, count)
        changes = (draw.random(count) < 0.05) & (tier_days < settings.day_count)
        self.tier_day = np.where(changes, tier_days, NEVER)
        self.is_entered = np.zeros(count, dtype=bool)


class Customers:
    """Columns of state, one row per user and line in which the user may become a customer.

    Args:
        settings: The shop.
        lines: Its lines.
        users: Its users.
        catalogue: What it sells.
        draw: Where chance comes from.
    """

    def __init__(
        self,
        settings: Settings,
        lines: tuple[Line, ...],
        users: Users,
        catalogue: Catalogue,
        draw: np.random.Generator,
    ) -> None:
        user_count = settings.user_count
        shares = np.array([LINE_SHARES[line.line_id] for line in lines])
        first_line = draw.choice(len(lines), user_count, p=shares)
        second_users = np.flatnonzero(draw.random(user_count) < SECOND_LINE_RATE)
        second_line = (first_line[second_users] + draw.integers(1, len(lines), len(second_users))) % len(lines)
        self.user = np.concatenate([np.arange(user_count), second_users])
        self.line = np.concatenate([first_line, second_line])
        self.count = count = len(self.user)
        self.lapse_days = np.array([line.lapse_days for line in lines])[self.line]
        self.frequency = np.array([line.frequency_class for line in lines])[self.line]
        self.has_categories = np.array([bool(line.categories) for line in lines])[self.line]

        delay = np.where(np.arange(count) < user_count, draw.geometric(0.2, count), draw.geometric(0.03, count))
        start = users.register_day[self.user] + delay
        start[users.is_prospect[self.user]] = NEVER
        self.next_day = start
        self.mean_gap = 2 + draw.random(count) * (0.18 * self.lapse_days)
        self.trait = self._traits(users, draw)
        self.category = self._categories(lines, catalogue, draw)

        self.reason = np.full(count, NO_REASON)
        self.phase_left = np.zeros(count, dtype=np.int64)
        self.episode = np.zeros(count, dtype=np.int64)
        self.first_order_day = np.full(count, NEVER)
        self.last_key_day = np.full(count, NEVER)
        self.is_gone = np.zeros(count, dtype=bool)
        self.is_lapsed = np.zeros(count, dtype=bool)
        self.lapse_layer = np.zeros(count, dtype=np.int64)
        self.arm = np.full(count, -1)
        self.touched_day = np.full(count, NEVER)
        self.last_order = np.full(count, -1)
        self.last_order_cents = np.zeros(count, dtype=np.int64)
        self.order_count = np.zeros(count, dtype=np.int64)
        self.last_visit_day = np.full(count, NEVER)
        self.visits_before = np.full(count, -1)
        self.last_order_day = np.full(count, NEVER)
        self.orders_before = np.full(count, -1)
        self._visit_ring = np.zeros((VISIT_RING_DAYS, count), dtype=np.uint8)
        self._order_ring = np.zeros((ORDER_RING_DAYS, count), dtype=np.uint8)

    def _traits(self, users: Users, draw: np.random.Generator) -> npt.NDArray[np.int64]:
        kind = draw.random(self.count)
        price_end = TRAITS["price"]
        trait = np.where(kind < price_end, REASONS.index("price"), NO_REASON)
        is_stale = (kind >= price_end) & (kind < price_end + TRAITS["content_stale"]) & self.has_categories
        trait[is_stale] = REASONS.index("content_stale")
        bad = users.channel[self.user] == [channel.name for channel in CHANNELS].index(BAD_CHANNEL)
        trait[bad & (draw.random(self.count) < WRONG_MATCH_RATE)] = REASONS.index("wrong_match")
        return trait

    def _categories(
        self, lines: tuple[Line, ...], catalogue: Catalogue, draw: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """The category that each customer prefers; the first two of a line's living ones, or its stale one."""
        category = np.full(self.count, -1)
        for place, line in enumerate(lines):
            if not line.categories:
                continue
            mine = np.flatnonzero(self.line == place)
            names = [name for name in line.categories if name not in STALE_CATEGORIES][:2]
            places = np.array([catalogue.categories.index(name) for name in names])
            category[mine] = places[draw.integers(0, len(places), len(mine))]
            stale = next(name for name in line.categories if name in STALE_CATEGORIES)
            category[mine[self.trait[mine] == REASONS.index("content_stale")]] = catalogue.categories.index(stale)
        return category

    def begin_day(self, today: int) -> None:
        """Makes room for the counts of a new day."""
        self._visit_ring[today % VISIT_RING_DAYS] = 0
        self._order_ring[today % ORDER_RING_DAYS] = 0

    def count_visits(self, who: Any, sessions: Any, today: int) -> None:
        """Counts sessions of today; each customer at most once a call."""
        row = self._visit_ring[today % VISIT_RING_DAYS]
        row[who] += sessions.astype(np.uint8)
        self.last_visit_day[who] = today
        self.visits_before[who] = self._visit_ring[:, who].sum(axis=0, dtype=np.int64) - row[who]

    def count_orders(self, who: Any, today: int) -> None:
        """Counts one order of today each."""
        row = self._order_ring[today % ORDER_RING_DAYS]
        row[who] += 1
        self.order_count[who] += 1
        self.last_order_day[who] = today
        self.orders_before[who] = self._order_ring[:, who].sum(axis=0, dtype=np.int64) - row[who]

    def dimensions(self, who: Any, evening: int) -> tuple[npt.NDArray[np.int64], ...]:
        """The four dimensions at the end of a day; negative where there is no value."""
        visit, order = self.last_visit_day[who], self.last_order_day[who]
        return (
            np.where(visit == NEVER, -1, evening - visit),
            self.visits_before[who],
            np.where(order == NEVER, -1, evening - order),
            self.orders_before[who],
        )
