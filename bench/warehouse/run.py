"""Measures nights and rebuilds on a made-up shop: `python -m bench.warehouse [--users N --visits N ...]`.

For the whole size and for a tenth of it: the files are written, loaded by recall's loader, all marts built from them,
then one more day comes and its night is built as a delta. After the night of the whole, DuckDB and Polars compute
the episodes, flags and layers of that day anew from the same files, and every row is compared.

The night is the same night both times, row by row, by users who have the same history in both shops. What the
greater history adds besides its size are the other users whom a timer reaches that day.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench.warehouse import shop
from bench.warehouse.compare import Comparison, compare, export_marts
from bench.warehouse.jobs import Jobs, Measurement, peer
from rich.console import Console
from rich.table import Table

REBUILD = "all marts from the history"
NIGHT = "the night, as a delta"


@dataclass(frozen=True)
class Measured:
    """What was measured on one size.

    Attributes:
        size: How much of everything.
        jobs: Load, rebuild, load of the night, night.
        changed_user_count: Users that the night built anew.
        disk_megabytes: The database on disk at the end.
    """

    size: shop.Size
    jobs: tuple[Measurement, ...]
    changed_user_count: int
    disk_megabytes: float

    def job(self, name: str) -> Measurement:
        """The job of that name."""
        return next(job for job in self.jobs if job.name == name)


@dataclass(frozen=True)
class Peer:
    """A peer's full recomputation, and how it compares."""

    job: Measurement
    comparisons: tuple[Comparison, ...]


class Bench:
    """One size: a workspace with its files, an embedded PostgreSQL, and the jobs on them.

    Args:
        root: An empty folder.
        size: How much of everything.
        night_user_count: The users who may act in the night.
    """

    def __init__(self, root: Path, size: shop.Size, night_user_count: int) -> None:
        from recall.domain.home import Home
        from recall.domain.workspace import load_workspace
        from recall.warehouse import embedded_postgres
        from recall.warehouse.definitions import load_definitions
        from recall.warehouse.schema import upgrade

        root.mkdir()
        self.size = size
        self.workspace = root / "workspace"
        shop.write_workspace(self.workspace)
        started = time.monotonic()
        self.shop = shop.Shop(root, size, night_user_count)
        self.shop.write_history(self.workspace / "landing")
        print(f"{size.visit_count:,} visits written in {time.monotonic() - started:.0f} s", file=sys.stderr)
        self.home = Home(root / "home")
        self.home.root.mkdir()
        os.environ["RECALL_HOME"] = str(self.home.root)
        embedded_postgres.start(self.home)
        upgrade(self.home)
        load_definitions(load_workspace(self.workspace))
        postmaster = (self.home.postgres_dir / "data" / "postmaster.pid").read_text().splitlines()[0]
        self.jobs = Jobs(self.home.root, self.workspace, int(postmaster))

    def measure(self) -> Measured:
        """Loads and builds the history, then the night."""
        jobs = [self.jobs.load("load of the history"), self.jobs.build(REBUILD, shop.LAST_DAY)]
        self.shop.write_night(self.workspace / "landing")
        self.shop.close()
        jobs += [self.jobs.load("load of the night"), self.jobs.build(NIGHT, shop.NIGHT_DAY)]
        from recall.warehouse.connection import connect

        with connect("owner") as connection:
            row = connection.execute(
                "select (select count(*) from intermediate.int_users__changed), pg_database_size(current_database())"
            ).fetchone()
        assert row is not None
        return Measured(self.size, tuple(jobs), int(row[0]), row[1] / 2**20)

    def compare(self, scratch: Path) -> list[Peer]:
        """Lets the peers compute the night's day anew and compares all rows."""
        marts = scratch / "marts"
        marts.mkdir(parents=True)
        export_marts(marts)
        peers = []
        for name in ("DuckDB", "Polars"):
            results = scratch / name
            results.mkdir()
            job = peer(name, self.workspace, results, shop.NIGHT_DAY)
            peers.append(Peer(job, tuple(compare(marts, results))))
            shutil.rmtree(results)
        return peers

    def stop(self) -> None:
        """Stops PostgreSQL."""
        from recall.warehouse import embedded_postgres

        embedded_postgres.stop(self.home)


def show_jobs(console: Console, measured: list[Measured]) -> None:
    """Prints what each job took, part by part."""
    table = Table("visits", "job", "rows", "seconds", "processor s", "peak MB", "seconds of its parts")
    for column in table.columns[2:6]:
        column.justify = "right"
    for each in measured:
        for job in each.jobs:
            table.add_row(
                f"{each.size.visit_count:,}",
                job.name,
                f"{job.row_count:,}",
                f"{job.seconds:.1f}",
                f"{job.processor_seconds:.1f}",
                f"{job.peak_megabytes:,.0f}",
                ", ".join(f"{step.name} {step.seconds:.1f}" for step in job.steps),
            )
        table.add_section()
    console.print(table)
    for each in measured:
        console.print(
            f"{each.size.visit_count:,} visits: the night built {each.changed_user_count:,} users,"
            f" the database has {each.disk_megabytes:,.0f} MB"
        )
    if len(measured) > 1:
        whole, tenth = (each.job(NIGHT) for each in measured)
        console.print(
            f"the night on the whole history took {whole.seconds / tenth.seconds:.2f} times its time on a tenth"
            f" ({whole.processor_seconds / tenth.processor_seconds:.2f} times in processor seconds)"
        )
    console.print(
        "rows: of files for a load, of all deltas for a build; peak: dbt or the loader and PostgreSQL together, shared"
        " memory once, the kernel's cache of files left out; processor s: of both, whatever else the machine did"
    )


def verdict(found: Comparison) -> str:
    """How one result compares, in words."""
    if found.is_equal:
        return f"{found.name}: {found.row_count:,} equal (digest {found.digest})"
    return (
        f"{found.name}: {found.row_count:,} here, {found.peer_count:,} there,"
        f" {found.missing_count:,} missing, {found.surplus_count:,} surplus"
    )


def show_peers(console: Console, night: Measurement, peers: list[Peer]) -> None:
    """Prints the peers' full recomputation of the night's day beside the night."""
    table = Table("full recomputation by", "seconds", "processor s", "peak MB", "times the night", "rows compared")
    for column in table.columns[1:5]:
        column.justify = "right"
    for each in peers:
        table.add_row(
            each.job.name,
            f"{each.job.seconds:.1f}",
            f"{each.job.processor_seconds:.1f}",
            f"{each.job.peak_megabytes:,.0f}",
            f"{each.job.seconds / night.seconds:.2f}",
            "\n".join(verdict(found) for found in each.comparisons),
        )
    console.print(table)
    console.print(
        "the peers compute episodes, flags and layers only, from Parquet, into Parquet; the night builds and tests all"
        " marts and publishes them"
    )


def main() -> None:
    """Measures both sizes in a temporary folder, prints, and removes it; exit code 1 if a row differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000, help="users of the whole (multiple of 10,000)")
    parser.add_argument("--visits", type=int, default=5_000_000, help="rows of visits of the history")
    parser.add_argument("--orders", type=int, default=500_000, help="orders of the history")
    parser.add_argument("--night-visits", type=int, default=10_000, help="rows of visits of the night")
    parser.add_argument("--night-orders", type=int, default=1_000, help="orders of the night")
    parser.add_argument("--whole-only", action="store_true", help="leave the tenth out")
    parser.add_argument("--folder", type=Path, help="where to work, instead of the system's temporary folder")
    arguments = parser.parse_args()
    whole = shop.Size(
        arguments.users, arguments.visits, arguments.orders, arguments.night_visits, arguments.night_orders
    )
    sizes = [whole] if arguments.whole_only else [whole, whole.tenth]
    root = Path(tempfile.mkdtemp(prefix="recall-bench-", dir=arguments.folder))
    root.chmod(0o755)
    measured, peers = [], []
    try:
        for number, size in enumerate(sizes):
            place = root / str(number)
            bench = Bench(place, size, whole.tenth.user_count)
            try:
                measured.append(bench.measure())
                if size is whole:
                    peers = bench.compare(place / "peers")
            finally:
                bench.stop()
                shutil.rmtree(place, ignore_errors=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    console = Console(width=150)
    cpus = len(psutil.Process().cpu_affinity() or [])
    console.print(f"{cpus} processors, {psutil.virtual_memory().total / 2**30:.0f} GB, load {os.getloadavg()[2]:.1f}")
    show_jobs(console, measured)
    show_peers(console, measured[0].job(NIGHT), peers)
    if any(not found.is_equal for each in peers for found in each.comparisons):
        sys.exit(1)
