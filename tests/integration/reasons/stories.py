"""A shop in which everybody lapses for a known reason, as landing files: the story of each customer, in dates.

The only line is bought by orders and lapses after 30 days. All instants are noon in UTC, the shop's clock.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PRODUCTS = [
    # product, category, listed: nothing new among teas since September.
    ("green tea", "tea", "2025-09-12"),
    ("red wine", "wine", "2026-05-30"),
    ("washer", "appliances", "2026-05-30"),
]
CHANNEL_USERS = 120
"""Users of each of two channels, registered on 10 January 2026 and mostly seen again only on one of them."""
CHANNEL_RETAINED = {"lottery": 6, "search": 100}


@dataclass
class Files:
    """Landing files in the making: rows per table."""

    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def add(self, table: str, **row: object) -> None:
        """Adds a row; columns that a row lacks stay empty."""
        self.tables.setdefault(table, []).append({name: str(value) for name, value in row.items()})

    def user(self, user_id: str, channel: str = "", registered: str = "") -> None:
        self.add("users", user_id=user_id, registered_at=at(registered), acquisition_channel=channel)

    def order(self, order_id: str, day: str, *, product: str = "red wine", discount: str = "0") -> None:
        """An order of the customer that the id begins with, with one item."""
        user_id = order_id.split("-")[0]
        self.add(
            "orders", order_id=order_id, user_id=user_id, ordered_at=at(day), net_amount="20", discount_amount=discount
        )
        self.add("order_items", order_id=order_id, line_number=1, product_id=product, quantity=1, net_amount="20")

    def feedback(self, feedback_id: str, day: str, kind: str, topic: str, **more: object) -> None:
        """Something that the customer said that the id begins with."""
        user_id = feedback_id.split("-")[0]
        self.add(
            "feedback",
            feedback_id=feedback_id, user_id=user_id, submitted_at=at(day), kind=kind, topic=topic,
            answered_at=at(str(more.get("answered", ""))), score=more.get("score", ""),
        )  # fmt: skip

    def visits(self, user_id: str, days: Sequence[str]) -> None:
        for day in days:
            self.add(
                "visits", visit_id=f"{user_id} {day}", user_id=user_id, visited_at=at(day), action="view",
                object_type="page", object_id="home",
            )  # fmt: skip

    def texts(self, name: str) -> Mapping[str, str]:
        """The files' texts by path in a workspace."""
        found = {}
        for table, rows in self.tables.items():
            target = io.StringIO()
            writer = csv.DictWriter(target, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
            found[f"landing/{table}/{name}.csv"] = target.getvalue()
        return found


def at(day: str) -> str:
    """Noon of a day, or nothing."""
    return f"{day}T12:00:00Z" if day else ""


def first_delivery() -> Files:
    """Everything that is known on the first night."""
    files = Files()
    for product_id, category, listed in PRODUCTS:
        files.add("products", product_id=product_id, category=category, listed_at=at(listed))
    for valid_from, price in [("2026-01-01", "10.00"), ("2026-04-20", "11.50")]:
        files.add("product_prices", product_id="green tea", valid_from=valid_from, list_price=price)
    for name in ("ann", "ben", "cid", "dot", "eve", "gil", "hal", "ida", "joe", "kim", "lou", "mia"):
        files.user(name)
    files.user("fay", channel="lottery")

    # ann bought once.
    files.order("ann-1", "2026-04-01")

    # ben sent both of his last orders back and gave the shop two stars.
    files.order("ben-1", "2026-04-01")
    files.order("ben-2", "2026-04-10")
    files.add("refunds", refund_id="r1", order_id="ben-1", refunded_at=at("2026-04-12"), amount="20")
    files.add("refunds", refund_id="r2", order_id="ben-2", refunded_at=at("2026-04-20"), amount="5")
    files.feedback("ben-star", "2026-04-15", "rating", "", score=2)

    # cid's parcel came late, and his complaint was answered five days later.
    files.order("cid-1", "2026-04-01")
    files.order("cid-2", "2026-04-10")
    files.feedback("cid-late", "2026-04-12", "complaint", "delivery", answered="2026-04-17")

    # dot never paid the full price, and her tea went from 10.00 to 11.50 after her last order. What else she
    # bought every time, for more, is in no catalogue: nobody prefers what is not known.
    for number, day in enumerate(["2026-03-20", "2026-03-28", "2026-04-10"], 1):
        files.order(f"dot-{number}", day, product="green tea", discount="2.50")
        files.add(
            "order_items",
            order_id=f"dot-{number}", line_number=2, product_id="not listed", quantity=1, net_amount="30",
        )  # fmt: skip

    # eve drinks tea. She looked in on eight days in March and on two in April; no tea was new since September.
    files.order("eve-1", "2026-03-02", product="green tea")
    files.order("eve-2", "2026-04-10", product="green tea")
    files.visits("eve", [f"2026-03-0{number}" for number in range(2, 10)] + ["2026-04-09", "2026-04-12"])

    # fay came by a lottery, like 120 others of whom 6 were seen again, and bought twice.
    files.order("fay-1", "2026-04-02")
    files.order("fay-2", "2026-04-10")
    for channel, retained in CHANNEL_RETAINED.items():
        for number in range(CHANNEL_USERS):
            user_id = f"{channel}{number:03d}"
            files.user(user_id, channel=channel, registered="2026-01-10")
            if number < retained:
                files.visits(user_id, ["2026-02-15"])

    # gil needed a washing machine.
    files.order("gil-1", "2026-04-01")
    files.order("gil-2", "2026-04-10", product="washer")

    # hal said in a survey that he found another shop.
    files.order("hal-1", "2026-04-01")
    files.order("hal-2", "2026-04-10")
    files.feedback("hal-why", "2026-04-20", "survey", "competitor")

    # Nothing is known of ida.
    files.order("ida-1", "2026-04-01")
    files.order("ida-2", "2026-04-10")

    # joe complained of quality and of prices alike.
    files.order("joe-1", "2026-04-01")
    files.order("joe-2", "2026-04-10")
    files.feedback("joe-bad", "2026-04-14", "complaint", "quality")
    files.feedback("joe-dear", "2026-04-14", "complaint", "price")

    # kim complained the day after the lapse, and lou a hundred days before the last order: neither counts.
    files.order("kim-1", "2026-04-01")
    files.order("kim-2", "2026-04-10")
    files.feedback("kim-slow", "2026-05-11", "complaint", "service")
    files.order("lou-1", "2025-12-30")
    files.order("lou-2", "2026-04-10")
    files.feedback("lou-old", "2025-12-31", "complaint", "service", answered="2026-05-11")

    # mia lapsed on 22 March, complained, got money back, and forgave all of it by buying again on 10 April.
    files.order("mia-1", "2026-02-20")
    files.feedback("mia-angry", "2026-03-25", "complaint", "service", answered="2026-03-30")
    files.add("refunds", refund_id="r3", order_id="mia-1", refunded_at=at("2026-03-31"), amount="20")
    files.order("mia-2", "2026-04-10")
    return files


DEFINITIONS = {
    "definitions/category_lifetimes.csv": "category,lifetime_days,valid_from\nappliances,3650,2020-01-01\n",
}
