"""A whole workspace with its landing files and its truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from examples.simulated_shop.delivery import Landing
from examples.simulated_shop.settings import WORKSPACE, Settings
from examples.simulated_shop.shop import Shop
from examples.simulated_shop.truth import Truth, write_parameters


@dataclass(frozen=True)
class Summary:
    """What was written: files, their rows, and the last business date."""

    file_count: int
    row_count: int
    last_date: str


def simulate(destination: Path, settings: Settings, *, on_day: Callable[[int], None] = lambda number: None) -> Summary:
    """Writes a workspace: definitions, campaigns, `landing/` day by day, and `truth/` beside it.

    Args:
        destination: The workspace's folder; must be absent or empty.
        settings: Size and seed; the same ones give the same bytes.
        on_day: Called after each day with its number.

    Returns:
        What was written.

    Raises:
        FileExistsError: The folder holds something; choose another.
    """
    if destination.exists() and any(destination.iterdir()):
        raise FileExistsError(f"{destination} is not empty; choose a new folder")
    shutil.copytree(WORKSPACE, destination, dirs_exist_ok=True)
    shop = Shop(settings)
    landing = Landing(destination / "landing", settings)
    file_count = row_count = 0
    with Truth(destination / "truth") as truth:
        write_parameters(truth.folder, settings, shop)
        for today in range(settings.day_count):
            day = shop.live(today)
            counts = landing.deliver(day, today)
            truth.write(day)
            truth.write_files(counts)
            file_count += len(counts)
            row_count += sum(entry.row_count for entry in counts.values())
            on_day(today)
        truth.write(shop.close())
    return Summary(file_count, row_count, settings.date_of(settings.day_count - 1).isoformat())
