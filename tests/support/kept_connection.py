"""Connections of tests that live as long as their warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.rows import tuple_row


class KeptConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that its block ends as any other, and that is as good as new for the next block.

    Who connects waits for a process of the server to start and to read its catalogue: ten statements take as long.
    A block that ends with an error closes it.
    """

    _idle: list[KeptConnection] | None = None

    def keep_in(self, idle: list[KeptConnection]) -> None:
        """Names where it waits between two blocks."""
        self._idle = idle

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if self._idle is None or exc_type is not None or self.closed:
            super().__exit__(exc_type, exc_val, exc_tb)
            return
        self.commit()
        is_autocommit = self.autocommit
        self.autocommit = True
        # Its temporary tables, locks, settings and role go, as they would with the connection.
        self.execute("discard all")
        self.autocommit = is_autocommit
        self.row_factory = tuple_row
        self._idle.append(self)


@dataclass(frozen=True)
class KeptConnections:
    """The connections of one warehouse."""

    _idle: dict[tuple[str, bool], list[KeptConnection]] = field(default_factory=dict)

    def connect(self, dsn: str, *, autocommit: bool) -> KeptConnection:
        """Returns a connection that nobody uses, or a new one; `close` closes it, its block only lends it."""
        idle = self._idle.setdefault((dsn, autocommit), [])
        while idle:
            kept = idle.pop()
            # The server may have been stopped meanwhile.
            if not kept.closed and kept.pgconn.exec_(b"").status == ExecStatus.EMPTY_QUERY:
                return kept
            kept.close()
        # A statement that it had prepared would be discarded with all the rest.
        connection = KeptConnection.connect(dsn, autocommit=autocommit, prepare_threshold=None)
        connection.keep_in(idle)
        return connection

    def close(self) -> None:
        """Closes those that nobody uses."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
