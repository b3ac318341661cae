"""Arrays of many thousand values for a statement, where psycopg's own lists look at every element, and slowly.

Source of the quoting: https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO
"""

from __future__ import annotations

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper


class TextArray(list[str]):
    """Texts for a parameter of type text[]; none of them is null."""


class BigintArray(list[int]):
    """Integers for a parameter of type bigint[]; none of them is null."""


class _TextArrayDumper(Dumper):
    oid = psycopg.adapters.types["text"].array_oid

    def dump(self, obj: TextArray) -> Buffer:
        """Quotes every element, whatever it holds."""
        if not obj:
            return b"{}"
        quoted = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in obj])
        return f'{{"{quoted}"}}'.encode()


class _BigintArrayDumper(Dumper):
    oid = psycopg.adapters.types["int8"].array_oid

    def dump(self, obj: BigintArray) -> Buffer:
        """Writes the numbers."""
        return f"{{{','.join(map(str, obj))}}}".encode()


psycopg.adapters.register_dumper(TextArray, _TextArrayDumper)
psycopg.adapters.register_dumper(BigintArray, _BigintArrayDumper)
