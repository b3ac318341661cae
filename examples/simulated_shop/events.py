"""What a day brings: rows of input tables, and rows of the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass
class Rows:
    """New rows of one input table.

    Args:
        columns: Per column of the input its texts.
        is_superseded: Per row whether a newer version of it comes later.
    """

    columns: dict[str, pa.Array]
    is_superseded: Any = None


@dataclass
class Day:
    """What a day brought.

    Args:
        rows: Per input table the deliveries of the day, in order of happening.
        truth: Per table of the truth its rows, column by column.
    """

    rows: dict[str, list[Rows]] = field(default_factory=dict)
    truth: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, columns: dict[str, pa.Array], is_superseded: Any = None) -> None:
        """Notes rows of an input table, if there are any."""
        if len(next(iter(columns.values()))):
            self.rows.setdefault(table, []).append(Rows(columns, is_superseded))

    def note(self, table: str, **values: Any) -> None:
        """Notes rows of the truth, if there are any."""
        if len(next(iter(values.values()))):
            self.truth.setdefault(table, []).append(values)
