"""Files that are refused whole, sources that fall silent, and what a person can do about both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date

import pytest
from tests.integration.ingest.conftest import Shop

from recall.domain.errors import GateBlocked
from recall.ingest.sources import require_sources
from recall.warehouse.receipts import note_landed_receipts

ORDERS = "order_id,user_id,ordered_at,net_amount\n"
ORDER = "o1,u1,2024-05-01,1\n"
WRONG_HEADER = "order_id,user_id,order_at,net_amount\n"
DAY = date(2024, 5, 1)
SOURCES = "table,max_silent_days\norders,2\nusers,2\n"

MakeShop = Callable[[dict[str, str]], Shop]


def blocked(shop: Shop, as_of_date: date = DAY) -> GateBlocked:
    """Returns what blocks a build."""
    with pytest.raises(GateBlocked) as caught:
        require_sources(shop.workspace, as_of_date)
    return caught.value


def test_refused_file_blocks_with_the_nearest_name_until_it_is_mended(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + ORDER)
    result = shop.load_one("orders/b.csv", WRONG_HEADER + "o2,u2,2024-05-01,2\n")

    wanted = "required column missing: 'ordered_at' (the nearest column in the file is 'order_at')"
    assert (result.state, result.error) == ("rejected", wanted)
    gate = blocked(shop)
    assert gate.exit_code == 3
    assert f"orders/b.csv: {wanted}" in gate.message
    assert gate.next_command == "recall load --accept orders/b.csv"
    # Nothing of it loads, and the next load says so again.
    assert shop.raw("orders", "order_id") == [("o1",)]
    assert [file.path for file in shop.load().rejected] == ["orders/b.csv"]

    shop.load_one("orders/b.csv", ORDERS + "o2,u2,2024-05-01,2\n")

    require_sources(shop.workspace, DAY)
    assert shop.raw("orders", "order_id") == [("o1",), ("o2",)]


def test_refused_new_content_leaves_the_rows_that_its_name_brought_before(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + ORDER)
    shop.load_one("orders/a.csv", WRONG_HEADER)
    assert shop.raw("orders", "order_id") == [("o1",)]
    blocked(shop)

    # The old content under its name again mends it and changes nothing.
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    summary = shop.load()

    require_sources(shop.workspace, DAY)
    assert (summary.files, summary.rejected) == ((), ())


def test_refused_file_that_a_person_accepts_is_gone_on_without(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + ORDER)
    shop.load_one("orders/b.csv", WRONG_HEADER)

    summary = shop.load(accept=["landing/orders/b.csv"])

    assert [file.state for file in summary.files] == ["accepted"]
    require_sources(shop.workspace, DAY)
    assert shop.load().files == ()
    # Acceptance is of that content: another one is judged anew.
    shop.load_one("orders/b.csv", WRONG_HEADER + "x\n")
    blocked(shop)


def test_refused_file_accepted_together_with_its_first_load_does_not_block(shop: Shop) -> None:
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    shop.deliver("orders/b.csv", WRONG_HEADER)
    shop.load(accept=["orders/b.csv"])

    require_sources(shop.workspace, DAY)


def test_refused_file_of_many_bad_rows_loads_its_good_ones_once_accepted(shop: Shop) -> None:
    lines = ORDERS + ORDER + "o2,u2,2024-05-01,-1\no3,u3,never,1\n"
    result = shop.load_one("orders/a.csv", lines)
    assert result.error == (
        "2 of 3 rows are bad (66.7%, allowed are 5.0%): not_an_instant in column 'ordered_at' 1 times;"
        " negative in column 'net_amount' 1 times; the first is line 3"
    )
    assert shop.query("select count(*) from quarantine.rows") == [(0,)]

    result = shop.load(accept=["orders/a.csv"]).files[0]

    assert (result.state, result.loaded_count, result.quarantined_count) == ("loaded", 1, 2)
    require_sources(shop.workspace, DAY)
    assert shop.query(
        "select record_number, line_number, byte_offset, rule_code, column_name, raw_line from quarantine.rows"
        " order by record_number"
    ) == [
        (2, 3, len(ORDERS + ORDER), "negative", "net_amount", "o2,u2,2024-05-01,-1"),
        (3, 4, len(ORDERS + ORDER) + 20, "not_an_instant", "ordered_at", "o3,u3,never,1"),
    ]


def test_refused_share_of_bad_rows_follows_the_dated_definition(shop_with: MakeShop) -> None:
    rules = "max_bad_rate,valid_from\n0.05,1970-01-01\n0.5,2024-05-15\n"
    shop = shop_with({"definitions/load_rules.csv": rules})

    assert shop.load_one("orders/a.csv", ORDERS + ORDER + ",u2,2024-05-01,1\n").quarantined_count == 1


def test_refused_by_its_manifest_and_mended_by_it(shop: Shop) -> None:
    content = ORDERS + ORDER
    shop.deliver("orders/a.csv.manifest.json", json.dumps({"row_count": 2}))
    assert shop.load_one("orders/a.csv", content).error == "its manifest promises 2 rows, but it has 1"

    digest = hashlib.sha256(content.encode()).hexdigest()
    shop.deliver("orders/a.csv.manifest.json", json.dumps({"row_count": 1, "sha256": digest}))
    assert shop.load().files[0].state == "loaded"

    shop.deliver("orders/b.csv.manifest.json", json.dumps({"sha256": digest}))
    error = shop.load_one("orders/b.csv", ORDERS).error
    assert error is not None
    assert error.startswith(f"its manifest says sha256 {digest}, but the file's is ")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("visit/a.csv", "there is no table 'visit'; the nearest known name is visits"),
        ("orders.csv", "it belongs into a folder of its table: orders/orders.csv"),
    ],
)
def test_refused_in_a_place_of_no_table_says_where_it_belongs(shop: Shop, path: str, message: str) -> None:
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    assert shop.load_one(path, "visit_id\n").error == message
    assert message in blocked(shop).message

    shop.load(accept=[path])

    require_sources(shop.workspace, DAY)


def test_refused_link_that_leads_out_of_the_landing_folder(shop: Shop) -> None:
    outside = shop.workspace.path / "secret.csv"
    outside.write_text(ORDERS)
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    (shop.workspace.landing_dir / "orders" / "b.csv").symlink_to(outside)

    assert [(file.path, file.error) for file in shop.load().rejected] == [
        ("orders/b.csv", "the link leads out of the landing folder")
    ]


def test_sources_without_any_orders_block(shop: Shop) -> None:
    shop.load_one("users/a.csv", "user_id\nu1\n")

    assert blocked(shop).message.startswith("no orders were ever loaded")


def test_sources_silent_for_longer_than_they_may_block(shop_with: MakeShop) -> None:
    shop = shop_with({"definitions/sources.csv": SOURCES})
    shop.deliver("users/users.csv", "user_id\nu1\n")
    shop.load_one("orders/a.csv", ORDERS + ORDER)

    # Two days after the last order are allowed, three are not; users were delivered "today".
    require_sources(shop.workspace, date(2024, 5, 3))
    gate = blocked(shop, date(2024, 5, 4))
    assert gate.message == (
        "expected sources are silent as of 2024-05-04: orders: last heard of 2024-05-01,"
        " may be silent for 2 days; deliver them, or accept the silence"
    )
    assert gate.next_command == "recall load --accept orders"


def test_sources_speak_through_an_empty_day(shop_with: MakeShop) -> None:
    shop = shop_with({"definitions/sources.csv": SOURCES})
    shop.deliver("users/users.csv", "user_id\nu1\n")
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    shop.load_one("orders/2024-05-04.csv", ORDERS)

    require_sources(shop.workspace, date(2024, 5, 6))
    blocked(shop, date(2024, 5, 7))


def test_sources_rows_of_later_days_do_not_speak_for_an_earlier_one(shop_with: MakeShop) -> None:
    shop = shop_with({"definitions/sources.csv": "table,max_silent_days\norders,2\n"})
    shop.load_one("orders/a.csv", ORDERS + ORDER + "o2,u1,2024-05-20,1\n")

    assert "last heard of 2024-05-01" in blocked(shop, date(2024, 5, 10)).message
    require_sources(shop.workspace, date(2024, 5, 20))


def test_sources_never_delivered_block_until_a_person_accepts_the_silence(shop_with: MakeShop) -> None:
    shop = shop_with({"definitions/sources.csv": SOURCES})
    shop.load_one("orders/a.csv", ORDERS + ORDER)
    assert "users: never heard of" in blocked(shop).message

    shop.load(accept=["users"])
    require_sources(shop.workspace, DAY)

    # The next file ends the acceptance; here it is too old to count as speaking.
    shop.load_one("users/2024-04-01.csv", "user_id\nu1\n")
    assert "users: last heard of 2024-04-01" in blocked(shop).message


@pytest.mark.parametrize("is_accepted", [False, True])
def test_sources_do_not_speak_through_what_receipts_told(shop_with: MakeShop, is_accepted: bool) -> None:
    shop = shop_with({"definitions/sources.csv": "table,max_silent_days\nconsents,2\n"})
    shop.deliver("orders/a.csv", ORDERS + ORDER)
    shop.deliver("consents/a.csv", "user_id,channel,is_opted_in,changed_at\nu1,email,true,2024-05-01\n")
    shop.deliver(
        "touches/a.csv",
        "touch_id,campaign_id,user_id,touched_at,arm_code,is_control,channel\nt1,spring,u1,2024-05-08,mail,false,email\n",
    )
    shop.load_one("receipts/a.csv", "receipt_id,touch_id,event,occurred_at\nr1,t1,unsubscribed,2024-05-09\n")
    if is_accepted:
        shop.load(accept=["consents"])
    with shop.warehouse.connect("exporter", autocommit=True) as connection:
        assert note_landed_receipts(connection).refusal_count == 1
    shop.assert_conserved()
    assert shop.raw("consents", "is_opted_in") == [(True,), (False,)]

    # The no of 9 May is known; that the source of consents is silent since 1 May stays known as well.
    if is_accepted:
        require_sources(shop.workspace, date(2024, 5, 10))
    else:
        assert "consents: last heard of 2024-05-01" in blocked(shop, date(2024, 5, 10)).message
