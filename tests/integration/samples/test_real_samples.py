"""Real customers, counted twice: by nights in which files come split, shuffled, 40 and 400 days late, and by numpy.

Tmall (visits and orders), Online Retail and CDNOW (orders only) are whole. They share one warehouse, in lines of their
own, so that a handful of nights builds them all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Warehouse
from tests.integration.samples.dense import BINS, LAYERS, SCORE_UNIT, DenseLine, layer_definition_files
from tests.integration.warehouse.nights import digests, run_models
from tests.support import samples
from tests.support.files import write_files

from recall.domain.workspace import load_workspace
from recall.hooks.calibration import calibrate
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

NIGHTS = [samples.LAST_DAY - timedelta(days=back) for back in (21, 1, 0)]
DELAYS = {0: 0.9, 1: 0.04, 40: 0.04, 400: 0.02}
"""Days from a row's date to the night whose file brings it, and the share of rows."""

pytestmark = pytest.mark.skipif(not samples.ARE_AT_HAND, reason=samples.WHERE_ABSENT)


@dataclass(frozen=True)
class Built:
    """The warehouse after the nights and after a rebuild of the same day."""

    warehouse: Warehouse
    after_nights: dict[str, str]
    after_rebuild: dict[str, str]
    late_counts: dict[int, int]
    changed_counts: list[int]

    def fit(self) -> None:
        """Fits curves and limits as of the last night."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RECALL_HOME", str(self.warehouse.home.root))
            calibrate(NIGHTS[-1])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query, as a BI tool sees them."""
        with self.warehouse.connect("auditor") as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def built(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Delivers the samples over a handful of nights, then builds the last one anew."""
    folder = tmp_path_factory.mktemp("samples")
    write_files(folder, {**samples.definition_files(), **layer_definition_files()})
    draw = random.Random(20130815)
    late_counts = dict.fromkeys(DELAYS, 0)
    deliveries = deal(samples.landing_rows(), draw, late_counts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        changed_counts = []
        for night, as_of_date in enumerate(NIGHTS):
            deliver(deliveries[night], draw, folder / "landing", night)
            assert load_landing(workspace).rejected == ()
            run_models(workspace, as_of_date)
            with module_warehouse.connect() as connection:
                row = connection.execute("select count(*) from intermediate.int_users__changed").fetchone()
                assert row is not None
                changed_counts.append(int(row[0]))
        with module_warehouse.connect() as connection:
            after_nights = digests(connection)
        run_models(workspace, NIGHTS[-1], full_refresh=True)
        with module_warehouse.connect() as connection:
            after_rebuild = digests(connection)
        yield Built(module_warehouse, after_nights, after_rebuild, late_counts, changed_counts)


def deal(rows: samples.Rows, draw: random.Random, late_counts: dict[int, int]) -> list[samples.Rows]:
    """Decides which night's files bring which rows."""
    deliveries: list[samples.Rows] = [{} for _ in NIGHTS]
    for table, frame in rows.items():
        delays = np.array(draw.choices(list(DELAYS), list(DELAYS.values()), k=len(frame)))
        due = frame["day"] + pd.to_timedelta(delays, unit="D")
        nights = np.searchsorted(np.array(NIGHTS, dtype="datetime64[ns]"), due.to_numpy(dtype="datetime64[ns]"))
        # What would come after the last night comes in it, late by less.
        nights = np.minimum(nights, len(NIGHTS) - 1)
        for night in range(len(NIGHTS)):
            deliveries[night][table] = frame[nights == night]
        if table in ("orders", "visits"):
            for delay in DELAYS:
                late_counts[delay] += int(np.sum((delays == delay) & (nights > 0)))
    return deliveries


def deliver(rows: samples.Rows, draw: random.Random, landing: Path, night: int) -> None:
    """Writes a night's rows in random order into files whose names sort at random."""
    for table, frame in rows.items():
        shuffled = frame.sample(frac=1, random_state=draw.randrange(2**32))
        part_count = draw.choice([1, 2, 3])
        for part, name in enumerate(draw.sample("abcdefgh", part_count)):
            piece = shuffled.iloc[part::part_count]
            if len(piece):
                samples.write_csv(piece, landing / table / draw.choice(["", "late"]) / f"{name}_{night}.csv")


@pytest.fixture(scope="module")
def lines() -> dict[str, DenseLine]:
    """The lines counted straight from the samples."""
    clicks = samples.tmall_clicks()
    clicks["line_id"] = clicks["brand_id"].map(samples.line_of_brand)
    buys = clicks[clicks["type"] == 1].drop_duplicates(["user_id", "day", "line_id"])
    invoices = samples.retail_invoices()
    invoices = invoices[(invoices["user_id"] != "") & ~invoices["is_cancelled"]]
    orders = {
        # All buys of a user's day are one order, which is in a line once.
        "browse": buys[buys["line_id"] == "browse"],
        "buy": buys[buys["line_id"] == "buy"],
        "all": invoices.sort_values("instant").drop_duplicates("order_id", keep="last"),
        "cds": samples.cdnow_purchases(),
    }
    nobody = clicks.iloc[:0]
    found = {}
    for line, bought in orders.items():
        first_orders = bought.groupby("user_id")["day"].min()
        looks = clicks[clicks["type"].isin([0, 3]) & (clicks["line_id"] == line)]
        # A favourite names no brand: it counts where its user is a customer by then.
        favourites = clicks[clicks["type"] == 2]
        favourites = favourites[favourites["user_id"].map(first_orders) <= favourites["day"]]
        frequency_class, lapse_days = samples.LINES[line]
        found[line] = DenseLine.of_events(
            line,
            frequency_class=frequency_class,
            lapse_days=lapse_days,
            visits=pd.concat([looks, favourites if line in ("browse", "buy") else nobody]),
            orders=bought,
            last_day=samples.LAST_DAY,
        )
    return found


def test_shuffled_split_and_late_files_leave_the_rows_of_one_rebuild(built: Built) -> None:
    assert built.after_nights == built.after_rebuild
    assert len(built.after_nights) >= 9
    # In the nights after the first, rows of 40 and of 400 days ago came, and most users were left alone.
    assert all(built.late_counts[delay] > 10 for delay in DELAYS)
    (users,) = built.rows("select count(*) from marts.dim_users")[0]
    assert users == 461 + 2357 + len(set(samples.retail_invoices()["user_id"]) - {""})
    assert all(0 < count < users for count in built.changed_counts[1:])


def test_orders_without_a_customer_are_set_aside_and_all_others_counted(built: Built) -> None:
    invoices = samples.retail_invoices()
    set_aside = built.rows("select rule_code, column_name, count(*) from quarantine.rows group by 1, 2")
    assert set_aside == [("missing_value", "user_id", int(np.sum(invoices["user_id"] == "")))]
    conserved = built.rows(
        "select count(*) from control.files"
        " where row_count <> loaded_count + quarantined_count + repeated_count + superseded_count"
    )
    assert conserved == [(0,)]


def test_money_of_the_samples_is_conserved_to_the_penny(built: Built) -> None:
    invoices = samples.retail_invoices()
    known = invoices[invoices["user_id"] != ""].sort_values("instant").drop_duplicates("order_id", keep="last")
    valid = known[~known["is_cancelled"]]
    bought = samples.tmall_clicks().query("type == 1")
    expected = {
        "c": int(samples.cdnow_purchases()["cents"].sum()),
        "r": int(valid["cents"].sum()),
        # Every buy was given the price of 10.
        "t": len(bought) * 1000,
    }
    days = "fct_user_days where line_id"
    for rows in ("fct_orders where is_valid", f"{days} <> 'any'", f"{days} = 'any'"):
        sums = built.rows(f"select substr(user_id, 1, 1), sum(net_amount) * 100 from marts.{rows} group by 1")
        assert dict(sums) == expected
    cancelled = built.rows("select count(*) from marts.fct_orders where not is_valid")
    assert cancelled == [(int(known["is_cancelled"].sum()),)]


def test_equal_clicks_of_tmall_all_count(built: Built) -> None:
    clicks = samples.tmall_clicks()
    assert clicks.duplicated().sum() > 10_000
    assert built.rows("select sum(action_count), sum(order_count) from marts.fct_user_days where line_id = 'any'"
                      " and user_id like 't%'") == [
        (int((clicks["type"] != 1).sum()), len(clicks[clicks["type"] == 1].drop_duplicates(["user_id", "day"])))
    ]  # fmt: skip


@pytest.mark.parametrize("line_id", samples.LINES)
def test_episodes_of_a_line_equal_the_recount(built: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    found = built.rows(
        "select user_id, episode_number, last_key_date, lapsed_date, returned_date from marts.fct_lapse_episodes"
        f" where line_id = '{line_id}' order by user_id collate \"C\", episode_number"
    )
    expected = lines[line_id].episodes
    assert sum(number > 1 for _, number, *_ in expected) > 10
    assert found == expected


@pytest.mark.parametrize("line_id", samples.LINES)
def test_flags_of_a_line_equal_the_recount(built: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    found = {
        user_id: tuple(values)
        for user_id, *values in built.rows(
            "select user_id, last_key_date, inactive_days, is_churned, churned_date, episode_count"
            f" from marts.fct_churn_flags where line_id = '{line_id}'"
        )
    }
    assert found == lines[line_id].flags


@pytest.fixture(scope="module")
def fitted(built: Built) -> Built:
    built.fit()
    return built


@pytest.mark.parametrize("line_id", samples.LINES)
def test_return_curve_of_a_line_equals_the_recount(fitted: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    found = fitted.rows(
        "select quiet_days, at_risk_count, returned_count, survival_rate from marts.fct_return_curves"
        f" where line_id = '{line_id}' and layer_code = 'all' and quiet_days >= 1 order by quiet_days"
    )
    curve = lines[line_id].curve()
    # Published up to the last day that enough customers support, or on which anybody came back.
    last = max(day for day, at_risk, ended, _ in curve if at_risk >= 100 or ended)
    expected = [row for row in curve if row[0] <= last]
    assert len(expected) > 50
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    assert [float(row[3]) for row in found] == pytest.approx([row[3] for row in expected], abs=1e-9)


@pytest.mark.parametrize("line_id", samples.LINES)
def test_suggested_limit_of_a_line_equals_the_recount(fitted: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    # The shipped rules: the first day after which at most 10 % come back within 30 days, where 100 gaps are at risk.
    curve = {0: 1.0, **{day: share for day, _, _, share in lines[line_id].curve()}}
    supported = [day for day, at_risk, _, _ in lines[line_id].curve() if at_risk >= 100]
    suggested = next((day for day in supported if day + 30 in curve and 1 - curve[day + 30] / curve[day] <= 0.1), None)
    end = max(supported)
    depths = {day: 1 + (curve[end] - 1) * day / end - curve[day] for day in (0, *supported)}
    found = fitted.rows(
        f"select lapse_days_suggested, elbow_days from marts.fct_churn_limits where line_id = '{line_id}'"
    )
    assert found == [(suggested, max(depths, key=lambda day: (round(depths[day], 9), -day)))]


@pytest.mark.parametrize("line_id", samples.LINES)
def test_dimensions_scores_and_layers_of_a_line_equal_the_recount(
    built: Built, lines: dict[str, DenseLine], line_id: str
) -> None:
    line = lines[line_id]
    found = {
        user_id: tuple(values)
        for user_id, *values in built.rows(
            f"select user_id, {', '.join(BINS)}, layer_score, layer_code from marts.fct_recall_layers"
            f" where line_id = '{line_id}'"
        )
    }
    last = line.last_column
    total, possible = line.scores
    expected = {}
    for place in np.flatnonzero(line.open_days[:, last]):
        values = [int(line.dimensions[name][place, last]) for name in BINS]
        score = Decimal(int(total[place, last])) / Decimal(int(possible[place, last]))
        expected[line.users[place]] = (
            *(None if value < 0 else value for value in values),
            round(score, 6),
            LAYERS[int(line.layers[place, last])][0],
        )
    assert len(expected) > 50
    assert found == expected
    # Orders alone: both dimensions of visits are left out of the possible sum.
    assert {int(number) for number in possible[:, last]} == {(4 if line.visits.any() else 2) * SCORE_UNIT}


@pytest.mark.parametrize("line_id", samples.LINES)
def test_distribution_of_every_day_of_a_line_equals_the_recount(
    built: Built, lines: dict[str, DenseLine], line_id: str
) -> None:
    found: dict[tuple[date, str, str], int] = {
        tuple(key): count
        for *key, count in built.rows(
            "select as_of_date, dimension_code, layer_code, user_count from marts.fct_layer_distribution"
            f" where line_id = '{line_id}' and user_count > 0"
        )
    }
    assert found == lines[line_id].layer_counts()


@pytest.mark.parametrize("line_id", samples.LINES)
def test_stages_of_a_line_equal_the_recount(built: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    found = dict(built.rows(f"select user_id, stage_code from marts.fct_lifecycle_stages where line_id = '{line_id}'"))
    # The shipped rules: declining from half of T on, mature from five order days on.
    expected = lines[line_id].stages(returned_days=30, decline_share=0.5, mature_order_days=5)
    assert len(set(expected.values())) >= 5
    assert found == expected


def test_users_without_an_order_are_prospects(built: Built, lines: dict[str, DenseLine]) -> None:
    customers = {user for line in lines.values() for user in line.flags}
    users = {user for (user,) in built.rows("select user_id from marts.dim_users")}
    found = built.rows("select user_id, stage_code from marts.fct_lifecycle_stages where line_id = 'any'")
    assert sorted(found) == [(user, "prospect") for user in sorted(users - customers)]
    assert len(found) > 10


@pytest.mark.parametrize("line_id", samples.LINES)
def test_months_of_a_line_equal_the_recount(built: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    found = built.rows(
        "select month, is_complete, active_count, new_count, retained_count, resurrected_count, lost_count"
        f" from marts.fct_lifecycle_transitions where line_id = '{line_id}' order by month"
    )
    assert len(found) >= 5
    assert found == lines[line_id].transitions()


@pytest.mark.parametrize("line_id", samples.LINES)
def test_retention_of_a_line_equals_the_recount(built: Built, lines: dict[str, DenseLine], line_id: str) -> None:
    users = samples.landing_rows()["users"]
    channels = {
        user: channel or "unknown" for user, channel in zip(users["user_id"], users["acquisition_channel"], strict=True)
    }
    found = {
        tuple(key): (size, kept)
        for *key, size, kept in built.rows(
            "select cohort_date, acquisition_channel, day_number, cohort_count, retained_count"
            f" from marts.fct_retention where cohort_type = 'first_key_day' and line_id = '{line_id}'"
        )
    }
    expected = lines[line_id].retention(channels, (1, 7, 30))
    assert sum(kept for _, kept in expected.values()) > 10
    assert found == expected


def test_funnel_of_tmall_equals_the_recount(built: Built) -> None:
    clicks = samples.tmall_clicks()
    clicks["line_id"] = clicks["brand_id"].map(samples.line_of_brand)
    # Favourites name no brand: they are visits to nothing in particular, in the lines of a customer.
    furthest = clicks["type"].map({0: 2, 1: 4, 2: 1, 3: 3})
    steps = clicks.assign(step=furthest)[["user_id", "line_id", "type", "day", "step"]]
    bought = steps[steps["type"] == 1].groupby(["user_id", "line_id"])["day"].min()
    favourites = steps[steps["type"] == 2].drop(columns="line_id")
    favourites = favourites.merge(bought.rename("since").reset_index(), on="user_id")
    favourites = favourites[favourites["since"] <= favourites["day"]]
    in_lines = pd.concat([steps[steps["type"] != 2], favourites])
    reached = in_lines.groupby(["line_id", "day", "user_id"])["step"].max().reset_index()
    expected = {
        (line, day.date(), step): int((mine["step"] >= step).sum())
        for (line, day), mine in reached.groupby(["line_id", "day"])
        for step in (1, 2, 3, 4)
        if (mine["step"] >= step).any()
    }
    found = {
        tuple(key): count
        for *key, count in built.rows(
            "select line_id, activity_date, step_number, user_count from marts.fct_funnel_steps"
            " where line_id in ('browse', 'buy') and user_count > 0"
        )
    }
    assert len(found) > 200
    assert found == expected
