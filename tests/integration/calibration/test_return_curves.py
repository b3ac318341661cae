"""Return curves and churn limits against a recount of every customer, gap by gap and day by day.

The recount shares nothing with the models: it walks over the events of a random shop, looks at each gap on each of its
days, and multiplies exact fractions.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.conftest import WORKSPACE_SETTINGS, Warehouse
from tests.integration.layers import shop as counted
from tests.integration.warehouse.nights import digests, run_models
from tests.support.files import write_files

from recall.domain.buyer_models import Buyers, Parameters, alive_probability, expected_order_count
from recall.domain.errors import GateBlocked
from recall.domain.workspace import Workspace, load_workspace
from recall.hooks.calibration import calibrate, is_first_fit, is_fit_due
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

AS_OF = date(2025, 7, 20)
HORIZON = 10
LEAST_AT_RISK = 6
RULES = (
    "horizon_days,max_return_rate,min_at_risk_count,max_drift_rate,fit_interval_days,valid_from\n"
    f"{HORIZON},0.25,{LEAST_AT_RISK},0.2,7,2020-01-01\n"
)
LEAST_BUYERS = 30
SURVIVAL_RULES = (
    f"model_code,min_buyer_count,min_history_days,max_silent_days,valid_from\nmbg_nbd,{LEAST_BUYERS},90,30,2020-01-01\n"
)


@dataclass(frozen=True)
class Gap:
    """A gap between key days of one customer in one line: its length and whether a key day ended it."""

    user_id: str
    line_id: str
    key_date: date
    days: int
    is_returned: bool


def gaps_of(shop: counted.Shop) -> list[Gap]:
    found = []
    for (user_id, line_id), history in sorted(counted.histories(shop, AS_OF).items()):
        key_days = history.key_days(counted.LINES[line_id][0])
        for key_date, following in zip_longest(key_days, key_days[1:]):
            found.append(Gap(user_id, line_id, key_date, ((following or AS_OF) - key_date).days, following is not None))
    return found


def untouched(gap: Gap, touches: dict[str, set[date]]) -> Gap:
    """The gap as far as no campaign can have changed it: watched until the day before the first touch."""
    for days in range(1, gap.days + 1):
        if gap.key_date + timedelta(days=days) in touches[gap.user_id]:
            return Gap(gap.user_id, gap.line_id, gap.key_date, days - 1, False)
    return gap


def survival(gaps: list[Gap], first: int, last: int) -> Fraction | None:
    """The share still quiet after the days first to last, of those who were so before; None where nobody is watched."""
    share = Fraction(1)
    for day in range(first, last + 1):
        at_risk = [gap for gap in gaps if gap.days >= day]
        if share and not at_risk:
            return None
        if at_risk:
            share *= 1 - Fraction(sum(gap.is_returned and gap.days == day for gap in at_risk), len(at_risk))
    return share


def return_rate(gaps: list[Gap], quiet_days: int) -> Fraction | None:
    still_quiet = [gap for gap in gaps if gap.days > quiet_days]
    left = survival(still_quiet, quiet_days + 1, quiet_days + HORIZON)
    return None if left is None else 1 - left


def add_buyers_by_chance(shop: counted.Shop, count: int) -> None:
    """Adds customers of line all as a model of buyers describes them, so that its likelihood has a maximum."""
    draw = random.Random(1)
    for number in range(count):
        user_id = f"s{number:03d}"
        shop.users.append({**shop.users[0], "user_id": user_id})
        day: float = draw.randint(0, 120)
        rate, chance = draw.gammavariate(0.6, 1 / 12), draw.betavariate(0.8, 2)
        while day < counted.DAYS:
            at = datetime.combine(counted.FIRST_DAY, datetime.min.time()) + timedelta(days=int(day), hours=12)
            order_id = f"{user_id}{len(shop.orders)}"
            shop.orders.append(counted.Order(order_id, user_id, at, "completed", Decimal(9), ()))
            if draw.random() < chance:
                break
            day += draw.expovariate(rate)


@pytest.fixture(scope="module")
def shop() -> counted.Shop:
    everything = counted.random_shop(20250720)
    add_buyers_by_chance(everything, 80)
    return counted.part_of(everything, lambda _, day: day <= AS_OF)


@pytest.fixture(scope="module")
def touches(shop: counted.Shop) -> dict[str, set[date]]:
    draw = random.Random(5)
    found: dict[str, set[date]] = defaultdict(set)
    for user in shop.users:
        for _ in range(draw.choice([0, 0, 1, 3])):
            found[user["user_id"]].add(counted.FIRST_DAY + timedelta(days=draw.randint(20, 220)))
    return found


@pytest.fixture(scope="module")
def workspace(
    module_warehouse: Warehouse,
    shop: counted.Shop,
    touches: dict[str, set[date]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Workspace]:
    """The workspace after its first night, before any fit."""
    folder = tmp_path_factory.mktemp("workspace")
    rows = [(user, day, False) for user, days in touches.items() for day in days]
    # Controls are not touched.
    rows += [(user["user_id"], counted.FIRST_DAY + timedelta(days=100), True) for user in shop.users[:9]]
    files = {
        "workspace.yml": WORKSPACE_SETTINGS,
        "definitions/churn_limit_rules.csv": RULES,
        "definitions/survival_rules.csv": SURVIVAL_RULES,
        **counted.definition_files(),
        **{f"landing/{name}": text for name, text in counted.landing_files(shop, "all").items()},
        "landing/touches/all.csv": counted.csv_text(
            ["touch_id", "user_id", "touched_at", "campaign_id", "arm_code", "is_control"],
            [
                [f"t{number}", user, day, "spring", "a", is_control]
                for number, (user, day, is_control) in enumerate(rows)
            ],
        ),
    }
    write_files(folder, files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        patch.setenv("RECALL_WORKSPACE", str(folder))
        made = load_workspace(folder)
        load_definitions(made)
        assert load_landing(made).rejected == ()
        run_models(made, AS_OF)
        yield made


@pytest.fixture(scope="module")
def fitted(workspace: Workspace, module_warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """The warehouse after the fit, as somebody with a BI tool sees it."""
    assert is_first_fit(AS_OF)
    assert is_fit_due(AS_OF)
    calibrate(AS_OF)
    with module_warehouse.connect("bi_reader", autocommit=True) as connection:
        connection.row_factory = dict_row
        yield connection


@pytest.fixture
def at_home(module_warehouse: Warehouse, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names the module's warehouse and workspace to a test that fits or builds again."""
    monkeypatch.setenv("RECALL_HOME", str(module_warehouse.home.root))
    monkeypatch.setenv("RECALL_WORKSPACE", str(workspace.path))


def rows(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    return connection.execute(query).fetchall()  # type: ignore[return-value]  # rows are mappings here


def is_equal(number: Decimal | None, exact: Fraction | None) -> bool:
    if number is None or exact is None:
        return number is None and exact is None
    return abs(float(number) - float(exact)) < 1e-9


def test_line_curves_equal_a_recount_of_every_gap(
    fitted: psycopg.Connection[Any], shop: counted.Shop, touches: dict[str, set[date]]
) -> None:
    gaps = gaps_of(shop)
    for line_id in counted.LINES:
        in_line = [gap for gap in gaps if gap.line_id == line_id]
        in_line_untouched = [untouched(gap, touches) for gap in in_line]
        curve = rows(
            fitted,
            "select * from marts.fct_return_curves"
            f" where fitted_date = '{AS_OF}' and line_id = '{line_id}' and layer_code = 'all' order by quiet_days",
        )
        last = max(
            day
            for day in range(max(gap.days for gap in in_line) + 1)
            if sum(gap.days >= day for gap in in_line) >= LEAST_AT_RISK
            or any(gap.is_returned and gap.days == day for gap in in_line)
        )
        assert [row["quiet_days"] for row in curve] == list(range(last + 1)), line_id
        for row in curve:
            day = row["quiet_days"]
            assert (row["fitted_date"], row["horizon_days"]) == (AS_OF, HORIZON)
            for prefix, known in (("", in_line), ("untouched_", in_line_untouched)):
                at_risk = [gap for gap in known if gap.days >= day]
                assert row[f"{prefix}at_risk_count"] == len(at_risk), row
                assert row[f"{prefix}returned_count"] == sum(g.is_returned and g.days == day for g in at_risk), row
                if at_risk:
                    assert is_equal(row[f"{prefix}survival_rate"], survival(known, 1, day)), row
                assert is_equal(row[f"{prefix}return_rate"], return_rate(known, day)), row


def layers_by_day(shop: counted.Shop) -> dict[tuple[str, str, date, int], str]:
    """The layer of each episode (user, line, last key day) on each number of quiet days."""
    found = {}
    for offset in range((AS_OF - counted.FIRST_DAY).days + 1):
        day = counted.FIRST_DAY + timedelta(days=offset)
        for row in counted.layers_as_of(shop, day):
            quiet_days = (day - row["last_key_date"]).days
            found[row["user_id"], row["line_id"], row["last_key_date"], quiet_days] = row["layer_code"]
    return found


def test_layer_curves_equal_a_recount_of_every_episode_and_day(
    fitted: psycopg.Connection[Any], shop: counted.Shop, touches: dict[str, set[date]]
) -> None:
    gaps: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    for gap in gaps_of(shop):
        gaps["", gap.line_id].append(gap)
        gaps["untouched_", gap.line_id].append(untouched(gap, touches))
    layer_of = layers_by_day(shop)

    def is_in(gap: Gap, layer_code: str, day: int) -> bool:
        return layer_of.get((gap.user_id, gap.line_id, gap.key_date, day)) == layer_code

    compared = 0
    for row in rows(
        fitted, f"select * from marts.fct_return_curves where fitted_date = '{AS_OF}' and layer_code <> 'all'"
    ):
        day = row["quiet_days"]
        for prefix in ("", "untouched_"):
            known = gaps[prefix, row["line_id"]]
            at_risk = [gap for gap in known if gap.days >= day and is_in(gap, row["layer_code"], day - 1)]
            assert row[f"{prefix}at_risk_count"] == len(at_risk), row
            assert row[f"{prefix}returned_count"] == sum(gap.is_returned and gap.days == day for gap in at_risk), row
            there = [gap for gap in known if gap.days > day and is_in(gap, row["layer_code"], day)]
            assert is_equal(row[f"{prefix}return_rate"], return_rate(there, day) if there else None), row
        compared += 1
    assert compared > 500


def test_layers_share_out_everybody_who_is_at_risk_after_the_limit(fitted: psycopg.Connection[Any]) -> None:
    offences = rows(
        fitted,
        "select line_id, quiet_days from marts.fct_return_curves"
        " inner join marts.dim_lines using (line_id)"
        f" where fitted_date = '{AS_OF}' and quiet_days > lapse_days"
        " group by line_id, quiet_days"
        " having sum(case when layer_code = 'all' then returned_count else -returned_count end) <> 0",
    )
    assert offences == []


def test_customers_who_have_not_lapsed_have_their_chances_by_the_fit_of_their_line(
    fitted: psycopg.Connection[Any], shop: counted.Shop
) -> None:
    customers: dict[str, dict[str, tuple[int, int, int, int]]] = defaultdict(dict)
    buyer_counts: dict[str, int] = defaultdict(int)
    for (user_id, line_id), history in counted.histories(shop, AS_OF).items():
        frequency_class, lapse_days = counted.LINES[line_id]
        key_days = history.key_days(frequency_class)
        if not key_days:
            continue
        buyer_counts[line_id] += 1
        if (AS_OF - key_days[-1]).days < lapse_days:
            first, last = min(history.order_counts), max(history.order_counts)
            kind = (len(history.order_counts) - 1, (last - first).days, (AS_OF - first).days, 1)
            customers[line_id][user_id] = kind
    limits = {
        row["line_id"]: row
        for row in rows(fitted, f"select * from marts.fct_churn_limits where fitted_date = '{AS_OF}'")
    }
    served = rows(fitted, "select * from marts.fct_customer_survival")
    assert {(row["line_id"], row["user_id"]) for row in served} == {
        (line_id, user_id) for line_id, users in customers.items() for user_id in users
    }
    reasons = {line_id: row["survival_reason_code"] for line_id, row in limits.items()}
    assert {line_id for line_id, reason in reasons.items() if reason == "too_few_buyers"} == {
        line_id for line_id in counted.LINES if buyer_counts[line_id] < LEAST_BUYERS
    }
    assert reasons["all"] is None
    assert "too_few_buyers" in reasons.values()
    for row in served:
        x, recency, age, _ = customers[row["line_id"]][row["user_id"]]
        assert (row["repeat_order_count"], row["recency_days"], row["age_days"]) == (x, recency, age)
        if reasons[row["line_id"]] is not None:
            assert (row["alive_probability"], row["expected_order_count_90d"]) == (None, None)
            continue
        fit = limits[row["line_id"]]
        parameters = Parameters("mbg_nbd", *(float(fit[f"survival_{name}"]) for name in ("r", "alpha_days", "a", "b")))
        buyer = Buyers.from_rows([(x, recency, age, 1)])
        assert row["fitted_date"] == AS_OF
        assert float(row["alive_probability"]) == pytest.approx(alive_probability(parameters, buyer)[0], abs=1e-6)
        assert float(row["expected_order_count_90d"]) == pytest.approx(
            expected_order_count(parameters, buyer, 90)[0], abs=2e-6
        )


FITTED = (("marts", "fct_return_curves"), ("marts", "fct_churn_limits"), ("control", "survival_terms"))


@pytest.mark.usefixtures("at_home")
def test_a_fit_done_twice_has_the_same_rows(fitted: psycopg.Connection[Any], module_warehouse: Warehouse) -> None:
    with module_warehouse.connect("auditor", autocommit=True) as connection:
        before = digests(connection, FITTED)
        calibrate(AS_OF)
        assert digests(connection, FITTED) == before
    assert not is_first_fit(AS_OF)
    assert not is_fit_due(AS_OF + timedelta(days=6))
    assert is_fit_due(AS_OF + timedelta(days=7))
    # A night of the past has no fit that it may know.
    assert is_first_fit(AS_OF - timedelta(days=1))


@pytest.mark.usefixtures("at_home")
def test_another_day_than_the_served_one_is_not_fitted(fitted: psycopg.Connection[Any]) -> None:
    with pytest.raises(GateBlocked, match=f"the marts serve {AS_OF}"):
        calibrate(AS_OF + timedelta(days=7))


@pytest.mark.usefixtures("at_home")
def test_a_late_row_changes_the_next_fit_only(fitted: psycopg.Connection[Any], workspace: Workspace) -> None:
    gaps = f"select gap_count from marts.fct_churn_limits where line_id = 'all' and fitted_date = '{AS_OF}'"
    curve = (
        f"select * from marts.fct_return_curves where fitted_date = '{AS_OF}' order by line_id, layer_code, quiet_days"
    )
    before, gaps_before = rows(fitted, curve), rows(fitted, gaps)[0]["gap_count"]
    late = [("late1", "2025-03-01"), ("late2", "2025-03-09")]
    header = ["order_id", "user_id", "ordered_at", "net_amount", "status"]
    orders = [[order, "stranger", day, 5, "completed"] for order, day in late]
    write_files(
        workspace.path,
        {
            "landing/users/late.csv": "user_id\nstranger\n",
            "landing/orders/late.csv": counted.csv_text(header, orders),
        },
    )
    assert load_landing(workspace).rejected == ()
    following = AS_OF + timedelta(days=7)
    run_models(workspace, following)
    calibrate(following)
    assert rows(fitted, curve) == before
    assert rows(fitted, gaps)[0]["gap_count"] == gaps_before
    # One more gap has ended: that of the eight days in March.
    assert rows(fitted, gaps.replace(f"'{AS_OF}'", f"'{following}'"))[0]["gap_count"] == gaps_before + 1
