"""Episodes, flags and layers of a day from the landing files, all of them anew, by Polars.

Written from the definitions (docs/definitions.md), not from the models: what both agree on is what both got right.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from bench.warehouse.bins import DIMENSIONS, Bin, bins_of, layers, possible_score

CUSTOMER = ["user_id", "line_id"]
CUSTOMER_DAY = [*CUSTOMER, "day"]


def recompute(workspace: Path, results: Path, day: date) -> dict[str, int]:
    """Computes the three results of a day.

    Args:
        workspace: Its landing folder with all files, and its definitions.
        results: Where the three Parquet files go: episodes, flags, layers.
        day: The as-of date; no file holds a later row.

    Returns:
        Number of rows of each.
    """
    lines = pl.read_csv(workspace / "definitions" / "business_lines.csv").select(
        "line_id", "frequency_class", "lapse_days"
    )
    order_days, visit_days, feedback_days, customers = _activity(workspace)
    key_days = _key_days(order_days, visit_days, feedback_days, customers, lines)
    lapsed = pl.col("day") + pl.duration(days="lapse_days")
    episodes = (
        key_days.filter((lapsed <= day) & (pl.col("next_day").is_null() | (pl.col("next_day") > lapsed)))
        .sort("day")
        .select(
            *CUSTOMER,
            pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(CUSTOMER).alias("episode_number"),
            pl.col("day").alias("last_key_date"),
            lapsed.alias("lapsed_date"),
            pl.col("next_day").alias("returned_date"),
        )
    )
    tables = {
        "episodes": episodes,
        "flags": _flags(key_days, customers, episodes),
        "layers": _layers(episodes, order_days, visit_days, day),
    }
    for name, table in tables.items():
        table.write_parquet(results / f"{name}.parquet")
    return {name: table.height for name, table in tables.items()}


def _activity(workspace: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Days with orders, with visits and with feedback per customer and line, and the customers."""

    def scan(name: str) -> pl.LazyFrame:
        return pl.scan_parquet(workspace / "landing" / name / "*.parquet")

    category_lines = pl.read_csv(workspace / "definitions" / "category_lines.csv").select("category", "line_id").lazy()
    product_lines = (
        scan("products")
        .join(category_lines, on="category", how="left")
        .select("product_id", pl.col("line_id").fill_null("all"))
        .collect()
        .lazy()
    )
    order_lines = (
        scan("orders")
        .join(scan("order_items").select("order_id", "product_id"), on="order_id", how="left")
        .join(product_lines, on="product_id", how="left")
        .select(
            "order_id",
            "user_id",
            pl.col("line_id").fill_null("all"),
            pl.col("ordered_at").dt.date().alias("day"),
            (pl.col("status") != "cancelled").alias("is_valid"),
        )
        .unique()
        .collect()
    )
    order_days = order_lines.filter("is_valid").group_by(CUSTOMER_DAY).agg(pl.len().alias("order_count"))
    customers = order_days.group_by(CUSTOMER).agg(pl.col("day").min().alias("first_order_date"))

    visits = scan("visits").with_columns(pl.col("visited_at").dt.date().alias("day"))
    objects = pl.concat(
        [
            product_lines.select(
                pl.lit("product").alias("object_type"), pl.col("product_id").alias("object_id"), "line_id"
            ),
            category_lines.select(
                pl.lit("category").alias("object_type"), pl.col("category").alias("object_id"), "line_id"
            ),
        ]
    )
    of_objects = (
        visits.filter(pl.col("object_type").is_in(["product", "category"]))
        .join(objects, on=["object_type", "object_id"], how="left")
        .select("user_id", pl.col("line_id").fill_null("all"), "day", "session_id")
        .join(customers.lazy(), on=CUSTOMER, how="semi")
    )
    of_customers = (
        visits.filter(pl.col("object_type") == "page")
        .join(customers.lazy(), on="user_id")
        .filter(pl.col("day") >= pl.col("first_order_date"))
        .select(*CUSTOMER_DAY, "session_id")
    )
    visit_days = (
        pl.concat([of_objects, of_customers])
        .group_by(CUSTOMER_DAY)
        .agg(pl.col("session_id").n_unique().alias("visit_count"))
        .collect(engine="streaming")
    )

    feedback = scan("feedback").with_columns(pl.col("submitted_at").dt.date().alias("day")).collect()
    feedback_days = pl.concat(
        [
            feedback.filter(pl.col("order_id").is_not_null())
            .join(order_lines.select("order_id", "line_id"), on="order_id")
            .select(CUSTOMER_DAY),
            feedback.filter(pl.col("order_id").is_null())
            .join(customers, on="user_id")
            .filter(pl.col("day") >= pl.col("first_order_date"))
            .select(CUSTOMER_DAY),
        ]
    ).unique()
    return order_days, visit_days, feedback_days, customers


def _key_days(
    order_days: pl.DataFrame,
    visit_days: pl.DataFrame,
    feedback_days: pl.DataFrame,
    customers: pl.DataFrame,
    lines: pl.DataFrame,
) -> pl.DataFrame:
    """Key days on or after the first order, each with the next one and the line's limit."""
    not_high = lines.filter(pl.col("frequency_class") != "high").get_column("line_id").to_list()
    low = lines.filter(pl.col("frequency_class") == "low").get_column("line_id").to_list()
    return (
        pl.concat(
            [
                order_days.select(CUSTOMER_DAY),
                visit_days.select(CUSTOMER_DAY).filter(pl.col("line_id").is_in(not_high)),
                feedback_days.filter(pl.col("line_id").is_in(low)),
            ]
        )
        .unique()
        .join(customers, on=CUSTOMER)
        .filter(pl.col("day") >= pl.col("first_order_date"))
        .sort(CUSTOMER_DAY)
        .with_columns(pl.col("day").shift(-1).over(CUSTOMER).alias("next_day"))
        .join(lines.select("line_id", "lapse_days"), on="line_id")
    )


def _flags(key_days: pl.DataFrame, customers: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Where each customer stands in each line."""
    counts = episodes.group_by(CUSTOMER).agg(
        pl.col("returned_date").is_null().any().alias("is_churned"),
        pl.col("lapsed_date").filter(pl.col("returned_date").is_null()).max().alias("churned_date"),
        pl.len().cast(pl.Int32).alias("episode_count"),
    )
    return (
        key_days.filter(pl.col("next_day").is_null())
        .select(*CUSTOMER, pl.col("day").alias("last_key_date"))
        .join(customers, on=CUSTOMER)
        .join(counts, on=CUSTOMER, how="left")
        .select(
            *CUSTOMER,
            "first_order_date",
            "last_key_date",
            pl.col("is_churned").fill_null(value=False),
            "churned_date",
            pl.col("episode_count").fill_null(0),
        )
    )


def _layers(episodes: pl.DataFrame, order_days: pl.DataFrame, visit_days: pl.DataFrame, day: date) -> pl.DataFrame:
    """Scores and layer of each open episode."""
    open_episodes = episodes.filter(pl.col("returned_date").is_null()).select(*CUSTOMER, "episode_number")
    visits_before = _before_last(visit_days, open_episodes, "visit_count", 7)
    orders_before = _before_last(order_days, open_episodes, "order_count", 30)
    dimensions = (
        open_episodes.join(visits_before, on=CUSTOMER, how="left")
        .join(orders_before, on=CUSTOMER, how="left", suffix="_of_orders")
        .select(
            *CUSTOMER,
            "episode_number",
            (pl.lit(day) - pl.col("last_day")).dt.total_days().alias(DIMENSIONS[0]),
            pl.col("visit_count").alias(DIMENSIONS[1]),
            (pl.lit(day) - pl.col("last_day_of_orders")).dt.total_days().alias(DIMENSIONS[2]),
            pl.col("order_count").alias(DIMENSIONS[3]),
        )
    )
    # Hundredths are whole numbers, so their sum is exact. Who never visited has the lowest score of both.
    score = sum((_binned(name, bins_of(name), as_number=True) for name in DIMENSIONS), pl.lit(0))
    possible = int(possible_score() * 100)
    scored = dimensions.with_columns((score / possible).round(6).alias("layer_score"))
    return scored.with_columns(_binned("layer_score", layers(), as_number=False).alias("layer_code"))


def _before_last(days: pl.DataFrame, customers: pl.DataFrame, count: str, window: int) -> pl.DataFrame:
    """The last day of each customer, and what was counted in the days of the window before it."""
    return (
        days.join(customers, on=CUSTOMER, how="semi")
        .with_columns(pl.col("day").max().over(CUSTOMER).alias("last_day"))
        .group_by(CUSTOMER)
        .agg(
            pl.col("last_day").first(),
            pl.col(count)
            .filter(
                (pl.col("day") < pl.col("last_day")) & (pl.col("day") >= pl.col("last_day") - pl.duration(days=window))
            )
            .sum()
            .cast(pl.Int32),
        )
    )


def _binned(column: str, bins: list[Bin], *, as_number: bool) -> pl.Expr:
    """The value of the bin that a column falls into; of the first one where it is below or unknown."""

    def value(bin: Bin) -> Any:
        return pl.lit(round(float(bin.value) * 100)) if as_number else pl.lit(bin.value)

    found: Any = value(bins[0])
    if as_number and column == DIMENSIONS[0]:
        found = value(bins[-1])
    for bin in bins:
        found = pl.when(pl.col(column) >= float(bin.lower_edge)).then(value(bin)).otherwise(found)
    return found
