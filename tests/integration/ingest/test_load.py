"""What becomes of delivered files: loaded once, replaced, set aside, refused."""

from __future__ import annotations

from tests.integration.ingest.conftest import Shop

ORDERS = "order_id,user_id,ordered_at,net_amount\n"


def test_load_orders_come_in_typed_and_a_second_run_loads_nothing(shop: Shop) -> None:
    first = shop.load_one(
        "orders/2024-05-01.csv", ORDERS + "o1,007,2024-05-01T10:00:00Z,12.50\no2,u2,2024-05-01,3\n"
    )
    assert (first.state, first.row_count, first.loaded_count) == ("loaded", 2, 2)
    assert shop.query(
        "select order_id, user_id, ordered_at at time zone 'UTC', net_amount, status from raw.orders order by 1"
    )[0][1] == "007"

    second = shop.load()

    assert (second.files, second.unchanged_count, second.loaded_count) == ((), 1, 0)
