"""Models are written in SQL that every engine understands; what differs is in macros/engine/ for each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.portable_sql import offences_of_text

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
ENGINE = PROJECT / "macros" / "engine"


def test_models_and_tests_hold_no_sql_of_one_engine() -> None:
    files = sorted(path for folder in ("models", "tests") for path in (PROJECT / folder).rglob("*.sql"))
    offences = [
        f"{path.relative_to(PROJECT.parent)}:{line}: {words} -> {instead}"
        for path in files
        for line, words, instead in offences_of_text(path.read_text(encoding="utf-8"))
    ]

    assert files
    assert offences == [], "\n" + "\n".join(offences)


def test_definitions_hold_no_sql_of_one_engine() -> None:
    # Their Jinja is full of other macros' names, so it is blanked like a model's.
    offences = [
        f"{path.relative_to(PROJECT.parent)}:{line}: {words} -> {instead}"
        for path in sorted((PROJECT / "macros" / "definitions").glob("*.sql"))
        for line, words, instead in offences_of_text(path.read_text(encoding="utf-8"))
    ]

    assert offences == [], "\n" + "\n".join(offences)


def test_every_macro_of_postgresql_has_one_for_other_engines() -> None:
    macros = {
        name for path in ENGINE.rglob("*.sql") for name in re.findall(r"\{%-?\s*macro (\w+)\(", path.read_text("utf-8"))
    }
    dispatched = {
        name
        for path in (PROJECT / "macros").rglob("*.sql")
        for name in re.findall(r"adapter\.dispatch\('(\w+)', 'recall'\)", path.read_text("utf-8"))
    }

    assert {
        name for name in macros if name.startswith("postgres__") and name.removeprefix("postgres__") not in dispatched
    } == set()
    for engine in ("postgres", "spark"):
        lacking = {name for name in dispatched if not {f"{engine}__{name}", f"default__{name}"} & macros}
        assert lacking == set(), f"macros/engine lacks these for {engine}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select cast(a as numeric) from b", "as numeric"),
        ("select cast(coalesce(a, cast(b as date)) as text) from c", "as text"),
        ("select a::date from b", "::"),
        ("select distinct on (a) a from b", "distinct on"),
        ("select sum(a) filter (where b) from c", "filter ("),
        ("select trim_scale(a) from b", "trim_scale()"),
        ("select day\nfrom generate_series(1, 2) as days (day)", "generate_series()"),
        ("select a + interval '1 day' from b", "interval"),
        ("select string_agg(a, ',') from b", "string_agg()"),
        ("select log(a) from b", "log()"),
        ("select a from b cross join lateral (select 1) as c", "lateral"),
        ("select a from b where a ~ 'x'", "~"),
        ("select a from b inner join c using (a)", "using ("),
        ("select jsonb_build_object('a', {{ as_of_date() }}) from b", "jsonb_build_object()"),
        ("select {{ plain_amount('cast(a as {{ numeric_type() }})') }} from b", "{{ within {{"),
        ("select date '2026-01-01' as a", "date '"),
    ],
)
def test_unportable_words_are_found(text: str, words: str) -> None:
    assert words in [found.strip() for _, found, _ in offences_of_text(text)]


def test_offence_names_its_line() -> None:
    assert [line for line, _, _ in offences_of_text("-- a::b\nselect 1\n    , b::date\nfrom c")] == [3]


@pytest.mark.parametrize(
    "text",
    [
        "-- generate_series(1, 2) and a::date\nselect 'a::b (c)' as d",
        "{# trim_scale(a) #}select {{ plain_amount('a') }} from b",
        "select a from (values (1), (2)) as numbers (a)",
        "select a from b cross join lateral {{ date_spine('b.c', as_of_date()) }} as days",
        "select cast(a as integer), cast(b as {{ numeric_type() }}), count(*) from c",
        "select row_number() over (partition by a order by b desc nulls last) as c from d where a in (1, 2)",
    ],
)
def test_portable_words_are_left_alone(text: str) -> None:
    assert list(offences_of_text(text)) == []
