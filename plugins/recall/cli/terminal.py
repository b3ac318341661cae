"""What the terminal shows: stages, tables, errors."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from recall.domain.errors import RecallError

NAME_WIDTH = 28
WIDE = 10_000


def output() -> Console:
    """Returns the console for results; into a pipe or file it never wraps or cuts a line."""
    return Console(file=sys.stdout, highlight=False, **_width(sys.stdout.isatty()))


def errors() -> Console:
    """Returns the console for errors."""
    return Console(file=sys.stderr, highlight=False, **_width(sys.stderr.isatty()))


def _width(is_terminal: bool) -> dict[str, Any]:
    """Leaves the width of a terminal to the terminal."""
    return {} if is_terminal else {"width": WIDE, "soft_wrap": True}


def show_error(error: RecallError) -> None:
    """Prints what went wrong and what to type next.

    Args:
        error: The error; its text holds no personal value.
    """
    console = errors()
    console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.next_command:
        console.print(Text.assemble(("next:  ", "bold"), error.next_command), soft_wrap=True)


def show_next(*commands: str) -> None:
    """Prints the commands that a reader is likely to want now.

    Args:
        commands: Each as it is typed.
    """
    console = output()
    for position, command in enumerate(commands):
        console.print(Text.assemble(("next:  " if position == 0 else "       ", "bold"), command), soft_wrap=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Prints rows under their column names; numbers to the right, nothing cut.

    Args:
        columns: Column names.
        rows: Values in that order; None is shown as a dash.
        title: A line above the table.
    """
    listed = [list(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        is_number = any(isinstance(row[position], int | float) or _is_decimal(row[position]) for row in listed)
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*[_cell(value) for value in row])
    output().print(table)


def _is_decimal(value: Any) -> bool:
    """Whether a value is one of the database's numerics."""
    return type(value).__name__ == "Decimal"


def _cell(value: Any) -> Text:
    """Writes one value; text is taken as it is, never as markup."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(str(value))


class _RichStage:
    """One stage on the terminal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.remark = ""
        self.began = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, rows: int) -> None:
        """Adds finished rows; safe to call from any thread."""
        with self._lock:
            self.rows += rows

    def note(self, text: str) -> None:
        """Replaces the remark."""
        self.remark = text

    def line(self, mark: str) -> Text:
        """Writes the stage as it stands."""
        rows = f"{self.rows:,} rows" if self.rows else ""
        seconds = time.monotonic() - self.began
        return Text.assemble(
            f"{mark} {self.name:<{NAME_WIDTH}} {rows:>17} {seconds:7.1f} s",
            (f"  {self.remark}", "dim"),
        )

    def __rich__(self) -> Text:
        """Shows the stage while it runs."""
        return self.line("…")


class RichProgress:
    """Stages on a terminal: a live line while one runs, a lasting line when it has ended."""

    def __init__(self) -> None:
        # The stream is taken now: while a night runs, what Airflow prints goes to a file.
        self._console = output()
        self._open: list[_RichStage] = []
        self._live: Live | None = None
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[_RichStage]:
        """Shows a stage with its rows and seconds while the block runs; stages of two threads may overlap.

        Args:
            name: What is being done, in a few words.
        """
        stage = _RichStage(name)
        with self._lock:
            self._open.append(stage)
            self._show_innermost()
        mark = "✗"
        try:
            yield stage
            mark = "✓"
        finally:
            with self._lock:
                self._open.remove(stage)
                self._show_innermost()
                self._console.print(stage.line(mark), soft_wrap=True)

    def _show_innermost(self) -> None:
        """Keeps one live line, for the stage that was opened last; the caller holds the lock."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._open and self._console.is_terminal:
            self._live = Live(
                self._open[-1],
                console=self._console,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
