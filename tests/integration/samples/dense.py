"""A business line as two tables of numbers, one row per user and one column per day, and what follows from them.

Nothing here looks at the warehouse: counts come straight from a sample, and every question is answered by running
maxima and sums along the days. Days are numbers from the line's first event on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

Matrix = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NEVER = -10_000
"""The day of what never happened: before all others, whatever is subtracted from it."""

SCORE_UNIT = 100
BINS: dict[str, list[tuple[str, int, int]]] = {
    # dimension: code, first value, score in hundredths; the set is in order of the values
    "days_since_last_visit": [("near", 0, 100), ("off", 12, 60), ("away", 25, 20), ("gone", 50, 0)],
    "visit_count_7d_before_last_visit": [("none", 0, 0), ("few", 1, 30), ("many", 6, 100)],
    "days_since_last_order": [("near", 0, 100), ("off", 20, 70), ("away", 45, 30), ("gone", 100, 0)],
    "order_count_30d_before_last_order": [("none", 0, 0), ("one", 1, 50), ("more", 2, 100)],
}
LAYERS = [("cold", 0), ("cool", 20), ("mild", 45), ("warm", 75)]
"""Layers and the first score of each, in hundredths of the possible sum."""


def layer_definition_files() -> dict[str, str]:
    """The bins and layers above as files of a workspace."""
    bins = ["dimension_code,layer_code,lower_edge,upper_edge,score,valid_from"]
    for dimension, rows in BINS.items():
        ends = [first for _, first, _ in rows[1:]]
        for (code, first, score), end in zip(rows, [*ends, ""], strict=True):
            bins.append(f"{dimension},{code},{first},{end},{score / SCORE_UNIT},2000-01-01")
    layers = ["layer_code,layer_name,lower_edge,upper_edge,valid_from"]
    starts = [first / SCORE_UNIT for _, first in LAYERS]
    for (code, _), start, end in zip(LAYERS, starts, [*starts[1:], ""], strict=True):
        layers.append(f"{code},{code},{start},{end},2000-01-01")
    return {
        "definitions/layer_bins.csv": "\n".join(bins) + "\n",
        "definitions/layers.csv": "\n".join(layers) + "\n",
    }


def running_last(happened: Mask) -> Matrix:
    """Per user and day the last day up to it on which something happened, or NEVER."""
    days = np.broadcast_to(np.arange(happened.shape[1]), happened.shape)
    return np.maximum.accumulate(np.where(happened, days, NEVER), axis=1)


@dataclass(frozen=True)
class DenseLine:
    """One line seen on its last day.

    Args:
        line_id: The line.
        frequency_class: high or mid.
        lapse_days: T.
        users: Everybody with an event in the line, in order.
        first_day: Date of column 0.
        visits: Visits per user and day.
        orders: Valid orders per user and day.
    """

    line_id: str
    frequency_class: str
    lapse_days: int
    users: tuple[str, ...]
    first_day: date
    visits: Matrix
    orders: Matrix

    @classmethod
    def of_events(
        cls,
        line_id: str,
        *,
        frequency_class: str,
        lapse_days: int,
        visits: pd.DataFrame,
        orders: pd.DataFrame,
        last_day: date,
    ) -> DenseLine:
        """Counts events, frames of user_id and day with one row each."""
        users = np.unique(np.concatenate([visits["user_id"], orders["user_id"]]).astype(str))
        first = min([*visits["day"], *orders["day"]]).date()
        shape = (len(users), (last_day - first).days + 1)

        def counted(events: pd.DataFrame) -> Matrix:
            matrix = np.zeros(shape, dtype=np.int64)
            places = np.searchsorted(users, events["user_id"].to_numpy(dtype=str))
            np.add.at(matrix, (places, (events["day"] - pd.Timestamp(first)).dt.days.to_numpy()), 1)
            return matrix

        return cls(line_id, frequency_class, lapse_days, tuple(users), first, counted(visits), counted(orders))

    def date_of(self, day: int) -> date:
        """The date of a column."""
        return self.first_day + timedelta(days=int(day))

    @cached_property
    def last_column(self) -> int:
        """The as-of date's column."""
        return self.orders.shape[1] - 1

    @cached_property
    def key_days(self) -> Mask:
        """Where a customer had a key day: never before the first order."""
        happened = self.orders > 0
        if self.frequency_class == "mid":
            happened |= self.visits > 0
        return happened & (np.cumsum(self.orders, axis=1) > 0)

    @cached_property
    def quiet_days(self) -> Matrix:
        """Days since the last key day; negative before the first."""
        last = running_last(self.key_days)
        return np.where(last == NEVER, -1, np.arange(last.shape[1]) - last)

    @cached_property
    def next_key_days(self) -> Matrix:
        """Per user and day the first key day from it on, or the column after the last."""
        days = np.where(self.key_days, np.arange(self.key_days.shape[1]), self.key_days.shape[1])
        return np.minimum.accumulate(days[:, ::-1], axis=1)[:, ::-1]

    @cached_property
    def episodes(self) -> list[tuple[str, int, date, date, date | None]]:
        """User, number, last key date, lapsed date, returned date of every episode, in order."""
        lapses = self.quiet_days == self.lapse_days
        numbers = np.cumsum(lapses, axis=1)
        found = []
        for user, day in np.argwhere(lapses):
            back = int(self.next_key_days[user, day])
            found.append(
                (
                    self.users[user],
                    int(numbers[user, day]),
                    self.date_of(day - self.lapse_days),
                    self.date_of(day),
                    self.date_of(back) if back <= self.last_column else None,
                )
            )
        return found

    @cached_property
    def flags(self) -> dict[str, tuple[date, int, bool, date | None, int]]:
        """Per customer the last key date, quiet days, whether and since when churned, number of episodes."""
        quiet = self.quiet_days[:, -1]
        counts = np.sum(self.quiet_days == self.lapse_days, axis=1)
        flags = {}
        for user in np.flatnonzero(quiet >= 0):
            last_key = self.last_column - int(quiet[user])
            is_churned = bool(quiet[user] >= self.lapse_days)
            flags[self.users[user]] = (
                self.date_of(last_key),
                int(quiet[user]),
                is_churned,
                self.date_of(last_key + self.lapse_days) if is_churned else None,
                int(counts[user]),
            )
        return flags

    def curve(self) -> list[tuple[int, int, int, float]]:
        """Quiet days from 1 on, gaps at risk, gaps that ended on that day, share still quiet after it.

        A gap runs from a key day to the next one, or unended to the last day.
        """
        users, days = np.nonzero(self.key_days)
        # Days of a user follow each other, so the next key day is the next entry unless another user begins there.
        follows = np.append(users[1:] == users[:-1], False)
        lengths = np.where(follows, np.append(days[1:], 0), self.last_column) - days
        watched = np.bincount(lengths)
        at_risk = np.cumsum(watched[::-1])[::-1]
        ended = np.bincount(lengths[follows], minlength=len(watched))
        quiet = np.cumprod(1 - ended[1:] / at_risk[1:])
        return [
            (day, int(at_risk[day]), int(ended[day]), float(share))
            for day, share in zip(range(1, len(watched)), quiet, strict=True)
        ]

    @cached_property
    def dimensions(self) -> dict[str, Matrix]:
        """The four dimensions per user and day; negative where there is no value."""
        found = {}
        for counts, since, before, width in (
            (self.visits, "days_since_last_visit", "visit_count_7d_before_last_visit", 7),
            (self.orders, "days_since_last_order", "order_count_30d_before_last_order", 30),
        ):
            last = running_last(counts > 0)
            found[since] = np.where(last == NEVER, -1, np.arange(counts.shape[1]) - last)
            # Column d + 1 of the sums holds everything up to day d, so [o - width, o - 1] is S[o] - S[o - width].
            sums = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
            safe = np.maximum(last, 0)
            window = np.take_along_axis(sums, safe, axis=1) - np.take_along_axis(
                sums, np.maximum(safe - width, 0), axis=1
            )
            found[before] = np.where(last == NEVER, -1, window)
        return found

    @cached_property
    def has_visits(self) -> Mask:
        """Per day whether anybody had visited the line by then."""
        return np.cumsum(self.visits.sum(axis=0)) > 0

    @cached_property
    def codes(self) -> dict[str, Matrix]:
        """Per dimension the place of each user's bin on each day."""
        places = {}
        for name, values in self.dimensions.items():
            edges = np.array([first for _, first, _ in BINS[name]])
            lowest = int(np.argmin([score for _, _, score in BINS[name]]))
            places[name] = np.where(values < 0, lowest, np.searchsorted(edges, values, side="right") - 1)
        return places

    @cached_property
    def scores(self) -> tuple[Matrix, Matrix]:
        """Per user and day the sum of scores and the possible sum, in hundredths."""
        total = np.zeros_like(self.orders)
        possible = np.zeros_like(self.orders)
        for name, places in self.codes.items():
            points = np.array([score for _, _, score in BINS[name]])
            is_used = self.has_visits[np.newaxis, :] if "visit" in name else np.ones((1, total.shape[1]), dtype=bool)
            total += points[places] * is_used
            possible += points.max() * is_used
        return total, possible

    @cached_property
    def layers(self) -> Matrix:
        """The place of each user's layer on each day; whole numbers, so that an edge is an edge."""
        total, possible = self.scores
        edges = np.array([first for _, first in LAYERS])
        return np.sum(total[..., np.newaxis] * SCORE_UNIT >= edges * possible[..., np.newaxis], axis=2) - 1

    @cached_property
    def open_days(self) -> Mask:
        """Where a customer's episode was open at the end of the day."""
        return self.quiet_days >= self.lapse_days

    def layer_counts(self) -> dict[tuple[date, str, str], int]:
        """Open episodes per day, dimension and code, without those that nobody was in."""
        found = {}
        names: dict[str, tuple[Matrix, list[str]]] = {"layer": (self.layers, [code for code, _ in LAYERS])}
        names |= {name: (places, [code for code, _, _ in BINS[name]]) for name, places in self.codes.items()}
        for name, (places, codes) in names.items():
            is_used = self.has_visits if "visit" in name else np.ones(places.shape[1], dtype=bool)
            for place, code in enumerate(codes):
                counts = np.sum(self.open_days & (places == place), axis=0) * is_used
                found |= {(self.date_of(day), name, code): int(counts[day]) for day in np.flatnonzero(counts)}
        return found

    @cached_property
    def first_key_days(self) -> npt.NDArray[np.int64]:
        """Per user the column of the first key day, or NEVER."""
        return np.where(self.key_days.any(axis=1), np.argmax(self.key_days, axis=1), NEVER)

    def stages(self, *, returned_days: int, decline_share: float, mature_order_days: int) -> dict[str, str]:
        """Per customer the stage on the last day."""
        lapsed = self.quiet_days >= self.lapse_days
        # Back on a key day if the day before was one of an open episode.
        back = np.zeros_like(self.key_days)
        back[:, 1:] = self.key_days[:, 1:] & lapsed[:, :-1]
        since_back = self.last_column - running_last(back)[:, -1]
        quiet = self.quiet_days[:, -1]
        order_days = np.sum(self.orders > 0, axis=1)
        stage = np.select(
            [
                lapsed[:, -1],
                since_back < returned_days,
                quiet >= decline_share * self.lapse_days,
                order_days >= mature_order_days,
                order_days >= 2,
            ],
            ["lapsed", "returned", "declining", "mature", "growing"],
            default="introduced",
        )
        return {str(self.users[place]): str(stage[place]) for place in np.flatnonzero(quiet >= 0)}

    def transitions(self) -> list[tuple[date, bool, int, int, int, int, int]]:
        """Per month from the first key day's: month, is it over, active, new, retained, resurrected, lost."""
        dates = pd.date_range(self.first_day, periods=self.orders.shape[1])
        months = np.asarray(dates.year * 12 + dates.month)
        begin = months[np.flatnonzero(self.key_days.any(axis=0))[0]]
        rows = []
        before = np.zeros(len(self.users), dtype=bool)
        ever = np.zeros(len(self.users), dtype=bool)
        for month in range(begin, months[-1] + 1):
            active = self.key_days[:, months == month].any(axis=1)
            kept = active & before
            first_day = date((month - 1) // 12, (month - 1) % 12 + 1, 1)
            is_over = (dates[-1] + pd.Timedelta(days=1)).day == 1 or month < months[-1]
            rows.append(
                (
                    first_day,
                    bool(is_over),
                    int(active.sum()),
                    int((active & ~ever).sum()),
                    int(kept.sum()),
                    int((active & ever & ~before).sum()),
                    int((before & ~active).sum()),
                )
            )
            before = active
            ever |= active
        return rows

    def retention(
        self, channels: dict[str, str], day_numbers: tuple[int, ...]
    ) -> dict[tuple[date, str, int], tuple[int, int]]:
        """Per first key day, channel and number of days: size of the cohort, and how many had a key day just then."""
        found: dict[tuple[date, str, int], tuple[int, int]] = {}
        for user in np.flatnonzero(self.first_key_days != NEVER):
            first = int(self.first_key_days[user])
            for number in day_numbers:
                if first + number <= self.last_column:
                    key = (self.date_of(first), channels[self.users[user]], number)
                    size, kept = found.get(key, (0, 0))
                    found[key] = (size + 1, kept + int(self.key_days[user, first + number]))
        return found
