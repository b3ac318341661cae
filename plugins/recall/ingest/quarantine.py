"""What was set aside of the loaded files, without a word of what it said."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import class_row

from recall.domain.home import Home
from recall.warehouse.connection import connect


@dataclass(frozen=True)
class BrokenRule:
    """One rule that records of one file broke.

    Attributes:
        file_path: The file, below the landing folder.
        table_name: The table that it belongs to.
        rule_code: The rule.
        column_name: The column at fault; None for the record as a whole.
        record_count: Records that broke it first.
        first_record_number: The first of them, the file's first record being 1.
        first_line_number: The line where that one begins, the header's being 1; None in files without lines.
    """

    file_path: str
    table_name: str
    rule_code: str
    column_name: str | None
    record_count: int
    first_record_number: int
    first_line_number: int | None


@dataclass(frozen=True)
class QuarantinedRecord:
    """One record that was set aside.

    Attributes:
        replay_id: Names it for ever: the same place in the same content has the same one.
        record_number: Its number in the file, the first being 1.
        line_number: The line where it begins, the header's being 1; None in files without lines.
        rule_code: The first rule that it broke.
        column_name: The column at fault; None for the record as a whole.
    """

    replay_id: UUID
    record_number: int
    line_number: int | None
    rule_code: str
    column_name: str | None


def broken_rules(*, home: Home | None = None) -> list[BrokenRule]:
    """Returns what was set aside, by file and rule, in the order of tables, files and rules.

    Args:
        home: The home folder; default the current one.
    """
    with connect("auditor", home=home) as connection, connection.cursor(row_factory=class_row(BrokenRule)) as cursor:
        return cursor.execute(
            "select file_path, table_name, rule_code, column_name, count(*) as record_count,"
            " min(record_number) as first_record_number, min(line_number) as first_line_number"
            " from quarantine.rows group by file_path, table_name, rule_code, column_name"
            " order by table_name, file_path, rule_code, column_name"
        ).fetchall()


def quarantined_records(file_path: str, limit: int, *, home: Home | None = None) -> list[QuarantinedRecord]:
    """Returns the records of one file that were set aside, in its order.

    Args:
        file_path: The file, below the landing folder.
        limit: Records at most.
        home: The home folder; default the current one.
    """
    row_factory = class_row(QuarantinedRecord)
    with connect("auditor", home=home) as connection, connection.cursor(row_factory=row_factory) as cursor:
        return cursor.execute(
            "select replay_id, record_number, line_number, rule_code, column_name from quarantine.rows"
            " where file_path = %s order by record_number limit %s",
            (file_path, limit),
        ).fetchall()
