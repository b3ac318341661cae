"""Judges effects on campaigns whose truth is known: `python -m bench.effects [--campaigns 5000]`.

An embedded PostgreSQL in a temporary folder; some minutes. docs/outcomes.md quotes the table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench.effects import simulation
from bench.effects.simulation import Judgement, Shop
from rich.console import Console
from rich.table import Table
from scipy import stats

Line = tuple[str, str, str, str]


def main() -> None:
    """Runs everything and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="recall-bench-"))
    root.chmod(0o755)
    try:
        lines = run(root, arguments.campaigns, arguments.seed)
    finally:
        from recall.domain.home import Home
        from recall.warehouse import embedded_postgres

        embedded_postgres.stop(Home(root / "home"))
        shutil.rmtree(root, ignore_errors=True)
    table = Table(title=f"{arguments.campaigns:,} campaigns each, seed {arguments.seed}")
    for name in ("campaigns", "judged", "measured", "wanted"):
        table.add_column(name, justify="left" if name == "campaigns" else "right")
    for line in lines:
        table.add_row(*line)
    Console(width=130).print(table)


def run(root: Path, campaign_count: int, seed: int) -> list[Line]:
    """Judges all kinds of campaigns.

    Args:
        root: An empty folder that an ordinary user may enter.
        campaign_count: Campaigns of each kind.
        seed: Of the dice.

    Returns:
        One line per judgement: the campaigns, what was judged, what came out, what is wanted.
    """
    from recall.domain.home import Home
    from recall.domain.workspace import load_workspace
    from recall.warehouse import embedded_postgres
    from recall.warehouse.schema import upgrade

    home = Home(root / "home")
    home.root.mkdir()
    folder = root / "workspace"
    folder.mkdir()
    (folder / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: EUR\n", encoding="utf-8")
    os.environ["RECALL_HOME"] = str(home.root)
    os.environ["RECALL_WORKSPACE"] = str(folder)
    embedded_postgres.start(home)
    upgrade(home)
    simulation.open_night(load_workspace(folder))
    rng = np.random.default_rng(seed)
    lines: list[Line] = []

    for name, shop, truth in (
        ("A/A, rate 10 %, 9,000 + 1,000", Shop(9_000, 1_000, 0.10), 0.0),
        ("A/A, rate 40 %, 200 + 200", Shop(200, 200, 0.40), 0.0),
        ("A/A at the limit, rate 2 %, 9,000 + 1,000", Shop(9_000, 1_000, 0.02), 0.0),
        ("+ 3 points on 10 %, 9,000 + 1,000", Shop(9_000, 1_000, 0.10, 0.03), 0.03),
    ):
        rows = simulation.estimate(home, simulation.draw_rates(rng, shop, campaign_count))
        lines += _lines(name, rows, truth)
    shop = Shop(3_000, 1_500, 0.2, 0.05)
    drawn, truth = simulation.draw_amounts(rng, shop, campaign_count)
    lines += _lines("money, + 5 points on 20 %, 3,000 + 1,500", simulation.estimate(home, drawn), truth)

    for name, shop in (
        ("A/A, rate 1 %, 9,000 + 1,000, 60 looks", Shop(9_000, 1_000, 0.01)),
        ("A/A, rate 10 %, 9,000 + 1,000, 60 looks", Shop(9_000, 1_000, 0.10)),
    ):
        rows = simulation.estimate(home, simulation.draw_looks(rng, shop, campaign_count))
        ever = simulation.excluding_zero(rows, "sequential_low", "sequential_high")
        peeking = simulation.excluding_zero(rows, "lift_low", "lift_high")
        lines.append((name, "anytime-valid ever without 0", f"{len(ever) / campaign_count:.2%}", "at most 5 %"))
        lines.append((name, "fixed interval ever without 0", f"{len(peeking) / campaign_count:.2%}", "(why not peek)"))

    profits = simulation.draw_profits(rng, home, Shop(3_000, 1_000, 0.10, 0.03), campaign_count)
    for measure, unit in (("caused", "returns"), ("incremental_profit", "money")):
        found = profits.judge(measure)
        planted = profits.caused_count if measure == "caused" else profits.profit_amount
        lines += _judged(f"two arms, one control: {measure} {planted:,.1f} {unit}", found)

    tested = simulation.draw_mismatches(rng, home, campaign_count, 200)
    lines += _mismatch_lines(tested)
    return lines


def _lines(name: str, rows: list[dict[str, Any]], truth: float) -> list[Line]:
    lines = []
    if any(row["is_estimable"] and not row["is_approximate"] for row in rows):
        lines += _judged(name, simulation.judge(rows, truth))
    rough = [row for row in rows if row["is_approximate"]]
    if len(rough) > len(rows) / 20:
        found = simulation.judge(rough, truth, rough=True)
        lines.append(
            (f"{name}, flagged approximate", f"coverage of {found.stated_count:,}", f"{found.coverage:.2%}", "-")
        )
    hidden = sum(not row["is_estimable"] for row in rows)
    if hidden:
        lines.append((name, "not estimable", f"{hidden / len(rows):.2%}", "-"))
    return lines


def _judged(name: str, found: Judgement) -> list[Line]:
    return [
        (name, f"coverage of {found.stated_count:,}", f"{found.coverage:.2%}", "95 % +- 1"),
        (name, "mean error", f"{found.bias:+.6g} (s.e. {found.bias_error:.2g})", "within 3 s.e. of 0"),
    ]


def _mismatch_lines(rows: list[dict[str, Any]]) -> list[Line]:
    found = np.array([float(row["mismatch_p"]) for row in rows])
    worst = max(abs(p - simulation.exact_p(row)) for p, row in zip(found, rows, strict=True))
    name = "as drawn: 3 arms and a holdout, 200 persons"
    return [
        (name, "Kolmogorov-Smirnov against uniform", f"p {stats.kstest(found, 'uniform').pvalue:.2f}", "not small"),
        (name, "p below 0.001", f"{(found < 0.001).mean():.3%}", "0.1 %"),
        (name, "greatest difference from scipy", f"{worst:.1e}", "below 1e-6"),
    ]
