"""Three real samples as rows of landing files, laid so that they end on one day; nothing of them is in the project.

Each sample has users and lines of its own, so one warehouse holds them all and one night builds them. Moving a sample
by whole days changes no gap, no order and no hour of it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from tests.conftest import PROJECT_ROOT

FOLDER = PROJECT_ROOT.parent / "shared" / "data"
TMALL = FOLDER / "tmall_half.csv.gz"
ONLINE_RETAIL = FOLDER / "online_retail_to_2011_06.csv.gz"
CDNOW = FOLDER / "cdnow_sample.txt.gz"
ARE_AT_HAND = all(file.is_file() for file in (TMALL, ONLINE_RETAIL, CDNOW))
WHERE_ABSENT = "the samples (Tmall, Online Retail, CDNOW) are not at hand"

LAST_DAY = date(2013, 8, 15)
"""Tmall's own last day, in the year that its sample hides."""

LINES = {
    # line: (frequency class, lapse days)
    "all": ("high", 30),
    "browse": ("mid", 10),
    "buy": ("high", 14),
    "cds": ("high", 45),
}
"""Online Retail's orders come without items and so belong to `all`; Tmall's brands are `browse` or `buy`."""

Rows = dict[str, pd.DataFrame]
"""Per input table its rows as text, and under `day` the business date that each is about."""


def line_of_brand(brand_id: int) -> str:
    """Which of Tmall's two lines a brand belongs to."""
    return "browse" if brand_id % 2 == 0 else "buy"


def tmall_clicks() -> pd.DataFrame:
    """Tmall's rows as they stand, equal ones included: user_id, brand_id, type, day."""
    clicks = pd.read_csv(TMALL)
    days = pd.to_datetime("2013-" + clicks["visit_datetime"], format="%Y-%m-%d")
    return pd.DataFrame(
        {
            "user_id": "t" + clicks["user_id"].astype(str),
            "brand_id": clicks["brand_id"],
            "type": clicks["type"],
            "day": days,
        }
    )


def retail_invoices() -> pd.DataFrame:
    """One row per invoice and instant: order_id, user_id (empty where unknown), instant, day, amount, is_cancelled.

    An invoice without any line of a positive quantity and price is no order and left out, unless it cancels one.
    """
    lines = pd.read_csv(ONLINE_RETAIL, dtype={"InvoiceNo": str, "CustomerID": str})
    lines["is_cancelled"] = lines["InvoiceNo"].str.startswith("C")
    lines = lines[lines["is_cancelled"] | ((lines["Quantity"] > 0) & (lines["UnitPrice"] > 0))]
    # In whole cents: a sum of doubles is not the sum of the invoice.
    lines = lines.assign(
        cents=np.rint(lines["UnitPrice"] * 100 * lines["Quantity"].abs()).clip(lower=0).astype(np.int64),
        instant=pd.to_datetime(lines["InvoiceDate"]),
        user_id=("r" + lines["CustomerID"]).fillna(""),
    )
    grouped = lines.groupby(["InvoiceNo", "instant"], as_index=False)
    invoices = grouped.agg(
        user_id=("user_id", "first"),
        country=("Country", "first"),
        cents=("cents", "sum"),
        is_cancelled=("is_cancelled", "first"),
    )
    shift = pd.Timestamp(LAST_DAY) - invoices["instant"].max().normalize()
    invoices["instant"] += shift
    invoices["day"] = invoices["instant"].dt.normalize()
    return invoices.rename(columns={"InvoiceNo": "order_id"})


def cdnow_purchases() -> pd.DataFrame:
    """CDNOW's rows as they stand: user_id, day, cents."""
    names = ["master_id", "sample_id", "day", "cd_count", "amount"]
    purchases = pd.read_csv(CDNOW, sep=r"\s+", header=None, names=names, dtype=str)
    days = pd.to_datetime(purchases["day"], format="%Y%m%d")
    return pd.DataFrame(
        {
            "user_id": "c" + purchases["sample_id"],
            "day": days + (pd.Timestamp(LAST_DAY) - days.max()),
            "cents": np.rint(purchases["amount"].astype(float) * 100).astype(np.int64),
        }
    )


def landing_rows() -> Rows:
    """All three samples as input tables; every value is text, an empty one is nothing."""
    parts = [_tmall_rows(tmall_clicks()), _retail_rows(retail_invoices()), _cdnow_rows(cdnow_purchases())]
    tables = sorted({table for part in parts for table in part})
    return {
        table: pd.concat([part[table] for part in parts if table in part], ignore_index=True).fillna("")
        for table in tables
    }


def definition_files() -> dict[str, str]:
    """The lines of the samples as files of a workspace."""
    lines = "".join(f"{line},{line},{frequency},{days},30,2000-01-01\n" for line, (frequency, days) in LINES.items())
    return {
        # No instant is read in another zone than it was written in: London's shop counts by London's clock.
        "workspace.yml": "business_time_zone: Europe/London\ncurrency_code: GBP\n",
        "definitions/business_lines.csv": "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
        + lines,
        "definitions/category_lines.csv": "category,line_id,valid_from\n"
        + "".join(f"{line},{line},2000-01-01\n" for line in LINES if line != "all"),
        # Orders without a customer are a tenth of Online Retail; they are set aside and the others load.
        "definitions/load_rules.csv": "max_bad_rate,valid_from\n1,2000-01-01\n",
    }


def write_csv(rows: pd.DataFrame, path: Path) -> None:
    """Writes rows as a landing file, without their day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.drop(columns="day").to_csv(path, index=False)


def _users_of(events: pd.DataFrame) -> pd.DataFrame:
    return events.groupby("user_id", as_index=False).agg(day=("day", "min"))


def _text_of_day(days: pd.Series) -> pd.Series:
    return days.dt.strftime("%Y-%m-%d")


def _money(cents: pd.Series) -> pd.Series:
    return (cents // 100).astype(str) + "." + (cents % 100).astype(str).str.zfill(2)


def _tmall_rows(clicks: pd.DataFrame) -> Rows:
    """A user's buys of a day are one order with one item per row; favourites name no brand."""
    brands = clicks[["brand_id"]].drop_duplicates()
    products = pd.DataFrame(
        {
            "product_id": "b" + brands["brand_id"].astype(str),
            "category": brands["brand_id"].map(line_of_brand),
            "day": clicks["day"].min(),
        }
    )
    buys = clicks[clicks["type"] == 1]
    items = pd.DataFrame(
        {
            "order_id": buys["user_id"] + "-" + _text_of_day(buys["day"]),
            "line_number": (buys.groupby(["user_id", "day"]).cumcount() + 1).astype(str),
            "product_id": "b" + buys["brand_id"].astype(str),
            "quantity": "1",
            "net_amount": "10",
            "day": buys["day"],
        }
    )
    orders = buys.groupby(["user_id", "day"], as_index=False).size()
    orders = pd.DataFrame(
        {
            "order_id": orders["user_id"] + "-" + _text_of_day(orders["day"]),
            "user_id": orders["user_id"],
            "ordered_at": _text_of_day(orders["day"]),
            "net_amount": (orders["size"] * 10).astype(str),
            "status": "completed",
            "day": orders["day"],
        }
    )
    looks = clicks[clicks["type"] != 1]
    has_object = looks["type"] != 2
    visits = pd.DataFrame(
        {
            "visit_id": "t" + looks.index.astype(str),
            "user_id": looks["user_id"],
            "visited_at": _text_of_day(looks["day"]),
            "action": looks["type"].map({0: "click", 2: "favourite", 3: "cart"}),
            "object_type": np.where(has_object, "product", ""),
            "object_id": np.where(has_object, "b" + looks["brand_id"].astype(str), ""),
            "day": looks["day"],
        }
    )
    return {
        "users": _users_of(clicks), "products": products, "orders": orders, "order_items": items, "visits": visits
    }  # fmt: skip


def _retail_rows(invoices: pd.DataFrame) -> Rows:
    instants = invoices["instant"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    orders = pd.DataFrame(
        {
            "order_id": invoices["order_id"],
            "user_id": invoices["user_id"],
            "ordered_at": instants,
            "net_amount": _money(invoices["cents"]),
            "status": np.where(invoices["is_cancelled"], "cancelled", "completed"),
            # An invoice with two instants is one order, and the later one holds.
            "updated_at": instants,
            "day": invoices["day"],
        }
    )
    users = _users_of(invoices[invoices["user_id"] != ""])
    home = invoices.groupby("user_id")["country"].first() == "United Kingdom"
    users["acquisition_channel"] = np.where(users["user_id"].map(home), "home", "abroad")
    return {"users": users, "orders": orders}


def _cdnow_rows(purchases: pd.DataFrame) -> Rows:
    order_ids = "c" + purchases.index.astype(str)
    orders = pd.DataFrame(
        {
            "order_id": order_ids,
            "user_id": purchases["user_id"],
            "ordered_at": _text_of_day(purchases["day"]),
            "net_amount": _money(purchases["cents"]),
            "status": "completed",
            "day": purchases["day"],
        }
    )
    items = pd.DataFrame(
        {
            "order_id": order_ids,
            "line_number": "1",
            "product_id": "cd",
            "quantity": "1",
            "net_amount": orders["net_amount"],
            "day": purchases["day"],
        }
    )
    products = pd.DataFrame({"product_id": ["cd"], "category": ["cds"], "day": [purchases["day"].min()]})
    return {"users": _users_of(purchases), "products": products, "orders": orders, "order_items": items}
