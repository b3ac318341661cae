"""Measures the loader on made-up visits: `python -m bench.ingest [--rows N] [--onto N]`.

Every load runs in a process of its own against an embedded PostgreSQL in a temporary folder, so the memory shown is
the loader's alone. The table at the end is what the README quotes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil
from rich.console import Console
from rich.table import Table

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VISITS = """
    select
        md5({salt} || number::varchar) as visit_id,
        'u' || (hash(number, 1) % 1000000) as user_id,
        timestamp '2024-01-01' + to_seconds((hash(number, 2) % 31536000)::bigint) as visited_at,
        (['view', 'search', 'click', 'cart'])[1 + (hash(number, 3) % 4)::integer] as action,
        'product' as object_type,
        'p' || (hash(number, 4) % 50000) as object_id,
        (['app', 'web', 'wechat'])[1 + (hash(number, 5) % 3)::integer] as channel,
        's' || (number // 5) as session_id
    from range({begin}, {end}) as numbers (number)
"""


@dataclass(frozen=True)
class Measurement:
    """One load."""

    name: str
    row_count: int
    loaded_count: int
    seconds: float
    peak_megabytes: float


def write_visits(path: Path, begin: int, end: int, *, salt: str = "") -> None:
    """Writes visits numbered from `begin` to `end`; their ids are random, as a hash of the number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    query = VISITS.format(begin=begin, end=end, salt=f"'{salt}'")
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as database:
        database.execute("set enable_progress_bar = false").fetchall()
        database.execute(f"copy ({query}) to '{path}'").fetchall()


def load(home: Path, workspace: Path, pipe: multiprocessing.connection.Connection) -> None:
    """Loads in this process and reports counts, seconds and the greatest resident memory seen."""
    os.environ["RECALL_HOME"] = str(home)
    from recall.domain.workspace import load_workspace
    from recall.ingest.load import load_landing

    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        process = psutil.Process()
        while not done.wait(0.02):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    try:
        summary = load_landing(load_workspace(workspace), now=NOW)
    finally:
        done.set()
        watcher.join()
    pipe.send(
        (sum(file.row_count for file in summary.files), summary.loaded_count, time.monotonic() - started, peak / 2**20)
    )


def measure(name: str, home: Path, workspace: Path) -> Measurement:
    """Runs one load in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=load, args=(home, workspace, sender))
    process.start()
    sender.close()
    row_count, loaded_count, seconds, peak = receiver.recv()
    process.join()
    measurement = Measurement(name, row_count, loaded_count, seconds, peak)
    print(f"{name}: {row_count:,} rows in {seconds:.1f} s", file=sys.stderr)
    return measurement


class Bench:
    """An embedded PostgreSQL and a workspace, emptied between measurements."""

    def __init__(self, root: Path) -> None:
        from recall.domain.home import Home
        from recall.domain.workspace import load_workspace
        from recall.warehouse import embedded_postgres
        from recall.warehouse.definitions import load_definitions
        from recall.warehouse.schema import upgrade

        self.home = Home(root / "home")
        self.workspace = root / "workspace"
        self.home.root.mkdir()
        self.landing = self.workspace / "landing" / "visits"
        self.landing.mkdir(parents=True)
        (self.workspace / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: USD\n")
        os.environ["RECALL_HOME"] = str(self.home.root)
        embedded_postgres.start(self.home)
        upgrade(self.home)
        load_definitions(load_workspace(self.workspace))

    def measure(self, name: str) -> Measurement:
        """Loads what is new in the landing folder."""
        return measure(name, self.home.root, self.workspace)

    def clear(self) -> None:
        """Forgets all visits, delivered and loaded."""
        from recall.warehouse.connection import connect

        shutil.rmtree(self.landing)
        self.landing.mkdir()
        with connect("owner", autocommit=True) as connection:
            connection.execute(
                "truncate raw.visits, raw.visits_versions, control.files, control.repeated_rows, quarantine.rows"
                " cascade"
            )
            connection.execute("checkpoint")

    def stop(self) -> None:
        """Stops PostgreSQL."""
        from recall.warehouse import embedded_postgres

        embedded_postgres.stop(self.home)


def run(bench: Bench, rows: int, onto: int) -> list[Measurement]:
    """Runs all measurements; the greatest table is built last."""
    found = []
    for ending in ("csv", "parquet"):
        for size in (rows // 10, rows):
            write_visits(bench.landing / f"visits.{ending}", 0, size)
            found.append(bench.measure(f"first load, {ending}"))
            bench.clear()
    if onto:
        step = 5_000_000
        for begin in range(0, onto, step):
            write_visits(bench.landing / f"{begin:012}.parquet", begin, min(begin + step, onto))
        found.append(bench.measure("first load, parquet, several files"))
        added = 1_000_000
        write_visits(bench.landing / "added.parquet", onto, onto + added)
        found.append(bench.measure(f"random ids onto {onto // 1_000_000} million"))
        shutil.copy(bench.landing / "added.parquet", bench.landing / "repeated.parquet")
        found.append(bench.measure("the same again under another name"))
        found.append(bench.measure("nothing new"))
    return found


def show(found: list[Measurement]) -> None:
    """Prints the measurements as a table."""
    table = Table("load", "rows", "loaded", "seconds", "rows/s", "loader's peak MB")
    for column in table.columns[1:]:
        column.justify = "right"
    for entry in found:
        rate = f"{entry.row_count / entry.seconds:,.0f}" if entry.row_count else "-"
        table.add_row(
            entry.name,
            f"{entry.row_count:,}",
            f"{entry.loaded_count:,}",
            f"{entry.seconds:.1f}",
            rate,
            f"{entry.peak_megabytes:,.0f}",
        )
    Console(width=110).print(table)


def main() -> None:
    """Makes a temporary server, measures, prints, and removes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="visits of the first loads")
    parser.add_argument("--onto", type=int, default=20_000_000, help="visits that a million random ids come onto")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="recall-bench-"))
    root.chmod(0o755)
    try:
        bench = Bench(root)
        try:
            show(run(bench, arguments.rows, arguments.onto))
        finally:
            bench.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)
