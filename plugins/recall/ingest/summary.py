"""What a load did, file by file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileResult:
    """One file that a load looked into.

    Attributes:
        path: Its path below the landing folder.
        table_name: The table that it belongs to.
        state: loaded, rejected, or accepted if a person said to go on without it.
        row_count: Number of its records.
        loaded_count: Records that stand in the table at the end of the load.
        quarantined_count: Records set aside.
        repeated_count: Records equal to the row of their key in the table.
        superseded_count: Records of whose key another version stands in the table.
        error: Why it was rejected.
        extra_columns: Columns that the table does not know and that were kept.
        hints: Remarks for whoever delivers it.
    """

    path: str
    table_name: str
    state: str
    row_count: int = 0
    loaded_count: int = 0
    quarantined_count: int = 0
    repeated_count: int = 0
    superseded_count: int = 0
    error: str | None = None
    extra_columns: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableResult:
    """What a load brought to one table.

    Attributes:
        table_name: The table.
        file_count: Number of files loaded.
        row_count: Number of their records.
        loaded_count: Records that stand in the table at the end of the load.
        quarantined_count: Records set aside.
        repeated_count: Records equal to the row of their key in the table.
        superseded_count: Records of whose key another version stands in the table.
        seconds: How long it took.
    """

    table_name: str
    file_count: int
    row_count: int
    loaded_count: int
    quarantined_count: int
    repeated_count: int
    superseded_count: int
    seconds: float


@dataclass(frozen=True)
class LoadSummary:
    """What a load did.

    Attributes:
        load_id: Its number; new rows carry it.
        files: Files that were new, changed or rejected before, in the order of tables and paths.
        tables: The tables that got files, in the order of the specification.
        unchanged_count: Files that were loaded before and did not change.
        ignored: Paths of files that are no data files.
        seconds: How long it took in all.
    """

    load_id: int
    files: tuple[FileResult, ...]
    tables: tuple[TableResult, ...]
    unchanged_count: int
    ignored: tuple[str, ...]
    seconds: float

    @property
    def rejected(self) -> tuple[FileResult, ...]:
        """Files that were rejected and that nobody accepted; they block build and export."""
        return tuple(file for file in self.files if file.state == "rejected")

    @property
    def loaded_count(self) -> int:
        """Records of new files that stand in the tables at the end of the load."""
        return sum(file.loaded_count for file in self.files)
