"""The customer's way once more: stages, months and cohorts by walking over sets of days, user by user."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from tests.integration.warehouse.oracle import Oracle
from tests.integration.warehouse.random_shop import LINES

RETURNED_DAYS = 30
DECLINE_SHARE = 0.5
MATURE_ORDER_DAYS = 5
RETENTION_DAYS = (1, 7, 30)
FUNNEL = ("visit", "product", "cart", "order")
OUTCOME_WINDOW_DAYS = 30


def key_days(oracle: Oracle) -> dict[tuple[str, str], list[date]]:
    """Per customer and line the key days from the first order on, ascending."""
    found: dict[tuple[str, str], list[date]] = {}
    for (user_id, line), days in oracle.user_days.groupby(["user_id", "line_id"]):
        rows = sorted(zip(days["activity_date"], days["order_count"], days["visit_count"], strict=True))
        ordered = [day for day, order_count, _ in rows if order_count]
        if line == "any" or not ordered:
            continue
        counts = {
            "high": lambda order_count, visit_count: order_count,
            "mid": lambda order_count, visit_count: order_count or visit_count,
            "low": lambda order_count, visit_count: True,
        }[LINES[line][0]]
        found[user_id, line] = [
            day for day, order_count, visit_count in rows if day >= ordered[0] and counts(order_count, visit_count)
        ]
    return found


def stages(oracle: Oracle) -> dict[tuple[str, str], str]:
    """fct_lifecycle_stages: the stage of every customer and line, and of prospects in line any."""
    found = {}
    for (user_id, line), customer in oracle.customers.items():
        days = oracle.user_days
        mine = days[(days["user_id"] == user_id) & (days["line_id"] == line) & (days["order_count"] > 0)]
        returns = [returned for _, _, returned in customer["episodes"] if returned]
        if customer["is_churned"]:
            stage = "lapsed"
        elif returns and (oracle.as_of_date - max(returns)).days < RETURNED_DAYS:
            stage = "returned"
        elif customer["inactive_days"] >= ceil(DECLINE_SHARE * LINES[line][1]):
            stage = "declining"
        elif len(mine) >= MATURE_ORDER_DAYS:
            stage = "mature"
        else:
            stage = "growing" if len(mine) >= 2 else "introduced"
        found[user_id, line] = stage
    customers = {user_id for user_id, _ in found}
    found |= {(user_id, "any"): "prospect" for user_id in oracle.users if user_id not in customers}
    return found


def months_until(first: date, last: date) -> Iterator[date]:
    """The first days of the months from one day's to another's."""
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield date(year, month, 1)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def transitions(oracle: Oracle) -> dict[tuple[str, date], tuple[Any, ...]]:
    """fct_lifecycle_transitions: is_complete, active, new, retained, resurrected, lost per line and month."""
    active: dict[str, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (user_id, line), days in key_days(oracle).items():
        for day in days:
            active[line][day.replace(day=1)].add(user_id)
    found = {}
    for line, users_of_month in active.items():
        seen: set[str] = set()
        before: set[str] = set()
        for month in months_until(min(users_of_month), oracle.as_of_date):
            users = users_of_month.get(month, set())
            tomorrow = oracle.as_of_date + timedelta(days=1)
            is_complete = (tomorrow.year, tomorrow.month) > (month.year, month.month)
            counts = (len(users), len(users - seen), len(users & before), len((users & seen) - before))
            found[line, month] = (is_complete, *counts, len(before - users))
            seen |= users
            before = users
    return found


def channel_of(oracle: Oracle, user_id: str) -> str:
    """How a user was won, or unknown."""
    return oracle.users.get(user_id, {}).get("acquisition_channel") or "unknown"


def retention(oracle: Oracle) -> dict[tuple[str, str, date, str, int], tuple[int, int]]:
    """fct_retention: members and those active on exactly the day, of cohorts whose day has come."""
    active_days: dict[str, set[date]] = defaultdict(set)
    for row in oracle.user_days[oracle.user_days["line_id"] == "any"].itertuples():
        active_days[row.user_id].add(row.activity_date)
    members = [
        ("first_key_day", line, days[0], user_id, set(days)) for (user_id, line), days in key_days(oracle).items()
    ] + [
        ("registration", "any", user["registered_date"], user_id, active_days[user_id])
        for user_id, user in oracle.users.items()
        if user["registered_date"]
    ]
    found: dict[tuple[str, str, date, str, int], tuple[int, int]] = {}
    for cohort_type, line, first, user_id, days in members:
        for number in RETENTION_DAYS:
            day = first + timedelta(days=number)
            if day <= oracle.as_of_date:
                key = (cohort_type, line, first, channel_of(oracle, user_id), number)
                cohort_count, retained_count = found.get(key, (0, 0))
                found[key] = (cohort_count + 1, retained_count + (day in days))
    return found


def funnel(oracle: Oracle) -> dict[tuple[str, date, int], tuple[str, int]]:
    """fct_funnel_steps: the code and the users of every step of the days on which anybody did a step."""
    found = {}
    for (line, day), rows in oracle.user_days.groupby(["line_id", "activity_date"]):
        reached = list(rows["funnel_step_number"])
        if any(reached):
            for number, code in enumerate(FUNNEL, start=1):
                found[line, day, number] = (code, sum(step >= number for step in reached))
    return found


def nps(oracle: Oracle) -> dict[date, tuple[int, int, int]]:
    """fct_nps: promoters, passives and detractors of every month from the first answer's on."""
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for row, _, day in oracle.feedback:
        if row["kind"] == "nps" and row["score"]:
            score = int(row["score"])
            counts[day.replace(day=1)]["promoter" if score > 8 else "detractor" if score < 7 else "passive"] += 1
    if not counts:
        return {}
    return {
        month: (counts[month]["promoter"], counts[month]["passive"], counts[month]["detractor"])
        for month in months_until(min(counts), oracle.as_of_date)
    }


def new_customers(oracle: Oracle) -> dict[tuple[date, str], tuple[int, int, Decimal]]:
    """int_new_customers: how many, active on exactly the 30th day, and the contribution of their first weeks."""
    found: dict[tuple[date, str], tuple[int, int, Decimal]] = {}
    for user_id, days in oracle.user_days[oracle.user_days["line_id"] == "any"].groupby("user_id"):
        rows = list(zip(days["activity_date"], days["order_count"], days["contribution_amount"], strict=True))
        ordered = [day for day, order_count, _ in rows if order_count]
        if not ordered:
            continue
        first = min(ordered)
        is_active = any(day == first + timedelta(days=30) for day, _, _ in rows)
        amount = sum((part for day, _, part in rows if 0 <= (day - first).days < OUTCOME_WINDOW_DAYS), Decimal(0))
        key = (first, channel_of(oracle, user_id))
        count, active_count, total = found.get(key, (0, 0, Decimal(0)))
        found[key] = (count + 1, active_count + is_active, total + amount)
    return found
