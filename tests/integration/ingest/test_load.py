"""What becomes of delivered files: loaded once, replaced, kept apart, and who may read what."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.ingest.conftest import Shop

from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.ingest.load import LOAD_LOCK

ORDERS = "order_id,user_id,ordered_at,net_amount\n"
USERS = "user_id,tier\n"
MakeShop = Callable[[dict[str, str]], Shop]


def parquet(path: Path, **columns: pa.Array) -> bytes:
    """Returns the bytes of a Parquet file with these columns."""
    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


def test_load_orders_come_in_typed_and_a_second_run_loads_nothing(shop: Shop) -> None:
    first = shop.load_one("orders/2024-05-01.csv", ORDERS + "o1,007,2024-05-01T10:00:00Z,12.50\no2,u2,2024-05-01,3\n")
    assert (first.state, first.row_count, first.loaded_count) == ("loaded", 2, 2)
    assert shop.raw("orders", "order_id", "user_id", "ordered_at", "net_amount", "status", "gross_amount") == [
        ("o1", "007", datetime(2024, 5, 1, 10, tzinfo=UTC), Decimal("12.5"), "completed", None),
        ("o2", "u2", datetime(2024, 5, 1, tzinfo=UTC), Decimal(3), "completed", None),
    ]

    second = shop.load()

    assert (second.files, second.unchanged_count, second.loaded_count) == ((), 1, 0)


def test_load_same_content_under_another_name_counts_as_repeated(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\no2,u2,2024-05-01,2\n")
    again = shop.load_one("orders/b.csv", ORDERS + "o1,u1,2024-05-01,1.00\no2,u2,2024-05-01,2\n")

    assert (again.loaded_count, again.repeated_count) == (0, 2)


def test_load_a_repeated_row_keeps_its_load_and_so_wakes_nobody(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\n")
    shop.load_one("orders/b.csv", ORDERS + "o1,u1,2024-05-01,1\n")

    assert shop.query("select _load_id from raw.orders") == [(shop.loads[0].load_id,)]
    assert shop.query("select count(*) from control.row_changes") == [(0,)]


def test_load_new_content_under_an_old_name_replaces_the_rows_of_that_file_only(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\no2,u2,2024-05-01,2\n")
    shop.load_one("orders/b.csv", ORDERS + "o9,u9,2024-05-01,9\n")
    shop.load_one("orders/a.csv", ORDERS + "o2,u2,2024-05-01,2\no3,u3,2024-05-01,3\n")

    assert shop.raw("orders", "order_id") == [("o2",), ("o3",), ("o9",)]
    # o2 came back as it was: only o1 went and o3 came.
    assert shop.query("select user_id, order_id from control.row_changes") == [("u1", "o1")]
    load_id = shop.loads[-1].load_id
    assert shop.query("select order_id from raw.orders where _load_id = %(load)s", load=load_id) == [("o3",)]
    assert shop.query("select state from control.files where file_path = 'orders/a.csv' order by file_id") == [
        ("replaced",),
        ("loaded",),
    ]


def test_load_a_repeat_in_another_file_takes_over_when_its_twin_is_replaced(shop: Shop) -> None:
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\n")
    shop.load_one("orders/b.csv", ORDERS + "o1,u1,2024-05-01,1\n")
    shop.load_one("orders/a.csv", ORDERS + "o2,u2,2024-05-01,2\n")

    assert shop.raw("orders", "order_id") == [("o1",), ("o2",)]
    assert shop.query("select loaded_count, repeated_count from control.files where file_path = 'orders/b.csv'") == [
        (1, 0)
    ]


def test_load_a_cancellation_lands_whichever_file_comes_first(shop: Shop) -> None:
    header = "order_id,user_id,ordered_at,net_amount,status,updated_at\n"
    shop.load_one("orders/2.csv", header + "o1,u1,2024-05-01,1,cancelled,2024-05-03T08:00:00Z\n")
    late = shop.load_one("orders/1.csv", header + "o1,u1,2024-05-01,1,paid,2024-05-01T09:00:00Z\n")

    assert shop.raw("orders", "status") == [("cancelled",)]
    assert (late.loaded_count, late.superseded_count) == (0, 1)
    # The losing version stays for nights of days before the cancellation, and its user is looked at again.
    assert shop.query("select status from raw.orders_versions") == [("paid",)]
    assert shop.query("select user_id from control.row_changes") == [("u1",)]


def test_load_without_updated_at_the_last_path_wins_and_then_the_later_line(shop: Shop) -> None:
    shop.deliver("users/2024-05-02.csv", USERS + "u1,gold\nu2,gold\nu2,silver\n")
    shop.deliver("users/2024-05-01.csv", USERS + "u1,silver\nu2,gold\n")
    results = {file.path: file for file in shop.load().files}

    assert shop.raw("users", "user_id", "tier") == [("u1", "gold"), ("u2", "silver")]
    assert results["users/2024-05-01.csv"].superseded_count == 2
    assert (results["users/2024-05-02.csv"].loaded_count, results["users/2024-05-02.csv"].superseded_count) == (2, 1)


def test_load_exact_duplicates_in_one_file_are_one_row_and_repeats(shop: Shop) -> None:
    result = shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\n" * 3 + "o2,u1,2024-05-01,1\n")

    assert (result.loaded_count, result.repeated_count) == (2, 2)


def test_load_clicks_that_differ_in_their_id_only_all_count(shop: Shop) -> None:
    lines = "".join(f"v{number},u1,2024-05-01T10:00:00Z,click\n" for number in range(5))
    result = shop.load_one("visits/a.csv", "visit_id,user_id,visited_at,action\n" + lines)

    assert result.loaded_count == 5


def test_load_naive_instants_are_in_the_source_zone_and_bare_dates_in_the_business_zone(shop_with: MakeShop) -> None:
    shop = shop_with(
        {
            "workspace.yml": "business_time_zone: America/New_York\nsource_time_zone: UTC\ncurrency_code: USD\n",
        }
    )
    shop.deliver(
        "orders/a.csv",
        ORDERS
        # 03:30 UTC is 22:30 of the day before in New York.
        + "naive,u1,2017-11-29 03:30:00,1\n"
        + "offset,u1,2017-11-29T03:30:00+01:00,1\n"
        + "date,u1,2017-11-29,1\n",
    )
    shop.load()

    business_dates = shop.query(
        "select order_id, ordered_at, (ordered_at at time zone 'America/New_York')::date from raw.orders order by 1"
    )
    assert business_dates == [
        ("date", datetime(2017, 11, 29, 5, tzinfo=UTC), date(2017, 11, 29)),
        ("naive", datetime(2017, 11, 29, 3, 30, tzinfo=UTC), date(2017, 11, 28)),
        ("offset", datetime(2017, 11, 29, 2, 30, tzinfo=UTC), date(2017, 11, 28)),
    ]


def test_load_skipped_hours_move_forward_and_ambiguous_ones_are_the_later_instant(shop_with: MakeShop) -> None:
    shop = shop_with({"workspace.yml": "business_time_zone: Europe/Berlin\ncurrency_code: EUR\n"})
    shop.deliver(
        "orders/a.csv",
        ORDERS + "skipped,u1,2024-03-31 02:30:00,1\n" + "ambiguous,u1,2023-10-29 02:30:00,1\n",
    )
    shop.load()

    assert shop.raw("orders", "order_id", "ordered_at") == [
        # 02:30 happened at 00:30 UTC in summer time and at 01:30 UTC in winter time.
        ("ambiguous", datetime(2023, 10, 29, 1, 30, tzinfo=UTC)),
        # 02:30 did not happen; 03:30 summer time did.
        ("skipped", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
    ]


def test_load_parquet_gives_the_same_rows_as_csv(shop: Shop, tmp_path: Path) -> None:
    shop.load_one(
        "orders/a.csv",
        "order_id,user_id,ordered_at,net_amount,note\no1,7,2024-05-01T10:00:00Z,12.50,x\no2,8,2024-05-02,3,\n",
    )
    content = parquet(
        tmp_path / "b.parquet",
        note=pa.array(["x", None]),
        user_id=pa.array([7, 8]),
        order_id=pa.array(["o1", "o2"]).dictionary_encode(),
        ordered_at=pa.array(["2024-05-01T10:00:00", "2024-05-02T00:00:00"]).cast(pa.timestamp("ns")),
        net_amount=pa.array([12.5, 3.0]),
    )
    result = shop.load_one("orders/b.parquet", content)

    assert (result.loaded_count, result.repeated_count) == (0, 2)


def test_load_gzip_of_several_streams_loads_all_of_them(shop: Shop) -> None:
    content = gzip.compress((ORDERS + "o1,u1,2024-05-01,1\n").encode()) + gzip.compress(b"o2,u1,2024-05-01,1\n")
    result = shop.load_one("orders/deep/down/a.csv.gz", content)

    assert result.loaded_count == 2


def test_load_columns_reordered_and_added_are_kept_and_reported(shop: Shop) -> None:
    shop.load_one("orders/a.csv", "order_id,user_id,ordered_at,net_amount,statsu\no1,u1,2024-05-01,1,paid\n")
    result = shop.load_one(
        "orders/b.csv", 'zone,net_amount,ordered_at,user_id,order_id,"a ""b"""\nnorth,1,2024-05-01,u2,o2,"say ""hi"""\n'
    )

    assert result.extra_columns == ('a "b"', "zone")
    assert shop.raw("orders", "_extra") == [({"statsu": "paid"},), ({"zone": "north", 'a "b"': 'say "hi"'},)]
    assert shop.loads[0].files[0].hints == (
        "column 'statsu' is not known and was kept as an extra; did you mean 'status'?",
    )


def test_load_contacts_and_free_words_stand_in_pii_only(shop: Shop) -> None:
    shop.deliver("contacts/a.csv", "user_id,phone\nu1,+4915112345678\n,+4915187654321\n" + "x,1\n" * 40)
    shop.deliver(
        "feedback/a.csv",
        "feedback_id,user_id,submitted_at,kind,score,text\n"
        "f1,u1,2024-05-01,rating,5,call me at +4915112345678\n"
        "f2,u1,2024-05-01,rating,6,or at +4915187654321\n" + "f3,u1,2024-05-01,complaint,,\n" * 40,
    )
    shop.load()

    assert shop.query("select phone from pii.contacts where user_id = 'u1'") == [("+4915112345678",)]
    assert shop.query("select feedback_id, user_id, text from pii.feedback_texts") == [
        ("f1", "u1", "call me at +4915112345678")
    ]
    assert shop.query("select table_name, rule_code, column_name, raw_line from quarantine.rows order by 1") == [
        ("contacts", "missing_value", "user_id", None),
        ("feedback", "out_of_range", "score", None),
    ]
    assert shop.query("select raw_line from pii.quarantined_lines order by 1") == [
        (",+4915187654321",),
        ("f2,u1,2024-05-01,rating,6,or at +4915187654321",),
    ]
    with shop.warehouse.connect("transformer") as connection:
        for name in ("contacts", "contacts_versions", "feedback_texts", "quarantined_lines"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"select 1 from pii.{name}".encode())


def test_load_words_of_a_replaced_file_go_with_it(shop: Shop) -> None:
    header = "feedback_id,user_id,submitted_at,kind,text\n"
    shop.load_one("feedback/a.csv", header + "f1,u1,2024-05-01,complaint,too slow\nf2,u1,2024-05-01,survey,fine\n")
    shop.load_one("feedback/a.csv", header + "f2,u1,2024-05-01,survey,fine\n")

    assert shop.query("select text from pii.feedback_texts") == [("fine",)]


def test_load_orphans_wait_until_their_parent_arrives(shop: Shop) -> None:
    shop.load_one("order_items/a.csv", "order_id,line_number,product_id,quantity,net_amount\no1,1,p1,1,1\n")
    shop.load_one("visits/a.csv", "visit_id,user_id,visited_at,action\nv1,u1,2024-05-01,view\n")
    waiting = "select table_name, row_key, parent_table, parent_id from quarantine.waiting_orphans order by 1, 3"
    # Where no users were ever delivered nobody waits for one.
    assert shop.query(waiting) == [("order_items", {"order_id": "o1", "line_number": 1}, "orders", "o1")]

    shop.load_one("users/a.csv", USERS + "u2,gold\n")
    assert shop.query(waiting)[1] == ("visits", {"visit_id": "v1"}, "users", "u1")

    shop.deliver("users/b.csv", USERS + "u1,gold\n")
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\n")
    assert shop.query(waiting) == []


def test_load_an_amount_in_a_foreign_currency_needs_a_rate_of_its_day_or_before(shop_with: MakeShop) -> None:
    shop = shop_with(
        {"definitions/exchange_rates.csv": "currency_code,rate_date,rate\nUSD,2024-05-01,0.9\n"},
    )
    header = "order_id,user_id,ordered_at,net_amount,currency_code\n"
    good = "".join(f"o{number},u1,2024-05-01,1,USD\n" for number in range(60))
    shop.load_one("orders/a.csv", header + good + "early,u1,2024-04-30,1,USD\nother,u1,2024-05-01,1,GBP\n")

    assert shop.query("select rule_code, column_name, raw_line from quarantine.rows order by record_number") == [
        ("no_exchange_rate", "currency_code", "early,u1,2024-04-30,1,USD"),
        ("no_exchange_rate", "currency_code", "other,u1,2024-05-01,1,GBP"),
    ]


def test_load_an_empty_day_is_valid(shop: Shop) -> None:
    result = shop.load_one("orders/2024-05-01.csv", ORDERS)

    assert (result.state, result.row_count) == ("loaded", 0)


def test_load_unfinished_hidden_and_foreign_files_are_passed_over(shop: Shop) -> None:
    for path in ("orders/a.csv.part", "orders/.b.csv", "orders/_SUCCESS", "orders/notes.txt", "orders/c.csv"):
        shop.deliver(path, ORDERS)
    summary = shop.load()

    assert [file.path for file in summary.files] == ["orders/c.csv"]
    assert summary.ignored == ("orders/notes.txt",)


def test_load_twice_at_once_is_refused(shop: Shop) -> None:
    with shop.warehouse.connect("loader") as connection:
        connection.execute("select pg_advisory_lock(%s)", (LOAD_LOCK,))
        with pytest.raises(RecallError, match="another load is running"):
            shop.load()


def test_load_that_dies_leaves_nothing_of_its_file_and_is_simply_run_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.load_one("orders/a.csv", ORDERS + "o1,u1,2024-05-01,1\n")
    shop.deliver("orders/a.csv", ORDERS + "o2,u2,2024-05-01,2\n")
    with monkeypatch.context() as patch:
        patch.setattr("recall.ingest.merge.Merger._count", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            shop.load()
    shop.assert_conserved()
    assert shop.raw("orders", "order_id") == [("o1",)]
    assert shop.query("select state from control.loads order by load_id") == [("done",), ("failed",)]

    shop.load()

    assert shop.raw("orders", "order_id") == [("o2",)]


def test_load_into_a_warehouse_of_another_zone_is_blocked(shop: Shop, workspace_factory: Callable[..., object]) -> None:
    shop.load()
    moved = workspace_factory({"workspace.yml": "business_time_zone: Asia/Tokyo\ncurrency_code: EUR\n"})
    with pytest.raises(GateBlocked, match="every date and amount would change"):
        Shop(shop.warehouse, moved).load()  # type: ignore[arg-type]


def test_load_accepting_an_unknown_name_says_what_was_meant(shop: Shop) -> None:
    shop.deliver("orders/2024-05-01.csv", ORDERS)
    with pytest.raises(UsageError, match=r"did you mean orders/2024-05-01\.csv\?"):
        shop.load(accept=["orders/2024-05-10.csv"])
