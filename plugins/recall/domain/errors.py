"""Errors sorted by what the caller should do next."""

from __future__ import annotations


class RecallError(Exception):
    """Something failed; what was good before goes on serving.

    Args:
        message: What happened, naming the file, row, column or setting and what was expected.
        next_command: The command that the reader should type next, if there is one.
    """

    exit_code = 1

    def __init__(self, message: str, *, next_command: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command


class UsageError(RecallError):
    """The command or a setting was wrong; nothing was touched. Correct it and call again."""

    exit_code = 2


class GateBlocked(RecallError):
    """A gate stopped the run on purpose; a person mends the cause or accepts it, then runs again."""

    exit_code = 3
