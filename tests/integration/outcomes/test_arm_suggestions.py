"""Which shares arms are suggested, against numpy and scipy, and how often one is named behind by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from bench.effects import simulation
from scipy import integrate, stats
from tests.conftest import Warehouse, WorkspaceFactory
from tests.integration.outcomes.test_effect_statistics import PERSONS
from typer.testing import CliRunner

from recall.cli.app import app
from recall.domain.errors import UsageError
from recall.domain.home import Home
from recall.warehouse.connection import connect
from recall.warehouse.definitions import load_definitions

HASH_RANGE = 2**32
SEED = 8
KEPT = 0.1
VALUED = {
    "campaign_id": "text", "campaign_version": "text", "comparison_code": "text", "arm_code": "text",
    "share_now": "numeric", "group_share": "numeric", "group_arm_count": "bigint", "user_count": "numeric",
    "immature_count": "bigint", "event_count": "bigint", "unknown_cost_count": "bigint", "profit_mean": "numeric",
    "profit_mean_variance": "numeric",
}  # fmt: skip
MODELS = ("int_arms__compared", "int_arms__integrated", "int_arm_suggestions__delta")


@dataclass(frozen=True)
class Arm:
    """What was measured of an arm: its mean profit, and the standard error of it."""

    arm_code: str
    mean: float
    error: float
    share: float
    persons: int = 4_000


GROUPS: dict[str, list[Arm]] = {
    "two": [Arm("a", 1.30, 0.05, 0.5), Arm("b", 1.21, 0.07, 0.5)],
    "many": [
        Arm("a", 1.30, 0.05, 0.3), Arm("b", 1.31, 0.02, 0.2), Arm("c", 0.90, 0.20, 0.2), Arm("d", 1.25, 0.06, 0.2),
        Arm("e", -0.4, 0.03, 0.1),
    ],
    "equal": [Arm(code, 2.0, 0.1, 0.25) for code in "abcd"],
    "apart": [Arm("a", 5.0, 0.1, 0.5), Arm("b", 1.0, 0.1, 0.05), Arm("c", 2.0, 0.1, 0.45)],
}  # fmt: skip


def put_valued(home: Home, groups: Mapping[str, list[Arm]]) -> None:
    """Puts measured arms where the models find them, each group a campaign of its own."""
    simulation.put(
        home,
        "int_arms__valued",
        VALUED,
        (
            (name, "v1", "sms", arm.arm_code, arm.share, sum(each.share for each in arms), len(arms), arm.persons, 0,
             500, 0, arm.mean, arm.error**2)
            for name, arms in groups.items()
            for arm in arms
        ),
    )  # fmt: skip
    simulation.put(home, "int_campaigns__checked", simulation.CHECKED, ((name, "own", 0, 0.5, True) for name in groups))


@pytest.fixture(scope="module")
def suggestions(home: Home) -> dict[tuple[str, str], dict[str, Any]]:
    """By campaign and arm what is suggested for the groups above."""
    put_valued(home, GROUPS)
    simulation.run_models(home, *MODELS)
    rows = simulation.rows_of(home, "int_arm_suggestions__delta")
    return {(row["campaign_id"], row["arm_code"]): row for row in rows}


def best_by_quadrature(arms: list[Arm], number: int) -> float:
    """P(an arm's mean is the greatest): scipy's adaptive quadrature over the arm's own density."""
    arm = arms[number]

    def density(x: float) -> float:
        beaten = [stats.norm.cdf(x, each.mean, each.error) for place, each in enumerate(arms) if place != number]
        return float(stats.norm.pdf(x, arm.mean, arm.error) * math.prod(beaten))

    width = 8 * arm.error
    inside = [each.mean for each in arms if abs(each.mean - arm.mean) < width]
    return float(integrate.quad(density, arm.mean - width, arm.mean + width, points=inside, limit=200)[0])


def half_width(first: Arm, second: Arm) -> float:
    """Half the anytime-valid interval of a difference, by the paper's formula."""
    count, a = first.persons + second.persons, 0.05
    r = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / 5_000
    inside = 2 * (count * r + 1) / (count**2 * r) * math.log(math.sqrt(count * r + 1) / a)
    return math.hypot(first.error, second.error) * math.sqrt(count) * math.sqrt(inside)


@pytest.mark.parametrize("name", GROUPS)
def test_chance_to_be_the_best_is_that_of_quadrature_and_of_a_million_draws(
    suggestions: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    arms = GROUPS[name]
    rng = np.random.default_rng(SEED)
    draws = rng.normal([arm.mean for arm in arms], [arm.error for arm in arms], (1_000_000, len(arms)))
    drawn = np.bincount(draws.argmax(axis=1), minlength=len(arms)) / len(draws)
    for number, arm in enumerate(arms):
        found = float(suggestions[name, arm.arm_code]["probability_best"])
        assert found == pytest.approx(best_by_quadrature(arms, number), abs=5e-5)
        # Five binomial errors of a million draws are 0.0025 at most.
        assert found == pytest.approx(drawn[number], abs=0.0026)


@pytest.mark.parametrize("name", GROUPS)
def test_arms_clearly_behind_keep_a_tenth_and_the_others_share_the_rest(
    suggestions: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    arms = GROUPS[name]
    best = max(arms, key=lambda arm: arm.mean)
    behind = {arm.arm_code for arm in arms if best.mean - arm.mean > half_width(best, arm)}
    kept = {arm.arm_code: min(arm.share, KEPT) for arm in arms if arm.arm_code in behind}
    open_now = sum(arm.share for arm in arms if arm.arm_code not in behind)
    for arm in arms:
        row = suggestions[name, arm.arm_code]
        wanted = kept.get(arm.arm_code, arm.share * (1 - sum(kept.values())) / open_now)
        assert float(row["suggested_share"]) == pytest.approx(wanted, abs=1e-6)
        assert (row["reason_code"] == "clearly behind the best") == (arm.arm_code in behind)
        if arm is not best and name != "equal":
            low = best.mean - arm.mean - half_width(best, arm)
            assert float(row["behind_best_low"]) == pytest.approx(low, abs=2e-6)
    # Of 0.5, 0.05 and 0.45 the first is best: the second keeps its 0.05, the third 0.1.
    if name == "apart":
        assert [float(suggestions[name, code]["suggested_share"]) for code in "abc"] == [0.85, 0.05, 0.1]
    if name in ("two", "equal"):
        assert behind == set()


def looks(rng: np.random.Generator, campaigns: int, difference: float) -> dict[str, list[Arm]]:
    """Two arms of campaigns on 40 nights, 100 persons an arm coming in each night; a person's profit has s.d. 8."""
    found = {}
    for campaign in range(campaigns):
        sums = {"a": rng.normal(2.0, 8.0 / math.sqrt(100), 40), "b": rng.normal(2.0 - difference, 0.8, 40)}
        for look in range(40):
            found[f"c{campaign}_{look}"] = [
                Arm(code, float(values[: look + 1].mean()), 8.0 / math.sqrt(100 * (look + 1)), 0.5, 100 * (look + 1))
                for code, values in sums.items()
            ]
    return found


def named_behind(home: Home, groups: dict[str, list[Arm]]) -> tuple[set[str], set[str]]:
    """Campaigns of which arm a, and of which arm b, was ever clearly behind."""
    put_valued(home, groups)
    simulation.run_models(home, "int_arms__compared")
    behind = [row for row in simulation.rows_of(home, "int_arms__compared") if row["is_clearly_behind"]]
    a, b = ({row["campaign_id"].split("_")[0] for row in behind if row["arm_code"] == code} for code in "ab")
    return a, b


def test_of_equal_arms_hardly_one_is_ever_named_though_every_night_looks(home: Home) -> None:
    campaigns = 150
    a, b = named_behind(home, looks(np.random.default_rng(SEED), campaigns, 0.0))
    # At most 5 % of the campaigns, and four binomial errors of 150 of them. The fixed interval names a third of them.
    assert len(a | b) / campaigns < 0.05 + 4 * math.sqrt(0.05 * 0.95 / campaigns)


def test_worse_arm_is_named_and_the_better_one_never(home: Home) -> None:
    a, b = named_behind(home, looks(np.random.default_rng(SEED), 100, 1.0))
    # After 4,000 persons each, 1.0 is 5.6 standard errors of the difference (8 x sqrt(2 / 4,000) = 0.179).
    assert len(b) > 95
    assert a == set()


PEOPLE = 2_000


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    """Persons of a campaign that drew 1 to 1 until its weights became 1 to 3, on days when everybody spent more.

    Arm b earns 3 less a person. Under the weights of today it has most of its persons on the good days.
    """
    rng = np.random.default_rng(SEED)
    found = []
    for number in range(2 * PEOPLE):
        is_early = number < PEOPLE
        arm = "b" if rng.random() < (0.5 if is_early else 0.75) else "a"
        is_control = number % 10 == 0
        spent = round(float(rng.gamma(2, 4) + (0 if is_early else 20) - (3 if arm == "b" else 0)), 2)
        buys = rng.random() < 0.97
        found.append(
            {
                "campaign_id": "own", "comparison_code": "coupon:sms", "arm_code": arm, "is_control": is_control,
                "window_days": 30, "is_campaign_window": True, "is_matured": number % 9 != 0,
                "is_returned": False, "contribution_amount": max(spent, 0.01) if buys else 0.0,
                "visit_count": 0, "order_count": int(buys), "net_amount": 0, "earlier_order_count": 0,
                "earlier_net_amount": 0, "cost_amount": 0 if is_control else 0.1 + 0.5 * buys,
                "unknown_cost_count": 0, "person_id": f"p{number}", "is_early": is_early,
                "assigned_date": simulation.AS_OF - timedelta(days=(90 if is_early else 50) + number % 7),
            }
        )  # fmt: skip
    return found


def suggest(home: Home, people: list[dict[str, Any]], current: str) -> dict[str, dict[str, Any]]:
    """By arm what is suggested while a version is the current one: v1 draws 1 to 1, v2 1 to 3, v3 1 to 1 again."""
    with connect("owner", home=home) as connection, connection.cursor() as cursor:
        cursor.execute("truncate ledger.global_holdouts, ledger.assignments, definitions.campaigns cascade")
        for version, edge in (("v1", HASH_RANGE // 2), ("v2", HASH_RANGE // 4), ("v3", HASH_RANGE // 2)):
            cursor.execute(
                "insert into definitions.campaigns values"
                " ('own', %s, %s, '', 100, 0.1, %s, 30, 100, 0, 'en', clock_timestamp())",
                (version, version == current, HASH_RANGE // 10),
            )
            for arm, begin, end in (("a", 0, edge), ("b", edge, HASH_RANGE)):
                cursor.execute(
                    "insert into definitions.campaign_arms values ('own', %s, %s, 'sms', 'coupon', %s, 1, %s, %s)",
                    (version, arm, arm, begin, end),
                )
        cursor.executemany(
            "insert into ledger.global_holdouts values (%s, false, 0.05, %s)",
            [(person["person_id"], person["assigned_date"]) for person in people],
        )
        cursor.executemany(
            "insert into ledger.assignments (campaign_id, person_id, campaign_version, arm_code, variant_code,"
            " is_global_holdout, is_campaign_holdout, assigned_date) values ('own', %s, %s, %s, %s, false, %s, %s)",
            [
                (person["person_id"], "v1" if person["is_early"] else "v2", person["arm_code"], person["arm_code"],
                 person["is_control"], person["assigned_date"])
                for person in people
            ],
        )  # fmt: skip
    rows = ([person.get(column) for column in PERSONS] for person in people)
    simulation.put(home, "int_recalled_users__delta", PERSONS, rows)
    simulation.put(home, "int_campaigns__checked", simulation.CHECKED, iter([("own", "own", 0, None, True)]))
    simulation.run_models(
        home, "int_campaign_arms__grouped", "int_effect_cells__counted", "int_effect_cells__delta",
        "int_share_days__drawn", "int_arms__valued", *MODELS,
    )  # fmt: skip
    return {row["arm_code"]: row for row in simulation.rows_of(home, "int_arm_suggestions__delta")}


@pytest.mark.parametrize(("current", "is_early", "shares"), [("v3", True, (0.9, 0.1)), ("v2", False, (0.9, 0.1))])
def test_arms_are_judged_by_those_whom_their_present_shares_drew(
    home: Home, people: list[dict[str, Any]], current: str, is_early: bool, shares: tuple[float, float]
) -> None:
    found = suggest(home, people, current)
    for number, arm in enumerate("ab"):
        members = [p for p in people if p["arm_code"] == arm and not p["is_control"] and p["is_early"] == is_early]
        profits = np.array([p["contribution_amount"] - p["cost_amount"] for p in members if p["is_matured"]])
        interval = stats.t.interval(0.95, len(profits) - 1, profits.mean(), profits.std(ddof=1) / len(profits) ** 0.5)
        row = found[arm]
        assert (row["treated_count"], row["immature_count"]) == (len(profits), len(members) - len(profits))
        assert float(row["profit_per_person_amount"]) == pytest.approx(profits.mean(), abs=1e-6)
        assert float(row["profit_per_person_low"]) == pytest.approx(interval[0], abs=2e-6)
        assert float(row["profit_per_person_high"]) == pytest.approx(interval[1], abs=2e-6)
        assert float(row["suggested_share"]) == shares[number]
    assert found["b"]["reason_code"] == "clearly behind the best"


def test_days_of_other_shares_would_have_made_the_worse_arm_the_better_one(people: list[dict[str, Any]]) -> None:
    profits = {
        arm: np.mean(
            [
                person["contribution_amount"] - person["cost_amount"]
                for person in people
                if person["arm_code"] == arm and person["is_matured"] and not person["is_control"]
            ]
        )
        for arm in "ab"
    }
    assert profits["b"] > profits["a"]


TABLE = """
    create table outcomes.out_arm_suggestions (
        campaign_id text, arm_code text, comparison_code text, treated_count integer, immature_count integer,
        profit_per_person_amount numeric, profit_per_person_low numeric, profit_per_person_high numeric,
        probability_best numeric, share_now numeric, suggested_share numeric, reason_code text
    );
    insert into outcomes.out_arm_suggestions values
    ('spring', 'brief', 'coupon:sms', 900, 100, 1.25, 1.05, 1.45, 0.001, 0.5, 0.1, 'clearly behind the best'),
    ('spring', 'warm', 'coupon:sms', 910, 90, 2.5, 2.25, 2.75, 0.999, 0.5, 0.9, 'the best so far'),
    ('tea', 'one', 'content:sms', 0, 7, null, null, null, null, 1, 1, 'no other arm of the same treatments');
    grant select on outcomes.out_arm_suggestions to recall_auditor;
"""


def test_command_shows_each_arm_and_the_weights_to_write(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    load_definitions(workspace_factory({}))
    before = CliRunner().invoke(app, ["experiment", "shares"])
    assert before.exit_code == 1
    assert "no night was built yet" in str(before.exception)
    with warehouse.connect("owner", autocommit=True) as connection:
        connection.execute(TABLE.encode())
        connection.execute(
            "insert into control.builds (as_of_date, previous_load_id, load_id, definitions_version, code_version,"
            " is_full_rebuild, state, published_at) values (%s, 0, 0, 'd', 'c', true, 'complete', clock_timestamp())",
            (simulation.AS_OF,),
        )
    shown = CliRunner().invoke(app, ["experiment", "shares"])
    assert shown.exit_code == 0, shown.output
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in shown.output.splitlines()]
    assert ["spring", "brief", "1,000", "1.250 (1.050 to 1.450)", "0.1%", "50.0%", "10.0%", "100",
            "clearly behind the best"] in cells  # fmt: skip
    assert ["tea", "one", "7", "-", "-", "100.0%", "100.0%", "-", "no other arm of the same treatments"] in cells
    only = CliRunner().invoke(app, ["experiment", "shares", "--campaign", "tea"])
    assert only.exit_code == 0
    assert "spring" not in only.output
    unknown = CliRunner().invoke(app, ["experiment", "shares", "--campaign", "none"])
    assert isinstance(unknown.exception, UsageError)
