"""Whether two computations of a day have the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

COLUMNS: Mapping[str, tuple[str, str]] = {
    "episodes": (
        "marts.fct_lapse_episodes",
        "user_id, line_id, episode_number, last_key_date, lapsed_date, returned_date",
    ),
    "flags": (
        "marts.fct_churn_flags",
        "user_id, line_id, first_order_date, last_key_date, is_churned, churned_date, episode_count",
    ),
    "layers": (
        "marts.fct_recall_layers",
        "user_id, line_id, episode_number, days_since_last_visit, visit_count_7d_before_last_visit,"
        " days_since_last_order, order_count_30d_before_last_order, layer_score, layer_code",
    ),
}
"""Each result with the public table that holds it and the columns that are compared."""


@dataclass(frozen=True)
class Comparison:
    """One result of a peer beside the same of the warehouse.

    Attributes:
        name: episodes, flags or layers.
        row_count: Rows in the warehouse.
        peer_count: Rows of the peer.
        missing_count: Rows of the warehouse that the peer has not, each as often as it has it.
        surplus_count: Rows of the peer that the warehouse has not.
        digest: Of the warehouse's rows in any order; equal to the peer's where nothing is missing or surplus.
    """

    name: str
    row_count: int
    peer_count: int
    missing_count: int
    surplus_count: int
    digest: str

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows."""
        return not self.missing_count and not self.surplus_count


def export_marts(folder: Path) -> None:
    """Writes the three results of the warehouse's published day as CSV files.

    Args:
        folder: Where to.
    """
    from recall.warehouse.connection import connect

    for name, (table, columns) in COLUMNS.items():
        query = f"copy (select {columns} from {table}) to stdout (format csv, header)"
        with (
            (folder / f"{name}.csv").open("wb") as file,
            connect("owner") as connection,
            connection.cursor() as cursor,
            cursor.copy(query.encode()) as copy,
        ):
            file.writelines(copy)


def compare(marts: Path, peer: Path) -> list[Comparison]:
    """Compares every row of the three results.

    Args:
        marts: The folder that export_marts wrote to.
        peer: The folder of the peer's Parquet files.
    """
    found = []
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(peer / "tmp")}) as database:
        database.execute("set enable_progress_bar = false").fetchall()
        for name, (_, columns) in COLUMNS.items():
            database.execute(
                f"create or replace view theirs as select {columns} from '{peer / name}.parquet'"
            ).fetchall()
            types = dict(database.execute("select column_name, column_type from (describe theirs)").fetchall())
            # Scores are compared as exact decimals of the six places that the definition rounds to.
            types |= {"layer_score": "decimal(9, 6)"} if "layer_score" in types else {}
            cast = ", ".join(f"cast({column} as {kind}) as {column}" for column, kind in types.items())
            database.execute(
                f"create or replace table ours as select {cast} from read_csv('{marts / name}.csv', all_varchar = true)"
            ).fetchall()
            database.execute(f"create or replace table peers as select {cast} from theirs").fetchall()

            def number(query: str) -> int:
                row = database.execute(query).fetchone()
                assert row is not None
                return int(row[0])

            found.append(
                Comparison(
                    name,
                    number("select count(*) from ours"),
                    number("select count(*) from peers"),
                    number("select count(*) from (from ours except all from peers)"),
                    number("select count(*) from (from peers except all from ours)"),
                    f"{number('select sum(hash(ours)) % (2 ** 60)::hugeint from ours'):016x}",
                )
            )
    return found
