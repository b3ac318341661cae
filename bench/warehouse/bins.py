"""The shipped bins of the four dimensions and the edges of the layers, as the peers need them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

DEFINITIONS = Path(__file__).resolve().parents[2] / "plugins" / "recall" / "definitions"
DIMENSIONS = (
    "days_since_last_visit",
    "visit_count_7d_before_last_visit",
    "days_since_last_order",
    "order_count_30d_before_last_order",
)


@dataclass(frozen=True)
class Bin:
    """What values from an edge on get, up to the next edge: a score, or a layer's code."""

    lower_edge: Decimal
    value: str


def bins_of(dimension: str) -> list[Bin]:
    """The bins of a dimension, lowest edge first, with their scores."""
    rows = [row for row in _rows("layer_bins") if row["dimension_code"] == dimension]
    return sorted((Bin(Decimal(row["lower_edge"]), row["score"]) for row in rows), key=lambda bin: bin.lower_edge)


def layers() -> list[Bin]:
    """The layers, lowest edge first, with their codes."""
    found = (Bin(Decimal(row["lower_edge"]), row["layer_code"]) for row in _rows("layers"))
    return sorted(found, key=lambda layer: layer.lower_edge)


def possible_score() -> Decimal:
    """The greatest sum of scores."""
    return sum((max(Decimal(bin.value) for bin in bins_of(dimension)) for dimension in DIMENSIONS), Decimal(0))


def _rows(name: str) -> list[dict[str, str]]:
    with (DEFINITIONS / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
