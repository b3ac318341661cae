"""The Complete Journey sample as landing files: real figures, known traps, the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "complete_journey"


def load_converter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("complete_journey_convert", EXAMPLE / "convert.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module", autouse=True)
def conversion(landing: Path) -> Any:
    """What was found when the landing folder was filled."""
    return load_converter().convert(landing)


def rows(landing: Path, query: str) -> list[tuple[object, ...]]:
    """Run a query over the landing files, each a view named as its table."""
    connection = duckdb.connect(":memory:")
    for file in sorted(landing.rglob("*.parquet")):
        connection.from_parquet(str(file)).create_view(file.stem)
    return connection.execute(query).fetchall()


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_convert_whole_sample_writes_its_published_counts(landing: Path) -> None:
    counts = rows(
        landing,
        """
        select
            (select count(*) from users), (select count(*) from orders),
            (select count(distinct user_id) from orders), (select count(*) from order_items),
            (select count(*) from products), (select count(*) from touches), (select count(*) from redemptions),
            (select count(*) from users where age_band is not null)
        """,
    )
    assert counts == [(2_469, 155_848, 2_469, 1_469_307, 92_331, 6_589, 2_102, 801)]


def test_convert_keys_of_contract_are_unique(landing: Path) -> None:
    for table, key in {
        "users": "user_id",
        "products": "product_id",
        "orders": "order_id",
        "order_items": "(order_id, line_number)",
        "touches": "touch_id",
        "redemptions": "redemption_id",
        "contacts": "user_id",
        "consents": "(user_id, channel)",
    }.items():
        assert rows(landing, f"select count(*) - count(distinct {key}) from {table}") == [(0,)], table


def test_convert_order_money_equals_its_items(landing: Path) -> None:
    differing = rows(
        landing,
        """
        select count(*)
        from orders
        inner join (select order_id, sum(net_amount) as net_amount from order_items group by order_id) as items
            using (order_id)
        where orders.net_amount <> items.net_amount
        """,
    )
    assert differing == [(0,)]


def test_convert_instants_stay_utc_so_that_the_zone_moves_them(landing: Path) -> None:
    # The last basket of the year is rung up at 2018-01-01 04:01:20 UTC, 23:01:20 on 31 December in New York.
    last = rows(landing, "select cast(max(ordered_at) as varchar), typeof(max(ordered_at)) from orders")
    assert last == [("2018-01-01 04:01:20", "TIMESTAMP")]


def test_convert_campaign_and_redemption_dates_are_bare_dates(landing: Path) -> None:
    # A midnight would be taken for an instant in UTC, which is the evening before in New York.
    types = rows(
        landing,
        "select typeof(any_value(touched_at)), (select typeof(any_value(redeemed_at)) from redemptions) from touches",
    )
    assert types == [("DATE", "DATE")]


def test_convert_twice_writes_the_same_bytes(landing: Path, tmp_path: Path) -> None:
    load_converter().convert(tmp_path)
    assert digests(tmp_path) == digests(landing)


def test_convert_invents_contacts_that_cannot_be_delivered(landing: Path) -> None:
    assert rows(
        landing, "select count(*) from contacts where email is not null and email not like '%@example.invalid'"
    ) == [(0,)]
    unreachable, opted_out, silent = rows(
        landing,
        """
        select
            (select count(*) from contacts where email is null),
            (select count(*) from consents where channel = 'email' and not is_opted_in),
            (select count(*) from users) - (select count(*) from consents where channel = 'email')
        """,
    )[0]
    assert (unreachable, opted_out, silent) == (115, 140, 81)


def test_convert_reports_traps_and_what_was_invented(conversion: Any) -> None:
    assert conversion.trap_counts == {
        "lines whose UTC date is not the shop's date": 250_533,
        "lines of a product that is not in the catalogue": 4_836,
        "lines with quantity 0 or less": 8_869,
        "campaigns that reach outside 2017": 8,
    }
    assert any("example.invalid" in note for note in conversion.notes)


def test_category_lines_names_only_categories_of_the_sample(landing: Path) -> None:
    with (EXAMPLE / "definitions" / "category_lines.csv").open(encoding="utf-8", newline="") as file:
        listed = [row["category"] for row in csv.DictReader(file)]
    known = {category for (category,) in rows(landing, "select distinct category from products")}
    assert len(listed) == len(set(listed))
    assert set(listed) <= known
