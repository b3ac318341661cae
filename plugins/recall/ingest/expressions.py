"""How a column's text becomes a typed value and which rules a row can break, as DuckDB expressions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from recall.domain.tables import Column, Kind, Table

Types = Mapping[str, str]
"""Per column of the file its DuckDB type; every column of a CSV file is VARCHAR."""

EXTRA = "extra"
"""Name under which the columns that a table does not know stand as one JSON object."""

TEXT_KINDS = (Kind.ID, Kind.TEXT, Kind.CODE)
NUMERIC_KINDS = (Kind.AMOUNT, Kind.QUANTITY, Kind.INTEGER)
DUCKDB_TYPES = {
    Kind.ID: "varchar",
    Kind.TEXT: "varchar",
    Kind.CODE: "varchar",
    Kind.INSTANT: "timestamptz",
    Kind.BUSINESS_DATE: "date",
    Kind.CALENDAR_DATE: "date",
    Kind.AMOUNT: "decimal(18, 6)",
    Kind.QUANTITY: "decimal(18, 6)",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
}
UNREADABLE = {
    Kind.INSTANT: "not_an_instant",
    Kind.BUSINESS_DATE: "not_a_date",
    Kind.CALENDAR_DATE: "not_a_date",
    Kind.AMOUNT: "not_a_number",
    Kind.QUANTITY: "not_a_number",
    Kind.INTEGER: "not_a_whole_number",
    Kind.BOOLEAN: "not_a_boolean",
}


@dataclass(frozen=True)
class Settings:
    """What the meaning of a value depends on.

    Attributes:
        business_time_zone: IANA zone in which a bare date begins.
        source_time_zone: IANA zone of instants without an offset.
        currency_code: The workspace's currency.
        now: The moment after which an instant lies in the future.
        first_rates: Per foreign currency the first business date that has an exchange rate.
    """

    business_time_zone: str
    source_time_zone: str
    currency_code: str
    now: datetime
    first_rates: Mapping[str, date]


@dataclass(frozen=True)
class Rule:
    """One rule that a row can break.

    Attributes:
        code: Name of the rule, as it stands in quarantine.
        column: The column at fault; None for the row as a whole.
        condition: DuckDB expression that is true for a row that breaks it.
    """

    code: str
    column: str | None
    condition: str


def literal(text: str) -> str:
    """Returns a text as a DuckDB literal.

    Args:
        text: Any text.
    """
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Returns a name as a quoted DuckDB identifier.

    Args:
        name: Any name.
    """
    return '"' + name.replace('"', '""') + '"'


def given(column: str) -> str:
    """Returns the name under which a column's value stands as the file gave it, blanks being null.

    Args:
        column: Name of the column.
    """
    return identifier(f"given_{column}")


def is_text(duckdb_type: str) -> bool:
    """Returns whether a DuckDB type is text.

    Args:
        duckdb_type: For example VARCHAR or TIMESTAMP_NS.
    """
    return duckdb_type == "VARCHAR" or duckdb_type.startswith("ENUM")


def given_expression(name: str, duckdb_type: str) -> str:
    """Returns a column of the file with what stands for nothing as null.

    Args:
        name: The column's identifier, quoted.
        duckdb_type: Its type.
    """
    if is_text(duckdb_type):
        return f"nullif({name}::varchar, '')"
    if duckdb_type in ("FLOAT", "DOUBLE"):
        # Frames write a missing number as not-a-number.
        return f"case when isnan({name}) then null else {name} end"
    return name


def typed_expression(column: Column, duckdb_type: str | None, settings: Settings) -> str:
    """Returns a column's value in its own type; null where there is none or it cannot be read.

    Args:
        column: The column.
        duckdb_type: The type that the file gives it; None if the file lacks it.
        settings: Zones.
    """
    if duckdb_type is None:
        return f"cast({'null' if column.default is None else literal(column.default)} as {DUCKDB_TYPES[column.kind]})"
    value = given(column.name)
    kind = column.kind
    if kind in (Kind.ID, Kind.TEXT):
        return f"{value}::varchar"
    if kind is Kind.CODE:
        text = f"{value}::varchar"
        return text if column.default is None else f"coalesce({text}, {literal(column.default)})"
    if kind is Kind.INSTANT:
        return _instant(value, duckdb_type, settings)
    if kind is Kind.BUSINESS_DATE:
        if duckdb_type == "DATE":
            return value
        instant = _instant(value, duckdb_type, settings)
        return f"cast(timezone({literal(settings.business_time_zone)}, {instant}) as date)"
    if kind is Kind.CALENDAR_DATE:
        return _calendar_date(value, duckdb_type)
    if kind is Kind.BOOLEAN:
        if duckdb_type == "BOOLEAN":
            return value
        return f"case lower({value}::varchar) when 'true' then true when 'false' then false end"
    number = f"try_cast({value} as decimal(18, 6))"
    if kind is Kind.INTEGER:
        # A cast to a whole number would round 3.7 to 4 without a word.
        return f"case when {number} = round({number}) then try_cast({number} as integer) end"
    return number


def _instant(value: str, duckdb_type: str, settings: Settings) -> str:
    business = literal(settings.business_time_zone)
    if duckdb_type == "TIMESTAMP WITH TIME ZONE":
        return value
    if duckdb_type.startswith("TIMESTAMP"):
        return f"timezone({literal(settings.source_time_zone)}, {value}::timestamp)"
    if duckdb_type == "DATE":
        return f"timezone({business}, {value}::timestamp)"
    text = f"{value}::varchar"
    # The session's zone is the source's. A number such as 1511827200 is no ISO 8601 and must not pass as a year.
    return (
        f"case when {text} like '____-__-__' then timezone({business}, try_cast({text} as timestamp))"
        f" when {text} like '____-__-__%' then try_cast({text} as timestamptz) end"
    )


def _calendar_date(value: str, duckdb_type: str) -> str:
    if duckdb_type == "DATE" or duckdb_type.startswith("TIMESTAMP"):
        return f"{value}::date"
    text = f"{value}::varchar"
    # The day as it was written, whatever hour and offset follow it.
    return (
        f"case when {text} like '____-__-__' then try_cast({text} as date)"
        f" when {text} like '____-__-__%' and try_cast({text} as timestamptz) is not null"
        f" then try_cast(left({text}, 10) as date) end"
    )


def rules_of(table: Table, types: Types, settings: Settings, *, may_hold_nul: bool) -> tuple[Rule, ...]:
    """Returns the rules that rows of a file can break, in the order in which they are tried.

    Args:
        table: The table.
        types: All columns that the file has, with their types.
        settings: Zone, currency and the moment now.
        may_hold_nul: True if a text of the file may hold a NUL byte, which no database text can.

    Returns:
        The rules; the first that a row breaks is the one reported.
    """
    rules: list[Rule] = []
    if may_hold_nul:
        for column in table.columns:
            if column.name in types and column.kind in TEXT_KINDS:
                rules.append(Rule("nul_byte", column.name, f"contains({identifier(column.name)}, chr(0))"))
        rules.append(Rule("nul_byte", None, f"contains({EXTRA}, '\\u0000')"))
    for column in table.columns:
        if column.name in types:
            rules.extend(_column_rules(column, settings))
    score = table.score_range
    if score is not None and score.column in types:
        for code, least, greatest in score.ranges:
            rules.append(
                Rule(
                    "out_of_range",
                    score.column,
                    f"{identifier(score.code_column)} = {literal(code)}"
                    f" and {identifier(score.column)} not between {least} and {greatest}",
                )
            )
    if table.currency_column in types:
        rules.append(_rate_rule(table, settings))
    return tuple(rules)


def _column_rules(column: Column, settings: Settings) -> Iterable[Rule]:
    value = identifier(column.name)
    if column.is_required:
        yield Rule("missing_value", column.name, f"{given(column.name)} is null")
    if column.kind in UNREADABLE:
        yield Rule(UNREADABLE[column.kind], column.name, f"{given(column.name)} is not null and {value} is null")
    if column.kind in NUMERIC_KINDS:
        yield Rule("negative", column.name, f"{value} < 0")
    if column.kind is Kind.INSTANT:
        yield Rule(UNREADABLE[column.kind], column.name, f"{value} < timestamptz '0001-01-02 00:00:00+00'")
        yield Rule("future_instant", column.name, f"{value} > timestamptz {literal(settings.now.isoformat())}")
    if column.kind in (Kind.BUSINESS_DATE, Kind.CALENDAR_DATE):
        yield Rule(UNREADABLE[column.kind], column.name, f"{value} not between date '0001-01-01' and date '9999-12-31'")
    if column.values:
        codes = ", ".join(literal(code) for code in column.values)
        yield Rule("unknown_value", column.name, f"{value} not in ({codes})")


def _rate_rule(table: Table, settings: Settings) -> Rule:
    assert table.currency_column is not None
    assert table.event_column is not None
    code = identifier(table.currency_column)
    day = f"cast(timezone({literal(settings.business_time_zone)}, {identifier(table.event_column)}) as date)"
    known = " ".join(
        f"when {code} = {literal(currency)} then {day} < date {literal(first.isoformat())}"
        for currency, first in sorted(settings.first_rates.items())
    )
    return Rule(
        "no_exchange_rate",
        table.currency_column,
        f"case when {code} is null or {code} = {literal(settings.currency_code)} then false {known} else true end",
    )


def fault_expression(rules: Sequence[Rule]) -> str:
    """Returns the number of the first rule that a row breaks, counted from 1; 0 for a good row.

    Args:
        rules: The rules in order.
    """
    if not rules:
        return "0::utinyint"
    whens = " ".join(f"when {rule.condition} then {number}" for number, rule in enumerate(rules, start=1))
    return f"(case {whens} else 0 end)::usmallint"


def csv_field(column: Column) -> str:
    """Returns a typed value as one field of a line that COPY reads: quoted text, or nothing for null.

    Args:
        column: The column.
    """
    value = identifier(column.name)
    if column.kind in TEXT_KINDS:
        return quoted_field(value)
    if column.kind is Kind.INSTANT:
        # In UTC whatever the session's zone, so that equal instants are equal texts and have an equal hash.
        return f"coalesce(timezone('UTC', {value})::varchar || '+00', '')"
    return f"coalesce({value}::varchar, '')"


def quoted_field(value: str) -> str:
    """Returns a text expression as a quoted field of a line that COPY reads, or nothing for null.

    Args:
        value: DuckDB expression of type VARCHAR.
    """
    return (
        f"case when {value} is null then '' when contains({value}, '\"')"
        f" then '\"' || replace({value}, '\"', '\"\"') || '\"' else '\"' || {value} || '\"' end"
    )


def extra_expression(extras: Mapping[str, str], types: Types) -> str:
    """Returns the columns that the table does not know as a JSON object, or null where all are empty.

    Args:
        extras: Per name in the file's header the identifier of the column.
        types: Per name the type.

    Returns:
        Expression of type VARCHAR; its members stand in the order of their names and are texts, so that equal
        rows have equal objects whatever the file's format and order of columns.
    """
    if not extras:
        return "null::varchar"
    members = ", ".join(
        f"{literal(json.dumps(name, ensure_ascii=False) + ':')} || cast(to_json(({value})::varchar) as varchar)"
        for name in sorted(extras)
        for value in (given_expression(extras[name], types[name]),)
    )
    return f"nullif('{{' || concat_ws(',', {members}) || '}}', '{{}}')"
