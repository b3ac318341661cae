"""Fights many rounds and prints what became of them: `python -m tests.faults.nemesis --rounds 200 --seed 1`.

A round is repeated with `--rounds 1 --seed N`, where N is the number that the table shows. `--sender` lets somebody
else send, to see that the rounds can tell.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table
from tests.faults.nemesis.arena import Arena
from tests.faults.nemesis.fight import Result, fight
from tests.faults.nemesis.senders import SENDERS

STATES = ("candidates", "excluded", "held_out", "sent", "failed", "suppressed", "unknown", "messages")


def show(results: list[Result], sender: str, seconds: float) -> None:
    """Prints what was done, what became of everybody, and what was found."""
    console = Console(width=110)
    counts: Counter[str] = sum((one.verdict.counts for one in results), Counter())
    faults: Counter[str] = sum((one.faults for one in results), Counter())
    done = Table("what happened", "times")
    for name, count in sorted(faults.items()):
        done.add_row(name.replace("_", " "), str(count))
    became = Table(*(name.replace("_", " ") for name in STATES))
    became.add_row(*(str(counts[name]) for name in STATES))
    for column in (done.columns[1], *became.columns):
        column.justify = "right"
    console.print(done, became)
    bad = [one for one in results if one.verdict.found]
    for result in bad:
        for sentence in dict.fromkeys(result.verdict.found):
            console.print(f"seed {result.seed}: {sentence}")
    console.print(
        f"{sender}: {len(results)} rounds, seeds {results[0].seed} to {results[-1].seed}, in {seconds:.0f} s;"
        f" {len(bad)} with a broken promise"
    )


def main() -> int:
    """Fights, prints, and returns 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round; each next one adds 1")
    parser.add_argument("--sender", choices=SENDERS, default="recall")
    parser.add_argument("--until-found", action="store_true", help="stop at the first broken promise")
    arguments = parser.parse_args()
    results: list[Result] = []
    errors = Console(stderr=True, width=200)
    began = time.monotonic()
    with Arena() as arena:
        for seed in range(arguments.seed, arguments.seed + arguments.rounds):
            result = fight(arena, seed, sender=arguments.sender)
            results.append(result)
            errors.print(f"seed {seed}: {'; '.join(dict.fromkeys(result.verdict.found)) or 'held'}")
            if arguments.until_found and result.verdict.found:
                break
    show(results, arguments.sender, time.monotonic() - began)
    return int(any(one.verdict.found for one in results))


if __name__ == "__main__":
    sys.exit(main())
