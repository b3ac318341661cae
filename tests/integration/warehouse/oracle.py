"""The core marts once more, by another road: pandas frames and a walk from day to day instead of windows and deltas.

Everything is counted from the delivered rows alone, for one night, without any memory of the nights before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

import pandas as pd
from tests.integration.warehouse.random_shop import (
    BUSINESS_ZONE,
    CATEGORY_LINES,
    EXCHANGE_RATES,
    FIRST_NIGHT,
    LINES,
    RandomShop,
)

KEYS = {
    "users": ["user_id"],
    "products": ["product_id"],
    "orders": ["order_id"],
    "order_items": ["order_id", "line_number"],
    "refunds": ["refund_id"],
    "visits": ["visit_id"],
    "feedback": ["feedback_id"],
    "redemptions": ["redemption_id"],
}
MARGIN_RATE = Decimal("0.3")
CENT = Decimal("0.01")
GAMING_RETURNS = 2
"""As definitions/worth_rules.csv is shipped."""


def business_date(instant: str) -> date:
    """The shop's date of an ISO instant."""
    return datetime.fromisoformat(instant).astimezone(BUSINESS_ZONE).date()


def changed_at(row: dict[str, Any]) -> float:
    """When a version was made, as seconds; a version without a date is the oldest."""
    return datetime.fromisoformat(row["updated_at"]).timestamp() if row["updated_at"] else float("-inf")


def is_seen(row: dict[str, Any], as_of_date: date) -> bool:
    """Whether a version was made by a day."""
    return not row["updated_at"] or business_date(row["updated_at"]) <= as_of_date


@dataclass
class Oracle:
    """What the marts must hold after a night.

    Args:
        shop: The shop.
        night: Number of the night; files of later nights have not landed.
    """

    shop: RandomShop
    night: int

    @property
    def as_of_date(self) -> date:
        """The night's as-of date."""
        return FIRST_NIGHT + timedelta(days=self.night)

    @cached_property
    def _landed(self) -> dict[str, pd.DataFrame]:
        """All versions that have landed, in the order of their places, per table."""
        places = [
            (table, {**row, "_path": path, "_record": record})
            for night in range(self.night + 1)
            for path, rows in self.shop.files_of(night)
            for table in [path.split("/")[0]]
            for record, row in enumerate(rows)
        ]
        frames = {}
        for table in KEYS:
            rows = [row for name, row in places if name == table]
            frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*KEYS[table], "updated_at"])
            frames[table] = frame if frame.empty else frame.sort_values(["_path", "_record"])
        return frames

    def _visible(self, table: str) -> list[dict[str, Any]]:
        """Per key the version that the as-of date sees."""
        chosen = []
        versions: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in self._landed[table].to_dict("records"):
            versions[tuple(row[name] for name in KEYS[table])].append(row)
        for _, records in sorted(versions.items()):
            seen = [row for row in records if is_seen(row, self.as_of_date)]
            moment = max(map(changed_at, seen)) if seen else min(map(changed_at, records))
            candidates = [row for row in seen or records if changed_at(row) == moment]
            chosen.append(candidates[-1])
        return chosen

    @cached_property
    def _merges(self) -> dict[str, str]:
        return {row["user_id"]: row["merged_into"] for row in self._visible("users") if row["merged_into"]}

    def _canonical(self, user_id: str) -> str:
        # Users of the shop are merged into smaller numbers only, so there is no circle.
        while user_id in self._merges:
            user_id = self._merges[user_id]
        return user_id

    @cached_property
    def _known_users(self) -> set[str]:
        return set(self._landed["users"]["user_id"])

    def _is_known(self, user_id: str) -> bool:
        return not self._known_users or user_id in self._known_users

    @cached_property
    def users(self) -> dict[str, dict[str, Any]]:
        """Registered users who are nobody else's second account: registered_date and acquisition_channel or None."""
        found = {}
        for row in self._visible("users"):
            registered = business_date(row["registered_at"]) if row["registered_at"] else None
            if row["user_id"] not in self._merges and (registered is None or registered <= self.as_of_date):
                found[row["user_id"]] = {
                    "registered_date": registered,
                    "acquisition_channel": row["acquisition_channel"] or None,
                }
        return found

    @cached_property
    def _product_lines(self) -> dict[str, str]:
        return {row["product_id"]: CATEGORY_LINES.get(row["category"], "all") for row in self._visible("products")}

    @cached_property
    def _unit_costs(self) -> dict[str, Decimal]:
        return {row["product_id"]: Decimal(row["unit_cost"]) for row in self._visible("products") if row["unit_cost"]}

    @cached_property
    def orders(self) -> dict[str, dict[str, Any]]:
        """fct_orders by order_id, with the lines' parts of the money under `parts`."""
        items = defaultdict(list)
        for item in self._visible("order_items"):
            items[item["order_id"]].append(item)
        refunds: defaultdict[str, Decimal] = defaultdict(Decimal)
        for refund in self._visible("refunds"):
            if business_date(refund["refunded_at"]) <= self.as_of_date:
                refunds[refund["order_id"]] += Decimal(refund["amount"])
        orders = {}
        for row in self._visible("orders"):
            day = business_date(row["ordered_at"])
            if day > self.as_of_date or not self._is_known(row["user_id"]):
                continue

            def converted(amount: Decimal, row: dict[str, Any] = row, day: date = day) -> Decimal:
                if row["currency_code"] in ("", "USD"):
                    return amount
                begun = [first for first in EXCHANGE_RATES if first <= day]
                return (amount * Decimal(EXCHANGE_RATES[max(begun)])).quantize(CENT, ROUND_HALF_UP)

            net_amount = converted(Decimal(row["net_amount"]))
            refunded = min(net_amount, converted(refunds[row["order_id"]]))
            weights: defaultdict[str, Decimal] = defaultdict(Decimal)
            costs: defaultdict[str, Decimal] = defaultdict(Decimal)
            for item in items[row["order_id"]]:
                line = self._product_lines.get(item["product_id"], "all")
                amount = converted(Decimal(item["net_amount"]))
                weights[line] += amount
                if item["product_id"] in self._unit_costs:
                    costs[line] += Decimal(item["quantity"]) * self._unit_costs[item["product_id"]]
                else:
                    costs[line] += amount * (1 - MARGIN_RATE)
            if not weights:
                weights["all"] = net_amount
                costs["all"] = net_amount * (1 - MARGIN_RATE)
            net_parts = split(net_amount, weights)
            refund_parts = split(refunded, weights)
            is_valid = row["status"] in ("paid", "completed", "refunded")
            orders[row["order_id"]] = {
                "user_id": self._canonical(row["user_id"]),
                "ordered_date": day,
                "is_valid": is_valid,
                "net_amount": net_amount,
                "refunded_amount": refunded,
                "contribution_amount": net_amount - refunded - sum(costs.values()) if is_valid else Decimal(0),
                "parts": {
                    line: (net_parts[line], net_parts[line] - refund_parts[line] - costs[line]) for line in weights
                },
            }
        return orders

    @cached_property
    def feedback(self) -> list[tuple[dict[str, Any], str, date]]:
        """The feedback that counts, with its user and business date; what is about an unknown order waits."""
        landed_orders = set(self._landed["orders"]["order_id"])
        found = []
        for row in self._visible("feedback"):
            day, order_id = business_date(row["submitted_at"]), row["order_id"]
            if day > self.as_of_date or not self._is_known(row["user_id"]):
                continue
            if not order_id or (order_id in landed_orders and order_id in self.orders):
                found.append((row, self._canonical(row["user_id"]), day))
        return found

    @cached_property
    def user_days(self) -> pd.DataFrame:
        """fct_user_days, in no particular order."""
        first_orders: dict[tuple[str, str], date] = {}
        events: list[dict[str, Any]] = []

        def note(user_id: str, line: str, day: date, **values: Any) -> None:
            events.append({"user_id": user_id, "line_id": line, "activity_date": day, **values})

        for order_id, order in self.orders.items():
            if not order["is_valid"]:
                continue
            for line, (net_amount, contribution) in order["parts"].items():
                key = (order["user_id"], line)
                first_orders[key] = min(first_orders.get(key, date.max), order["ordered_date"])
                note(*key, order["ordered_date"], order=order_id, net=net_amount, contribution=contribution, step=4)
            note(
                order["user_id"],
                "any",
                order["ordered_date"],
                order=order_id,
                net=order["net_amount"],
                contribution=order["contribution_amount"],
                step=4,
            )

        def lines_of_customer(user_id: str, day: date) -> list[str]:
            return [line for line in LINES if first_orders.get((user_id, line), date.max) <= day]

        for visit in self._visible("visits"):
            day = business_date(visit["visited_at"])
            if day > self.as_of_date or not self._is_known(visit["user_id"]):
                continue
            user_id = self._canonical(visit["user_id"])
            if visit["object_type"] == "product":
                lines = [self._product_lines.get(visit["object_id"], "all")]
            elif visit["object_type"] == "category":
                lines = [CATEGORY_LINES.get(visit["object_id"], "all")]
            else:
                lines = lines_of_customer(user_id, day)
            session = ("session", visit["session_id"]) if visit["session_id"] else ("row", visit["visit_id"])
            step = 3 if visit["action"] == "cart" else 2 if visit["object_type"] == "product" else 1
            for line in ["any", *lines]:
                note(user_id, line, day, session=session, action=visit["visit_id"], step=step)
        for feedback, user_id, day in self.feedback:
            order_id = feedback["order_id"]
            lines = list(self.orders[order_id]["parts"]) if order_id else lines_of_customer(user_id, day)
            for line in ["any", *lines]:
                note(user_id, line, day, feedback=feedback["feedback_id"])
        frame = pd.DataFrame(
            events,
            columns=[
                "user_id", "line_id", "activity_date", "order", "net", "contribution", "session", "action", "feedback",
                "step"
            ],
        )  # fmt: skip
        grouped = frame.groupby(["user_id", "line_id", "activity_date"])
        return grouped.agg(
            visit_count=("session", "nunique"),
            action_count=("action", "count"),
            order_count=("order", "count"),
            feedback_count=("feedback", "count"),
            net_amount=("net", lambda amounts: sum(amounts.dropna(), Decimal(0))),
            contribution_amount=("contribution", lambda amounts: sum(amounts.dropna(), Decimal(0))),
            funnel_step_number=("step", lambda steps: int(max(steps.dropna(), default=0))),
        ).reset_index()

    @cached_property
    def customers(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Per customer and line the flags and, under `episodes`, (last key date, lapsed, returned or None).

        A counter of quiet days is walked from the first order to the as-of date.
        """
        found = {}
        for (user_id, line), days in self.user_days.groupby(["user_id", "line_id"]):
            ordered = days.loc[days["order_count"] > 0, "activity_date"]
            if line == "any" or ordered.empty:
                continue
            frequency_class, lapse_days = LINES[line]
            is_key = {
                "high": days["order_count"] > 0,
                "mid": (days["order_count"] > 0) | (days["visit_count"] > 0),
                "low": days["order_count"] >= 0,
            }[frequency_class]
            key_days = set(days.loc[is_key, "activity_date"])
            day = last_key_date = min(ordered)
            quiet_days = 0
            episodes: list[list[date | None]] = []
            while day < self.as_of_date:
                day += timedelta(days=1)
                if day in key_days:
                    if quiet_days >= lapse_days:
                        episodes[-1][2] = day
                    quiet_days = 0
                    last_key_date = day
                    continue
                quiet_days += 1
                if quiet_days == lapse_days:
                    episodes.append([last_key_date, day, None])
            found[user_id, line] = {
                "first_order_date": min(ordered),
                "last_key_date": last_key_date,
                "inactive_days": quiet_days,
                "is_churned": quiet_days >= lapse_days,
                "episodes": [tuple(episode) for episode in episodes],
                "key_day_count": sum(key_date >= min(ordered) for key_date in key_days),
                "contribution_amount": sum(days["contribution_amount"], Decimal(0)),
            }
        return found

    @cached_property
    def values(self) -> dict[tuple[str, str], tuple[int, Decimal, int, int, bool]]:
        """Per customer and line: key days, contribution, returns, returns on a reward, and whether that is gaming."""
        landed_orders = set(self._landed["orders"]["order_id"])
        rewarded: set[tuple[str, str, date]] = set()
        for redemption in self._visible("redemptions"):
            day = business_date(redemption["redeemed_at"])
            user_id, order_id = self._canonical(redemption["user_id"]), redemption["order_id"]
            if day > self.as_of_date or not self._is_known(redemption["user_id"]):
                continue
            if not order_id:
                rewarded |= {(user_id, line, day) for line in LINES}
            elif order_id in landed_orders and order_id in self.orders:
                order = self.orders[order_id]
                if order["is_valid"] and order["user_id"] == user_id:
                    rewarded |= {(user_id, line, order["ordered_date"]) for line in order["parts"]}
        found = {}
        for (user_id, line), customer in self.customers.items():
            returns = [returned for _, _, returned in customer["episodes"] if returned]
            rewarded_count = sum((user_id, line, returned) in rewarded for returned in returns)
            found[user_id, line] = (
                customer["key_day_count"],
                customer["contribution_amount"],
                len(returns),
                rewarded_count,
                len(returns) >= GAMING_RETURNS and rewarded_count == len(returns),
            )
        return found


def split(amount: Decimal, weights: dict[str, Decimal]) -> dict[str, Decimal]:
    """Divides an amount over lines by weight, in whole cents; what is left over goes to the first line by name."""
    total = sum(weights.values())
    parts = {}
    for line, weight in weights.items():
        share = weight / total if total else Decimal(1) / len(weights)
        parts[line] = (amount * share).quantize(CENT, ROUND_HALF_UP)
    parts[min(parts)] += amount - sum(parts.values())
    return parts
