"""What is true in the shop: lines, reasons, hazards, treatments, costs and how badly its files are delivered."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

WORKSPACE = Path(__file__).parent / "workspace"
"""The workspace's own files; a shop's lines, bins and layers are read from its definitions."""

ZONE = "Europe/Berlin"
NEVER = -100_000
"""The day of what never happened."""

DIMENSIONS = (
    "days_since_last_visit",
    "visit_count_7d_before_last_visit",
    "days_since_last_order",
    "order_count_30d_before_last_order",
)
MAX_MEASURE = 2_000
"""Greatest number of days or counts that is told from a greater one; beyond the last edge of every bin."""

REASONS = (
    "never_activated",
    "product_quality",
    "service",
    "price",
    "content_stale",
    "wrong_match",
    "need_fulfilled",
    "competitor",
    "unknown",
)
TRAITS = {"price": 0.12, "content_stale": 0.12}
"""Reasons that a customer carries from the first day, with their shares; all but those of BAD_CHANNEL."""

EVENTS = {"product_quality": 0.24, "service": 0.22, "need_fulfilled": 0.18, "competitor": 0.18, "unknown": 0.18}
"""Reasons that befall a customer without a trait, drawn anew for each active phase, with their shares."""

NEVER_ACTIVATED_RATE = 0.12
"""Share of customers without a trait who stop after the very first order."""

BAD_CHANNEL = "lottery"
WRONG_MATCH_RATE = 0.85
"""Share of the users won by BAD_CHANNEL whom the shop does not suit."""


@dataclass(frozen=True)
class Channel:
    """A channel that wins users: its share of them and its cost per user in cents."""

    name: str
    share: float
    cost_cents: int


CHANNELS = (
    Channel("search", 0.40, 400),
    Channel("friend", 0.25, 100),
    Channel("ads", 0.20, 650),
    Channel(BAD_CHANNEL, 0.15, 200),
)


@dataclass(frozen=True)
class Arm:
    """What a recalled customer gets, and the truth of what it does.

    Args:
        code: Name of the arm.
        weight: Share of those who enter the campaign.
        channel: The channel that carries it.
        hazard_factor: By how much the daily chance of returning is multiplied for EFFECT_DAYS.
        unit_cost: Cost of one message, as it stands in touches.
        reward_cents: What a redeemed reward is worth; 0 without one.
    """

    code: str
    weight: float
    channel: str
    hazard_factor: float
    unit_cost: str
    reward_cents: int = 0


CAMPAIGN_ID = "winback_by_hand"
ARMS = (
    Arm("control", 0.30, "", 1.0, "0"),
    Arm("email_content", 0.30, "email", 1.5, "0.001"),
    Arm("email_coupon", 0.25, "email", 2.5, "0.001", 500),
    Arm("gift_box", 0.15, "gift", 4.0, "8"),
)
EFFECT_DAYS = 30
CAMPAIGN_RATE = 0.8
"""Share of newly lapsed users who enter the campaign; everybody enters it at most once."""

BASE_HAZARDS = {"all": 0.010, "tea": 0.012, "wine": 0.009, "pets": 0.008}
"""Daily chance that an untouched lapsed customer returns, per line, in a layer of factor 1."""

LAYER_FACTORS = {"cold": 0.4, "mild": 1.0, "warm": 2.2}
"""By how much the layer that a customer was in yesterday evening multiplies that chance."""

LINE_SHARES = {"tea": 0.36, "wine": 0.28, "pets": 0.2, "all": 0.16}
SECOND_LINE_RATE = 0.25
PROSPECT_RATE = 0.12
"""Users who look around and never order."""

PHASE_KEY_DAYS = 9
"""Mean number of key days in an active phase."""


@dataclass(frozen=True)
class Faults:
    """How badly files are delivered; shares of rows."""

    late_40: float = 0.01
    late_400: float = 0.005
    repeated: float = 0.01
    broken: float = 0.01
    max_broken: float = 0.04
    """Share of broken rows that no file exceeds, so that none is refused as a whole."""


@dataclass(frozen=True)
class Line:
    """A business line as the workspace defines it.

    Args:
        line_id: The line.
        frequency_class: high, mid or low.
        lapse_days: T.
        margin_percent: Margin where a cost is unknown, in whole tens so that costs stay exact.
        categories: Its categories; none for the line of orders without items.
    """

    line_id: str
    frequency_class: str
    lapse_days: int
    margin_percent: int
    categories: tuple[str, ...]


STALE_CATEGORIES = ("black tea", "port", "bird seed")
"""Nothing new is listed in them after the first day."""

DURABLE_CATEGORIES = ("teapots", "decanters", "kennels")
"""Who bought one of these needs nothing for a long time."""


def read_rows(name: str) -> list[dict[str, str]]:
    """Reads a definition file of the workspace."""
    with (WORKSPACE / "definitions" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lines() -> tuple[Line, ...]:
    """Reads the lines and their categories from the workspace's definitions."""
    categories = read_rows("category_lines")
    return tuple(
        Line(
            row["line_id"],
            row["frequency_class"],
            int(row["lapse_days"]),
            round(float(row["margin_rate"]) * 100),
            tuple(entry["category"] for entry in categories if entry["line_id"] == row["line_id"]),
        )
        for row in read_rows("business_lines")
    )


class LayerScale:
    """The workspace's bins and layers, in whole hundredths so that an edge is an edge."""

    def __init__(self) -> None:
        bins = read_rows("layer_bins")
        self.points = np.zeros((len(DIMENSIONS), MAX_MEASURE + 1), dtype=np.int64)
        self.worst = np.zeros(len(DIMENSIONS), dtype=np.int64)
        for place, name in enumerate(DIMENSIONS):
            rows = [row for row in bins if row["dimension_code"] == name]
            for row in rows:
                self.points[place, int(row["lower_edge"]) :] = round(float(row["score"]) * 100)
            self.worst[place] = self.points[place].min()
        self.best = self.points.max(axis=1)
        layers = read_rows("layers")
        self.codes = tuple(row["layer_code"] for row in layers)
        self.edges = np.array([round(float(row["lower_edge"]) * 100) for row in layers], dtype=np.int64)

    def layers(
        self, values: tuple[npt.NDArray[np.int64], ...], has_visits: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Places each customer in a layer.

        Args:
            values: The four dimensions; negative where there is no value.
            has_visits: Whether the customer's line was ever visited.

        Returns:
            Number of the layer, in the order of the definitions.
        """
        total = np.zeros(len(has_visits), dtype=np.int64)
        possible = np.zeros(len(has_visits), dtype=np.int64)
        for place, value in enumerate(values):
            points = np.where(value < 0, self.worst[place], self.points[place, np.clip(value, 0, MAX_MEASURE)])
            is_used = has_visits if place < 2 else np.ones_like(has_visits)
            total += points * is_used
            possible += self.best[place] * is_used
        return np.asarray(np.sum(total[:, None] * 100 >= self.edges * possible[:, None], axis=1) - 1)


@dataclass(frozen=True)
class Settings:
    """One shop.

    Args:
        user_count: Users that register.
        day_count: Days that the shop is watched.
        seed: Whatever is drawn follows from it.
        first_date: Business date of day 0.
        backlog_days: So many of the first days come as one file per table and month.
        faults: How badly files are delivered.
    """

    user_count: int
    day_count: int
    seed: int
    first_date: date = date(2024, 1, 1)
    backlog_days: int = 0
    faults: Faults = field(default_factory=Faults)

    def date_of(self, day: int) -> date:
        """The business date of a day's number."""
        return self.first_date + timedelta(days=int(day))
