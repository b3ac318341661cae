"""Messages say what failed and never what a row held."""

from __future__ import annotations

import pytest

from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.hooks.dbt import scrub
from recall.hooks.foreground import describe_error, restore_error


@pytest.mark.parametrize(
    ("raw", "kept", "gone"),
    [
        (
            'duplicate key value violates unique constraint "dim_users_pkey"\nDETAIL:  Key (user_id)=(ann@x.example)'
            " already exists.",
            "dim_users_pkey",
            "ann@x.example",
        ),
        ('invalid input syntax for type numeric: "+49 170 1234567"\nLINE 4: cast(', "type numeric", "1234567"),
        ('invalid input syntax for type date: "1990-ann"\nCONTEXT:  COPY contacts, line 3', "type date", "ann"),
        (
            'null value in column "user_id" violates not-null constraint\nDETAIL:  Failing row contains (7, ann).',
            "user_id",
            "ann)",
        ),
        ('date/time field value out of range: "1990-13-45 ann"', "out of range", "ann"),
        ('malformed array literal: "{ann"', "malformed array literal", "{ann"),
    ],
)
def test_scrub_keeps_what_failed_and_drops_the_value(raw: str, kept: str, gone: str) -> None:
    assert kept in scrub(raw)
    assert gone not in scrub(raw)


def test_scrub_of_an_engine_that_quotes_anything_drops_all_that_is_quoted() -> None:
    raw = "Conversion Error: Could not convert string 'ann@x.example' to INT32 in column \"user_id\""
    assert scrub(raw, names_are_quoted=False) == (
        'Conversion Error: Could not convert string "..." to INT32 in column "..."'
    )


@pytest.mark.parametrize("kind", [RecallError, UsageError, GateBlocked])
def test_error_that_crosses_the_rest_interface_keeps_class_text_and_exit_code(kind: type[RecallError]) -> None:
    restored = restore_error(describe_error(kind("orders.csv is cut", next_command="recall load")))
    assert type(restored) is kind
    assert restored.message == "orders.csv is cut"
    assert restored.next_command == "recall load"
    assert restored.exit_code == kind.exit_code
