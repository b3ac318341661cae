"""Which definition files exist, their columns, and how a file's text becomes typed rows."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from recall.domain.tables import TABLES

Value = str | int | Decimal | bool | date | time | None

SHIPPED_DIR = Path(__file__).parents[1] / "definitions"
"""The documented defaults, one CSV per definition."""

FREQUENCY_CLASSES = ("high", "mid", "low")
RECENCY_DIMENSIONS = ("days_since_last_visit", "days_since_last_order")
FREQUENCY_DIMENSIONS = ("visit_count_7d_before_last_visit", "order_count_30d_before_last_order")
DIMENSIONS = (
    "days_since_last_visit",
    "visit_count_7d_before_last_visit",
    "days_since_last_order",
    "order_count_30d_before_last_order",
)
PERSONA_MEASURES = ("order_count", "net_amount", "average_order_amount", "customer_days", "age_years")
REASONS = (
    "never_activated",
    "product_quality",
    "service",
    "price",
    "content_stale",
    "wrong_match",
    "need_fulfilled",
    "competitor",
    "unknown",
)
"""Why somebody may have lapsed, in the order that decides between equal scores."""
UNKNOWN_REASON = "unknown"
WINDOWED_SIGNALS = (
    "refund_count",
    "lowest_quality_rating",
    "lowest_service_rating",
    "quality_mention_count",
    "service_mention_count",
    "price_mention_count",
    "content_mention_count",
    "competitor_mention_count",
    "slowest_answer_days",
    "unanswered_complaint_count",
    "discounted_order_rate",
    "visit_fall_rate",
    "channel_retention_ratio",
    "channel_user_count",
)
UNWINDOWED_SIGNALS = (
    "order_count",
    "list_price_rise_rate",
    "days_since_new_listing",
    "need_covered_days",
)
REASON_SIGNALS = (*WINDOWED_SIGNALS, *UNWINDOWED_SIGNALS)
CONTACT_CODES = ("phone", "email", "wechat_openid", "postal_address")
CHANNELS = ("sms", "email", "wechat", "phone", "gift", "welfare", "event", "media")
FUNNEL_BEHAVIOURS = ("visit", "order")


@dataclass(frozen=True)
class Problem:
    """One fault of a definition file.

    Attributes:
        file: The file's name inside the definitions folder, or its path if it is the package's default.
        row: Line of the file, the header being row 1; None for a fault of the file as a whole.
        column: The column; None for a fault of the row or file as a whole.
        expected: What would have been right.
        found: What stands there.
    """

    file: str
    row: int | None
    column: str | None
    expected: str
    found: str

    def __str__(self) -> str:
        """The fault as one sentence: where, what was expected, what was found."""
        row = f", row {self.row}" if self.row is not None else ""
        column = f", column {self.column}" if self.column is not None else ""
        return f"definitions/{self.file}{row}{column}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Column:
    """One column of a definition file.

    Attributes:
        name: Its name in the file's header.
        parse: Turns the text of a cell into a value; raises ValueError if it cannot.
        expected: What a cell must hold, in words.
        is_required: Whether a cell must not be empty.
        default: The value of an empty cell, and of all cells if the column may be left out.
        may_be_left_out: Whether the header may lack it.
        database_name: Its name in the warehouse where that differs from the file's.
    """

    name: str
    parse: Callable[[str], Value]
    expected: str
    is_required: bool = True
    default: Value = None
    may_be_left_out: bool = False
    database_name: str = ""

    @property
    def stored_name(self) -> str:
        """The column's name in the schema `definitions`."""
        return self.database_name or self.name


@dataclass(frozen=True)
class DefinitionFile:
    """One definition: its file, its table of the same name and what makes a row one of a kind.

    Attributes:
        name: The file's name without `.csv`, and the table's name in the schema `definitions`.
        columns: Its columns.
        key: Columns that two rows must not share, else both were in force at once.
        may_be_empty: Whether a file with a header only is valid.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    may_be_empty: bool = False

    @property
    def file_name(self) -> str:
        """The name of the CSV file."""
        return f"{self.name}.csv"


@dataclass(frozen=True)
class Row:
    """One row of a definition file.

    Attributes:
        number: Its line in the file, the header being 1.
        values: The typed cells by column name.
    """

    number: int
    values: Mapping[str, Value]


def text(name: str, *, is_required: bool = True) -> Column:
    """A column of free text without surrounding blanks."""

    def parse(cell: str) -> Value:
        if "\0" in cell:
            raise ValueError
        return cell

    return Column(name, parse, "a text", is_required=is_required)


def code(name: str, *, reserved: Sequence[str] = (), is_required: bool = True) -> Column:
    """A column of codes that the workspace chooses.

    Args:
        name: The column's name.
        reserved: Codes that mean something of their own and cannot be defined.
        is_required: Whether a cell must not be empty.
    """

    def parse(cell: str) -> Value:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+.-]*", cell) or cell in reserved:
            raise ValueError
        return cell

    refused = f" other than {' and '.join(reserved)}, which is reserved" if reserved else ""
    return Column(name, parse, f"a code of letters, digits and _ + . -{refused}", is_required=is_required)


def choice(name: str, codes: Sequence[str], *, is_required: bool = True, database_name: str = "") -> Column:
    """A column of a closed set of codes."""

    def parse(cell: str) -> Value:
        if cell not in codes:
            raise ValueError
        return cell

    return Column(name, parse, f"one of {', '.join(codes)}", is_required=is_required, database_name=database_name)


def whole(name: str, *, least: int, is_required: bool = True, default: int | None = None) -> Column:
    """A column of whole numbers.

    Args:
        name: The column's name.
        least: The least value allowed.
        is_required: Whether a cell must not be empty.
        default: The value of an empty cell or a column that is left out; makes both allowed.
    """

    def parse(cell: str) -> Value:
        if not re.fullmatch(r"\d{1,9}", cell) or int(cell) < least:
            raise ValueError
        return int(cell)

    return Column(
        name,
        parse,
        f"a whole number of at least {least}",
        is_required=is_required and default is None,
        default=default,
        may_be_left_out=default is not None,
    )


def decimal(
    name: str,
    *,
    least: str | None = None,
    most: str | None = None,
    above: str | None = None,
    is_required: bool = True,
    default: str | None = None,
) -> Column:
    """A column of decimal numbers with a point, within bounds.

    Args:
        name: The column's name.
        least: The least value allowed; None for no lower bound.
        most: The greatest value allowed; None for no upper bound.
        above: A value that must be exceeded; None for none.
        is_required: Whether a cell must not be empty.
        default: The value of an empty cell or a column that is left out; makes both allowed.
    """

    def parse(cell: str) -> Value:
        try:
            number = Decimal(cell)
        except InvalidOperation as error:
            raise ValueError from error
        if not number.is_finite() or "e" in cell.lower():
            raise ValueError
        if least is not None and number < Decimal(least):
            raise ValueError
        if most is not None and number > Decimal(most):
            raise ValueError
        if above is not None and number <= Decimal(above):
            raise ValueError
        return number

    bounds = [
        f"of at least {least}" if least is not None else "",
        f"of at most {most}" if most is not None else "",
        f"above {above}" if above is not None else "",
    ]
    words = " and ".join(bound for bound in bounds if bound)
    return Column(
        name,
        parse,
        f"a number with a decimal point{' ' if words else ''}{words}",
        is_required=is_required and default is None,
        default=Decimal(default) if default is not None else None,
        may_be_left_out=default is not None,
    )


def may_be_left_out(column: Column) -> Column:
    """The same column, which a file's header may lack; its cells are then empty."""
    return replace(column, may_be_left_out=True)


def boolean(name: str) -> Column:
    """A column of true and false in any case."""

    def parse(cell: str) -> Value:
        if cell.lower() not in ("true", "false"):
            raise ValueError
        return cell.lower() == "true"

    return Column(name, parse, "true or false")


def clock(name: str) -> Column:
    """A column of local times, written 08:00; a cell may be empty, and the column left out."""

    def parse(cell: str) -> Value:
        if not re.fullmatch(r"\d{2}:\d{2}", cell):
            raise ValueError
        return time.fromisoformat(cell)

    return Column(name, parse, "a local time such as 08:00", is_required=False, may_be_left_out=True)


@cache
def _plugins(group: str) -> frozenset[str]:
    """Names of the installed plugins, looked up when a file is read for the first time and not when this is loaded."""
    return frozenset(entry_points(group=group).names)


def plugin(name: str, group: str) -> Column:
    """A column of codes that installed packages bring.

    Args:
        name: The column's name.
        group: Entry point group of the plugins.
    """

    def parse(cell: str) -> Value:
        if cell not in _plugins(group):
            raise ValueError
        return cell

    return Column(name, parse, "a way of delivery that an installed package brings, such as smtp or file_drop")


def day(name: str) -> Column:
    """A column of dates, written 2026-01-31."""

    def parse(cell: str) -> Value:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell):
            raise ValueError
        return date.fromisoformat(cell)

    return Column(name, parse, "a date such as 2026-01-31")


def currency(name: str) -> Column:
    """A column of ISO 4217 currency codes."""

    def parse(cell: str) -> Value:
        if not re.fullmatch(r"[A-Z]{3}", cell):
            raise ValueError
        return cell

    return Column(name, parse, "a currency code such as EUR")


DEFINITION_FILES = (
    DefinitionFile(
        "business_lines",
        (
            code("line_id", reserved=("any",)),
            text("line_name"),
            choice("frequency_class", FREQUENCY_CLASSES),
            whole("lapse_days", least=1),
            whole("returned_days", least=1),
            decimal("margin_rate", least="0", most="1", default="0.3"),
            day("valid_from"),
        ),
        key=("line_id", "valid_from"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "category_lines",
        (text("category"), code("line_id", reserved=("any",)), day("valid_from")),
        key=("category", "valid_from"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "layer_bins",
        (
            choice("dimension_code", DIMENSIONS),
            code("layer_code", reserved=("all",)),
            whole("lower_edge", least=0),
            whole("upper_edge", least=1, is_required=False),
            decimal("score", least="0", most="1"),
            day("valid_from"),
        ),
        key=("valid_from", "dimension_code", "layer_code"),
    ),
    DefinitionFile(
        "layers",
        (
            code("layer_code", reserved=("all",)),
            text("layer_name"),
            decimal("lower_edge", least="0", most="1"),
            decimal("upper_edge", above="0", most="1", is_required=False),
            day("valid_from"),
        ),
        key=("valid_from", "layer_code"),
    ),
    DefinitionFile(
        "persona_rules",
        (
            whole("rule_number", least=1),
            code("persona_code"),
            choice("measure_code", PERSONA_MEASURES, is_required=False),
            decimal("minimum", is_required=False),
            decimal("maximum", is_required=False),
            day("valid_from"),
        ),
        key=("valid_from", "rule_number", "measure_code"),
    ),
    DefinitionFile(
        "reason_rules",
        (
            choice("reason_code", REASONS),
            whole("rule_number", least=1),
            choice("signal_code", REASON_SIGNALS, is_required=False),
            whole("window_days", least=1, is_required=False),
            decimal("minimum", is_required=False),
            decimal("maximum", is_required=False),
            decimal("score", above="0", most="1"),
            day("valid_from"),
        ),
        key=("valid_from", "reason_code", "rule_number", "signal_code"),
    ),
    DefinitionFile(
        "category_lifetimes",
        (text("category"), whole("lifetime_days", least=1), day("valid_from")),
        key=("category", "valid_from"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "layer_rules",
        (whole("return_days", least=1), day("valid_from")),
        key=("valid_from",),
    ),
    DefinitionFile(
        "age_bands",
        (
            text("age_band"),
            whole("lower_age", least=0),
            whole("upper_age", least=1, is_required=False),
            day("valid_from"),
        ),
        key=("valid_from", "age_band"),
    ),
    DefinitionFile(
        "lifecycle_rules",
        (decimal("decline_share", above="0", most="1"), whole("mature_order_days", least=2), day("valid_from")),
        key=("valid_from",),
    ),
    DefinitionFile(
        "retention_days",
        (whole("day_number", least=1), day("valid_from")),
        key=("valid_from", "day_number"),
    ),
    DefinitionFile(
        "funnel_steps",
        (
            whole("step_number", least=1),
            code("step_code"),
            choice("behaviour_code", FUNNEL_BEHAVIOURS),
            text("action", is_required=False),
            text("object_type", is_required=False),
            day("valid_from"),
        ),
        key=("valid_from", "step_number", "behaviour_code", "action", "object_type"),
    ),
    DefinitionFile(
        "channels",
        (
            choice("channel", CHANNELS),
            text("channel_name"),
            plugin("delivery_code", "recall.channels"),
            choice("contact_code", CONTACT_CODES, is_required=False),
            decimal("unit_cost_amount", least="0"),
            whole("daily_capacity", least=1, is_required=False),
            boolean("may_carry_marketing"),
            boolean("default_consent"),
            day("valid_from"),
            may_be_left_out(decimal("rate_per_second", above="0", is_required=False)),
            may_be_left_out(whole("batch_size", least=1, is_required=False)),
            clock("quiet_from"),
            clock("quiet_until"),
        ),
        key=("channel", "valid_from"),
    ),
    DefinitionFile(
        "contact_caps",
        (
            choice("channel", CHANNELS, is_required=False),
            whole("window_days", least=1),
            whole("max_count", least=1),
            day("valid_from"),
        ),
        key=("valid_from", "channel", "window_days"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "sources",
        (
            choice("table", [table.name for table in TABLES], database_name="table_name"),
            whole("max_silent_days", least=0),
        ),
        key=("table",),
        may_be_empty=True,
    ),
    DefinitionFile(
        "load_rules",
        (decimal("max_bad_rate", least="0", most="1"), day("valid_from")),
        key=("valid_from",),
    ),
    DefinitionFile(
        "exchange_rates",
        (currency("currency_code"), day("rate_date"), decimal("rate", above="0")),
        key=("currency_code", "rate_date"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "outcome_windows",
        (whole("window_days", least=1), day("valid_from")),
        key=("valid_from", "window_days"),
    ),
    DefinitionFile(
        "effect_rules",
        (
            whole("min_event_count", least=2),
            whole("rough_event_count", least=2),
            whole("rough_money_count", least=2),
            whole("min_expected_count", least=1),
            decimal("mismatch_limit", least="0", most="1"),
            decimal("winsor_rate", above="0", most="1"),
            whole("covariate_days", least=1),
            whole("min_stratum_count", least=2),
            whole("sequential_user_count", least=1),
            whole("min_relapse_count", least=2),
            decimal("kept_arm_share", above="0", most="0.5"),
            day("valid_from"),
        ),
        key=("valid_from",),
    ),
    DefinitionFile(
        "relapse_days",
        (whole("day_number", least=0), day("valid_from")),
        key=("valid_from", "day_number"),
    ),
    DefinitionFile(
        "churn_limit_rules",
        (
            whole("horizon_days", least=1),
            decimal("max_return_rate", above="0", most="1"),
            whole("min_at_risk_count", least=1),
            decimal("max_drift_rate", above="0"),
            whole("fit_interval_days", least=1),
            day("valid_from"),
        ),
        key=("valid_from",),
    ),
    DefinitionFile(
        "survival_rules",
        (
            choice("model_code", ("mbg_nbd", "bg_nbd")),
            whole("min_buyer_count", least=2),
            whole("min_history_days", least=1),
            whole("max_silent_days", least=1),
            day("valid_from"),
        ),
        key=("valid_from",),
    ),
    DefinitionFile(
        "gate_rules",
        (
            decimal("max_audience_rate", least="0", most="1"),
            decimal("max_audience_change_rate", above="0"),
            whole("usual_audience_days", least=1),
            day("valid_from"),
            may_be_left_out(whole("max_audience_count", least=1, is_required=False)),
        ),
        key=("valid_from",),
    ),
    DefinitionFile(
        "offers",
        (
            code("offer_code"),
            text("offer_name"),
            whole("ladder_rank", least=1, is_required=False),
            boolean("is_reward"),
            decimal("min_layer_score", least="0", most="1"),
            decimal("threshold_amount", above="0", is_required=False),
            decimal("reward_amount", least="0"),
            decimal("reward_cost_amount", least="0"),
            decimal("contact_cost_amount", least="0"),
            whole("coupon_from_days", least=0, default=0),
            may_be_left_out(whole("coupon_until_days", least=0, is_required=False)),
            day("valid_from"),
        ),
        key=("valid_from", "offer_code", "min_layer_score"),
    ),
    DefinitionFile(
        "reason_offers",
        (choice("reason_code", REASONS), code("offer_code"), day("valid_from")),
        key=("valid_from", "reason_code", "offer_code"),
        may_be_empty=True,
    ),
    DefinitionFile(
        "action_priors",
        (
            code("offer_code"),
            choice("channel", CHANNELS),
            code("layer_code", reserved=("all",), is_required=False),
            decimal("prior_lift", least="-1", most="1"),
            day("valid_from"),
        ),
        key=("valid_from", "offer_code", "channel", "layer_code"),
    ),
    DefinitionFile(
        "worth_rules",
        (
            decimal("prior_weight", above="0"),
            whole("min_control_count", least=1),
            whole("min_gap_count", least=1),
            whole("gaming_returns", least=1),
            day("valid_from"),
        ),
        key=("valid_from",),
    ),
)


def nearest(name: str, known: Sequence[str]) -> str:
    """Says which known name was probably meant.

    Args:
        name: The unknown name.
        known: The names that would have been right.

    Returns:
        For example `did you mean lapse_days?`, or the list of known names.
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def parse_definition(definition: DefinitionFile, content: bytes) -> tuple[list[Row], list[Problem]]:
    """Reads one definition file.

    Args:
        definition: What the file must hold.
        content: The file's bytes: CSV in UTF-8 with a header row.

    Returns:
        The typed rows in the file's order, and every fault; a row with a fault is left out.
    """
    name = definition.file_name
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return [], [Problem(name, line, None, "text in UTF-8", f"byte 0x{content[error.start]:02x}")]
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    try:
        records = [(reader.line_num, record) for record in reader if any(cell.strip() for cell in record)]
    except csv.Error as error:
        return [], [Problem(name, reader.line_num, None, "a row of CSV", str(error))]
    if not records:
        names = ",".join(column.name for column in definition.columns)
        return [], [Problem(name, 1, None, f"the header {names}", "an empty file")]
    header = [cell.strip() for cell in records[0][1]]
    problems = _check_header(definition, header)
    if problems:
        return [], problems
    rows: list[Row] = []
    for number, record in records[1:]:
        if len(record) != len(header):
            problems.append(Problem(name, number, None, f"{len(header)} cells", f"{len(record)}"))
            continue
        cells = dict(zip(header, (cell.strip() for cell in record), strict=True))
        values, faults = _parse_cells(definition, number, cells)
        problems.extend(faults)
        if not faults:
            rows.append(Row(number, values))
    if not records[1:] and not definition.may_be_empty:
        problems.append(Problem(name, None, None, "at least one row below the header", "none"))
    problems.extend(_check_key(definition, rows))
    return rows, problems


def _check_header(definition: DefinitionFile, header: Sequence[str]) -> list[Problem]:
    known = [column.name for column in definition.columns]
    needed = [column.name for column in definition.columns if not column.may_be_left_out]
    problems = [
        Problem(
            definition.file_name, 1, name or "(no name)", f"a known column ({nearest(name, known)})", "an unknown one"
        )
        if name not in known
        else Problem(definition.file_name, 1, name, "the column once", "it again")
        for position, name in enumerate(header)
        if name not in known or name in header[:position]
    ]
    problems.extend(
        Problem(definition.file_name, 1, name, "this column in the header", "no such column")
        for name in needed
        if name not in header
    )
    return problems


def _parse_cells(
    definition: DefinitionFile, number: int, cells: Mapping[str, str]
) -> tuple[dict[str, Value], list[Problem]]:
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for column in definition.columns:
        cell = cells.get(column.name, "")
        if not cell:
            values[column.name] = column.default
            if column.is_required:
                problems.append(Problem(definition.file_name, number, column.name, column.expected, "an empty cell"))
            continue
        try:
            values[column.name] = column.parse(cell)
        except ValueError:
            problems.append(Problem(definition.file_name, number, column.name, column.expected, repr(cell)))
    return values, problems


def _check_key(definition: DefinitionFile, rows: Sequence[Row]) -> list[Problem]:
    first_rows: dict[tuple[Value, ...], int] = {}
    problems = []
    for row in rows:
        key = tuple(row.values[name] for name in definition.key)
        if key in first_rows:
            words = ", ".join(f"{name} {row.values[name]}" for name in definition.key)
            problems.append(
                Problem(
                    definition.file_name,
                    row.number,
                    definition.key[0],
                    f"one row for {words}",
                    f"a second one beside row {first_rows[key]}",
                )
            )
        else:
            first_rows[key] = row.number
    return problems
