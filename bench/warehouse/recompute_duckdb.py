"""Episodes, flags and layers of a day from the landing files, all of them anew, by DuckDB.

Written from the definitions (docs/definitions.md), not from the models: what both agree on is what both got right.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
from bench.warehouse.bins import DIMENSIONS, bins_of, layers, possible_score

FILES = ("visits", "orders", "order_items", "products", "feedback")
ACTIVITY = """
    create temp table product_lines as
    select products.product_id, coalesce(category_lines.line_id, 'all') as line_id
    from products left join category_lines using (category);

    create temp table order_lines as
    select distinct
        orders.order_id,
        orders.user_id,
        orders.ordered_at::date as day,
        orders.status <> 'cancelled' as is_valid,
        coalesce(product_lines.line_id, 'all') as line_id
    from orders
    left join order_items using (order_id)
    left join product_lines using (product_id);

    create temp table order_days as
    select user_id, line_id, day, count(*) as order_count
    from order_lines where is_valid group by all;

    create temp table customers as
    select user_id, line_id, min(day) as first_order_date from order_days group by all;

    create temp table visit_days as
    select user_id, line_id, day, count(distinct session_id) as visit_count
    from (
        select visits.user_id, coalesce(product_lines.line_id, category_lines.line_id, 'all') as line_id,
            visited_at::date as day, session_id
        from visits
        left join product_lines on object_type = 'product' and object_id = product_id
        left join category_lines on object_type = 'category' and object_id = category
        where object_type in ('product', 'category')
        union all
        select user_id, line_id, visited_at::date as day, session_id
        from visits
        inner join customers using (user_id)
        where object_type = 'page' and visited_at::date >= first_order_date
    )
    -- Nobody else can lapse.
    semi join customers using (user_id, line_id)
    group by all;

    create temp table feedback_days as
    select distinct feedback.user_id, order_lines.line_id, submitted_at::date as day
    from feedback inner join order_lines using (order_id)
    union
    select feedback.user_id, line_id, submitted_at::date as day
    from feedback inner join customers using (user_id)
    where order_id is null and submitted_at::date >= first_order_date;
"""
EPISODES = """
    create temp table key_days as
    select user_id, line_id, day, lead(day) over (partition by user_id, line_id order by day) as next_day, lapse_days
    from (
        select user_id, line_id, day from order_days
        union
        select user_id, line_id, day from visit_days inner join lines using (line_id) where frequency_class <> 'high'
        union
        select user_id, line_id, day from feedback_days inner join lines using (line_id) where frequency_class = 'low'
    )
    inner join customers using (user_id, line_id)
    inner join lines using (line_id)
    where day >= first_order_date;

    create temp table episodes as
    select
        user_id,
        line_id,
        row_number() over (partition by user_id, line_id order by day)::integer as episode_number,
        day as last_key_date,
        day + lapse_days as lapsed_date,
        next_day as returned_date
    from key_days
    where day + lapse_days <= date '{day}' and (next_day is null or next_day > day + lapse_days);

    create temp table flags as
    select
        user_id,
        line_id,
        any_value(first_order_date) as first_order_date,
        max(key_days.day) as last_key_date,
        bool_or(episodes.last_key_date is not null and returned_date is null) as is_churned,
        max(case when returned_date is null then lapsed_date end) as churned_date,
        count(episodes.last_key_date)::integer as episode_count
    from key_days
    inner join customers using (user_id, line_id)
    left join episodes using (user_id, line_id)
    where key_days.next_day is null
    group by all;
"""
LAYERS = """
    create temp table layers as
    with

    open_episodes as (
        select user_id, line_id, episode_number from episodes where returned_date is null
    ),

    last_visits as (
        select user_id, line_id, max(day) as last_day from visit_days
        semi join open_episodes using (user_id, line_id) group by all
    ),

    last_orders as (
        select user_id, line_id, max(day) as last_day from order_days
        semi join open_episodes using (user_id, line_id) group by all
    ),

    visits_before as (
        select user_id, line_id, any_value(last_day) as last_visit_date,
            coalesce(sum(visit_count) filter (where day between last_day - 7 and last_day - 1), 0)::integer as visits
        from visit_days inner join last_visits using (user_id, line_id) group by all
    ),

    orders_before as (
        select user_id, line_id, any_value(last_day) as last_order_date,
            coalesce(sum(order_count) filter (where day between last_day - 30 and last_day - 1), 0)::integer as orders
        from order_days inner join last_orders using (user_id, line_id) group by all
    ),

    scored as (
        select
            open_episodes.*,
            date '{day}' - last_visit_date as days_since_last_visit,
            visits_before.visits as visit_count_7d_before_last_visit,
            date '{day}' - last_order_date as days_since_last_order,
            orders_before.orders as order_count_30d_before_last_order,
            -- Somebody who never visited has no days since, which is past every edge.
            coalesce({visit_days_score}, 0) + {visits_score} + {order_days_score} + {orders_score} as score
        from open_episodes
        left join visits_before using (user_id, line_id)
        left join orders_before using (user_id, line_id)
    )

    select
        * exclude (score),
        round(score / {possible_score}, 6)::decimal(9, 6) as layer_score,
        {layer_code} as layer_code
    from scored
"""


def recompute(workspace: Path, results: Path, day: date) -> dict[str, int]:
    """Computes the three results of a day.

    Args:
        workspace: Its landing folder with all files, and its definitions.
        results: Where the three Parquet files go: episodes, flags, layers.
        day: The as-of date; no file holds a later row.

    Returns:
        Number of rows of each.
    """
    with duckdb.connect(
        config={"threads": 2, "memory_limit": "6GB", "temp_directory": str(results / "tmp")}
    ) as database:
        database.execute("set enable_progress_bar = false").fetchall()
        for name in FILES:
            pattern = workspace / "landing" / name / "*.parquet"
            database.execute(f"create view {name} as from read_parquet('{pattern}')").fetchall()
        for name, file_name in (("lines", "business_lines"), ("category_lines", "category_lines")):
            path = workspace / "definitions" / f"{file_name}.csv"
            database.execute(f"create table {name} as from read_csv('{path}')").fetchall()
        database.execute("alter table lines alter lapse_days type integer").fetchall()
        for statements in (ACTIVITY, EPISODES, LAYERS):
            text = statements.format(day=day, **_score_expressions()) if statements is not ACTIVITY else statements
            database.execute(text).fetchall()
        counts = {}
        for name in ("episodes", "flags", "layers"):
            database.execute(f"copy {name} to '{results / name}.parquet'").fetchall()
            row = database.execute(f"select count(*) from {name}").fetchone()
            assert row is not None
            counts[name] = int(row[0])
    return counts


def _score_expressions() -> dict[str, str]:
    """Expressions from the shipped bins and layers."""
    found = {"possible_score": str(possible_score())}
    arguments = {
        "visit_days_score": (DIMENSIONS[0], "days_since_last_visit"),
        "visits_score": (DIMENSIONS[1], "coalesce(visits_before.visits, 0)"),
        "order_days_score": (DIMENSIONS[2], "days_since_last_order"),
        "orders_score": (DIMENSIONS[3], "orders_before.orders"),
    }
    for name, (dimension, argument) in arguments.items():
        branches = [f"when {argument} >= {bin.lower_edge} then {bin.value}" for bin in reversed(bins_of(dimension))]
        found[name] = f"case {' '.join(branches)} end"
    branches = [f"when layer_score >= {layer.lower_edge} then '{layer.value}'" for layer in reversed(layers())]
    found["layer_code"] = f"case {' '.join(branches)} end"
    return found
