"""Writes what is true beside the landing folder, day by day, and what was planted as one file of parameters."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from examples.simulated_shop import settings as planted
from examples.simulated_shop.delivery import FileCounts
from examples.simulated_shop.events import Day
from examples.simulated_shop.settings import Settings
from examples.simulated_shop.shop import Shop

TABLES: dict[str, tuple[str, ...]] = {
    "customers": (
        "user_id", "line_id", "first_order_date", "last_key_date", "order_count", "is_churned", "trait_code",
    ),
    "episodes": (
        "user_id", "line_id", "episode_number", "last_key_date", "lapsed_date", "returned_date", "reason_code",
        "layer_code",
    ),
    "entries": (
        "user_id", "line_id", "touched_date", "arm_code", "layer_code", "return_rate_untouched", "return_rate_touched",
    ),
    "days": ("business_date", "line_id", "order_count", "net_cents", "cost_thousandths"),
    "refunds": ("business_date", "line_id", "refund_count", "refund_cents"),
    "sessions": ("business_date", "session_count", "action_count"),
    "decoys": ("business_date", "order_count"),
    "acquisitions": ("cost_date", "channel", "new_user_count", "cost_cents"),
    "late_rows": ("table_name", "row_id", "business_date", "delivered_date"),
    "repeats": ("first_path", "repeated_path", "row_count"),
    "files": (
        "path", "delivered_date", "row_count", "loaded_count", "quarantined_count", "repeated_count",
        "superseded_count",
    ),
    "broken_rows": ("path", "rule_code", "column_name", "row_count"),
}  # fmt: skip
"""The tables of the truth and their columns."""


class Truth:
    """The truth of one shop.

    Args:
        folder: Where it is written; made if absent.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._files: dict[str, TextIO] = {}
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Truth:
        for name, columns in TABLES.items():
            file = (self.folder / f"{name}.csv").open("w", newline="", encoding="utf-8")
            self._files[name] = file
            self._writers[name] = csv.writer(file, lineterminator="\n")
            self._writers[name].writerow(columns)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def write(self, day: Day) -> None:
        """Adds what is true of a day."""
        for table, notes in day.truth.items():
            for note in notes:
                self._write_rows(table, [note[name] for name in TABLES[table]])

    def write_files(self, counts: Mapping[str, FileCounts]) -> None:
        """Adds what complete files must come to."""
        for path, entry in counts.items():
            loaded = entry.row_count - entry.quarantined_count - entry.repeated_count - entry.superseded_count
            self._writers["files"].writerow(
                [
                    path,
                    entry.delivered_date,
                    entry.row_count,
                    loaded,
                    entry.quarantined_count,
                    entry.repeated_count,
                    entry.superseded_count,
                ]
            )
            for (rule, column), count in sorted(entry.broken.items()):
                self._writers["broken_rows"].writerow([path, rule, column, count])

    def _write_rows(self, table: str, columns: Sequence[Sequence[Any]]) -> None:
        self._writers[table].writerows(zip(*columns, strict=True))


def write_parameters(folder: Path, settings: Settings, shop: Shop) -> None:
    """Writes what was planted.

    Args:
        folder: The truth's folder.
        settings: The shop's size and seed.
        shop: The shop.
    """
    content = {
        "user_count": settings.user_count,
        "day_count": settings.day_count,
        "seed": settings.seed,
        "first_date": settings.date_of(0).isoformat(),
        "last_date": settings.date_of(settings.day_count - 1).isoformat(),
        "daily_return_rate": {
            line: dict(zip(shop.scale.codes, (round(float(rate), 6) for rate in rates), strict=True))
            for line, rates in zip(shop.line_ids, shop.hazards, strict=True)
        },
        "margin_percent": {line.line_id: line.margin_percent for line in shop.lines},
        "campaign_id": planted.CAMPAIGN_ID,
        "campaign_rate": planted.CAMPAIGN_RATE,
        "effect_days": planted.EFFECT_DAYS,
        "arms": {
            arm.code: {
                "weight": arm.weight,
                "daily_return_rate_factor": arm.hazard_factor,
                "unit_cost": arm.unit_cost,
                "reward_cents": arm.reward_cents,
                "is_control": not arm.channel,
            }
            for arm in planted.ARMS
        },
        "acquisition": {
            channel.name: {"share": channel.share, "cost_cents": channel.cost_cents} for channel in planted.CHANNELS
        },
        "faults": {
            "late_40_rate": settings.faults.late_40,
            "late_400_rate": settings.faults.late_400,
            "repeated_rate": settings.faults.repeated,
            "broken_rate": settings.faults.broken,
        },
    }
    text = json.dumps(content, indent=2) + "\n"
    (folder / "parameters.json").write_text(text, encoding="utf-8")
