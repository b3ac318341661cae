"""The command: `python -m examples.simulated_shop DIR [--users N] [--days N] [--backlog-days N] [--seed S]`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from examples.simulated_shop.settings import Settings
from examples.simulated_shop.simulate import simulate


def main() -> int:
    """Writes the workspace that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m examples.simulated_shop", description="Write a simulated shop.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="new folder of the workspace")
    parser.add_argument("--users", type=int, default=1_000, help="users that register (default 1000)")
    parser.add_argument("--days", type=int, default=430, help="days that the shop is watched (default 430)")
    parser.add_argument(
        "--backlog-days", type=int, default=400, help="first days that come as one file per month (default 400)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (default 1)")
    parser.add_argument("--first-date", type=date.fromisoformat, default=date(2024, 1, 1), help="default 2024-01-01")
    chosen = parser.parse_args()
    if min(chosen.users, chosen.days) < 1 or not 0 <= chosen.backlog_days <= chosen.days:
        parser.error("--users and --days must be at least 1, --backlog-days between 0 and --days")
    settings = Settings(
        user_count=chosen.users,
        day_count=chosen.days,
        seed=chosen.seed,
        first_date=chosen.first_date,
        backlog_days=chosen.backlog_days,
    )
    try:
        summary = simulate(chosen.folder, settings)
    except FileExistsError as error:
        parser.error(str(error))
    sys.stdout.write(
        f"{summary.file_count:,} files with {summary.row_count:,} rows up to {summary.last_date}, and their truth\n"
        f"RECALL_WORKSPACE={chosen.folder} recall load && "
        f"RECALL_WORKSPACE={chosen.folder} recall nightly --as-of {summary.last_date}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
