"""Arrays as values of statements hold what they were given, whatever that is."""

from __future__ import annotations

from typing import Any

import pytest

from recall.warehouse.arrays import BigintArray, TextArray


@pytest.mark.parametrize(
    "values",
    [[], [""], ["a", 'say "no"', "back\\slash", "\\", '"', "{1,2}", "NULL", "a,b", " ", "\n", "用户", "'; --"]],
)
def test_texts_come_back_as_they_were(module_warehouse: Any, values: list[str]) -> None:
    with module_warehouse.connect() as connection:
        row = connection.execute("select %s, %s = any(%s)", (TextArray(values), "NULL", TextArray(values))).fetchone()

    assert row == (values, "NULL" in values)


@pytest.mark.parametrize("values", [[], [0], [-(2**63), 2**63 - 1]])
def test_numbers_come_back_as_they_were(module_warehouse: Any, values: list[int]) -> None:
    with module_warehouse.connect() as connection:
        row = connection.execute("select %s", (BigintArray(values),)).fetchone()

    assert row == (values,)
