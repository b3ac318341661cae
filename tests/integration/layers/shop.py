"""A small random shop, and its lapsed customers counted day by day straight from its events.

Nothing here is shared with the models: every question is answered by walking over all events again, one day and one
user at a time, with exact fractions.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

FIRST_DAY = date(2025, 1, 1)
DAYS = 260

LINES = {
    # line: (frequency class, lapse days)
    "all": ("high", 25),
    "tea": ("high", 20),
    "wine": ("mid", 30),
    "pets": ("low", 40),
}
CATEGORIES = {"green tea": "tea", "black tea": "tea", "red wine": "wine", "dog food": "pets", "gift cards": "all"}
PRODUCTS = {
    "p1": "green tea",
    "p2": "black tea",
    "p3": "red wine",
    "p4": "dog food",
    "p5": "gift cards",
    "p6": "green tea",
}
BINS: dict[str, list[tuple[str, int, int | None, Fraction]]] = {
    "days_since_last_visit": [
        ("near", 0, 25, Fraction(1)),
        ("cooling", 25, 50, Fraction(1, 2)),
        ("far", 50, None, Fraction(0)),
    ],
    "visit_count_7d_before_last_visit": [
        ("none", 0, 1, Fraction(0)),
        ("some", 1, 3, Fraction(3, 10)),
        ("many", 3, None, Fraction(9, 10)),
    ],
    "days_since_last_order": [
        ("near", 0, 30, Fraction(1)),
        ("cooling", 30, 61, Fraction(3, 5)),
        ("far", 61, None, Fraction(1, 5)),
    ],
    "order_count_30d_before_last_order": [
        ("none", 0, 1, Fraction(0)),
        ("one", 1, 2, Fraction(1, 2)),
        ("more", 2, None, Fraction(1)),
    ],
}
DIMENSIONS = tuple(BINS)
LAYERS: list[tuple[str, Fraction, Fraction | None]] = [
    ("cold", Fraction(0), Fraction(1, 4)),
    ("mild", Fraction(1, 4), Fraction(3, 5)),
    ("warm", Fraction(3, 5), None),
]


@dataclass(frozen=True)
class Order:
    """An order with its items as (product, quantity, net amount); no items means that none were delivered."""

    order_id: str
    user_id: str
    at: datetime
    status: str
    net_amount: Decimal
    items: tuple[tuple[str, int, Decimal], ...]

    @property
    def is_valid(self) -> bool:
        return self.status in ("paid", "completed", "refunded")

    @property
    def lines(self) -> set[str]:
        if not self.items:
            return {"all"}
        return {CATEGORIES.get(PRODUCTS.get(product, ""), "all") for product, _, _ in self.items}


@dataclass(frozen=True)
class Visit:
    """An action of a visit."""

    visit_id: str
    user_id: str
    at: datetime
    action: str
    object_type: str
    object_id: str
    channel: str
    session_id: str


@dataclass(frozen=True)
class Feedback:
    """A complaint without an order."""

    feedback_id: str
    user_id: str
    at: datetime


@dataclass
class Shop:
    """All events of a shop whose clock is UTC."""

    users: list[dict[str, str]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)


def random_shop(seed: int, *, user_count: int = 40) -> Shop:
    """Makes a shop whose users act in bursts with long pauses, so that they lapse and come back."""
    draw = random.Random(seed)
    shop = Shop()
    for number in range(user_count):
        user_id = f"u{number:03d}"
        shop.users.append(
            {
                "user_id": user_id,
                "gender": draw.choice(["female", "male", ""]),
                "birth_date": draw.choice(
                    ["", f"{draw.randint(1950, 2008)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}"]
                ),
                "age_band": draw.choice(["", "25-34"]),
                "region": draw.choice(["north", "south", ""]),
                "occupation": draw.choice(["nurse", ""]),
            }
        )
        only_visits = draw.random() < 0.1
        day = draw.randint(0, 90)
        while day < DAYS:
            for _ in range(draw.randint(1, 8)):
                if day >= DAYS:
                    break
                at = datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(
                    days=day, minutes=draw.randint(0, 1439)
                )
                act(draw, shop, user_id, at, only_visits=only_visits)
                day += draw.choice([0, 1, 1, 2, 3, 7, 12])
            day += draw.choice([5, 20, 21, 30, 31, 45, 70])
    return shop


def act(draw: random.Random, shop: Shop, user_id: str, at: datetime, *, only_visits: bool) -> None:
    """Lets a user order, visit or complain once."""
    kind = draw.random()
    if kind < 0.35 and not only_visits:
        items = tuple(
            (draw.choice([*PRODUCTS, "unknown"]), draw.randint(1, 3), Decimal(draw.randint(0, 900)) / 100)
            for _ in range(draw.choice([0, 1, 1, 2]))
        )
        net_amount = sum((amount for _, _, amount in items), Decimal(0)) if items else Decimal(draw.randint(0, 50))
        status = draw.choice(["completed"] * 8 + ["cancelled", "refunded"])
        shop.orders.append(Order(f"o{len(shop.orders):05d}", user_id, at, status, net_amount, items))
    elif kind < 0.95 or only_visits:
        object_type, object_id = draw.choice(
            [
                ("product", "p1"),
                ("product", "p3"),
                ("product", "p2"),
                ("category", "red wine"),
                ("page", "home"),
                ("", ""),
            ]
        )
        # Nobody looks at gift cards or dog food in the first weeks: their lines have no visit yet.
        if draw.random() < 0.1 and at.date() > FIRST_DAY + timedelta(days=120):
            object_type, object_id = "category", "dog food"
        shop.visits.append(
            Visit(
                f"v{len(shop.visits):05d}",
                user_id,
                at,
                draw.choice(["view", "cart", "search"]),
                object_type,
                object_id,
                draw.choice(["app", "web", "app", ""]),
                draw.choice(["", f"s{user_id}{at.day}"]),
            )
        )
    else:
        shop.feedback.append(Feedback(f"f{len(shop.feedback):05d}", user_id, at))


@dataclass
class LineHistory:
    """What one user did in one line, by day."""

    order_counts: Counter[date] = field(default_factory=Counter)
    sessions: defaultdict[date, set[str]] = field(default_factory=lambda: defaultdict(set))
    channel_sessions: defaultdict[tuple[date, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    feedback_days: set[date] = field(default_factory=set)
    orders: list[tuple[Order, Decimal]] = field(default_factory=list)

    @property
    def visit_counts(self) -> dict[date, int]:
        return {day: len(sessions) for day, sessions in self.sessions.items()}

    def key_days(self, frequency_class: str) -> list[date]:
        """The key days on or after the first order; none without an order."""
        if not self.order_counts:
            return []
        days = set(self.order_counts)
        if frequency_class in ("mid", "low"):
            days |= set(self.sessions)
        if frequency_class == "low":
            days |= self.feedback_days
        first = min(self.order_counts)
        return sorted(day for day in days if day >= first)


def share_amount(order: Order, line_id: str) -> Decimal:
    """The part of an order's amount that belongs to a line: its items' share, in whole cents."""
    if order.lines == {line_id}:
        return order.net_amount
    return sum(
        (amount for product, _, amount in order.items if CATEGORIES.get(PRODUCTS.get(product, ""), "all") == line_id),
        Decimal(0),
    )


def histories(shop: Shop, until: date) -> dict[tuple[str, str], LineHistory]:
    """Every user's history per line with the events up to a day."""
    found: dict[tuple[str, str], LineHistory] = defaultdict(LineHistory)
    first_orders: dict[tuple[str, str], date] = {}
    for order in shop.orders:
        day = order.at.date()
        if not order.is_valid or day > until:
            continue
        for line in order.lines:
            history = found[order.user_id, line]
            history.order_counts[day] += 1
            history.orders.append((order, share_amount(order, line)))
            key = (order.user_id, line)
            first_orders[key] = min(first_orders.get(key, day), day)

    def lines_of_customer(user_id: str, day: date) -> list[str]:
        return [line for line in LINES if first_orders.get((user_id, line), date.max) <= day]

    for visit in shop.visits:
        day = visit.at.date()
        if day > until:
            continue
        if visit.object_type == "product":
            lines = [CATEGORIES.get(PRODUCTS.get(visit.object_id, ""), "all")]
        elif visit.object_type == "category":
            lines = [CATEGORIES.get(visit.object_id, "all")]
        else:
            lines = lines_of_customer(visit.user_id, day)
        for line in lines:
            session = visit.session_id or visit.visit_id
            found[visit.user_id, line].sessions[day].add(session)
            if visit.channel:
                found[visit.user_id, line].channel_sessions[day, visit.channel].add(session)
    for complaint in shop.feedback:
        day = complaint.at.date()
        if day <= until:
            for line in lines_of_customer(complaint.user_id, day):
                found[complaint.user_id, line].feedback_days.add(day)
    return found


def code_of(dimension: str, value: int | None) -> tuple[str, Fraction]:
    """The bin of a value; without any value the lowest one."""
    if value is None:
        lowest = min(BINS[dimension], key=lambda entry: entry[3])
        return lowest[0], lowest[3]
    for code, lower, upper, score in BINS[dimension]:
        if lower <= value and (upper is None or value < upper):
            return code, score
    raise AssertionError(value)


def layer_of(codes: dict[str, tuple[str, Fraction]]) -> tuple[Fraction, str]:
    """The layer score and layer of some dimensions' bins."""
    possible = sum((max(entry[3] for entry in BINS[name]) for name in codes), Fraction(0))
    score = sum((score for _, score in codes.values()), Fraction(0)) / possible
    return score, next(code for code, lower, upper in LAYERS if lower <= score and (upper is None or score < upper))


def layers_as_of(shop: Shop, day: date) -> list[dict[str, Any]]:
    """The open episodes of a day with their dimensions, scores and layer, seen with the events up to that day."""
    found = histories(shop, day)
    lines_with_visits = {line for (_, line), history in found.items() if history.sessions}
    rows = []
    for (user_id, line), history in sorted(found.items()):
        frequency_class, lapse_days = LINES[line]
        key_days = history.key_days(frequency_class)
        if not key_days or (day - key_days[-1]).days < lapse_days:
            continue
        gaps = [(later - earlier).days for earlier, later in pairwise(key_days) if (later - earlier).days > lapse_days]
        lapsed_date = key_days[-1] + timedelta(days=lapse_days)
        visits = history.visit_counts
        last_visit = max(visits) if visits else None
        last_order = max(history.order_counts)
        values: dict[str, int | None] = {
            "days_since_last_visit": (day - last_visit).days if last_visit else None,
            "visit_count_7d_before_last_visit": (
                sum(visits.get(last_visit - timedelta(days=back), 0) for back in range(1, 8)) if last_visit else None
            ),
            "days_since_last_order": (day - last_order).days,
            "order_count_30d_before_last_order": sum(
                history.order_counts.get(last_order - timedelta(days=back), 0) for back in range(1, 31)
            ),
        }
        used = [name for name in DIMENSIONS if line in lines_with_visits or "visit" not in name]
        codes = {name: code_of(name, values[name]) for name in DIMENSIONS}
        score, layer = layer_of({name: codes[name] for name in used})
        rows.append(
            {
                "user_id": user_id,
                "line_id": line,
                "episode_number": len(gaps) + 1,
                "last_key_date": key_days[-1],
                "lapsed_date": lapsed_date,
                "values": values,
                "codes": {name: codes[name][0] for name in used},
                "layer_score": score,
                "layer_code": layer,
                "readings": {
                    "layer": layer_of(codes)[1],
                    "layer_without_visits": layer_of({name: codes[name] for name in codes if "visit" not in name})[1],
                    **{name: code for name, (code, _) in codes.items()},
                },
                "persona_code": persona_of(
                    sum(count for of_day, count in history.order_counts.items() if of_day <= lapsed_date),
                    (lapsed_date - min(history.order_counts)).days,
                ),
            }
        )
    return rows


def distribution_of(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], int]:
    """How many open episodes of a day are in each line, dimension and code; codes without anybody are left out."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        counts[row["line_id"], "layer", row["layer_code"]] += 1
        for name, code in row["codes"].items():
            counts[row["line_id"], name, code] += 1
    return dict(counts)


def returns_of(
    shop: Shop, rows_by_day: dict[date, list[dict[str, Any]]], until: date, return_days: int
) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Per line, dimension and code the episodes watched long enough, and those of them that returned soon.

    Walks from day to day and notes when each episode is first seen in a code. On days before a line's first visit the
    layer is that without visits, and the bins of visits do not count.
    """
    found = histories(shop, until)
    first_visits: dict[str, date] = {}
    for (_, line), history in found.items():
        for day in history.sessions:
            first_visits[line] = min(first_visits.get(line, day), day)
    first_seen: dict[tuple[str, str, date, str, str], date] = {}
    for day, rows in sorted(rows_by_day.items()):
        for row in rows:
            for dimension, code in row["readings"].items():
                first_seen.setdefault((row["user_id"], row["line_id"], row["last_key_date"], dimension, code), day)
    counts: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for (user_id, line, last_key_date, dimension, code), day in first_seen.items():
        has_visits = day >= first_visits.get(line, date.max)
        is_of_orders = dimension in ("days_since_last_order", "order_count_30d_before_last_order")
        if (until - day).days < return_days or not (
            is_of_orders or has_visits == (dimension != "layer_without_visits")
        ):
            continue
        later = [key for key in found[user_id, line].key_days(LINES[line][0]) if key > last_key_date]
        count = counts[line, "layer" if dimension == "layer_without_visits" else dimension, code]
        count[0] += 1
        count[1] += bool(later) and (min(later) - day).days <= return_days
    return {key: (count[0], count[1]) for key, count in counts.items()}


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Writes rows as CSV."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return target.getvalue()


def definition_files(valid_from: str = "2020-01-01") -> dict[str, str]:
    """The definitions that this shop is counted with, as files of a workspace."""
    return {
        "definitions/business_lines.csv": csv_text(
            ["line_id", "line_name", "frequency_class", "lapse_days", "returned_days", "valid_from"],
            [[line, line, *LINES[line], 30, valid_from] for line in LINES],
        ),
        "definitions/category_lines.csv": csv_text(
            ["category", "line_id", "valid_from"], [[*pair, valid_from] for pair in CATEGORIES.items()]
        ),
        "definitions/layer_bins.csv": csv_text(
            ["dimension_code", "layer_code", "lower_edge", "upper_edge", "score", "valid_from"],
            [
                [dimension, code, lower, "" if upper is None else upper, float(score), valid_from]
                for dimension, entries in BINS.items()
                for code, lower, upper, score in entries
            ],
        ),
        "definitions/layers.csv": csv_text(
            ["layer_code", "layer_name", "lower_edge", "upper_edge", "valid_from"],
            [
                [code, code, float(lower), "" if upper is None else float(upper), valid_from]
                for code, lower, upper in LAYERS
            ],
        ),
    }


AGE_BANDS = [
    (0, 18, "0-17"),
    (18, 25, "18-24"),
    (25, 35, "25-34"),
    (35, 45, "35-44"),
    (45, 55, "45-54"),
    (55, 65, "55-64"),
]


def age_on(birth_date: str, day: date) -> int:
    """Age in completed years."""
    born = date.fromisoformat(birth_date)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def persona_of(order_count: int, customer_days: int) -> str:
    """The shipped persona rules, in words."""
    if order_count == 1:
        return "one_time_buyer"
    if order_count >= 10:
        return "loyal_regular" if customer_days >= 180 else "frequent_newcomer"
    return "faithful_occasional" if customer_days >= 180 else "occasional_buyer"


def personas_as_of(shop: Shop, day: date) -> dict[tuple[str, str], dict[str, Any]]:
    """Who has lapsed as of a day, by user and line."""
    found = histories(shop, day)
    users = {user["user_id"]: user for user in shop.users}
    rows = {}
    for episode in layers_as_of(shop, day):
        user_id, line, lapsed = episode["user_id"], episode["line_id"], episode["lapsed_date"]
        history = found[user_id, line]
        orders = [(order, amount) for order, amount in history.orders if order.at.date() <= lapsed]
        net_amount = sum((amount for _, amount in orders), Decimal(0))
        first_order = min(order.at.date() for order, _ in orders)
        channels: Counter[str] = Counter()
        for (visit_day, channel), sessions in history.channel_sessions.items():
            if visit_day <= lapsed:
                channels[channel] += len(sessions)
        categories: dict[str, tuple[set[str], Decimal]] = {}
        for order, _ in orders:
            for product, _, amount in order.items:
                category = PRODUCTS.get(product)
                if category is not None and CATEGORIES.get(category, "all") == line:
                    ids, total = categories.get(category, (set(), Decimal(0)))
                    categories[category] = (ids | {order.order_id}, total + amount)
        interactions = [
            (order.at, 1, order.order_id, "order", "order", order.order_id)
            for order in shop.orders
            if order.user_id == user_id and order.is_valid and order.at.date() <= day
        ] + [
            (visit.at, 0, visit.visit_id, visit.action, visit.object_type, visit.object_id)
            for visit in shop.visits
            if visit.user_id == user_id and visit.at.date() <= day
        ]
        last = max(interactions)
        user = users[user_id]
        age = age_on(user["birth_date"], lapsed) if user["birth_date"] else None
        band = None if age is None else next((name for low, high, name in AGE_BANDS if low <= age < high), "65+")
        rows[user_id, line] = {
            "persona_code": persona_of(len(orders), (lapsed - first_order).days),
            "gender": user["gender"] or None,
            "age_band": band or user["age_band"] or None,
            "region": user["region"] or None,
            "occupation": user["occupation"] or None,
            "main_visit_channel": min(channels, key=lambda name: (-channels[name], name), default=None),
            "preferred_category": min(
                categories, key=lambda name: (-len(categories[name][0]), -categories[name][1], name), default=None
            ),
            "order_count": len(orders),
            "net_amount": net_amount,
            "last_order_date": max(order.at.date() for order, _ in orders),
            "last_interaction_action": last[3],
            "last_interaction_object_type": last[4] or None,
            "last_interaction_object_id": last[5] or None,
            "last_interaction_at": last[0],
        }
    return rows


def part_of(shop: Shop, is_in: Callable[[str, date], bool]) -> Shop:
    """The shop with those events only of which a question about id and day holds."""
    return Shop(
        shop.users,
        [order for order in shop.orders if is_in(order.order_id, order.at.date())],
        [visit for visit in shop.visits if is_in(visit.visit_id, visit.at.date())],
        [complaint for complaint in shop.feedback if is_in(complaint.feedback_id, complaint.at.date())],
    )


def landing_files(shop: Shop, name: str) -> dict[str, str]:
    """The shop's users, products and events as landing files of that name."""
    return {
        f"users/{name}.csv": csv_text(list(shop.users[0]), [list(user.values()) for user in shop.users]),
        f"products/{name}.csv": csv_text(["product_id", "category"], PRODUCTS.items()),
        f"orders/{name}.csv": csv_text(
            ["order_id", "user_id", "ordered_at", "net_amount", "status"],
            [
                [order.order_id, order.user_id, f"{order.at.isoformat()}Z", order.net_amount, order.status]
                for order in shop.orders
            ],
        ),
        f"order_items/{name}.csv": csv_text(
            ["order_id", "line_number", "product_id", "quantity", "net_amount"],
            [
                [order.order_id, number, product, quantity, amount]
                for order in shop.orders
                for number, (product, quantity, amount) in enumerate(order.items, 1)
            ],
        ),
        f"visits/{name}.csv": csv_text(
            ["visit_id", "user_id", "visited_at", "action", "object_type", "object_id", "channel", "session_id"],
            [
                [
                    visit.visit_id,
                    visit.user_id,
                    f"{visit.at.isoformat()}Z",
                    visit.action,
                    visit.object_type,
                    visit.object_id,
                    visit.channel,
                    visit.session_id,
                ]
                for visit in shop.visits
            ],
        ),
        f"feedback/{name}.csv": csv_text(
            ["feedback_id", "user_id", "submitted_at", "kind"],
            [
                [complaint.feedback_id, complaint.user_id, f"{complaint.at.isoformat()}Z", "complaint"]
                for complaint in shop.feedback
            ],
        ),
    }
