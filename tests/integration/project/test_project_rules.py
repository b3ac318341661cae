"""dbt-project-evaluator's 29 rules hold, but for what is excepted here with its reason; each rule is seen to fail."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.support import project_rules
from tests.support.project_rules import RULES, Exposure, Model, Project, Rule, Source, project_of

NO_STAGING = r"(definitions|ledger|pii|control)\.\w+"
"""Sources that are tables of ours, typed and constrained by migrations: there is nothing to clean or rename."""

CHANGE_FINDER = "finds whose rows are new by the load that brought them, versions that lost included"
CHECK_BEFORE_A_SEND = "asks what was loaded since the served build, which no staging view of that build may show"
OURS = "a table of ours, typed by a migration: macros/definitions reads it, and staging would only copy it"
VERSIONS = "an input table and its lost versions are one table in two halves, put together by visible_rows"

FITS = "filled by the weekly calibration, whose deltas no night builds"
BALANCE = "a mart that stands on outcomes, and so is built with them (docs/decisions/0015)"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "direct_join_to_source": {
        rf"\w+ <- {NO_STAGING}": OURS,
        r"stg_landing__\w+ <- raw\.\w+": "merged users are applied where rows are staged",
        r"int_users__(changed|profiled) <- raw\.\w+": CHANGE_FINDER,
    },
    "marts_or_intermediate_dependent_on_source": {
        rf"\w+ <- {NO_STAGING}": OURS,
        r"int_users__(changed|profiled) <- raw\.\w+": CHANGE_FINDER,
        r"int_key_behaviours__unseen <- raw\.\w+": CHECK_BEFORE_A_SEND,
    },
    "model_fanout": {r"dim_lines -> .*": "every figure of a line asks the line for its limits"},
    "multiple_sources_joined": {
        rf"\w+ <- {NO_STAGING}(, {NO_STAGING})*": OURS,
        r"stg_landing__\w+ <- .*": VERSIONS,
        r"int_users__(changed|profiled) <- .*": CHANGE_FINDER,
        r"int_key_behaviours__unseen <- .*": CHECK_BEFORE_A_SEND,
    },
    "rejoining_of_upstream_concepts": {
        r"int_profile_moves__delta, int_profile_days__moved -> int_profile_counts__summed": (
            "the publication asks for the days as well: they are what it replaces"
        ),
    },
    "root_models": {
        r"fct_(return_curves|churn_limits|untouched_returns|second_lifetimes|action_effects|offer_choices)": FITS,
    },
    "source_fanout": {
        rf"{NO_STAGING} -> .*": OURS,
        r"raw\.\w+ -> ((stg_landing__\w+|int_users__(changed|profiled)|int_key_behaviours__unseen)(, )?)+": (
            "whether a user or an order is known is asked of what was delivered, before anything is staged"
        ),
    },
    "staging_dependent_on_staging": {
        r"stg_landing__\w+ <- stg_landing__user_merges": "rows of a merged user are staged under the one that stays",
    },
    "unused_sources": {
        r"definitions\.(versions|sources|load_rules|gate_rules|campaign_templates)": "read by Python and by the gates",
        r"ledger\.batches": "read by the exporter",
    },
    "too_many_joins": {
        r"int_users__changed: \d+ parents": CHANGE_FINDER,
        r"int_key_behaviours__unseen: \d+ parents": CHECK_BEFORE_A_SEND,
        r"int_campaign_steps__delta: \d+ parents": "one funnel from selection to return, a source for each step",
        r"int_choices__weighed: \d+ parents": "what a treatment brings and costs, and whether the fit allows it",
        r"int_reason_conditions__met: \d+ parents": "every signal that a reason may ask for, from where it is measured",
    },
    "missing_primary_key_tests": {
        r"stg_\w+": "the raw table has the key, and a view keeps one version of each",
        r"int_\w+__(?!delta)\w+": "a step on the way to a delta, whose published table has the key",
        r"fct_(churn_flags|recall_layers|retention|lifecycle_stages|customer_survival)": "a view, keyed as its table",
        r"int_layer_spans|fct_(recall_worth|worth_anchors|recall_actions)": "a view, keyed as its table",
    },
    "sources_without_freshness": {
        r".*": "what is late is said by dated rows of definitions/sources.csv, in business days, and stops the night",
    },
    "test_coverage": {
        r"stg_\w+": "rows are checked when they are loaded, and set aside with a reason",
        r"(dim|fct|out|aud)_\w+": "tests stand on the delta, before a public table is touched",
        r"int_(?!\w+__)\w+": "published from its delta, like a public table",
        r"int_\w+__\w+": "a step on the way, judged by the unit and data tests of the delta that it makes",
    },
    "model_naming_conventions": {r"fct_acquisition_balance": BALANCE},
    "model_directories": {r"models/outcomes/fct_acquisition_balance\.sql": BALANCE},
    "source_directories": {
        r"(definitions|ledger|pii)\.\w+": "not landed, so not staged: their folders are named for their schemas",
    },
}
"""By rule: what is excepted, as a pattern of the whole offence, and why."""


@pytest.fixture(scope="module")
def project(postgres_manifest: Any) -> Project:
    return project_of(postgres_manifest)


def test_there_are_29_rules() -> None:
    assert len(set(RULES)) == 29
    assert set(EXCEPTIONS) <= {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_has_no_offence(rule: Rule, project: Project) -> None:
    exceptions = EXCEPTIONS.get(rule.__name__, {})
    offences = [text for text in rule(project) if not any(re.fullmatch(pattern, text) for pattern in exceptions)]

    assert offences == [], rule.__doc__


def test_every_exception_is_needed(project: Project) -> None:
    idle = {
        (rule.__name__, pattern)
        for rule in RULES
        for pattern in EXCEPTIONS.get(rule.__name__, {})
        if not any(re.fullmatch(pattern, text) for text in rule(project))
    }

    assert idle == set()


STG = Model("stg_shop__orders", "models/staging/stg_shop__orders.sql", sources=("raw.orders",))
INT = Model("int_orders__summed", "models/intermediate/int_orders__summed.sql", parents=("stg_shop__orders",))
FCT = Model("fct_orders", "models/marts/fct_orders.sql", parents=("int_orders__summed",))
ORDERS = Source("orders", "raw.orders")
SOUND = Project({each.name: each for each in (STG, INT, FCT)}, {"raw.orders": ORDERS})


def _with(*changed: Model, **sources: Source) -> Project:
    """The sound project with some models changed or added, and sources added."""
    models = dict(SOUND.models) | {each.name: each for each in changed}
    return Project(models, dict(SOUND.sources) | {f"raw.{name}": source for name, source in sources.items()})


def _chain(length: int) -> list[Model]:
    """Views upon views."""
    return [
        Model(
            f"int_view__{number}",
            f"models/intermediate/int_view__{number}.sql",
            parents=("stg_shop__orders",) if number == 1 else (f"int_view__{number - 1}",),
            materialized="view",
        )
        for number in range(1, length + 1)
    ]


def _many(count: int, parent: str) -> list[Model]:
    """Final models that are all made from one."""
    return [Model(f"fct_{n}", f"models/marts/fct_{n}.sql", parents=(parent,)) for n in range(count)]


VIEW = replace(FCT, materialized="view")
PUBLIC = replace(FCT, access="public", described_columns={"order_id": "The order."})
EXPOSED = (Exposure("report", ("fct_orders",)),)

BROKEN: dict[str, tuple[Project, list[str]]] = {
    "direct_join_to_source": (_with(replace(INT, sources=("raw.orders",))), ["int_orders__summed <- raw.orders"]),
    "marts_or_intermediate_dependent_on_source": (
        _with(replace(FCT, parents=(), sources=("raw.orders",))),
        ["fct_orders <- raw.orders"],
    ),
    "duplicate_sources": (_with(again=Source("again", "raw.orders")), ["raw.orders"]),
    "hard_coded_references": (
        _with(replace(FCT, sql="select 1 from {{ ref('a') }} as a inner join raw.orders as b on true")),
        ["fct_orders names raw.orders"],
    ),
    "model_fanout": (
        _with(*_many(4, "int_orders__summed")),
        ["int_orders__summed -> fct_0, fct_1, fct_2, fct_3, fct_orders"],
    ),
    "multiple_sources_joined": (
        _with(replace(STG, sources=("raw.orders", "raw.users")), users=Source("users", "raw.users")),
        ["stg_shop__orders <- raw.orders, raw.users"],
    ),
    "rejoining_of_upstream_concepts": (
        _with(replace(FCT, parents=("int_orders__summed", "stg_shop__orders"))),
        ["stg_shop__orders, int_orders__summed -> fct_orders"],
    ),
    "root_models": (_with(replace(STG, sources=())), ["stg_shop__orders"]),
    "source_fanout": (
        _with(replace(STG, name="stg_shop__more")),
        ["raw.orders -> stg_shop__more, stg_shop__orders"],
    ),
    "staging_dependent_on_marts_or_intermediate": (
        _with(Model("stg_shop__x", "models/staging/stg_shop__x.sql", parents=("fct_orders",))),
        ["stg_shop__x <- fct_orders"],
    ),
    "staging_dependent_on_staging": (
        _with(Model("stg_shop__x", "models/staging/stg_shop__x.sql", parents=("stg_shop__orders",))),
        ["stg_shop__x <- stg_shop__orders"],
    ),
    "unused_sources": (_with(users=Source("users", "raw.users")), ["raw.users"]),
    "too_many_joins": (
        _with(*_many(8, "stg_shop__orders"), replace(FCT, parents=tuple(f"fct_{n}" for n in range(8)))),
        ["fct_orders: 8 parents"],
    ),
    "missing_primary_key_tests": (_with(replace(FCT, key_columns=())), ["fct_orders"]),
    "sources_without_freshness": (
        _with(orders=replace(ORDERS, has_freshness=False)),
        ["raw.orders"],
    ),
    "test_coverage": (_with(replace(FCT, test_count=0)), ["fct_orders"]),
    "undocumented_models": (_with(replace(FCT, description="")), ["fct_orders"]),
    "documentation_coverage": (_with(replace(FCT, description="")), ["2 of 3 models"]),
    "undocumented_source_tables": (_with(orders=replace(ORDERS, description="")), ["raw.orders"]),
    "undocumented_sources": (_with(orders=replace(ORDERS, group_description="")), ["raw"]),
    "test_directories": (
        _with(replace(FCT, test_paths=("models/staging/_tests.yml",))),
        ["fct_orders: models/staging/_tests.yml"],
    ),
    "model_naming_conventions": (_with(replace(FCT, name="orders")), ["orders"]),
    "source_directories": (
        _with(orders=replace(ORDERS, yaml_path="models/marts/_sources.yml")),
        ["raw.orders"],
    ),
    "model_directories": (
        _with(replace(FCT, path="models/staging/fct_orders.sql")),
        ["models/staging/fct_orders.sql"],
    ),
    "chained_views_dependencies": (_with(*_chain(6)), ["int_view__6: 6"]),
    "exposure_parents_materializations": (replace(_with(VIEW), exposures=EXPOSED), ["report <- fct_orders"]),
    "public_models_without_contract": (_with(replace(PUBLIC, is_contract_enforced=False)), ["fct_orders"]),
    "undocumented_public_models": (
        _with(replace(PUBLIC, described_columns={"order_id": ""})),
        ["fct_orders.order_id"],
    ),
    "exposures_dependent_on_private_models": (replace(SOUND, exposures=EXPOSED), ["report <- fct_orders"]),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_what_breaks_it_and_nothing_in_a_sound_project(rule: Rule) -> None:
    broken, offences = BROKEN[rule.__name__]

    assert list(rule(SOUND)) == []
    assert list(rule(broken)) == offences


def test_thresholds_are_those_of_the_package() -> None:
    # Its dbt_project.yml: models_fanout_threshold 3, too_many_joins_threshold 7, chained_views_threshold 5,
    # documentation_coverage_target and test_coverage_target 100.
    assert (project_rules.MAX_FANOUT, project_rules.MAX_JOINS, project_rules.MAX_CHAINED_VIEWS) == (3, 7, 5)
    assert project_rules.TARGET_COVERAGE == 100
