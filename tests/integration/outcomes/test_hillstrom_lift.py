"""Lift against the truth: an e-mail campaign of 32,021 past buyers whose arms were drawn at random (Hillstrom, 2008).

The file is not part of the project; where it is absent the test is skipped.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row
from scipy import stats
from tests.conftest import PROJECT_ROOT, Warehouse

from recall.domain.workspace import load_workspace
from recall.hooks import dbt
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

SAMPLE = PROJECT_ROOT.parent / "shared" / "data" / "hillstrom_half.csv.gz"
AS_OF = date(2026, 3, 1)

# Published means of this half: visit, conversion and spend within two weeks, and how many were in each arm.
ARMS = {
    "Mens E-Mail": (10_771, 0.178999, 0.011327, 1.149178),
    "Womens E-Mail": (10_585, 0.155881, 0.009069, 1.149428),
}
CONTROL = (10_665, 0.105110, 0.005157, 0.463471)
LAPSED_MONTHS = 10
"""Months since the last purchase from which a customer of the file counts as lapsed."""

pytestmark = pytest.mark.skipif(not SAMPLE.is_file(), reason="hillstrom_half.csv.gz is not at hand")


@pytest.fixture(scope="module")
def all_effects(
    module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str, str], dict[str, Any]]]:
    """By campaign (everybody, the lapsed slice), arm and metric the effect within 14 days."""
    folder = tmp_path_factory.mktemp("hillstrom")
    _write_workspace(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECALL_HOME", str(module_warehouse.home.root))
        environment.setenv("RECALL_WORKSPACE", str(folder))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        load_landing(workspace)
        prepare_night(workspace, AS_OF)
        for layer in ("staging", "intermediate", "marts"):
            dbt.build_layer(layer)
        dbt.run_operation("publish", {"layer": "marts"})
        dbt.build_layer("outcomes")
        dbt.run_operation("publish", {"layer": "outcomes"})
        complete_night()
        with (
            module_warehouse.connect("auditor") as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            rows = cursor.execute(
                "select * from outcomes.out_campaign_effects where segment_type = 'all' and window_days = 14"
            ).fetchall()
        yield {(row["campaign_id"], row["arm_code"], row["metric_code"]): row for row in rows}


@pytest.fixture(scope="module")
def effects(all_effects: dict[tuple[str, str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By arm and metric the effect on everybody within 14 days."""
    return {key[1:]: row for key, row in all_effects.items() if key[0] == "email"}


@pytest.fixture(scope="module")
def sample() -> list[dict[str, str]]:
    """The file's rows."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write_workspace(folder: Path) -> None:
    (folder / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: USD\n", encoding="utf-8")
    tables = {
        "touches": ["touch_id,campaign_id,user_id,touched_at,arm_code,is_control"],
        "visits": ["visit_id,user_id,visited_at,action"],
        "orders": ["order_id,user_id,ordered_at,net_amount"],
    }
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            is_control = row["segment"] == "No E-Mail"
            touch = f"u{number},2026-01-15,{row['segment']},{str(is_control).lower()}"
            tables["touches"].append(f"t{number},email,{touch}")
            if int(row["recency"]) >= LAPSED_MONTHS:
                tables["touches"].append(f"l{number},lapsed,{touch}")
            if row["visit"] == "1":
                tables["visits"].append(f"v{number},u{number},2026-01-17,view")
            if row["conversion"] == "1":
                tables["orders"].append(f"o{number},u{number},2026-01-20,{row['spend']}")
    for table, lines in tables.items():
        path = folder / "landing" / table / f"{table}.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("arm", list(ARMS))
def test_campaign_effects_random_arms_give_the_published_means_and_lift(
    effects: dict[tuple[str, str], dict[str, Any]], arm: str
) -> None:
    for place, metric in ((1, "visit_rate"), (2, "order_rate"), (3, "net_amount")):
        found = effects[arm, metric]
        assert (found["treated_count"], found["control_count"]) == (ARMS[arm][0], CONTROL[0])
        assert float(found["treated_mean"]) == pytest.approx(ARMS[arm][place], abs=1e-6)
        assert float(found["control_mean"]) == pytest.approx(CONTROL[place], abs=1e-6)
        assert float(found["lift"]) == pytest.approx(ARMS[arm][place] - CONTROL[place], abs=2e-6)
        assert found["is_estimable"]


@pytest.mark.parametrize("arm", list(ARMS))
def test_campaign_effects_random_arms_interval_of_a_rate_is_that_of_two_shares(
    effects: dict[tuple[str, str], dict[str, Any]], arm: str
) -> None:
    # With n above 10,000 t is z within 1e-4: 1.96 x sqrt(pT (1 - pT) / nT + pC (1 - pC) / nC).
    for place, metric in ((1, "visit_rate"), (2, "order_rate")):
        treated, control = ARMS[arm][place], CONTROL[place]
        error = math.sqrt(treated * (1 - treated) / ARMS[arm][0] + control * (1 - control) / CONTROL[0])
        found = effects[arm, metric]
        assert float(found["lift_high"] - found["lift_low"]) == pytest.approx(2 * 1.96 * error, rel=3e-4)
        # Looking every night costs width: the anytime-valid interval is wider than the one for a single look.
        assert found["sequential_low"] < found["lift_low"] < found["lift_high"] < found["sequential_high"]


def test_campaign_effects_few_conversions_are_flagged_or_not_by_their_number(
    effects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    # The control has 0.005157 x 10,665 = 55 buyers: enough for a share (50), too few for money (200).
    assert not effects["Mens E-Mail", "order_rate"]["is_approximate"]
    assert effects["Mens E-Mail", "net_amount"]["is_approximate"]


@pytest.mark.parametrize("campaign", ["email", "lapsed"])
@pytest.mark.parametrize("arm", list(ARMS))
def test_campaign_effects_intervals_are_scipys_for_everybody_and_for_the_lapsed(
    all_effects: dict[tuple[str, str, str], dict[str, Any]], sample: list[dict[str, str]], campaign: str, arm: str
) -> None:
    followed = [row for row in sample if campaign == "email" or int(row["recency"]) >= LAPSED_MONTHS]
    for metric, column in (("visit_rate", "visit"), ("order_rate", "conversion"), ("net_amount", "spend")):
        treated, control = (
            [float(row[column]) for row in followed if row["segment"] == segment] for segment in (arm, "No E-Mail")
        )
        found = all_effects[campaign, arm, metric]
        assert (found["treated_count"], found["control_count"]) == (len(treated), len(control))
        if not found["is_estimable"]:
            assert min(sum(value > 0 for value in side) for side in (treated, control)) < 10
            continue
        assert_welch(found, treated, control)
        limit = sorted(float(row[column]) for row in followed if float(row[column]) > 0)
        if metric == "net_amount":
            cut = limit[math.ceil(0.99 * len(limit)) - 1]
            sides = ([min(value, cut) for value in side] for side in (treated, control))
            assert_welch(all_effects[campaign, arm, "net_amount_winsorised"], *sides)


def assert_welch(found: dict[str, Any], treated: Sequence[float], control: Sequence[float]) -> None:
    """The lift and its interval are scipy's, to 1e-6 of their size."""
    interval = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    assert float(found["lift"]) == pytest.approx(sum(treated) / len(treated) - sum(control) / len(control), rel=1e-6)
    assert float(found["lift_low"]) == pytest.approx(interval.low, rel=1e-6)
    assert float(found["lift_high"]) == pytest.approx(interval.high, rel=1e-6)


def test_campaign_effects_most_of_the_lapsed_slice_can_be_estimated(
    all_effects: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    for arm in ARMS:
        assert all_effects["lapsed", arm, "visit_rate"]["is_estimable"]


def test_campaign_effects_covariates_that_say_nothing_change_nothing(
    effects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    # Nobody's earlier orders were delivered: the adjusted estimate is the plain one.
    for arm in ARMS:
        for metric in ("visit_rate", "net_amount"):
            assert effects[arm, f"{metric}_cuped"]["lift"] == effects[arm, metric]["lift"]
            assert effects[arm, f"{metric}_cuped"]["lift_low"] == effects[arm, metric]["lift_low"]
