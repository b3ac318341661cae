"""What makes SQL PostgreSQL's own: rules over a model's text, and over SQL that was rendered for Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SPARK_FUNCTIONS_FILE = Path(__file__).with_name("spark_functions.txt")

# Both engines know these names, and mean different things by them, or order or round differently.
ENGINE_MACRO_OF = {
    "age": "age_in_years",
    "array_agg": "a macro of macros/engine/",
    "date_add": "add_days",
    "date_diff": "days_between",
    "date_part": "extract(... from ...)",
    "date_trunc": "month_start",
    "datediff": "days_between",
    "log": "ln, or log10: log has base 10 on PostgreSQL and base e on Spark",
    "md5": "hash_text",
    "random": "hash_number: no model throws dice",
    "string_agg": "a macro of macros/engine/",
    "to_char": "as_text",
    "to_date": "cast(... as date)",
    "to_timestamp": "a macro of macros/engine/",
    "trunc": "floor",
}

# Words of SQL that a parenthesis follows and that are no functions.
_KEYWORDS = """
    all and any as between by case cross distinct else end except exists from full group having in inner intersect is
    join lateral left like limit not null offset on or order outer over partition recursive right select some then
    union using values when where with
"""
KEYWORDS = frozenset(_KEYWORDS.split())
SQL_FUNCTIONS = frozenset({"cast", "extract", "exists", "listagg", "overlay", "position", "substring", "trim"})
TYPES = frozenset({"bigint", "boolean", "date", "integer", "smallint"})

FORBIDDEN = {
    r"::": "cast(... as ...)",
    r"\bdistinct\s+on\b": "latest_rows, or row_number()",
    r"\bfilter\s*\(": "sum(case when ... end)",
    r"\binterval\b": "add_days",
    r"\bat\s+time\s+zone\b": "business_date",
    r"\bcollate\b": "a macro of macros/engine/",
    r"\bilike\b|\bsimilar\s+to\b|[^!<>=]~|!~": "a macro of macros/engine/",
    r"\barray\s*\[|->|@>|<@|#>": "a macro of macros/engine/",
    r"\blateral\b(?!\s*\{\{\s*(date_spine|number_series)\()": "only date_spine or number_series may follow it",
    r"\busing\s*\(": "on a.column = b.column",
    r"\bnatural\s+join\b": "on a.column = b.column",
    r"\bdate\s+'": "cast('...' as date)",
    r"\b(grouping\s+sets|materialized\s*\(|tablesample|window\s+\w+\s+as)\b": "plain SQL",
}


@cache
def spark_functions() -> frozenset[str]:
    """The names of Spark's functions."""
    lines = SPARK_FUNCTIONS_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def blanked(text: str, *, keep_jinja: bool = False) -> str:
    """A text with comments, literals and Jinja's statements as blanks, so that places stay where they are."""
    patterns = [r"\{#.*?#\}", r"/\*.*?\*/", r"--[^\n]*", r"\{%.*?%\}"]
    if not keep_jinja:
        patterns.append(r"\{\{.*?\}\}")
    patterns.append(r"'[^'\n]*'")
    for pattern in patterns:
        text = re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.DOTALL)
    return text


def offences_of_text(text: str) -> Iterator[tuple[int, str, str]]:
    """Finds what only one engine understands in a model as it was written.

    Args:
        text: The model, with its Jinja.

    Yields:
        The line, the offending words, and what to write in their place.
    """

    def line_of(place: int) -> int:
        return text.count("\n", 0, place) + 1

    with_jinja, plain = blanked(text, keep_jinja=True), blanked(text)
    commentless = re.sub(r"\{#.*?#\}|--[^\n]*", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.DOTALL)
    expressions = list(re.finditer(r"\{\{.*?\}\}", with_jinja, re.DOTALL))
    for pattern, instead in FORBIDDEN.items():
        found_in = commentless if "'" in pattern else with_jinja
        for found in re.finditer(pattern, found_in, re.IGNORECASE):
            if not any(each.start() <= found.start() < each.end() for each in expressions):
                yield line_of(found.start()), found[0].strip(), instead
    for found in re.finditer(r"\{\{(?!\s*config\()(?:[^}]|\}(?!\}))*?\{\{", commentless):
        yield line_of(found.end()), "{{ within {{", "' ~ macro() ~ '"
    for found in re.finditer(r"\b([a-z_][a-z0-9_]*) ?\(", plain, re.IGNORECASE):
        name = found[1].lower()
        # `as words (a, b)` and `words (a, b) as (select ...)` name columns.
        before = plain[: found.start()].rstrip().lower()
        if name in KEYWORDS or name in SQL_FUNCTIONS or re.search(r"\bas$", before):
            continue
        if name in ENGINE_MACRO_OF:
            yield line_of(found.start()), f"{name}()", ENGINE_MACRO_OF[name]
        elif name not in spark_functions():
            yield line_of(found.start()), f"{name}()", "a macro of macros/engine/: Spark has no such function"
    for found in re.finditer(r"\bas\s+([a-z]+(?:\s+precision)?)\s*(?:\([^()]*\)\s*)?\)", plain, re.IGNORECASE):
        opened = _opening(plain, found.end() - 1)
        if re.search(r"\bcast\s*$", plain[:opened], re.IGNORECASE) and found[1].lower() not in TYPES:
            instead = {"text": "{{ dbt.type_string() }}", "numeric": "{{ numeric_type() }}"}
            yield line_of(found.start()), f"as {found[1]}", instead.get(found[1].lower(), "a macro of macros/engine/")


def _opening(text: str, closing: int) -> int:
    """The place of the parenthesis that one closes; 0 if there is none."""
    depth = 0
    for place in range(closing, -1, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return 0
