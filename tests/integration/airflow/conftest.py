"""A shop so small that every number can be worked out by hand, and its commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.files import write_files

from recall.cli.app import main

PROJECT_ROOT = Path(__file__).resolve().parents[3]

# Line all, frequency class high: 30 days without an order is a lapse.
# ann: orders on 1 January and 20 February, 50 days apart: lapsed on 31 January, returned on 20 February.
# bob: one order on 20 January: lapsed 30 days later, on 19 February, and still gone.
FILES = {
    "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\n",
    "landing/orders/2024-02.csv": (
        "order_id,user_id,ordered_at,net_amount,status\n"
        "o1,ann,2024-01-01T10:00:00Z,10.00,paid\n"
        "o2,bob,2024-01-20T10:00:00Z,20.00,paid\n"
        "o3,ann,2024-02-20T10:00:00Z,15.00,paid\n"
    ),
    "landing/users/2024-02.csv": "user_id,registered_at\nann,2024-01-01\nbob,2024-01-01\n",
}
EPISODES = [
    # user, last key date, lapsed date, returned date
    ("ann", "2024-01-01", "2024-01-31", "2024-02-20"),
    ("bob", "2024-01-20", "2024-02-19", None),
]


@dataclass(frozen=True)
class Shop:
    """A workspace, its warehouse, and the environment in which its commands run."""

    folder: Path
    warehouse: Any
    environment: dict[str, str]

    def deliver(self, path: str, text: str) -> None:
        """Puts a file into the landing folder."""
        write_files(self.folder / "landing", {path: text})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Reads from the warehouse as its owner."""
        with self.warehouse.connect() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return rows

    def episodes(self) -> list[tuple[Any, ...]]:
        """What readers are served."""
        return self.rows(
            "select user_id, last_key_date::text, lapsed_date::text, returned_date::text"
            " from marts.fct_lapse_episodes order by 1, 2"
        )

    def served_day(self) -> str:
        """The day that readers are served."""
        return str(self.rows("select as_of_date::text from control.published")[0][0])


@pytest.fixture(scope="module")
def shop(module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop, one for all tests of a module: each test goes on where the one before has ended."""
    folder = tmp_path_factory.mktemp("shop")
    write_files(folder, FILES)
    return Shop(
        folder=folder,
        warehouse=module_warehouse,
        environment={
            "RECALL_HOME": str(module_warehouse.home.root),
            "RECALL_WORKSPACE": str(folder),
            # Else the command line would start an embedded server in this home.
            "RECALL_DATABASE_URL": module_warehouse.dsn(),
        },
    )


@pytest.fixture
def recall(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Types a command in this process and returns its exit code."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    before = set(os.environ)

    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["recall", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    yield command
    # A foreground run sets Airflow's variables in this process; later tests must not inherit them.
    for name in set(os.environ) - before:
        if name.startswith(("AIRFLOW", "GX_", "DBT_", "RECALL_")):
            del os.environ[name]
