"""Columns of numbers as the text of landing files, many rows at a time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from examples.simulated_shop.settings import ZONE

Numbers = npt.NDArray[np.int64]
EDGE_SECONDS = 1_800
LAST_SECONDS = 900
"""No act begins so shortly before midnight that it could end after it."""


@lru_cache(maxsize=8)
def day_bounds(day: date) -> tuple[int, int]:
    """Epoch seconds at which a business date begins and ends; 23 to 25 hours apart."""
    zone = ZoneInfo(ZONE)
    begin = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    return int(begin.timestamp()), int(end.timestamp())


def draw_seconds(draw: np.random.Generator, day: date, count: int) -> Numbers:
    """Draws instants of a business date as epoch seconds; a tenth of them close to one of its midnights."""
    begin, end = day_bounds(day)
    last = end - LAST_SECONDS
    seconds = draw.integers(begin, last, count)
    kind = draw.random(count)
    seconds = np.where(kind < 0.05, begin + draw.integers(0, EDGE_SECONDS, count), seconds)
    return np.where(kind > 0.95, last - draw.integers(0, EDGE_SECONDS, count), seconds)


def instants(seconds: Numbers) -> pa.Array:
    """Epoch seconds as ISO 8601 instants in UTC."""
    return pc.strftime(pa.array(seconds, pa.timestamp("s", tz="UTC")), format="%Y-%m-%dT%H:%M:%SZ")


def ids(prefix: str, numbers: Numbers, width: int = 9) -> pa.Array:
    """Numbers as ids such as o000000012."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, pa.scalar(""))


def optional_ids(prefix: str, numbers: Numbers, width: int = 9) -> pa.Array:
    """Ids, and nothing where the number is negative."""
    return pc.if_else(pa.array(numbers >= 0), ids(prefix, np.maximum(numbers, 0), width), pa.scalar(None, pa.string()))


def money(cents: Numbers) -> pa.Array:
    """Cents as an amount such as 12.05; nothing where negative."""
    known = np.maximum(cents, 0)
    whole = pc.cast(pa.array(known // 100), pa.string())
    rest = pc.utf8_lpad(pc.cast(pa.array(known % 100), pa.string()), width=2, padding="0")
    text = pc.binary_join_element_wise(whole, rest, pa.scalar("."))
    return pc.if_else(pa.array(cents >= 0), text, pa.scalar(None, pa.string()))


def whole(numbers: Numbers) -> pa.Array:
    """Whole numbers; nothing where negative."""
    text = pc.cast(pa.array(np.asarray(numbers, dtype=np.int64)), pa.string())
    return pc.if_else(pa.array(numbers >= 0), text, pa.scalar(None, pa.string()))


def pick(values: tuple[str | None, ...], places: npt.NDArray[np.integer]) -> pa.Array:
    """Looks texts up by their place."""
    return pa.array(values, pa.string()).take(pa.array(places))


def constant(value: str | None, count: int) -> pa.Array:
    """One text for all rows."""
    return pa.array([value], pa.string()).take(pa.array(np.zeros(count, dtype=np.int64)))
