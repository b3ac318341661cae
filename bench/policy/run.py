"""Compares policies on the Hillstrom half: `python -m bench.policy FILE [--splits 5]`.

Chosen on one half of the customers, judged on the other by inverse propensity. The file is not part of the project;
without it this says so and ends. An embedded PostgreSQL in a temporary folder; some minutes. docs/outcomes.md quotes
the tables.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.policy import rivals, worth_rule
from bench.policy.hillstrom import Customer, draw_splits, read_customers
from bench.policy.judging import Choice, Value, over_splits, profits, value_of
from rich.console import Console
from rich.table import Table

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data" / "hillstrom_half.csv.gz"
MARGIN_RATE = 0.3
UNIT_COSTS = (0.001, 0.1, 0.25)
"""An e-mail as shipped, and two prices at which it matters whom one writes to."""
LAPSED_MONTHS = 10
WORTH = "worth rule"
FOREST = "uplift forest (causalml)"
RIVALS = {"to all": rivals.to_all, "to none": rivals.to_none, "RFM, best third": rivals.rfm_best_third}


@dataclass(frozen=True)
class Judged:
    """A policy over all splits.

    Attributes:
        name: The policy.
        written_rate: Share of the judged customers who are written to.
        value: Profit per customer.
        behind_worth: Profit per customer of the worth rule above it; None for the worth rule itself.
        lowest: The least value of a split.
        highest: The greatest.
    """

    name: str
    written_rate: float
    value: Value
    behind_worth: Value | None
    lowest: float
    highest: float


def main() -> None:
    """Runs everything and prints one table per price and group of customers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=BESIDE, help="hillstrom_half.csv.gz")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if not arguments.file.is_file():
        print(
            f"{arguments.file} is not there: the Hillstrom data are not part of the project, so there is nothing to"
            " compare on. Give the path of hillstrom_half.csv.gz."
        )
        sys.exit(0 if arguments.file == BESIDE else 2)
    customers = read_customers(arguments.file)
    splits = draw_splits(customers, arguments.splits, arguments.seed)
    console = Console(width=150)
    for unit_cost, choices in all_choices(customers, splits, seed=arguments.seed).items():
        lapsed = [customer for customer in customers if customer.recency_months >= LAPSED_MONTHS]
        for title, group in (("everybody", customers), (f"last bought {LAPSED_MONTHS} months ago or more", lapsed)):
            console.print(
                table_of(
                    judge(group, splits, choices, unit_cost=unit_cost),
                    f"{title}; an e-mail costs {unit_cost:g}, margin {MARGIN_RATE:.0%}; {len(splits)} splits, seed"
                    f" {arguments.seed}",
                )
            )


def all_choices(
    customers: Sequence[Customer], splits: Sequence[frozenset[int]], *, seed: int
) -> dict[float, dict[str, list[Choice]]]:
    """Lets every policy choose in every split, at every price.

    Args:
        customers: All of them.
        splits: Per split the numbers of those to choose on.
        seed: Of the forest.

    Returns:
        Per price and policy one choice per split.
    """
    rules = worth_choices(customers, splits)
    found: dict[float, dict[str, list[Choice]]] = {
        unit_cost: {WORTH: rules[unit_cost], **{name: [] for name in (*RIVALS, FOREST)}} for unit_cost in UNIT_COSTS
    }
    for training in splits:
        chosen_on = [customer for customer in customers if customer.number in training]
        judged = [customer for customer in customers if customer.number not in training]
        forest = rivals.grow_forest(chosen_on, judged, margin_rate=MARGIN_RATE, seed=seed)
        for unit_cost, choices in found.items():
            for name, policy in RIVALS.items():
                choices[name].append(policy(chosen_on, judged))
            choices[FOREST].append(forest.choose(unit_cost))
    return found


def worth_choices(customers: Sequence[Customer], splits: Sequence[frozenset[int]]) -> dict[float, list[Choice]]:
    """Lets the warehouse choose, in a temporary folder of its own.

    Args:
        customers: All of them.
        splits: Per split the numbers of those to choose on.

    Returns:
        Per price one choice per split.
    """
    from recall.domain.home import Home
    from recall.warehouse import embedded_postgres
    from recall.warehouse.schema import upgrade

    root = Path(tempfile.mkdtemp(prefix="recall-bench-"))
    root.chmod(0o755)
    home, folder = Home(root / "home"), root / "workspace"
    home.root.mkdir()
    folder.mkdir()
    os.environ["RECALL_HOME"] = str(home.root)
    os.environ["RECALL_WORKSPACE"] = str(folder)
    try:
        embedded_postgres.start(home)
        upgrade(home)
        worth_rule.write_workspace(folder, customers, splits, margin_rate=MARGIN_RATE)
        workspace = worth_rule.build(folder, customers, splits)
        found: dict[float, list[Choice]] = {}
        for unit_cost in UNIT_COSTS:
            chosen = worth_rule.choose(workspace, unit_cost)
            found[unit_cost] = [
                {
                    customer.number: chosen[worth_rule.user_of(split, customer)]
                    for customer in customers
                    if customer.number not in training
                }
                for split, training in enumerate(splits)
            ]
        return found
    finally:
        embedded_postgres.stop(home)
        shutil.rmtree(root, ignore_errors=True)


def judge(
    customers: Sequence[Customer],
    splits: Sequence[frozenset[int]],
    choices: Mapping[str, Sequence[Choice]],
    *,
    unit_cost: float,
) -> list[Judged]:
    """Judges policies on those customers of each split whom nothing was chosen on.

    Args:
        customers: Of whom policies are judged.
        splits: Per split the numbers of those chosen on.
        choices: Per policy one choice per split.
        unit_cost: Of an e-mail, in dollars.
    """
    judged = [[customer for customer in customers if customer.number not in training] for training in splits]
    each = {
        name: [
            profits(group, choice, margin_rate=MARGIN_RATE, unit_cost=unit_cost)
            for group, choice in zip(judged, mine, strict=True)
        ]
        for name, mine in choices.items()
    }
    found = []
    for name, mine in choices.items():
        values = [value_of(part) for part in each[name]]
        written = [
            choice[customer.number] is not None
            for group, choice in zip(judged, mine, strict=True)
            for customer in group
        ]
        ahead = [value_of(worth - part) for worth, part in zip(each[WORTH], each[name], strict=True)]
        found.append(
            Judged(
                name=name,
                written_rate=sum(written) / len(written),
                value=over_splits(values),
                behind_worth=None if name == WORTH else over_splits(ahead),
                lowest=min(value.mean for value in values),
                highest=max(value.mean for value in values),
            )
        )
    return found


def table_of(rows: Sequence[Judged], title: str) -> Table:
    """Sets the judgements as a table, dollars per customer."""
    table = Table(title=title)
    for name in ("policy", "written to", "profit per customer", "95 %", "splits", "worth rule more by", "95 %"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for row in rows:
        ahead = row.behind_worth
        table.add_row(
            row.name,
            f"{row.written_rate:.0%}",
            f"{row.value.mean:.4f}",
            f"{row.value.low:.3f} to {row.value.high:.3f}",
            f"{row.lowest:.3f} to {row.highest:.3f}",
            f"{ahead.mean:+.4f}" if ahead else "",
            f"{ahead.low:+.3f} to {ahead.high:+.3f}" if ahead else "",
        )
    return table
