"""Imported once by the process that workers are forked from: what each of them would have to look for and read."""

from __future__ import annotations

from pathlib import Path

from recall.channels.http_peer import open_client
from recall.channels.registry import installed_ways
from recall.warehouse import queries

for statement in Path(queries.__file__).parent.glob("*.sql"):
    queries.query(statement.stem)
installed_ways()
open_client(1).close()
