"""Stories of one small shop in New York, counted by hand through the whole night: load, models, tests, publication."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.warehouse.nights import run_models, run_night
from tests.support.files import write_files

from recall.domain.workspace import load_workspace
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

if TYPE_CHECKING:
    from tests.conftest import Warehouse

FILES = {
    "workspace.yml": "business_time_zone: America/New_York\ncurrency_code: USD\n",
    "definitions/business_lines.csv": (
        "line_id,line_name,frequency_class,lapse_days,returned_days,margin_rate,valid_from\n"
        "tea,Tea,high,10,30,0.4,2020-01-01\n"
        "wine,Wine,mid,10,30,0.4,2020-01-01\n"
        "pets,Pets,low,10,30,0.4,2020-01-01\n"
    ),
    "definitions/category_lines.csv": (
        "category,line_id,valid_from\ngreen tea,tea,2020-01-01\nred wine,wine,2020-01-01\ndog food,pets,2020-01-01\n"
    ),
    "definitions/exchange_rates.csv": "currency_code,rate_date,rate\nEUR,2024-01-01,1.10\nEUR,2024-01-10,1.20\n",
    "landing/users/users.csv": (
        "user_id,registered_at,gender,merged_into,updated_at\n"
        "ann,2023-12-31T23:30:00-05:00,female,,2024-01-01T00:00:00Z\n"
        "bob,,,,\n"
        "cem,,,,\n"
        "dee,,,,\n"
        "dee2,,,dee,2024-01-20T00:00:00Z\n"
        "eva,,,,\n"
        "fay,2024-03-01,,,\n"
    ),
    "landing/products/products.csv": (
        "product_id,category,unit_cost\ngreen,green tea,1.50\nred,red wine,\nbone,dog food,2\ncard,gift cards,\n"
    ),
    "landing/orders/orders.csv": (
        "order_id,user_id,ordered_at,net_amount,status,currency_code,updated_at\n"
        # 03:30 UTC is 22:30 of the day before in New York.
        "a1,ann,2024-01-02T03:30:00Z,10,completed,,2024-01-02T03:30:00Z\n"
        "a2,ann,2024-01-12,10,completed,,2024-01-12T12:00:00Z\n"
        "b1,bob,2024-01-03,30,completed,,2024-01-03T12:00:00Z\n"
        "c1,cem,2024-01-05,8,pending,,2024-01-05T12:00:00Z\n"
        "d1,dee,2024-01-02,20,completed,,2024-01-02T12:00:00Z\n"
        "d2,dee2,2024-01-08,20,completed,,2024-01-08T12:00:00Z\n"
        "e1,eva,2024-01-04,10,completed,EUR,2024-01-04T12:00:00Z\n"
        "e2,eva,2024-01-11,10,refunded,EUR,2024-01-11T12:00:00Z\n"
        "x1,nobody knows,2024-01-04,99,completed,,2024-01-04T12:00:00Z\n"
    ),
    "landing/order_items/items.csv": (
        "order_id,line_number,product_id,quantity,net_amount\n"
        "a1,1,green,2,10\na2,1,green,1,10\n"
        "b1,1,green,1,5\nb1,2,red,1,5\nb1,3,bone,1,5\n"
        "d1,1,red,1,20\nd2,1,red,1,20\n"
        "e1,1,card,1,10\ne2,1,not in the catalogue,1,10\n"
    ),
    "landing/refunds/refunds.csv": (
        "refund_id,order_id,refunded_at,amount\n"
        "r1,e2,2024-01-12,99\n"
        "r2,a1,2024-02-01,4\n"
        "r3,never delivered,2024-01-12,5\n"
    ),
    "landing/visits/visits.csv": (
        "visit_id,user_id,visited_at,action,object_type,object_id,session_id\n"
        "v1,bob,2024-01-02T15:00:00Z,view,product,red,s1\n"
        "v2,bob,2024-01-02T15:01:00Z,view,,,s1\n"
        "v3,bob,2024-01-13T15:00:00Z,view,,,s2\n"
        "v4,bob,2024-01-13T15:01:00Z,view,product,green,s2\n"
        "v5,bob,2024-01-13T15:02:00Z,view,,,\n"
        "v6,fay,2024-01-10T15:00:00Z,view,,,s9\n"
    ),
    "landing/feedback/feedback.csv": (
        "feedback_id,user_id,submitted_at,kind,order_id\n"
        "f1,bob,2024-01-20,complaint,\n"
        "f2,ann,2024-01-15,rating,b1\n"
        "f3,ann,2024-01-15,rating,never delivered\n"
    ),
}
FIRST_DAY = date(2024, 1, 22)
SECOND_DAY = date(2024, 1, 23)


class Shop:
    """The workspace of the stories and its warehouse."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)
        self.workspace = load_workspace(folder)

    def write(self, name: str, text: str) -> None:
        """Puts a file into the workspace."""
        write_files(self.folder, {name: text})

    def night(self, as_of_date: date, *, is_tested: bool = True) -> None:
        """Loads what is new and runs the night."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RECALL_HOME", str(self.warehouse.home.root))
            load_definitions(self.workspace)
            load_landing(self.workspace)
            (run_night if is_tested else run_models)(self.workspace, as_of_date)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query, as a BI tool sees them."""
        with self.warehouse.connect("bi_reader") as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@pytest.fixture(scope="module")
def first_night(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after the night of 22 January."""
    shop = Shop(module_warehouse, tmp_path_factory.mktemp("workspace"))
    shop.night(FIRST_DAY)
    return shop


def days_of(shop: Shop, user_id: str, line_id: str) -> list[tuple[Any, ...]]:
    """A user's days in a line: day of January, visits, actions, orders, feedback."""
    return shop.rows(
        "select cast(extract(day from activity_date) as integer), visit_count, action_count, order_count,"
        " feedback_count from marts.fct_user_days where user_id = %s and line_id = %s order by activity_date",
        (user_id, line_id),
    )


def episodes_of(shop: Shop, user_id: str, line_id: str) -> list[tuple[Any, ...]]:
    """A customer's episodes in a line: number, days of January of last key day, lapse and return, open."""
    return shop.rows(
        "select episode_number, cast(extract(day from last_key_date) as integer),"
        " cast(extract(day from lapsed_date) as integer), cast(extract(day from returned_date) as integer), is_open"
        " from marts.fct_lapse_episodes where user_id = %s and line_id = %s order by episode_number",
        (user_id, line_id),
    )


def test_order_after_midnight_utc_belongs_to_the_day_before_in_new_york(first_night: Shop) -> None:
    assert first_night.rows("select ordered_date from marts.fct_orders where order_id = 'a1'") == [(date(2024, 1, 1),)]
    # Ordered on 1 and 12 January: quiet for 10 days on the 11th, back on the 12th; quiet again on the 22nd.
    assert episodes_of(first_night, "ann", "tea") == [(1, 1, 11, 12, False), (2, 12, 22, None, True)]


def test_visits_without_object_belong_to_the_lines_whose_customer_one_is(first_night: Shop) -> None:
    # Bob's first order, of the 3rd, is in three lines: before it only the wine that he looked at counts.
    assert days_of(first_night, "bob", "any") == [(2, 1, 2, 0, 0), (3, 0, 0, 1, 0), (13, 2, 3, 0, 0), (20, 0, 0, 0, 1)]
    assert days_of(first_night, "bob", "wine") == [(2, 1, 1, 0, 0), (3, 0, 0, 1, 0), (13, 2, 2, 0, 0), (20, 0, 0, 0, 1)]
    # On the 13th session s2 and a row of its own without an object, and in tea a look at green tea in s2 as well.
    assert days_of(first_night, "bob", "tea") == [(3, 0, 0, 1, 0), (13, 2, 3, 0, 0), (20, 0, 0, 0, 1)]


def test_what_lapses_depends_on_the_class_of_the_line(first_night: Shop) -> None:
    # tea counts the order of the 3rd alone; wine the visits of the 13th, just in time, so quiet until the 22nd is 9;
    # pets the feedback of the 20th as well.
    assert episodes_of(first_night, "bob", "tea") == [(1, 3, 13, None, True)]
    assert episodes_of(first_night, "bob", "wine") == []
    assert episodes_of(first_night, "bob", "pets") == []
    assert first_night.rows(
        "select line_id, as_of_date, frequency_class, lapse_days, last_key_date, inactive_days, is_churned,"
        " churned_date, episode_count from marts.fct_churn_flags where user_id = 'bob' order by line_id"
    ) == [
        ("pets", FIRST_DAY, "low", 10, date(2024, 1, 20), 2, False, None, 0),
        ("tea", FIRST_DAY, "high", 10, date(2024, 1, 3), 19, True, date(2024, 1, 13), 1),
        ("wine", FIRST_DAY, "mid", 10, date(2024, 1, 13), 9, False, None, 0),
    ]


def test_money_of_an_order_is_split_over_its_lines(first_night: Shop) -> None:
    # 30.00 over three items of 5.00 is 10.00 each. Costs: tea 1 x 1.50; wine has no cost: 5.00 x (1 - 0.4) = 3.00;
    # pets 1 x 2.00. So 30.00 - 6.50 = 23.50.
    assert first_night.rows(
        "select line_id, net_amount, contribution_amount from marts.fct_user_days"
        " where user_id = 'bob' and order_count > 0 order by line_id"
    ) == [
        ("any", Decimal("30"), Decimal("23.5")),
        ("pets", Decimal("10"), Decimal("8")),
        ("tea", Decimal("10"), Decimal("8.5")),
        ("wine", Decimal("10"), Decimal("7")),
    ]


def test_amounts_are_in_the_workspaces_currency_and_refunds_give_back_the_order_at_most(first_night: Shop) -> None:
    # 10 euros at 1.10 on the 4th and at 1.20 on the 11th; the refund of 99 euros gives back 12.00. Gift cards and
    # unknown products are in line all, whose margin is the shipped 0.3: costs 7.70 and 8.40.
    assert first_night.rows(
        "select order_id, net_amount, refunded_amount, contribution_amount, currency_code, is_valid"
        " from marts.fct_orders where user_id = 'eva' order by order_id"
    ) == [
        ("e1", Decimal("11"), Decimal("0"), Decimal("3.3"), "USD", True),
        ("e2", Decimal("12"), Decimal("12"), Decimal("-8.4"), "USD", True),
    ]
    # A refund of February is not known in January.
    assert first_night.rows("select refunded_amount from marts.fct_orders where order_id = 'a1'") == [(Decimal("0"),)]


def test_a_pending_order_makes_no_customer(first_night: Shop) -> None:
    assert first_night.rows("select is_valid, contribution_amount from marts.fct_orders where user_id = 'cem'") == [
        (False, Decimal("0"))
    ]
    assert days_of(first_night, "cem", "any") == []


def test_merged_users_are_one_customer(first_night: Shop) -> None:
    # Dee's order of the 2nd and that of her other account on the 8th: lapsed on the 18th.
    assert episodes_of(first_night, "dee", "wine") == [(1, 8, 18, None, True)]
    assert first_night.rows("select user_id from marts.dim_users order by user_id") == [
        ("ann",), ("bob",), ("cem",), ("dee",), ("eva",), ("fay",)
    ]  # fmt: skip
    assert first_night.rows("select user_id from marts.fct_orders where order_id = 'd2'") == [("dee",)]


def test_rows_without_a_known_parent_wait(first_night: Shop) -> None:
    assert first_night.rows("select count(*) from marts.fct_orders where order_id = 'x1'") == [(0,)]
    # Ann's feedback on Bob's order is in the lines of that order; the one on an unknown order is nowhere.
    assert days_of(first_night, "ann", "pets") == [(15, 0, 0, 0, 1)]
    assert days_of(first_night, "ann", "any")[-1] == (15, 0, 0, 0, 1)


def test_a_user_who_registers_later_is_listed_with_what_is_known_today(first_night: Shop) -> None:
    assert first_night.rows(
        "select user_id, registered_date, is_listed from marts.dim_users where user_id in ('ann', 'fay') order by 1"
    ) == [("ann", date(2023, 12, 31), True), ("fay", None, False)]


def test_second_night_moves_only_those_with_news_and_those_whose_timer_is_due(first_night: Shop) -> None:
    # Ann's first order turns out cancelled: her first episode vanishes and the second is renumbered.
    # Cem's order is paid after all, on the day it was placed. Nobody knows him arrives. Bob does nothing, but on the
    # 23rd he has been quiet in wine for 10 days.
    first_night.write(
        "landing/orders/late.csv",
        "order_id,user_id,ordered_at,net_amount,status,updated_at\n"
        "a1,ann,2024-01-02T03:30:00Z,10,cancelled,2024-01-23T12:00:00Z\n"
        "c1,cem,2024-01-05,8,paid,2024-01-23T12:00:00Z\n",
    )
    first_night.write("landing/users/late.csv", "user_id\nnobody knows\n")
    first_night.night(SECOND_DAY)
    with first_night.warehouse.connect() as connection:
        changed = connection.execute(
            "select user_id, replace_from_date from intermediate.int_users__changed order by user_id"
        ).fetchall()
    assert changed == [
        ("ann", date(2024, 1, 1)),
        ("bob", None),
        ("cem", date(2024, 1, 5)),
        ("nobody knows", date(1, 1, 1)),
    ]
    assert episodes_of(first_night, "ann", "tea") == [(1, 12, 22, None, True)]
    assert episodes_of(first_night, "bob", "wine") == [(1, 13, 23, None, True)]
    assert episodes_of(first_night, "cem", "all") == []
    assert days_of(first_night, "nobody knows", "all") == [(4, 0, 0, 1, 0)]
    # Eva did nothing and nothing fell due, and yet she is a day older.
    assert first_night.rows(
        "select as_of_date, inactive_days from marts.fct_churn_flags where user_id = 'eva' order by 1"
    ) == [(SECOND_DAY, 12)]


def test_another_rate_converts_the_orders_of_its_days_without_a_rebuild(first_night: Shop) -> None:
    # Eva's orders of 10 euros on the 4th (at 1.10) and the 11th (at 1.20): from the 10th on a euro is 1.30 now.
    first_night.write(
        "definitions/exchange_rates.csv", "currency_code,rate_date,rate\nEUR,2024-01-01,1.10\nEUR,2024-01-10,1.30\n"
    )
    first_night.night(date(2024, 1, 24), is_tested=False)
    orders = first_night.rows(
        "select order_id, net_amount, refunded_amount from marts.fct_orders where user_id = 'eva' order by order_id"
    )
    assert orders == [("e1", Decimal(11), Decimal(0)), ("e2", Decimal(13), Decimal(13))]
    with first_night.warehouse.connect() as connection:
        changed = connection.execute(
            "select user_id, replace_from_date from intermediate.int_users__changed where replace_from_date is not null"
        ).fetchall()
        is_full = connection.execute("select is_full_rebuild from control.night").fetchone()
    assert changed == [("eva", date(2024, 1, 11))]
    assert is_full == (False,)
