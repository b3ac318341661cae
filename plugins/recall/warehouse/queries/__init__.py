"""SQL of the ledger and of contact points, one statement per file; values are always bound."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """Returns a statement of this folder.

    Args:
        name: File name without `.sql`.
    """
    return files(__name__).joinpath(f"{name}.sql").read_bytes()
