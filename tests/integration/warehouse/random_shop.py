"""A random shop whose rows arrive late, early, corrected, split over files and before their parents.

A shop is a list of deliveries: versions of rows with the night on which their file lands. Nothing here knows how the
warehouse counts.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

NIGHT_COUNT = 30
HISTORY_DAYS = 430
MAX_DELAY_DAYS = 400
BUSINESS_ZONE = ZoneInfo("America/New_York")

FIRST_NIGHT = date(2024, 2, 20)
"""So that the nights hold 29 February and the lost hour of 10 March."""

LINES = {
    # line: (frequency class, lapse days)
    "all": ("high", 25),
    "tea": ("high", 12),
    "wine": ("mid", 30),
    "pets": ("low", 20),
}
CATEGORY_LINES = {"green tea": "tea", "black tea": "tea", "red wine": "wine", "dog food": "pets"}
CATEGORIES = [*CATEGORY_LINES, "gift cards"]
EXCHANGE_RATES = {date(2022, 1, 1): "1.10", date(2024, 2, 25): "1.05"}
"""Dollars for one euro, by first day."""

REASON_RULES = """reason_code,rule_number,signal_code,window_days,minimum,maximum,score,valid_from
never_activated,1,order_count,,,2,0.3,2020-01-01
product_quality,1,refund_count,60,1,,0.5,2020-01-01
product_quality,2,lowest_quality_rating,60,,3,0.4,2020-01-01
product_quality,3,quality_mention_count,60,1,,0.6,2020-01-01
service,1,service_mention_count,60,1,,0.6,2020-01-01
service,2,slowest_answer_days,60,3,,0.3,2020-01-01
service,3,unanswered_complaint_count,60,1,,0.2,2020-01-01
service,4,lowest_service_rating,60,,3,0.4,2020-01-01
price,1,discounted_order_rate,90,0.5,,0.3,2020-01-01
price,2,list_price_rise_rate,,0.1,,0.5,2020-01-01
price,3,price_mention_count,60,1,,0.6,2020-01-01
content_stale,1,visit_fall_rate,20,0.3,,0.5,2020-01-01
content_stale,1,days_since_new_listing,,10,,0.5,2020-01-01
content_stale,2,content_mention_count,60,1,,0.6,2020-01-01
wrong_match,1,channel_retention_ratio,15,,1,0.5,2020-01-01
wrong_match,1,channel_user_count,15,2,,0.5,2020-01-01
need_fulfilled,1,need_covered_days,,1,,0.5,2020-01-01
competitor,1,competitor_mention_count,60,1,,0.8,2020-01-01
unknown,1,,,,,0.1,2020-01-01
"""


@dataclass(frozen=True)
class Delivery:
    """One version of a row, and the night before which its file lands (0 is the first)."""

    table: str
    row: dict[str, str]
    night: int


@dataclass
class RandomShop:
    """Makes the deliveries of one shop from a seed.

    Args:
        seed: Whatever is drawn follows from it.
        user_count: Users that act.
        has_users_table: False for a shop that delivers no users at all.
    """

    seed: int
    user_count: int = 30
    has_users_table: bool = True
    deliveries: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        # What only the reasons of a lapse look at; drawn apart, so that the rest of the shop does not hang on it.
        self._draw_reason = random.Random(self.seed + 1)
        self._users = [f"u{number:02d}" for number in range(self.user_count)]
        self._orders: list[str] = []
        self._add_products()
        if self.has_users_table:
            self._add_users()
        for user_id in self._users:
            self._add_acts(user_id)
        self._add_redemptions()

    def files_of(self, night: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """Splits what lands before a night into files.

        Args:
            night: Number of the night.

        Yields:
            A path below the landing folder and the rows of that file.
        """
        draw = random.Random(self.seed * 1000 + night)
        tables: dict[str, list[dict[str, str]]] = defaultdict(list)
        for delivery in self.deliveries:
            if delivery.night == night:
                tables[delivery.table].append(delivery.row)
        for table, rows in sorted(tables.items()):
            draw.shuffle(rows)
            part_count = min(len(rows), draw.choice([1, 1, 2, 3]))
            names = draw.sample("abcdef", part_count)
            for part, name in enumerate(names):
                yield f"{table}/{draw.choice(['', 'late/'])}{name}_{night:02d}.csv", rows[part::part_count]

    def _instant(self, day: float) -> datetime:
        """An instant some days after the first night's date; many of them close to a midnight of the shop."""
        start = datetime.combine(FIRST_NIGHT, datetime.min.time(), UTC) + timedelta(days=int(day // 1))
        minute = self._draw.choice([self._draw.randint(0, 1439), 210, 299, 300, 1439])
        return start + timedelta(minutes=minute)

    def _deliver(self, table: str, row: dict[str, str], known_at: datetime) -> None:
        """Lets a version land on the night of its day, mostly; some land early and some very late."""
        day = (known_at.astimezone(BUSINESS_ZONE).date() - FIRST_NIGHT).days
        kind = self._draw.random()
        if kind < 0.7:
            delay = 0
        elif kind < 0.75:
            delay = -self._draw.randint(1, 4)
        elif kind < 0.9:
            delay = self._draw.randint(1, 6)
        else:
            delay = self._draw.randint(1, MAX_DELAY_DAYS)
        night = max(0, day + delay)
        if night < NIGHT_COUNT:
            self.deliveries.append(Delivery(table, row, night))

    def _add_products(self) -> None:
        for number, category in enumerate(CATEGORIES * 2):
            product_id = f"p{number}"
            row = {
                "product_id": product_id,
                "category": category,
                "unit_cost": self._draw.choice(["", "0.75", "2.10"]),
                "listed_at": self._listing(),
                "updated_at": "",
            }
            self._add_prices(product_id)
            self.deliveries.append(Delivery("products", row, self._draw.choice([0, 0, 0, 9])))
            if self._draw.random() < 0.3:
                moved_at = self._instant(self._draw.randint(1, NIGHT_COUNT - 1))
                moved = row | {
                    "category": self._draw.choice(CATEGORIES),
                    "unit_cost": self._draw.choice(["", "1.00"]),
                    "listed_at": self._listing(),
                    "updated_at": moved_at.isoformat(),
                }
                self._deliver("products", moved, moved_at)

    def _listing(self) -> str:
        """When a product was listed; some are without it."""
        day = FIRST_NIGHT + timedelta(days=self._draw_reason.randint(-90, NIGHT_COUNT))
        return self._draw_reason.choice(["", f"{day}T12:00:00+00:00", f"{day}T12:00:00+00:00"])

    def _add_prices(self, product_id: str) -> None:
        """List prices that change every few weeks; a price may land long after its day."""
        day = -HISTORY_DAYS
        while day < NIGHT_COUNT:
            valid_from = FIRST_NIGHT + timedelta(days=day)
            price = {
                "product_id": product_id,
                "valid_from": valid_from.isoformat(),
                "list_price": self._draw_reason.choice(["4", "5", "6"]),
                "updated_at": "",
            }
            self.deliveries.append(
                Delivery("product_prices", price, max(0, day + self._draw_reason.choice([0, 0, 1, 9, 400])))
            )
            day += self._draw_reason.choice([12, 30, 55])

    def _add_users(self) -> None:
        for number, user_id in enumerate(self._users):
            registered_at = self._instant(self._draw.randint(-HISTORY_DAYS, 25))
            row = {
                "user_id": user_id,
                "registered_at": self._draw.choice(["", registered_at.isoformat()]),
                "acquisition_channel": self._draw.choice(["", "search", "friend"]),
                "gender": self._draw.choice(["", "female", "male"]),
                "merged_into": "",
                "updated_at": "",
            }
            if number == 0:
                continue  # Never delivered: what this user does waits for ever.
            self.deliveries.append(Delivery("users", row, self._draw.choice([0, 0, 0, 0, 11, 23])))
            kind = self._draw.random()
            if kind < 0.4:
                changed_at = self._instant(self._draw.randint(1, NIGHT_COUNT - 1))
                target = self._draw.choice(self._users[1:])
                changed = row | {
                    "gender": "other",
                    "merged_into": target if kind < 0.15 and target < user_id else "",
                    "updated_at": changed_at.isoformat(),
                }
                self._deliver("users", changed, changed_at)

    def _add_acts(self, user_id: str) -> None:
        day = self._draw.randint(-HISTORY_DAYS, 0)
        while day < NIGHT_COUNT + 3:
            for _ in range(self._draw.randint(1, 5)):
                self._add_act(user_id, self._instant(day))
                day += self._draw.choice([0, 0, 1, 2, 3, 8])
            day += self._draw.choice([6, 12, 13, 20, 25, 30, 31, 70])

    def _add_act(self, user_id: str, at: datetime) -> None:
        kind = self._draw.random()
        if kind < 0.4:
            self._add_order(user_id, at)
        elif kind < 0.92:
            self._add_visit(user_id, at)
        else:
            self._add_feedback(user_id, at)

    def _add_order(self, user_id: str, at: datetime) -> None:
        order_id = f"o{len(self._orders):04d}"
        self._orders.append(order_id)
        items = [
            {
                "order_id": order_id,
                "line_number": str(number),
                "product_id": self._draw.choice([*(f"p{n}" for n in range(len(CATEGORIES) * 2)), "unknown"]),
                "quantity": self._draw.choice(["1", "2", "0.5"]),
                "net_amount": self._draw.choice(["0", "3.33", "10.01", "7"]),
                "updated_at": "",
            }
            for number in range(1, self._draw.choice([0, 1, 1, 2, 3]) + 1)
        ]
        row = {
            "order_id": order_id,
            "user_id": user_id,
            "ordered_at": at.isoformat(),
            "net_amount": self._draw.choice(["0", "10", "19.99", "20.02"]),
            "currency_code": self._draw.choice(["", "", "USD", "EUR"]),
            "status": self._draw.choice(["completed", "completed", "pending", "paid"]),
            "discount_amount": self._draw_reason.choice(["", "0", "2"]),
            "coupon_code": self._draw_reason.choice(["", "", "SPRING"]),
            "updated_at": at.isoformat(),
        }
        self._deliver("orders", row, at)
        for item in items:
            self._deliver("order_items", item, at)
        changed_at = at
        while self._draw.random() < 0.35:
            changed_at += timedelta(hours=self._draw.choice([1, 20, 90, 800]))
            if changed_at.astimezone(BUSINESS_ZONE).date() > FIRST_NIGHT + timedelta(days=NIGHT_COUNT + 5):
                break
            row = row | {
                "status": self._draw.choice(["completed", "cancelled", "refunded", "paid"]),
                "updated_at": changed_at.isoformat(),
            }
            kind = self._draw.random()
            if kind < 0.08:
                row = row | {"user_id": self._draw.choice(self._users)}
            elif kind < 0.16:
                moved_at = at - timedelta(days=self._draw.choice([1, 9, 40]))
                row = row | {"ordered_at": moved_at.isoformat()}
            self._deliver("orders", row, changed_at)
            if items and self._draw.random() < 0.3:
                item = self._draw.choice(items) | {"net_amount": "5.55", "updated_at": changed_at.isoformat()}
                self._deliver("order_items", item, changed_at)
        if self._draw.random() < 0.2:
            refunded_at = at + timedelta(days=self._draw.choice([-1, 0, 3, 20]))
            refund = {
                "refund_id": f"r{order_id}",
                "order_id": self._draw.choice([order_id, order_id, order_id, "never delivered"]),
                "refunded_at": refunded_at.isoformat(),
                "amount": self._draw.choice(["1", "5.01", "99"]),
                "updated_at": "",
            }
            self._deliver("refunds", refund, refunded_at)

    def _add_visit(self, user_id: str, at: datetime) -> None:
        object_type, object_id = self._draw.choice(
            [
                ("product", f"p{self._draw.randint(0, 11)}"),
                ("category", "red wine"),
                ("category", "unheard of"),
                ("page", "home"),
                ("", ""),
            ]
        )
        row = {
            "visit_id": f"v{sum(delivery.table == 'visits' for delivery in self.deliveries):05d}{user_id}",
            "user_id": user_id,
            "visited_at": at.isoformat(),
            "action": self._draw.choice(["view", "cart"]),
            "object_type": object_type,
            "object_id": object_id,
            "session_id": self._draw.choice(["", f"s{at.day}"]),
            "updated_at": "",
        }
        self._deliver("visits", row, at)
        if self._draw.random() < 0.08:
            changed_at = at + timedelta(days=self._draw.choice([1, 15]))
            moved_at = at - timedelta(days=self._draw.choice([0, 2, 30]))
            row = row | {
                "visited_at": moved_at.isoformat(),
                "user_id": self._draw.choice([user_id, self._draw.choice(self._users)]),
                "updated_at": changed_at.isoformat(),
            }
            self._deliver("visits", row, changed_at)

    def _add_feedback(self, user_id: str, at: datetime) -> None:
        kind = self._draw.choice(["complaint", "rating", "nps", "nps"])
        nps = self._draw.choice(["", "0", "6", "7", "8", "9", "10"]) if kind == "nps" else ""
        if kind == "complaint":
            kind = self._draw_reason.choice(["complaint", "complaint", "survey"])
        answer_days = self._draw_reason.choice([0, 2, 5, 40])
        row = {
            "feedback_id": f"f{sum(delivery.table == 'feedback' for delivery in self.deliveries):04d}{user_id}",
            "user_id": user_id,
            "submitted_at": at.isoformat(),
            "kind": kind,
            "topic": self._draw_reason.choice(["", "quality", "service", "delivery", "price", "content", "competitor"]),
            "score": self._draw_reason.choice(["1", "2", "3", "5"]) if kind == "rating" else nps,
            "answered_at": self._draw_reason.choice(["", (at + timedelta(days=answer_days)).isoformat()]),
            "order_id": self._draw.choice(["", "", "never delivered", self._draw.choice(self._orders or [""])]),
            "updated_at": "",
        }
        self._deliver("feedback", row, at)

    def _add_redemptions(self) -> None:
        """Lets every third order be made on a reward; some of them name no order, and some another user."""
        orders = {d.row["order_id"]: d.row for d in self.deliveries if d.table == "orders"}
        for number, (order_id, order) in enumerate(sorted(orders.items())):
            if self._draw.random() < 0.65:
                continue
            at = datetime.fromisoformat(order["ordered_at"])
            row = {
                "redemption_id": f"w{number:04d}",
                "user_id": self._draw.choice([order["user_id"]] * 9 + self._users[:1]),
                "redeemed_at": at.isoformat(),
                "order_id": self._draw.choice([order_id, order_id, "", "never delivered"]),
                "reward_amount": "2",
                "updated_at": "",
            }
            self._deliver("redemptions", row, at)
            if self._draw.random() < 0.15:
                changed_at = at + timedelta(days=self._draw.choice([1, 9]))
                row = row | {
                    "user_id": self._draw.choice(self._users),
                    "order_id": "",
                    "updated_at": changed_at.isoformat(),
                }
                self._deliver("redemptions", row, changed_at)


def land(shop: RandomShop, nights: Sequence[int], landing: Path) -> None:
    """Writes the files of some nights into a landing folder.

    Args:
        shop: Whose files.
        nights: Numbers of the nights.
        landing: The folder.
    """
    for night in nights:
        for name, rows in shop.files_of(night):
            path = landing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)


def definition_files() -> dict[str, str]:
    """The definitions of the shop as files of a workspace."""
    lines = "".join(f"{line},{line},{frequency},{days},30,2020-01-01\n" for line, (frequency, days) in LINES.items())
    categories = "".join(f"{category},{line},2020-01-01\n" for category, line in CATEGORY_LINES.items())
    rates = "".join(f"EUR,{day},{rate}\n" for day, rate in EXCHANGE_RATES.items())
    return {
        "workspace.yml": "business_time_zone: America/New_York\ncurrency_code: USD\n",
        "definitions/business_lines.csv": "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
        + lines,
        "definitions/category_lines.csv": "category,line_id,valid_from\n" + categories,
        "definitions/reason_rules.csv": REASON_RULES,
        "definitions/category_lifetimes.csv": "category,lifetime_days,valid_from\ndog food,40,2020-01-01\n",
        "definitions/exchange_rates.csv": "currency_code,rate_date,rate\n" + rates,
    }
