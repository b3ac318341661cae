"""A day's rows as landing files: split at random, some rows late, repeated or broken, and all of it accounted for."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
from examples.simulated_shop.events import Day, Rows
from examples.simulated_shop.settings import Settings

INPUT_COLUMNS: dict[str, tuple[str, ...]] = {
    "users": ("user_id", "registered_at", "acquisition_channel", "gender", "age_band", "region", "tier", "updated_at"),
    "contacts": ("user_id", "email", "wechat_openid", "postal_address", "updated_at"),
    "products": ("product_id", "category", "name", "list_price", "unit_cost", "listed_at", "updated_at"),
    "product_prices": ("product_id", "valid_from", "list_price"),
    "orders": (
        "order_id", "user_id", "ordered_at", "net_amount", "status", "sales_channel", "currency_code", "gross_amount",
        "discount_amount", "updated_at",
    ),
    "order_items": ("order_id", "line_number", "product_id", "quantity", "net_amount"),
    "refunds": ("refund_id", "order_id", "refunded_at", "amount", "reason_code"),
    "visits": ("visit_id", "user_id", "visited_at", "action", "object_type", "object_id", "channel", "session_id"),
    "feedback": (
        "feedback_id", "user_id", "submitted_at", "kind", "topic", "score", "order_id", "answered_at",
    ),
    "consents": ("user_id", "channel", "is_opted_in", "changed_at"),
    "touches": (
        "touch_id", "campaign_id", "user_id", "touched_at", "arm_code", "is_control", "channel", "unit_cost",
    ),
    "redemptions": (
        "redemption_id", "user_id", "redeemed_at", "campaign_id", "coupon_code", "order_id", "reward_amount",
    ),
    "acquisition_costs": ("cost_date", "channel", "cost_amount", "new_user_count"),
}  # fmt: skip
"""The tables and columns that the shop delivers, in the order of a file."""

LATE_TABLES = ("orders", "order_items", "refunds", "visits", "feedback", "touches", "redemptions")
REPEATED_TABLES = ("order_items", "refunds", "visits", "feedback")
"""Tables of which a row has one version only, so that its second copy is a repeat and nothing else."""

LATE_DAYS = (40, 400)

BREAKS: dict[str, tuple[tuple[str, str, str | None], ...]] = {
    # table: (rule that it breaks, column, what stands there)
    "users": (("missing_value", "user_id", None), ("not_an_instant", "registered_at", "yesterday")),
    "products": (("missing_value", "category", None), ("negative", "list_price", "-1")),
    "orders": (
        ("missing_value", "user_id", None),
        ("not_an_instant", "ordered_at", "03/04/2024"),
        ("future_instant", "ordered_at", "2999-01-01T00:00:00Z"),
        ("not_a_number", "net_amount", "12 euros"),
        ("negative", "net_amount", "-5"),
        ("unknown_value", "status", "shipped"),
        ("no_exchange_rate", "currency_code", "XTS"),
    ),
    "order_items": (("not_a_whole_number", "line_number", "1.5"), ("negative", "quantity", "-2")),
    "refunds": (("not_a_number", "amount", "all of it"), ("missing_value", "order_id", None)),
    "visits": (("missing_value", "user_id", None), ("not_an_instant", "visited_at", "noon")),
    "feedback": (("unknown_value", "kind", "praise"), ("not_a_whole_number", "score", "4.5")),
    "consents": (("not_a_boolean", "is_opted_in", "perhaps"),),
}
MALFORMED_LINE = "more,fields,than,any,table,of,this,shop,has,or,any,other,one,would,ever,need"
"""A line that cannot be split into the file's columns."""


@dataclass
class FileCounts:
    """What a file holds, and what is true of its rows once all files were loaded, each day's by itself."""

    delivered_date: str
    row_count: int = 0
    quarantined_count: int = 0
    repeated_count: int = 0
    superseded_count: int = 0
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Batch:
    """Rows of one table on their way.

    Args:
        rows: The rows as text.
        is_superseded: Per row whether a newer version of it comes sooner or later.
        first_path: For second copies the file that brought the first ones.
    """

    rows: pa.Table
    is_superseded: npt.NDArray[np.bool_]
    first_path: str | None = None

    def take(self, places: npt.NDArray[np.int64]) -> Batch:
        """Some of the rows."""
        return Batch(self.rows.take(pa.array(places)), self.is_superseded[places], self.first_path)


class Landing:
    """Writes landing files and keeps count of them.

    Args:
        folder: The landing folder.
        settings: The shop.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self._held: dict[int, dict[str, list[Batch]]] = {}
        self._open_months: dict[str, FileCounts] = {}

    def deliver(self, day: Day, today: int) -> dict[str, FileCounts]:
        """Writes the files of a day, and notes late rows and second copies in the day's truth.

        Args:
            day: What happened.
            today: Number of the day.

        Returns:
            Per path below the landing folder the counts of the files that are complete by now.
        """
        draw = np.random.default_rng([self.settings.seed, 3, today])
        held = self._held.pop(today, {})
        done: dict[str, FileCounts] = {}
        for table, names in INPUT_COLUMNS.items():
            prompt = [self._hold_back(draw, table, _batch(rows, names), day, today) for rows in day.rows.get(table, [])]
            batches = [batch for batch in [*prompt, *held.get(table, [])] if batch.rows.num_rows]
            if batches and today < self.settings.backlog_days:
                self._append(draw, table, batches, day, today)
            elif batches:
                done |= self._split(draw, table, batches, day, today)
        is_month_over = self.settings.date_of(today).month != self.settings.date_of(today + 1).month
        if is_month_over or today + 1 in (self.settings.backlog_days, self.settings.day_count):
            done |= self._open_months
            self._open_months = {}
        return done

    def _hold_back(self, draw: np.random.Generator, table: str, batch: Batch, day: Day, today: int) -> Batch:
        """Keeps some rows for 40 or 400 days, if the shop is still watched then."""
        if table not in LATE_TABLES:
            return batch
        faults = self.settings.faults
        kind = draw.random(batch.rows.num_rows)
        delay = np.select(
            [kind < faults.late_400, kind < faults.late_400 + faults.late_40], [LATE_DAYS[1], LATE_DAYS[0]], default=0
        )
        delay[today + delay >= self.settings.day_count] = 0
        for days in LATE_DAYS:
            places = np.flatnonzero(delay == days)
            count = len(places)
            if not count:
                continue
            late = batch.take(places)
            self._hold(today + days, table, late)
            day.note(
                "late_rows",
                table_name=[table] * count,
                row_id=late.rows.column(0).to_pylist(),
                business_date=[self.settings.date_of(today).isoformat()] * count,
                delivered_date=[self.settings.date_of(today + days).isoformat()] * count,
            )
        return batch.take(np.flatnonzero(delay == 0)) if delay.any() else batch

    def _hold(self, day: int, table: str, batch: Batch) -> None:
        self._held.setdefault(day, {}).setdefault(table, []).append(batch)

    def _append(self, draw: np.random.Generator, table: str, batches: list[Batch], day: Day, today: int) -> None:
        """Adds a day of the backlog to the file of its month."""
        month = f"{self.settings.date_of(today):%Y-%m}"
        path = f"{table}/{table}_{month}.csv"
        is_new = path not in self._open_months
        counts = self._open_months.setdefault(path, FileCounts(self.settings.date_of(today).isoformat()))
        content = self._content(draw, table, path, batches, counts, day, today, has_header=is_new)
        location = self.folder / path
        location.parent.mkdir(parents=True, exist_ok=True)
        with location.open("wb" if is_new else "ab") as file:
            file.write(content)

    def _split(
        self, draw: np.random.Generator, table: str, batches: list[Batch], day: Day, today: int
    ) -> dict[str, FileCounts]:
        """Writes a day's rows into one to three files with names in no order."""
        part_count = int(draw.integers(1, 4))
        parts: list[list[Batch]] = [[] for _ in range(part_count)]
        for batch in batches:
            part_of = draw.integers(0, part_count, batch.rows.num_rows)
            for part in range(part_count):
                piece = batch.take(np.flatnonzero(part_of == part))
                if piece.rows.num_rows:
                    parts[part].append(piece)
        date_text = self.settings.date_of(today).isoformat()
        done = {}
        for name, pieces in zip(draw.permutation(list("abcdefgh")), parts, strict=False):
            if not pieces:
                continue
            folder = f"{date_text[:7]}/" if draw.random() < 0.3 else ""
            is_packed = draw.random() < 0.2
            path = f"{table}/{folder}{table}_{date_text}_{name}.csv{'.gz' if is_packed else ''}"
            done[path] = FileCounts(date_text)
            content = self._content(draw, table, path, pieces, done[path], day, today, has_header=True)
            location = self.folder / path
            location.parent.mkdir(parents=True, exist_ok=True)
            # Without the moment of packing, so that the same shop has the same bytes.
            location.write_bytes(gzip.compress(content, mtime=0) if is_packed else content)
        return done

    def _content(
        self,
        draw: np.random.Generator,
        table: str,
        path: str,
        batches: list[Batch],
        counts: FileCounts,
        day: Day,
        today: int,
        *,
        has_header: bool,
    ) -> bytes:
        """Shuffles rows, adds second copies and broken rows, and counts all of them."""
        for batch in batches:
            counts.superseded_count += int(batch.is_superseded.sum())
            if batch.first_path is not None:
                counts.repeated_count += batch.rows.num_rows
            if batch.first_path not in (None, path):
                day.note(
                    "repeats", first_path=[batch.first_path], repeated_path=[path], row_count=[batch.rows.num_rows]
                )
        firsts = [batch for batch in batches if batch.first_path is None]
        pieces = [batch.rows for batch in batches]
        if table in REPEATED_TABLES and firsts:
            pieces.append(self._repeat(draw, table, path, pa.concat_tables([b.rows for b in firsts]), counts, today))
        good = pa.concat_tables(pieces)
        broken, malformed_count = self._break(draw, table, good, counts)
        rows = pa.concat_tables([good, *broken])
        rows = rows.take(pa.array(draw.permutation(rows.num_rows)))
        counts.row_count += rows.num_rows + malformed_count
        counts.quarantined_count = counts.broken.total()
        target = io.BytesIO()
        pa_csv.write_csv(rows, target, pa_csv.WriteOptions(include_header=has_header, quoting_style="needed"))
        target.write(f"{MALFORMED_LINE}\n".encode() * malformed_count)
        return target.getvalue()

    def _repeat(
        self, draw: np.random.Generator, table: str, path: str, rows: pa.Table, counts: FileCounts, today: int
    ) -> pa.Table:
        """Copies some rows into the same file, and others into a file of tomorrow."""
        chosen = draw.random(rows.num_rows)
        rate = self.settings.faults.repeated
        here = rows.take(pa.array(np.flatnonzero(chosen < rate / 2)))
        counts.repeated_count += here.num_rows
        later = rows.take(pa.array(np.flatnonzero(chosen > 1 - rate / 2)))
        if later.num_rows and today + 1 < self.settings.day_count:
            self._hold(today + 1, table, Batch(later, np.zeros(later.num_rows, dtype=bool), path))
        return here

    def _break(
        self, draw: np.random.Generator, table: str, rows: pa.Table, counts: FileCounts
    ) -> tuple[list[pa.Table], int]:
        """Makes broken copies of some rows; the good ones stay."""
        kinds = BREAKS.get(table, ())
        faults = self.settings.faults
        wanted = int(draw.binomial(rows.num_rows, faults.broken)) if kinds else 0
        count = min(wanted, int(rows.num_rows * faults.max_broken))
        kind_of = draw.integers(0, len(kinds) + 1, count)
        malformed_count = int((kind_of == len(kinds)).sum())
        if malformed_count:
            counts.broken["malformed_record", ""] += malformed_count
        broken = []
        for kind, (rule, column, value) in enumerate(kinds):
            places = draw.integers(0, rows.num_rows, int((kind_of == kind).sum()))
            if len(places):
                copies = rows.take(pa.array(places))
                filled = pa.array([value] * len(places), pa.string())
                broken.append(copies.set_column(rows.column_names.index(column), column, filled))
                counts.broken[rule, column] += len(places)
        return broken, malformed_count


def _batch(rows: Rows, names: tuple[str, ...]) -> Batch:
    """Puts a table's rows into the columns of its files."""
    count = len(next(iter(rows.columns.values())))
    nothing = pa.nulls(count, pa.string())
    table = pa.table([rows.columns.get(name, nothing) for name in names], names=list(names))
    is_superseded = np.zeros(count, dtype=bool) if rows.is_superseded is None else np.asarray(rows.is_superseded)
    return Batch(table, is_superseded)
