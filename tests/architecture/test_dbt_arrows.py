"""Models depend one way, are named for where they stand, and know neither the clock nor the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MODELS = PROJECT / "models"

# In the order of the night. Folders of intermediate that are called like a later layer belong to that one.
LAYERS = ("staging", "intermediate", "marts", "outcomes", "calibration", "audiences")
PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("dim_", "fct_"),
    "outcomes": ("out_",),
    "audiences": ("aud_",),
}
# Marts that need what campaigns caused are built with the outcomes.
MARTS_OF_OUTCOMES = {"fct_acquisition_balance"}
NAME = re.compile(r"stg_[a-z0-9]+__[a-z0-9_]+|int_[a-z0-9_]+__[a-z0-9_]+|int_[a-z0-9_]+|(dim|fct|aud|out)_[a-z0-9_]+")
CLOCK = re.compile(
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp|now\s*\(|getdate|timeofday"
    r"|(clock|statement|transaction)_timestamp|run_started_at|modules\.datetime)",
    re.IGNORECASE,
)


class Model(NamedTuple):
    """A model's file: its name, folder, layer and text without comments."""

    name: str
    folder: str
    layer: str
    path: Path
    sql: str


def without_comments(text: str) -> str:
    """SQL and Jinja without comments."""
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"--.*", "", text)


@cache
def models() -> dict[str, Model]:
    """Every model of the project by name."""
    found = {}
    for path in sorted(MODELS.rglob("*.sql")):
        parts = path.relative_to(MODELS).parts
        layer = parts[1] if parts[0] == "intermediate" and parts[1] in LAYERS else parts[0]
        sql = without_comments(path.read_text(encoding="utf-8"))
        found[path.stem] = Model(path.stem, parts[0], layer, path, sql)
    return found


@cache
def properties() -> dict[str, dict[str, Any]]:
    """What the YAML files say about each model."""
    described: dict[str, dict[str, Any]] = {}
    for path in sorted(MODELS.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for model in content.get("models") or []:
            assert model["name"] not in described, f"{model['name']} is described twice"
            described[model["name"]] = model
    return described


def references(model: Model) -> set[str]:
    """The models that a model selects from."""
    return set(re.findall(r"\bref\(\s*['\"](\w+)['\"]\s*\)", model.sql))


def is_public(model: Model) -> bool:
    """Whether others rely on the model's columns."""
    return model.folder in ("marts", "outcomes", "audiences") or bool(
        re.search(r"materialized\s*=\s*['\"]published['\"]", model.sql)
    )


def contract(model: Model) -> dict[str, Any]:
    """A model's contract from its YAML, its own config or the project's config of its folder."""
    own = properties().get(model.name, {})
    settings = (own.get("config") or {}).get("contract") or own.get("contract")
    if settings is None:
        project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
        node = project["models"][project["name"]]
        for part in model.path.relative_to(MODELS).parts[:-1]:
            node = node.get(part) or {}
            settings = node.get("+contract", settings)
    if settings is None and re.search(r"contract\s*=\s*\{\s*['\"]enforced['\"]\s*:\s*true", model.sql, re.IGNORECASE):
        settings = {"enforced": True}
    return settings or {}


def test_models_of_every_layer_are_found() -> None:
    assert {model.layer for model in models().values()} == set(LAYERS)


def wrong_arrows(found: Mapping[str, Model]) -> set[str]:
    """The references of models to models of a later layer."""
    return {
        f"{model.name} ({model.layer}) refers to {name} ({found[name].layer})"
        for model in found.values()
        for name in references(model)
        if LAYERS.index(found[name].layer) > LAYERS.index(model.layer)
    }


def test_model_refers_only_to_layers_before_it() -> None:
    assert wrong_arrows(models()) == set()


def test_a_deliberately_wrong_arrow_is_found() -> None:
    wrong = models()["stg_landing__orders"]._replace(sql="select * from {{ ref('fct_orders') }}")

    assert wrong_arrows({**models(), wrong.name: wrong}) == {
        "stg_landing__orders (staging) refers to fct_orders (marts)"
    }


def test_marts_never_refer_to_staging() -> None:
    # A public view over staging would show rows that the published build has not seen.
    offences = {
        f"{model.name} refers to {name}"
        for model in models().values()
        if model.folder == "marts"
        for name in references(model)
        if models()[name].layer == "staging"
    }

    assert offences == set()


def test_only_staging_and_the_check_before_a_send_read_what_was_delivered() -> None:
    readers = {
        model.name
        for model in models().values()
        if model.layer != "staging" and re.search(r"\bsource\(\s*['\"](raw|quarantine)['\"]", model.sql)
    }

    # Who came back since the served build is asked of what was loaded, whatever day the marts serve.
    assert readers == {"int_key_behaviours__unseen"}


def test_no_model_reads_contacts() -> None:
    offences = {
        model.name
        for model in models().values()
        if re.search(r"\b(contact_points|quarantined_lines|feedback_texts)\b", model.sql)
        and not re.search(r"\buser_contact_points\b", model.sql)
    }

    assert offences == set()


def test_model_name_says_where_it_stands() -> None:
    offences = {
        model.name
        for model in models().values()
        if not model.name.startswith(PREFIXES["marts" if model.name in MARTS_OF_OUTCOMES else model.folder])
        or not NAME.fullmatch(model.name)
        or len(model.name) > 50
    }

    assert offences == set()


def test_no_model_reads_the_clock() -> None:
    assert {m.name: CLOCK.findall(m.sql) for m in models().values() if CLOCK.search(m.sql)} == {}


@pytest.mark.parametrize("text", ["current_date", "NOW()", "select now ()", "{{ run_started_at }}"])
def test_clock_pattern_finds(text: str) -> None:
    assert CLOCK.search(text)


def test_no_cast_by_colons_outside_the_engines_macros() -> None:
    files = [*MODELS.rglob("*.sql"), *(PROJECT / "tests").rglob("*.sql")]
    files += [
        path
        for path in (PROJECT / "macros").rglob("*.sql")
        if path.relative_to(PROJECT / "macros").parts[0] not in ("engine", "materializations")
    ]
    offences = {path.name for path in files if "::" in without_comments(path.read_text(encoding="utf-8"))}

    assert offences == set()


def test_public_model_has_an_enforced_contract() -> None:
    offences = {m.name for m in models().values() if is_public(m) and contract(m).get("enforced") is not True}

    assert offences == set()


def test_public_model_describes_itself_and_every_column() -> None:
    offences = set()
    for model in models().values():
        if not is_public(model):
            continue
        described = properties().get(model.name, {})
        if not str(described.get("description", "")).strip().startswith("One row per"):
            offences.add(f"{model.name}: its description does not open with One row per")
        columns = described.get("columns") or []
        if not columns:
            offences.add(f"{model.name}: no columns")
        for column in columns:
            if not str(column.get("description", "")).strip():
                offences.add(f"{model.name}.{column['name']}: no description")
            if not column.get("data_type"):
                offences.add(f"{model.name}.{column['name']}: no data_type")

    assert offences == set()


def test_described_models_exist() -> None:
    assert set(properties()) - set(models()) == set()
