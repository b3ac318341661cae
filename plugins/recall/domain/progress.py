"""Progress of long work, reported without knowing who looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Stage(Protocol):
    """One named stage that is under way."""

    def advance(self, rows: int) -> None:
        """Adds finished rows.

        Args:
            rows: Number of rows finished since the last call.
        """

    def note(self, text: str) -> None:
        """Replaces the short remark beside the stage.

        Args:
            text: A few words with counts and pseudonyms only.
        """


class Progress(Protocol):
    """Whoever shows progress: a terminal, a log or nobody."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Shows a stage with its rows and seconds while the block runs.

        Args:
            name: What is being done, in a few words.
        """
        yield _SilentStage()  # pragma: no cover


class _SilentStage:
    def advance(self, rows: int) -> None:
        """Shows nothing."""

    def note(self, text: str) -> None:
        """Shows nothing."""


class SilentProgress:
    """Progress that nobody looks at."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Runs the block and shows nothing.

        Args:
            name: Ignored.
        """
        yield _SilentStage()
