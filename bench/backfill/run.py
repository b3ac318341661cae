"""Measures outcomes of a year of assignments: `python -m bench.backfill [--users N] [--days N] [--parallel N]`.

An embedded PostgreSQL in a temporary folder. The outcomes are made once as a night makes them from nothing. Then they
are thrown away, and a backfill makes them; once more, killed by signal 9 when half of its days are finished, and begun
again. The rows must be the same, or the bench fails. The defaults are a tenth of what the README quotes. With `--short`
the quiet night and the backfill that nobody kills are left out: both parts of the other one are one backfill as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
from bench.backfill import people
from bench.warehouse.watch import Watch
from psycopg import sql
from rich.console import Console
from rich.table import Table

TABLES = (
    ("outcomes", "out_recalled_users"),
    ("outcomes", "out_campaign_effects"),
    ("outcomes", "out_campaign_profit"),
    ("outcomes", "out_campaign_steps"),
    ("outcomes", "out_relapse_curves"),
    ("outcomes", "out_arm_suggestions"),
    ("intermediate", "int_effect_cells"),
)
WORK = """
import sys
from datetime import date
from recall.hooks import backfill
opened = backfill.open_backfill(*(date.fromisoformat(day) for day in sys.argv[1:3]))
backfill.run_days(opened.backfill_id, parallel_days=int(sys.argv[3]))
backfill.complete_backfill(opened.backfill_id)
"""

Line = tuple[str, str, str, str, str]


def main() -> None:
    """Runs everything and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="recall-bench-"))
    root.chmod(0o755)
    try:
        lines = run(root, arguments.users, arguments.days, arguments.parallel, is_short=arguments.short)
    finally:
        from recall.domain.home import Home
        from recall.warehouse import embedded_postgres

        embedded_postgres.stop(Home(root / "home"))
        shutil.rmtree(root, ignore_errors=True)
    table = Table(title=f"{arguments.users:,} assigned users, {arguments.days} days, {arguments.parallel} at once")
    for name in ("what", "rows", "seconds", "processor seconds", "MB at most"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for line in lines:
        table.add_row(*line)
    Console(width=130).print(table)


def run(root: Path, users: int, days: int, parallel: int, *, is_short: bool) -> list[Line]:
    """Makes the people, the outcomes, and the backfills.

    Args:
        root: An empty folder that an ordinary user may enter.
        users: How many are assigned.
        days: On how many days.
        parallel: Days that are worked on at once.
        is_short: True to leave out the quiet night and the backfill that nobody kills.

    Returns:
        One line per job.
    """
    from recall.domain.home import Home
    from recall.hooks import dbt
    from recall.warehouse import embedded_postgres
    from recall.warehouse.connection import connect
    from recall.warehouse.schema import upgrade

    home = Home(root / "home")
    home.root.mkdir()
    (root / "workspace").mkdir()
    os.environ["RECALL_HOME"] = str(home.root)
    os.environ["RECALL_WORKSPACE"] = str(root / "workspace")
    embedded_postgres.start(home)
    upgrade(home)
    server = _server_of(home.root)
    lines: list[Line] = []

    def measure(name: str, job: Callable[[], Any], rows: Callable[[Any], int]) -> Any:
        started = time.monotonic()
        with Watch(os.getpid(), server) as watch:
            result = job()
        seconds = time.monotonic() - started
        lines.append(
            (name, f"{rows(result):,}", f"{seconds:.1f}", f"{watch.processor_seconds:.0f}",
             f"{watch.peak_megabytes:,.0f}")
        )  # fmt: skip
        print(*lines[-1], sep="  ", flush=True)
        return result

    def row_count() -> int:
        with connect("owner") as connection:
            row = connection.execute("select count(*) from outcomes.out_recalled_users").fetchone()
        assert row is not None
        return int(row[0])

    measure("people, orders, visits", lambda: people.make_warehouse(root / "workspace", users, days), lambda _: users)
    begin, end = people.FIRST_DAY, people.FIRST_DAY + timedelta(days=days - 1)

    def outcomes() -> None:
        dbt.build_layer("outcomes")
        dbt.run_operation("publish", {"layer": "outcomes"})

    measure("outcomes from nothing, as a rebuild makes them", outcomes, lambda _: row_count())
    kept = digests()

    if not is_short:
        measure("outcomes of a night on which nothing happened", outcomes, lambda _: 0)
        assert digests() == kept, "a quiet night changed rows"

    def lose() -> None:
        with connect("owner") as connection:
            connection.execute("delete from outcomes.out_recalled_users")
            connection.execute("delete from intermediate.int_effect_cells")
        with connect("owner", autocommit=True) as connection:
            connection.execute("vacuum analyze outcomes.out_recalled_users")

    if not is_short:
        lose()
        measure(f"backfill of {days} days", lambda: _work(begin, end, parallel), lambda _: row_count())
        assert digests() == kept, "the backfill made other rows than the night"

    lose()
    measure(
        "backfill, killed when half of the days were finished",
        lambda: _work_and_die(begin, end, parallel, days // 2),
        lambda _: row_count(),
    )
    measure("the same backfill again", lambda: _work(begin, end, parallel), lambda _: row_count())
    assert digests() == kept, "the backfill that was killed made other rows than the night"
    return lines


def digests() -> dict[str, tuple[int, str]]:
    """The number of rows of each table and the sum of their hashes, whatever their order."""
    from recall.warehouse.connection import connect

    found = {}
    with connect("owner") as connection:
        for schema, name in TABLES:
            row = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(sum(hashtextextended(cast(rows.* as text), 0)), 0) from {} as rows"
                ).format(sql.Identifier(schema, name))
            ).fetchone()
            assert row is not None
            found[name] = (int(row[0]), str(row[1]))
    return found


def _start(begin: date, end: date, parallel: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORK, str(begin), str(end), str(parallel)], env=os.environ.copy())


def _work(begin: date, end: date, parallel: int) -> None:
    process = _start(begin, end, parallel)
    assert process.wait() == 0, "the backfill failed"


def _work_and_die(begin: date, end: date, parallel: int, day_count: int) -> None:
    """Kills the backfill as soon as so many days are finished."""
    from recall.warehouse.connection import connect

    query = (
        "select count(days.finished_at) from control.backfill_days as days"
        " inner join control.backfills as backfills on days.backfill_id = backfills.backfill_id"
        " where backfills.state = 'running'"
    )
    process = _start(begin, end, parallel)
    with connect("owner", autocommit=True) as connection:
        while True:
            assert process.poll() is None, "the backfill ended before it could be killed"
            row = connection.execute(query).fetchone()
            assert row is not None
            if row[0] >= day_count:
                break
            time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _server_of(home: Path) -> int | None:
    """The postmaster's process."""
    for pid_file in home.rglob("postmaster.pid"):
        return psutil.Process(int(pid_file.read_text().split()[0])).pid
    return None
