"""Worth of every lapsed customer of a random shop, against a recomputation from its events.

Nothing is shared with the models but the shipped definitions, read as CSV, and the return curves, which have a recount
of their own: key days, contributions, gaps, rewards and profits are counted here again with exact fractions.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.conftest import WORKSPACE_SETTINGS, Warehouse
from tests.integration.layers import shop as counted
from tests.integration.warehouse.nights import run_models
from tests.support.files import write_files

from recall.domain.definition_files import SHIPPED_DIR
from recall.domain.workspace import load_workspace
from recall.hooks.calibration import calibrate
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

AS_OF = date(2025, 7, 20)
SHOP = counted.random_shop(20250720, user_count=50)
LEAST_AT_RISK = 6
LEAST_GAPS = 40
GAMING_RETURNS = 2
MARGIN_RATE = Fraction(3, 10)
CURVE_RULES = f"""horizon_days,max_return_rate,min_at_risk_count,max_drift_rate,fit_interval_days,valid_from
30,0.25,{LEAST_AT_RISK},0.2,7,2020-01-01
"""
WORTH_RULES = f"""prior_weight,min_control_count,min_gap_count,gaming_returns,valid_from
500,50,{LEAST_GAPS},{GAMING_RETURNS},2020-01-01
"""


@dataclass(frozen=True)
class Redemption:
    """A redeemed reward, of an order or of none."""

    redemption_id: str
    order: counted.Order
    has_order: bool


def redemptions() -> list[Redemption]:
    draw = random.Random(1)
    return [
        Redemption(f"r{order.order_id}", order, draw.random() < 0.7) for order in SHOP.orders if draw.random() < 0.5
    ]


REDEMPTIONS = redemptions()


def workspace_files() -> dict[str, str]:
    rewards = counted.csv_text(
        ["redemption_id", "user_id", "redeemed_at", "order_id"],
        [
            [
                each.redemption_id,
                each.order.user_id,
                f"{each.order.at.isoformat()}Z",
                each.order.order_id * each.has_order,
            ]
            for each in REDEMPTIONS
        ],
    )
    return {
        "workspace.yml": WORKSPACE_SETTINGS,
        **counted.definition_files(),
        "definitions/churn_limit_rules.csv": CURVE_RULES,
        "definitions/worth_rules.csv": WORTH_RULES,
        "landing/redemptions/all.csv": rewards,
        **{f"landing/{name}": text for name, text in counted.landing_files(SHOP, "all").items()},
    }


@dataclass(frozen=True)
class Served:
    """What a BI tool reads: nothing fitted yet, and after the fit."""

    unfitted: list[dict[str, Any]]
    worth: dict[tuple[str, str], dict[str, Any]]
    actions: dict[tuple[str, str, str], dict[str, Any]]
    curves: dict[tuple[str, str, int], tuple[int, Decimal | None]]
    lifetimes: dict[str, dict[str, Any]]


def read(connection: psycopg.Connection, query: str) -> list[dict[str, Any]]:
    return connection.cursor(row_factory=dict_row).execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def served(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One night and its fit."""
    folder = tmp_path_factory.mktemp("workspace")
    write_files(folder, workspace_files())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        assert load_landing(workspace).rejected == ()
        run_models(workspace, AS_OF)
        with module_warehouse.connect("bi_reader") as connection:
            unfitted = read(connection, "select * from marts.fct_recall_worth")
        calibrate(AS_OF)
    with module_warehouse.connect("bi_reader") as connection:
        worth = read(connection, "select * from marts.fct_recall_worth")
        actions = read(connection, "select * from marts.fct_recall_actions")
        curves = read(connection, "select * from marts.fct_return_curves")
        lifetimes = read(connection, "select * from marts.fct_second_lifetimes")
    return Served(
        unfitted=unfitted,
        worth={(row["user_id"], row["line_id"]): row for row in worth},
        actions={(row["user_id"], row["line_id"], row["action_code"]): row for row in actions},
        curves={
            (row["line_id"], row["layer_code"], row["quiet_days"]): (
                row["untouched_at_risk_count"],
                row["untouched_return_rate"],
            )
            for row in curves
        },
        lifetimes={row["line_id"]: row for row in lifetimes},
    )


def shipped(name: str) -> list[dict[str, str]]:
    with (SHIPPED_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def returns_of(key_days: list[date], lapse_days: int) -> list[date]:
    return [later for earlier, later in pairwise(key_days) if (later - earlier).days > lapse_days]


def lapse_rates() -> dict[tuple[str, bool], tuple[int, Fraction]]:
    """Per line, over all gaps (False) and those from a return on (True): their number, and the share longer than T."""
    gaps: defaultdict[tuple[str, bool], list[tuple[int, bool]]] = defaultdict(list)
    for (_, line_id), history in counted.histories(SHOP, AS_OF).items():
        frequency_class, lapse_days = counted.LINES[line_id]
        key_days = history.key_days(frequency_class)
        returns = returns_of(key_days, lapse_days)
        for number, key_date in enumerate(key_days):
            is_last = number == len(key_days) - 1
            gap = ((AS_OF if is_last else key_days[number + 1]) - key_date).days, not is_last
            gaps[line_id, False].append(gap)
            if returns and key_date >= returns[0]:
                gaps[line_id, True].append(gap)
    found = {}
    for (line_id, is_after_return), members in gaps.items():
        share = Fraction(1)
        for quiet in range(1, counted.LINES[line_id][1] + 1):
            at_risk = sum(days >= quiet for days, _ in members)
            if at_risk:
                share *= 1 - Fraction(sum(days == quiet and ended for days, ended in members), at_risk)
        found[line_id, is_after_return] = len(members), share
    return found


def rewarded_days() -> set[tuple[str, str, date]]:
    """User, line and day of every redeemed reward."""
    found = set()
    for each in REDEMPTIONS:
        day = each.order.at.date()
        if day <= AS_OF and (each.order.is_valid or not each.has_order):
            lines = each.order.lines if each.has_order else counted.LINES
            found |= {(each.order.user_id, line, day) for line in lines}
    return found


@dataclass(frozen=True)
class Expected:
    """An open episode as recounted."""

    layer_code: str
    churn_reason_code: str
    value: Fraction
    untouched: Fraction
    is_gaming: bool


def recounted(served: Served) -> dict[tuple[str, str], Expected]:
    histories = counted.histories(SHOP, AS_OF)
    rates = lapse_rates()
    rewarded = rewarded_days()
    found = {}
    for row in counted.layers_as_of(SHOP, AS_OF):
        user_id, line_id, layer = row["user_id"], row["line_id"], row["layer_code"]
        frequency_class, lapse_days = counted.LINES[line_id]
        history = histories[user_id, line_id]
        key_days = history.key_days(frequency_class)
        returns = returns_of(key_days, lapse_days)
        contribution = sum((Fraction(amount) * MARGIN_RATE for _, amount in history.orders), Fraction(0))
        count, share = rates.get((line_id, True), (0, Fraction(1)))
        if count < LEAST_GAPS:
            count, share = rates[line_id, False]
        assert count >= LEAST_GAPS
        quiet = (AS_OF - row["last_key_date"]).days
        supported = [
            days
            for (line, code, days), (at_risk, rate) in served.curves.items()
            if (line, code) == (line_id, "all") and at_risk >= LEAST_AT_RISK and rate is not None
        ]
        quiet = min(quiet, max(supported))
        at_risk, rate = served.curves.get((line_id, layer, quiet), (0, None))
        if at_risk < LEAST_AT_RISK or rate is None:
            rate = served.curves[line_id, "all", quiet][1]
        assert rate is not None
        found[user_id, line_id] = Expected(
            layer,
            served.worth[user_id, line_id]["churn_reason_code"],
            contribution / len(key_days) / share,
            Fraction(rate),
            len(returns) >= GAMING_RETURNS and all((user_id, line_id, day) in rewarded for day in returns),
        )
    return found


def profits(episode: Expected) -> dict[str, tuple[Fraction, Fraction, bool]]:
    """Per action that the shipped definitions offer: expected profit, expected cost, and whether it is a reward."""
    overrides = {
        row["offer_code"] for row in shipped("reason_offers") if row["reason_code"] == episode.churn_reason_code
    }
    lower_edge = next(lower for code, lower, _ in counted.LAYERS if code == episode.layer_code)
    channels = {row["channel"]: row for row in shipped("channels") if row["may_carry_marketing"] == "true"}
    found = {}
    for prior in shipped("action_priors"):
        tiers = [
            row
            for row in shipped("offers")
            if row["offer_code"] == prior["offer_code"] and Fraction(row["min_layer_score"]) <= lower_edge
        ]
        if not tiers or prior["channel"] not in channels:
            continue
        if prior["offer_code"] not in overrides if overrides else not tiers[0]["ladder_rank"]:
            continue
        tier = max(tiers, key=lambda row: Fraction(row["min_layer_score"]))
        reward = Fraction(tier["reward_cost_amount"])
        contact = Fraction(tier["contact_cost_amount"]) + Fraction(channels[prior["channel"]]["unit_cost_amount"])
        touched = min(max(episode.untouched + Fraction(prior["prior_lift"]), Fraction(0)), Fraction(1))
        profit = (episode.value - reward) * touched - episode.value * episode.untouched - contact
        action_code = f"{prior['offer_code']}:{prior['channel']}"
        found[action_code] = profit, contact + reward * touched, tier["is_reward"] == "true"
    return found


def near(amount: Fraction) -> Any:
    return pytest.approx(float(amount), abs=2e-5)


def test_without_a_fit_nobody_is_worth_recalling_and_no_figure_is_made_up(served: Served) -> None:
    assert len(served.unfitted) == len(served.worth) > 50
    for row in served.unfitted:
        assert (row["reason_code"], row["is_worth_recalling"]) == ("no_fit", False)
        assert {row[name] for name in ("value_amount", "expected_profit_amount", "best_action_code")} == {None}


def test_the_share_of_gaps_that_become_a_lapse_equals_a_recount(served: Served) -> None:
    for (line_id, is_after_return), (count, share) in lapse_rates().items():
        row = served.lifetimes[line_id]
        prefix = "after_return_" if is_after_return else ""
        assert row[f"{prefix}gap_count"] == count
        assert float(row[f"{prefix}lapse_rate"]) == pytest.approx(float(share), abs=1e-9)
    assert {row["start_code"] for row in served.lifetimes.values()} == {"all", "after_return"}


def test_worth_of_every_open_episode_equals_a_recomputation(served: Served) -> None:
    expected = recounted(served)
    assert set(served.worth) == set(expected)
    for key, episode in expected.items():
        row = served.worth[key]
        assert (row["layer_code"], row["is_gaming"]) == (episode.layer_code, episode.is_gaming)
        assert float(row["value_amount"]) == near(episode.value)
        assert Fraction(row["return_rate_untouched"]) == episode.untouched
        allowed = {
            code: (profit, cost)
            for code, (profit, cost, is_reward) in profits(episode).items()
            if not (is_reward and episode.is_gaming)
        }
        best = max(profit for profit, _ in allowed.values())
        assert float(row["expected_profit_amount"]) == near(best)
        assert float(row["expected_profit_amount"]) == near(allowed[row["best_action_code"]][0])
        assert float(row["cost_amount"]) == near(allowed[row["best_action_code"]][1])
        if abs(best) > Fraction(1, 10_000):
            assert row["is_worth_recalling"] == (best > 0)
        assert (row["reason_code"] is None) == row["is_worth_recalling"]
    assert any(episode.is_gaming for episode in expected.values())
    assert {"service", "unknown"} & {episode.churn_reason_code for episode in expected.values()}
    assert len(Counter(row["best_action_code"] for row in served.worth.values())) > 1


def test_every_offered_action_is_weighed_and_rewards_are_withheld_from_gamers(served: Served) -> None:
    expected = {
        (*key, code): (profit, not (is_reward and episode.is_gaming))
        for key, episode in recounted(served).items()
        for code, (profit, _, is_reward) in profits(episode).items()
    }
    assert set(served.actions) == set(expected)
    for key, (profit, is_allowed) in expected.items():
        assert float(served.actions[key]["expected_profit_amount"]) == near(profit)
        assert served.actions[key]["is_allowed"] == is_allowed


def test_a_past_fit_is_read_until_a_later_one_and_never_one_from_the_future(
    served: Served, module_warehouse: Warehouse
) -> None:
    with module_warehouse.connect() as connection:
        connection.execute("set local search_path to marts")
        for table in ("fct_second_lifetimes", "fct_untouched_returns", "fct_action_effects", "fct_offer_choices"):
            connection.execute(f"update {table} set fitted_date = %s".encode(), (AS_OF + timedelta(days=1),))
        future = connection.execute("select distinct reason_code from fct_recall_worth").fetchall()
        connection.rollback()
        past = connection.execute("select distinct fitted_date from marts.fct_recall_worth").fetchall()
    assert (future, past) == ([("no_fit",)], [(AS_OF,)])
