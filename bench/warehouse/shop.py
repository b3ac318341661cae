"""A made-up shop of any size, written by DuckDB straight into the landing folder of a workspace.

Everything follows from numbers by hashing, so that the same size gives the same files on every machine. Users come
in groups of a thousand, each with its share of the sessions and orders, of which a few users have most. A shop of a
tenth of the size is therefore the first tenth of the groups, row by row the same, and the night after the history
is acted by the users of that tenth alone: both shops see the very same night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

FIRST_DAY = date(2024, 1, 1)
HISTORY_DAYS = 365
LAST_DAY = FIRST_DAY + timedelta(days=HISTORY_DAYS - 1)
NIGHT_DAY = LAST_DAY + timedelta(days=1)
GROUP = 1000
TENTH = 10
ACTIONS = 2
"""Rows of visits per session."""
PRODUCTS = 20_000

LINES = """line_id,line_name,frequency_class,lapse_days,returned_days,margin_rate,valid_from
all,Everything else,low,120,30,0.3,2000-01-01
fashion,Fashion,mid,30,14,0.4,2000-01-01
travel,Travel,high,90,30,0.2,2000-01-01
"""
CATEGORY_LINES = "category,line_id,valid_from\n" + "".join(
    f"c{number:02},{'fashion' if number < 12 else 'travel'},2000-01-01\n" for number in range(18)
)
"""Of the 20 categories the last two are not listed and belong to line all."""

# A prime above the number of users spreads their numbers over all ids, so that a tenth is not a corner of an index.
USER_ID = "'u' || lpad(((({number}) * 630023) % 10000019)::varchar, 8, '0')"
# Squared, a uniform number makes a few users of each group do most.
USER_NUMBER = f"({{group}}) * {GROUP} + floor({GROUP} * power((hash({{row}}, {{salt}}) % 1000000) / 1e6, 2))::bigint"
PRODUCT_ID = f"'p' || (hash({{row}}, {{salt}}) % {PRODUCTS})"
MONEY = "((100 + hash({row}, {salt}) % 20000) / 100.0)::decimal(12, 2)"

# Somebody comes at some day of the first ten months and stays for one month to fourteen.
LIVES = """
    create table lives as
    select
        number as user_number,
        {user_id} as user_id,
        (hash(number, 101) % 300)::integer as first_day,
        least({days}, (hash(number, 101) % 300)::integer + 30 + (hash(number, 102) % 400)::integer) as end_day
    from range({users}) as numbers (number)
"""
USERS = """
    select
        user_id,
        timestamp '{first_day}' + to_days(first_day) as registered_at,
        ['search', 'friends', 'advert', 'shop'][1 + (hash(user_number, 111) % 4)::integer] as acquisition_channel,
        ['female', 'male', null][1 + (hash(user_number, 112) % 3)::integer] as gender,
        date '1950-01-01' + (hash(user_number, 113) % 20000)::integer as birth_date,
        'r' || (hash(user_number, 114) % 30) as region
    from lives
"""
PRODUCTS_QUERY = """
    select
        'p' || number as product_id,
        'c' || lpad((number % 20)::varchar, 2, '0') as category,
        'Product ' || number as name,
        ((200 + hash(number, 121) % 30000) / 100.0)::decimal(12, 2) as list_price,
        ((100 + hash(number, 121) % 10000) / 100.0)::decimal(12, 2) as unit_cost
    from range({products}) as numbers (number)
"""
EVENTS = """
    create table {name} as
    select
        number,
        user_id,
        (first_day + floor((end_day - first_day) * ((hash(number, {salt}) % 1000000) / 1e6)))::integer as day,
        (hash(number, {salt} + 1) % 86000)::integer as second
    from (
        select number, {user_number} as user_number from range({count}) as numbers (number)
    ) as drawn
    inner join lives using (user_number)
"""
NIGHT_EVENTS = """
    create table {name} as
    select
        number + {offset} as number,
        {user_id} as user_id,
        {days} as day,
        (hash(number, {salt} + 1) % 86000)::integer as second
    from (
        select
            number, {user_number} as user_number
        from range({count}) as numbers (number)
    ) as drawn
"""
VISITS = """
    select
        'v' || lpad((number * {actions} + action_number)::varchar, 11, '0') as visit_id,
        user_id,
        timestamp '{first_day}' + to_days(day) + to_seconds(second + 7 * action_number) as visited_at,
        ['view', 'search', 'click', 'cart'][1 + (hash(number, action_number, 131) % 4)::integer] as action,
        case
            when hash(number, action_number, 132) % 10 < 7 then 'product'
            when hash(number, action_number, 132) % 10 < 8 then 'category'
            else 'page'
        end as object_type,
        case
            when hash(number, action_number, 132) % 10 < 7
                then 'p' || (hash(number, action_number, 133) % {products})
            when hash(number, action_number, 132) % 10 < 8
                then 'c' || lpad((hash(number, action_number, 133) % 20)::varchar, 2, '0')
            else 'home'
        end as object_id,
        ['app', 'web', 'wechat'][1 + (hash(number, 134) % 3)::integer] as channel,
        's' || number as session_id
    from {name}
    cross join range({actions}) as actions (action_number)
    where {condition}
    order by day
"""
ORDERS = """
    select
        'o' || lpad(number::varchar, 9, '0') as order_id,
        user_id,
        timestamp '{first_day}' + to_days(day) + to_seconds(second) as ordered_at,
        {money} as net_amount,
        case when hash(number, 142) % 50 = 0 then 'cancelled' else 'paid' end as status,
        ['app', 'web'][1 + (hash(number, 143) % 2)::integer] as sales_channel,
        case when hash(number, 144) % 4 = 0 then 5.00 else 0.00 end as discount_amount
    from {name}
    where {condition}
    order by day
"""
ORDER_ITEMS = """
    select
        'o' || lpad(number::varchar, 9, '0') as order_id,
        line_number::integer as line_number,
        {product} as product_id,
        (1 + hash(number, line_number, 152) % 3)::integer as quantity,
        {money} as net_amount
    from {name}
    cross join range(1, 3) as lines (line_number)
    where line_number <= 1 + hash(number, 151) % 2 and {condition}
    order by day
"""
REFUNDS = """
    select
        'r' || number as refund_id,
        'o' || lpad(number::varchar, 9, '0') as order_id,
        timestamp '{first_day}' + to_days(day) + to_seconds(second + 300) as refunded_at,
        20.00 as amount
    from {name}
    where hash(number, 161) % 50 = 0 and {condition}
"""
FEEDBACK = """
    select
        'f' || number as feedback_id,
        user_id,
        timestamp '{first_day}' + to_days(day) + to_seconds(second + 300) as submitted_at,
        'rating' as kind,
        ['quality', 'service', 'delivery', 'price'][1 + (hash(number, 172) % 4)::integer] as topic,
        (1 + hash(number, 173) % 5)::integer as score,
        case when hash(number, 174) % 2 = 0 then 'o' || lpad(number::varchar, 9, '0') end as order_id
    from {name}
    where hash(number, 171) % 20 = 0 and {condition}
"""


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        user_count: Users, a multiple of 10,000.
        visit_count: Rows of visits in the history, an even multiple of the groups.
        order_count: Orders in the history.
        night_visit_count: Rows of visits of the one night that follows.
        night_order_count: Orders of that night.
    """

    user_count: int
    visit_count: int
    order_count: int
    night_visit_count: int
    night_order_count: int

    @property
    def tenth(self) -> Size:
        """The same shop with a tenth of the users and of the history, and the same night."""
        return Size(
            self.user_count // TENTH,
            self.visit_count // TENTH,
            self.order_count // TENTH,
            self.night_visit_count,
            self.night_order_count,
        )


def write_workspace(workspace: Path) -> None:
    """Writes settings and definitions: three lines, each with another key behaviour."""
    (workspace / "definitions").mkdir(parents=True)
    (workspace / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: EUR\n")
    (workspace / "definitions" / "business_lines.csv").write_text(LINES)
    (workspace / "definitions" / "category_lines.csv").write_text(CATEGORY_LINES)


class Shop:
    """The events of a shop, ready to be written.

    Args:
        scratch: A folder for DuckDB's own file, to be removed afterwards.
        size: How much of everything.
        night_user_count: The users who may act in the night.
    """

    def __init__(self, scratch: Path, size: Size, night_user_count: int) -> None:
        self.size = size
        self.database = duckdb.connect(
            str(scratch / "shop.duckdb"),
            config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(scratch / "shop.tmp")},
        )
        self._run("set enable_progress_bar = false")
        self._run(LIVES, user_id=USER_ID.format(number="number"), days=HISTORY_DAYS, users=size.user_count)
        groups = size.user_count // GROUP
        self._draw("sessions", size.visit_count // ACTIONS, 11, groups)
        self._draw("orders", size.order_count, 21, groups)
        # Past the numbers of the greatest history, so that no id of the night was there before.
        self._draw_night("night_sessions", size.night_visit_count // ACTIONS, 31, night_user_count // GROUP, 10**9)
        self._draw_night("night_orders", size.night_order_count, 41, night_user_count // GROUP, 10**8)

    def write_history(self, landing: Path) -> None:
        """Writes users, products and a year, the visits in a file per month of 30 days."""
        self._write(landing / "users" / "users.parquet", USERS)
        self._write(landing / "products" / "products.parquet", PRODUCTS_QUERY)
        for month in range(0, HISTORY_DAYS, 30):
            self._write_events(landing, f"{month:03}", "", f"day >= {month} and day < {month + 30}")

    def write_night(self, landing: Path) -> None:
        """Writes the one day that follows the year."""
        self._write_events(landing, "night", "night_", "true")

    def close(self) -> None:
        """Closes DuckDB."""
        self.database.close()

    def _write_events(self, landing: Path, file_name: str, prefix: str, condition: str) -> None:
        for table, query, events in (
            ("visits", VISITS, "sessions"),
            ("orders", ORDERS, "orders"),
            ("order_items", ORDER_ITEMS, "orders"),
            ("refunds", REFUNDS, "orders"),
            ("feedback", FEEDBACK, "orders"),
        ):
            path = landing / table / f"{table}_{file_name}.parquet"
            self._write(path, query, name=f"{prefix}{events}", condition=condition)

    def _draw(self, name: str, count: int, salt: int, groups: int) -> None:
        # Events are dealt to the groups one after the other: a smaller shop has the first ones of each.
        per_group = count // groups
        user_number = USER_NUMBER.format(group=f"number // {per_group}", row="number", salt=salt + 5)
        self._run(EVENTS, name=name, count=per_group * groups, salt=salt, user_number=user_number)

    def _draw_night(self, name: str, count: int, salt: int, groups: int, offset: int) -> None:
        user_number = USER_NUMBER.format(group=f"number % {groups}", row="number", salt=salt + 5)
        self._run(
            NIGHT_EVENTS,
            name=name,
            count=count,
            salt=salt,
            offset=offset,
            days=HISTORY_DAYS,
            user_number=user_number,
            user_id=USER_ID.format(number="user_number"),
        )

    def _run(self, statement: str, **values: object) -> None:
        self.database.execute(statement.format(**values)).fetchall()

    def _write(self, path: Path, query: str, **values: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = {
            "first_day": FIRST_DAY,
            "products": PRODUCTS,
            "actions": ACTIONS,
            "money": MONEY.format(row="number", salt=141),
            "product": PRODUCT_ID.format(row="number * 2 + line_number", salt=153),
        }
        # Sorted by day within the file, as a source that writes day by day would have it.
        self._run(f"copy ({query.format(**known | values)}) to '{path}'")
