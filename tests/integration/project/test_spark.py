"""Every model and data test is rendered for PostgreSQL and for Spark, and Spark's grammar and functions take it.

sqlglot's Spark dialect reads the grammar, but it knows functions and types of other engines too; so each function must
stand in the list that Spark 4.3 gives of its own, and each type be one of Spark's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.tokens import Token, TokenType
from tests.support.files import write_files
from tests.support.portable_sql import KEYWORDS, SQL_FUNCTIONS, spark_functions
from tests.support.rendered import DELTA_NIGHT, FULL_REBUILD, PROJECT, World, parse_for_spark, render

WORLDS = {"full rebuild": FULL_REBUILD, "delta night": DELTA_NIGHT}
SPARK_TYPE = re.compile(
    r"(string|int|integer|bigint|smallint|boolean|date|timestamp|double|decimal\(\d+,\d+\)|array<\w+>)", re.IGNORECASE
)


def offences(sql: str) -> Iterator[str]:
    """What Spark would not take of a statement that was rendered for it."""
    try:
        trees = sqlglot.parse(sql, dialect="spark")
    except sqlglot.errors.ParseError as error:
        yield f"does not parse: {error}"
        return
    for tree in trees:
        assert tree is not None
        if any(each.args.get("on") for each in tree.find_all(exp.Distinct)):
            yield "distinct on"
    tokens = sqlglot.tokenize(sql, dialect="spark")
    if " at time zone " in " ".join(token.text.lower() for token in tokens if token.token_type != TokenType.STRING):
        yield "at time zone"
    for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        if token.token_type == TokenType.DCOLON:
            yield "::"
        name = token.text.lower()
        if after.token_type != TokenType.L_PAREN or not name.isidentifier() or token.token_type == TokenType.STRING:
            continue
        is_alias = before is not None and before.token_type == TokenType.ALIAS
        if not is_alias and name not in spark_functions() | KEYWORDS | SQL_FUNCTIONS:
            yield f"{name}()"
    yield from (f"as {name}" for name in _cast_types(tokens) if not SPARK_TYPE.fullmatch(name))


def _cast_types(tokens: list[Token]) -> Iterator[str]:
    """The type of each cast, its blanks left out."""
    for start, token in enumerate(tokens):
        if token.text.lower() not in ("cast", "try_cast") or tokens[start + 1].token_type != TokenType.L_PAREN:
            continue
        depth, since = 0, start
        for place in range(start + 1, len(tokens)):
            kind = tokens[place].token_type
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(kind, 0)
            if kind == TokenType.ALIAS and depth == 1:
                since = place
            if depth == 0:
                yield "".join(each.text for each in tokens[since + 1 : place])
                break


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_every_model_and_test_is_sql_for_spark(world: World, spark_manifest: Any, tmp_path: Path) -> None:
    rendered, failures = render("spark", world, spark_manifest, tmp_path)
    found = {name: list(dict.fromkeys(offences(sql))) for name, sql in rendered.items()}

    assert failures == {}
    assert len(rendered) >= 120
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_every_model_and_test_is_sql_for_postgresql(world: World, postgres_manifest: Any, tmp_path: Path) -> None:
    rendered, failures = render("postgres", world, postgres_manifest, tmp_path)

    assert failures == {}
    assert len(rendered) >= 120
    for sql in rendered.values():
        assert sqlglot.parse(sql, dialect="postgres")


UNPORTABLE = {
    "int_trimmed__found": (
        "select trim_scale(net_amount) as net_amount from {{ ref('int_orders__delta') }}",
        "trim_scale()",
    ),
    "int_days__listed": (
        "select days.day from generate_series(cast('2026-01-01' as date), {{ as_of_date() }}, 1) as days (day)",
        "generate_series()",
    ),
    "int_amounts__cut": ("select cast(net_amount as numeric) as a from {{ ref('int_orders__delta') }}", "as numeric"),
    "int_first__kept": ("select distinct on (user_id) user_id from {{ ref('int_orders__delta') }}", "distinct on"),
    "int_broken__parsed": ("select (user_id from {{ ref('int_orders__delta') }}", "does not parse"),
}


def test_models_of_one_engine_are_found(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("models", "tests", "target", "logs"))
    models = {"int_orders__delta": "select 1 as net_amount", **{name: sql for name, (sql, _) in UNPORTABLE.items()}}
    write_files(project / "models" / "intermediate", {f"{name}.sql": sql for name, sql in models.items()})
    manifest = parse_for_spark(tmp_path, project=project)

    rendered, _ = render("spark", FULL_REBUILD, manifest, tmp_path, project=project)

    assert list(offences(rendered["int_orders__delta"])) == []
    for name, (_, offence) in UNPORTABLE.items():
        assert any(each.startswith(offence) for each in offences(rendered[name])), name
