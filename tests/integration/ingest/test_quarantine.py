"""What was set aside comes in when it is judged again and nothing is wrong with it any more."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.integration.ingest.conftest import Shop
from tests.support.files import write_files
from typer.testing import CliRunner

from recall.cli.app import app
from recall.domain.errors import UsageError
from recall.ingest.quarantine import broken_rules, quarantined_records
from recall.warehouse.definitions import load_definitions

ORDERS = "order_id,user_id,ordered_at,net_amount,currency_code\n"
TWO_OF_FOUR = ORDERS + (
    "o1,ann,2024-05-01T10:00:00Z,10,\n"
    "o2,bob,2024-05-02T10:00:00Z,20,CHF\n"
    "o3,cem,2024-06-02T10:00:00Z,30,\n"
    "o4,dee,2024-05-04T10:00:00Z,40,\n"
)
"""On 1 June nobody has told what a franc is worth, and o3 lies in the future."""


@pytest.fixture
def half_loaded(shop: Shop) -> Shop:
    """A shop of which two orders came in and two were set aside; half a file may be bad."""
    shop.load_one("orders/may.csv", TWO_OF_FOUR)
    shop.load(accept=["orders/may.csv"])
    assert shop.raw("orders", "order_id") == [("o1",), ("o4",)]
    return shop


def test_list_counts_by_file_and_rule_and_names_each_record_for_ever(half_loaded: Shop) -> None:
    assert [(rule.file_path, rule.rule_code, rule.record_count, rule.first_line_number) for rule in broken_rules()] == [
        ("orders/may.csv", "future_instant", 1, 4),
        ("orders/may.csv", "no_exchange_rate", 1, 3),
    ]
    records = quarantined_records("orders/may.csv", 50)
    assert [(one.record_number, one.rule_code) for one in records] == [(2, "no_exchange_rate"), (3, "future_instant")]
    # The place in this content, whoever loads it: uuid5 of path, digest and number.
    assert {type(one.replay_id) for one in records} == {UUID}


def test_replay_takes_in_what_time_has_mended_and_only_that_is_news(half_loaded: Shop) -> None:
    first_load = half_loaded.query("select distinct _load_id from raw.orders")
    half_loaded.now = datetime(2024, 6, 3, tzinfo=UTC)

    summary = half_loaded.load(replay=["orders/may.csv"])

    (file,) = summary.files
    assert (file.row_count, file.loaded_count, file.quarantined_count) == (4, 3, 1)
    assert half_loaded.raw("orders", "order_id") == [("o1",), ("o3",), ("o4",)]
    assert half_loaded.query("select order_id from raw.orders where _load_id <> %(first)s", first=first_load[0][0]) == [
        ("o3",)
    ]
    assert half_loaded.query("select count(*) from control.row_changes") == [(0,)]
    assert [rule.rule_code for rule in broken_rules()] == ["no_exchange_rate"]


def test_replay_takes_in_what_a_new_rate_has_mended(half_loaded: Shop) -> None:
    rates = "currency_code,rate_date,rate\nCHF,2024-01-01,1.05\n"
    write_files(half_loaded.workspace.path, {"definitions/exchange_rates.csv": rates})
    load_definitions(half_loaded.workspace)

    half_loaded.load(replay=["orders/may.csv"])

    assert half_loaded.raw("orders", "order_id") == [("o1",), ("o2",), ("o4",)]


def test_replay_of_what_is_as_wrong_as_before_changes_no_row(half_loaded: Shop) -> None:
    before = half_loaded.query("select order_id, _load_id from raw.orders order by 1")
    ids = [one.replay_id for one in quarantined_records("orders/may.csv", 50)]

    half_loaded.load(replay=["orders/may.csv"])

    assert half_loaded.query("select order_id, _load_id from raw.orders order by 1") == before
    assert [one.replay_id for one in quarantined_records("orders/may.csv", 50)] == ids


def test_replay_of_a_file_that_is_not_loaded_names_the_nearest(half_loaded: Shop) -> None:
    with pytest.raises(UsageError, match=r"orders/mai\.csv: not a loaded file.*did you mean orders/may\.csv"):
        half_loaded.load(replay=["orders/mai.csv"])


def test_list_on_the_terminal_shows_places_and_no_values(half_loaded: Shop) -> None:
    shown = CliRunner().invoke(app, ["quarantine", "list"]).stdout
    assert "future_instant" in shown
    assert "recall quarantine replay" in shown
    one_by_one = CliRunner().invoke(app, ["quarantine", "list", "--file", "orders/may.csv"]).stdout
    assert "no_exchange_rate" in one_by_one
    assert "cem" not in shown + one_by_one
