"""What is found in a landing folder, and what a file's name tells."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from recall.domain.tables import TABLE_NAMES, TABLES, Table, nearest_name
from recall.ingest.landing import date_in_name, discover


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("orders/2024-02-29.csv", date(2024, 2, 29)),
        ("orders/2023/orders_20240102_v2.csv.gz", date(2024, 1, 2)),
        ("orders/2024-01-01/part-7.csv", None),
        ("orders/2023-02-29.csv", None),
        ("orders/from_2024-01-01_to_2024-01-31.csv", date(2024, 1, 31)),
        ("orders/120240102999.csv", None),
    ],
)
def test_date_in_name_is_the_last_one_of_the_name(path: str, expected: date | None) -> None:
    assert date_in_name(path) == expected


def test_discover_tells_data_files_from_all_others(tmp_path: Path) -> None:
    for path in (
        "orders/b.csv",
        "orders/a/deep.parquet",
        "orders/a/deep.parquet.manifest.json",
        "orders/c.csv.part",
        "orders/.hidden/d.csv",
        "orders/readme.md",
        "order/e.csv",
        "visits.csv.gz",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = discover(tmp_path)

    assert [file.path for file in found.files] == ["orders/a/deep.parquet", "orders/b.csv"]
    assert found.ignored == ("orders/readme.md",)
    assert {entry.file.path: entry.error for entry in found.misplaced} == {
        "order/e.csv": "there is no table 'order'; the nearest known name is orders",
        "visits.csv.gz": "it belongs into a folder of its table: visits/visits.csv.gz",
    }


def test_discover_of_no_folder_finds_nothing(tmp_path: Path) -> None:
    assert discover(tmp_path / "landing").files == ()


@pytest.mark.parametrize(("name", "expected"), [("order_at", "ordered_at"), ("USER_ID", "user_id"), ("zzz", None)])
def test_nearest_name_is_near_or_none(name: str, expected: str | None) -> None:
    assert nearest_name(name, ["ordered_at", "user_id", "net_amount"]) == expected


@pytest.mark.parametrize("table", TABLES, ids=TABLE_NAMES)
def test_tables_keys_are_required_and_every_name_that_is_referred_to_exists(table: Table) -> None:
    assert set(table.key) <= set(table.required_names)
    referred = [
        *(column for columns in table.indexes for column in columns),
        *(parent.column for parent in table.parents),
        *filter(None, (table.event_column, table.currency_column)),
    ]
    assert set(referred) <= set(table.column_names)
    assert table.column_names[-1] == "updated_at"
