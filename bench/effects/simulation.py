"""Campaigns whose truth is known, through the warehouse's own statistics.

Persons are drawn by numpy; their counts, sums and sums of squares are put where the models of the warehouse would have
put them, and the models that estimate are run on them. So what is judged is the SQL that the nights run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.rows import dict_row

from recall.domain.home import Home
from recall.domain.workspace import Workspace
from recall.hooks import dbt
from recall.hooks.night import prepare_night
from recall.warehouse.connection import connect
from recall.warehouse.definitions import load_definitions

AS_OF = date(2026, 3, 1)
HASH_RANGE = 2**32
LOOK_COUNT = 60

COMPARED = {
    "campaign_id": "text", "comparison_code": "text", "arm_code": "text", "segment_type": "text",
    "segment_code": "text", "window_days": "integer", "metric_code": "text", "is_money": "boolean",
    "is_adjusted": "boolean",
    "treated_count": "numeric", "control_count": "numeric", "immature_count": "numeric",
    "treated_event_count": "numeric", "control_event_count": "numeric", "treated_mean": "numeric",
    "control_mean": "numeric", "treated_mean_variance": "numeric", "control_mean_variance": "numeric",
    "welch_term": "numeric",
}  # fmt: skip
ADJUSTED = {
    name: kind
    for name, kind in COMPARED.items()
    if name
    in (
        "campaign_id", "arm_code", "segment_type", "segment_code", "window_days", "metric_code", "treated_mean",
        "control_mean", "treated_mean_variance", "control_mean_variance", "welch_term",
    )
}  # fmt: skip
CHECKED = {
    "campaign_id": "text", "kind_code": "text", "touched_as_both_count": "bigint", "mismatch_p": "numeric",
    "has_visits": "boolean",
}  # fmt: skip
STRATA = {"campaign_id": "text", "comparison_code": "text", "is_control": "boolean"}
PROFIT_ARMS = {
    "campaign_id": "text", "comparison_code": "text", "arm_code": "text", "is_control": "boolean",
    "window_days": "integer", "user_count": "bigint", "immature_count": "bigint", "aimed_count": "bigint",
    "returned_count": "bigint", "contribution_count": "bigint", "contribution_total": "numeric",
    "contribution_square_total": "numeric", "cost_total": "numeric", "cost_square_total": "numeric",
    "contribution_cost_total": "numeric", "unknown_cost_count": "bigint",
}  # fmt: skip
CREDITED = {"campaign_id": "text", "return_count": "integer", "contribution_amount": "numeric"}


@dataclass(frozen=True)
class Shop:
    """What campaigns are drawn with.

    Attributes:
        treated_count: Persons treated in each campaign, all arms together.
        control_count: Persons held out.
        rate: Chance of a held-out person to return.
        lift: What the campaign adds to it.
    """

    treated_count: int
    control_count: int
    rate: float
    lift: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """What became of intervals whose truth is known.

    Attributes:
        stated_count: Campaigns with an interval.
        covered_count: Of these, whose interval holds the truth.
        bias: Mean of estimate - truth over all that are stated.
        bias_error: Its standard error.
    """

    stated_count: int
    covered_count: int
    bias: float
    bias_error: float

    @property
    def coverage(self) -> float:
        """Share 0..1 of the stated intervals that hold the truth."""
        return self.covered_count / self.stated_count


def open_night(workspace: Workspace) -> None:
    """Makes the warehouse ready to run models for AS_OF."""
    load_definitions(workspace)
    prepare_night(workspace, AS_OF)


def put(home: Home, name: str, columns: Mapping[str, str], rows: Iterator[Sequence[Any]]) -> None:
    """Puts rows where an intermediate model would have put them."""
    table = sql.Identifier("intermediate", name)
    with connect("transformer", home=home) as connection:
        connection.execute(sql.SQL("drop table if exists {} cascade").format(table))
        declared = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns.items()
        )
        connection.execute(sql.SQL("create table {} ({})").format(table, declared))
        with connection.cursor().copy(sql.SQL("copy {} from stdin").format(table)) as copy:
            for row in rows:
                copy.write_row(row)


def run_models(home: Home, *names: str) -> None:
    """Runs models by their names, and fails where one of them does."""
    nodes, failure = dbt._invoke(["run", "--select", *names], home=home, role="transformer")
    results = [dbt._node_result("outcomes", node) for node in nodes]
    assert failure is None, failure
    assert [result for result in results if not result.is_good] == []
    assert {result.node_name for result in results} == set(names)


def rows_of(home: Home, name: str) -> list[dict[str, Any]]:
    """All rows of an intermediate table."""
    with connect("transformer", home=home) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql.SQL("select * from {}").format(sql.Identifier("intermediate", name))).fetchall()


def estimate(home: Home, rows: list[Sequence[Any]]) -> list[dict[str, Any]]:
    """Runs the estimation on rows of int_effects__compared, whose controls are all there."""
    campaigns = sorted({row[0] for row in rows})
    put(home, "int_effects__compared", COMPARED, iter(rows))
    put(home, "int_effects__adjusted", ADJUSTED, iter(()))
    put(home, "int_campaigns__checked", CHECKED, ((campaign, "own", 0, None, True) for campaign in campaigns))
    put(home, "int_effect_strata__summed", STRATA, ((campaign, "all", True) for campaign in campaigns))
    run_models(home, "int_campaign_effects__delta")
    return rows_of(home, "int_campaign_effects__delta")


def compared_row(
    campaign: str,
    look: int,
    metric: str,
    *,
    treated: tuple[int, int, float, float],
    control: tuple[int, int, float, float],
) -> Sequence[Any]:
    """A row of int_effects__compared from count, events, mean and sample variance of both sides."""
    (nt, et, mt, vt), (nc, ec, mc, vc) = treated, control
    welch = (vt / nt) ** 2 / (nt - 1) + (vc / nc) ** 2 / (nc - 1)
    is_money = metric.endswith("_amount")
    return (
        campaign, "all", "A", "all", "all", look, metric, is_money, False, nt, nc, 0, et, ec, mt, mc, vt / nt,
        vc / nc, welch,
    )  # fmt: skip


def share(count: int, events: int) -> tuple[int, int, float, float]:
    """Count, events, mean and sample variance of a share."""
    mean = events / count
    return count, events, mean, mean * (1 - mean) * count / (count - 1)


def judge(rows: list[dict[str, Any]], truth: float, *, rough: bool = False) -> Judgement:
    """Compares stated intervals with the truth; rough ones only if asked for."""
    stated = [row for row in rows if row["is_estimable"] and (rough or not row["is_approximate"])]
    errors = np.array([float(row["lift"]) - truth for row in stated])
    covered = sum(float(row["lift_low"]) <= truth <= float(row["lift_high"]) for row in stated)
    return Judgement(len(stated), covered, float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(len(errors))))


def draw_rates(rng: np.random.Generator, shop: Shop, campaign_count: int) -> list[Sequence[Any]]:
    """Return rates of campaigns at their end."""
    treated = rng.binomial(shop.treated_count, shop.rate + shop.lift, campaign_count)
    control = rng.binomial(shop.control_count, shop.rate, campaign_count)
    return [
        compared_row(
            f"c{number}",
            1,
            "return_rate",
            treated=share(shop.treated_count, int(treated[number])),
            control=share(shop.control_count, int(control[number])),
        )
        for number in range(campaign_count)
    ]


def draw_amounts(rng: np.random.Generator, shop: Shop, campaign_count: int) -> tuple[list[Sequence[Any]], float]:
    """Money of campaigns at their end, and the true lift: a buyer spends a log-normal amount."""
    rows = []
    for number in range(campaign_count):
        sides = []
        for count, rate in ((shop.treated_count, shop.rate + shop.lift), (shop.control_count, shop.rate)):
            amounts = np.where(rng.random(count) < rate, rng.lognormal(3.0, 0.7, count), 0.0)
            sides.append((count, int((amounts > 0).sum()), float(amounts.mean()), float(amounts.var(ddof=1))))
        rows.append(compared_row(f"c{number}", 1, "net_amount", treated=sides[0], control=sides[1]))
    return rows, shop.lift * math.exp(3.0 + 0.7**2 / 2)


def draw_looks(rng: np.random.Generator, shop: Shop, campaign_count: int) -> list[Sequence[Any]]:
    """Return rates on each of the nightly looks while members come in evenly."""
    rows: list[Sequence[Any]] = []
    steps = np.arange(1, LOOK_COUNT + 1)
    treated_counts = steps * shop.treated_count // LOOK_COUNT
    control_counts = steps * shop.control_count // LOOK_COUNT
    for number in range(campaign_count):
        treated = np.cumsum(rng.binomial(np.diff(treated_counts, prepend=0), shop.rate + shop.lift))
        control = np.cumsum(rng.binomial(np.diff(control_counts, prepend=0), shop.rate))
        rows += [
            compared_row(
                f"c{number}",
                look + 1,
                "return_rate",
                treated=share(int(treated_counts[look]), int(treated[look])),
                control=share(int(control_counts[look]), int(control[look])),
            )
            for look in range(LOOK_COUNT)
            if control_counts[look] > 1
        ]
    return rows


def excluding_zero(rows: list[dict[str, Any]], low: str, high: str) -> set[str]:
    """Campaigns that on some look had an interval without 0."""
    return {row["campaign_id"] for row in rows if row["is_estimable"] and not float(row[low]) <= 0 <= float(row[high])}


@dataclass(frozen=True)
class Profits:
    """Rows of out_campaign_profit, and what was planted."""

    rows: list[dict[str, Any]]
    caused_count: float
    profit_amount: float

    def judge(self, name: str) -> Judgement:
        """Compares one of caused and incremental_profit with what was planted."""
        if name == "caused":
            truth, columns = self.caused_count, ("caused_count", "caused_low", "caused_high")
        else:
            truth = self.profit_amount
            columns = ("incremental_profit_amount", "incremental_profit_low", "incremental_profit_high")
        stated = [tuple(float(row[column]) for column in columns) for row in self.rows if row[columns[0]] is not None]
        errors = np.array([value - truth for value, _, _ in stated])
        covered = sum(low <= truth <= high for _, low, high in stated)
        return Judgement(len(stated), covered, float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(len(errors))))


def draw_profits(rng: np.random.Generator, home: Home, shop: Shop, campaign_count: int) -> Profits:
    """Two arms with one control: a contact costs 0.05, most who return redeem a reward of 2, a return brings money."""
    arms = {"A": shop.lift, "B": shop.lift * 1.5}
    arm_count = shop.treated_count // len(arms)
    redeemed_rate, contact, reward, mean_amount = 0.7, 0.05, 2.0, math.exp(2.5 + 0.5**2 / 2)

    def rows() -> Iterator[Sequence[Any]]:
        for number in range(campaign_count):
            sides = [(name, False, arm_count, shop.rate + lift) for name, lift in arms.items()]
            for name, is_control, count, rate in [*sides, ("control", True, shop.control_count, shop.rate)]:
                is_returned = rng.random(count) < rate
                amounts = np.where(is_returned, rng.lognormal(2.5, 0.5, count), 0.0)
                is_redeemed = np.zeros(count, dtype=bool) if is_control else rng.random(count) < redeemed_rate
                costs = (0 if is_control else contact) + reward * (is_returned & is_redeemed)
                yield (
                    f"c{number}", "sms", name, is_control, 30, count, 0, count, int(is_returned.sum()),
                    int(is_returned.sum()), float(amounts.sum()), float((amounts**2).sum()), float(costs.sum()),
                    float((costs**2).sum()), float((amounts * costs).sum()), 0,
                )  # fmt: skip

    put(home, "int_profit_arms__summed", PROFIT_ARMS, rows())
    put(home, "int_campaigns__checked", CHECKED, ((f"c{n}", "own", 0, None, True) for n in range(campaign_count)))
    put(home, "int_last_touches__credited", CREDITED, iter(()))
    run_models(home, "int_profit_groups__compared", "int_campaign_profit__delta")
    caused = sum(arm_count * lift for lift in arms.values())
    cost = sum(arm_count * (contact + reward * redeemed_rate * (shop.rate + lift)) for lift in arms.values())
    return Profits(rows_of(home, "int_campaign_profit__delta"), caused, caused * mean_amount - cost)


def draw_mismatches(
    rng: np.random.Generator, home: Home, campaign_count: int, person_count: int, *, lost_rate: float = 0.0
) -> list[dict[str, Any]]:
    """Draws persons into three arms (weights 2, 1, 1) and a fifth held out, and tests the sizes.

    Args:
        rng: The dice.
        home: Whose warehouse; its ledger is filled.
        campaign_count: Campaigns.
        person_count: Persons in each.
        lost_rate: Share of the held-out that somebody lost on the way.
    """
    half = HASH_RANGE // 2
    edges = {"A": (0, half), "B": (half, half + half // 2), "C": (half + half // 2, HASH_RANGE)}
    holdout_end = HASH_RANGE // 5
    with connect("owner", home=home) as connection, connection.cursor() as cursor:
        cursor.execute("truncate ledger.global_holdouts, ledger.assignments, definitions.campaigns cascade")
        with cursor.copy("copy ledger.global_holdouts from stdin") as copy:
            for number in range(person_count):
                copy.write_row((f"p{number}", False, 0.05, AS_OF))
        for number in range(campaign_count):
            cursor.execute(
                "insert into definitions.campaigns values"
                " (%s, 'v', true, '', 100, 0.2, %s, 30, 100, 0, 'en', clock_timestamp())",
                (f"c{number}", holdout_end),
            )
            cursor.executemany(
                "insert into definitions.campaign_arms values (%s, 'v', %s, 'sms', 'coupon', 'w', 1, %s, %s)",
                [(f"c{number}", arm, begin, end) for arm, (begin, end) in edges.items()],
            )
        columns = (
            "campaign_id, person_id, campaign_version, arm_code, variant_code, is_global_holdout, is_campaign_holdout,"
            " assigned_date"
        )
        with cursor.copy(f"copy ledger.assignments ({columns}) from stdin") as copy:
            for number in range(campaign_count):
                arm_hashes = rng.integers(0, HASH_RANGE, person_count)
                is_held = rng.integers(0, HASH_RANGE, person_count) < holdout_end
                is_lost = is_held & (rng.random(person_count) < lost_rate)
                for person in np.flatnonzero(~is_lost):
                    arm = next(code for code, (_, end) in edges.items() if arm_hashes[person] < end)
                    copy.write_row((f"c{number}", f"p{person}", "v", arm, "w", False, bool(is_held[person]), AS_OF))
    run_models(home, "int_campaign_arms__grouped", "int_mismatches__tested")
    return [row for row in rows_of(home, "int_mismatches__tested") if row["campaign_id"] != "all"]


def exact_p(row: dict[str, Any]) -> float:
    """The p of a chi-square by scipy."""
    from scipy import stats

    return float(stats.chi2.sf(float(row["chi_square"]), row["degrees_of_freedom"]))
