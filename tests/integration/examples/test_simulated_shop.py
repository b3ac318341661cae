"""The simulated shop through the warehouse: every row, cent, date and customer against what the shop knows."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from examples.simulated_shop.settings import Settings
from examples.simulated_shop.simulate import simulate
from psycopg.rows import dict_row
from tests.conftest import Warehouse
from tests.integration.warehouse.nights import CORE_LAYERS, run_models

from recall.domain.workspace import Workspace, load_workspace
from recall.hooks import dbt
from recall.hooks.calibration import calibrate
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

SHOP = Settings(user_count=900, day_count=430, seed=7, backlog_days=425)
BUILT_DAYS = (424, 427, 429)
"""Days whose night is built; every day's files are loaded by themselves, the backlog's all at once."""


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    """A table of the truth."""
    with (folder / "truth" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Audited:
    """The shop's truth, and the warehouse after its last night."""

    folder: Path
    warehouse: Warehouse
    load_of_file: dict[str, int]

    def truth(self, table: str) -> list[dict[str, str]]:
        """Rows of the truth."""
        return rows_of(self.folder, table)

    @property
    def parameters(self) -> dict[str, Any]:
        """What was planted."""
        return dict(json.loads((self.folder / "truth" / "parameters.json").read_text(encoding="utf-8")))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with self.warehouse.connect("auditor") as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def audited(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """Delivers the shop's files day by day and builds three nights."""
    folder = tmp_path_factory.mktemp("shop")
    simulate(folder, SHOP)
    delivered = folder / "delivered"
    (folder / "landing").rename(delivered)
    waiting = rows_of(folder, "files")
    load_of_file: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        for today in range(SHOP.backlog_days - 1, SHOP.day_count):
            day = SHOP.date_of(today).isoformat()
            for entry in [entry for entry in waiting if entry["delivered_date"] <= day]:
                waiting.remove(entry)
                load_of_file[entry["path"]] = today
                target = folder / "landing" / entry["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(delivered / entry["path"], target)
            assert load_landing(workspace).rejected == ()
            if today in BUILT_DAYS[:-1]:
                run_models(workspace, SHOP.date_of(today))
        run_whole_night(workspace, SHOP.date_of(BUILT_DAYS[-1]))
        calibrate(SHOP.date_of(BUILT_DAYS[-1]))
        assert waiting == []
        yield Audited(folder, module_warehouse, load_of_file)


def run_whole_night(workspace: Workspace, as_of_date: date) -> None:
    """Builds a night with all tests on its deltas, outcomes included."""
    prepare_night(workspace, as_of_date)
    for layer in CORE_LAYERS:
        dbt.build_layer(layer)
    dbt.run_operation("publish", {"layer": "marts"})
    dbt.build_layer("outcomes")
    dbt.run_operation("publish", {"layer": "outcomes"})
    complete_night()


def test_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    digests = []
    for place, seed in enumerate((3, 3, 4)):
        folder = tmp_path / str(place)
        simulate(folder, Settings(user_count=60, day_count=75, seed=seed, backlog_days=65))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        assert any(path.suffix == ".gz" for path in files)
        digests.append({str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_simulate_into_a_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(FileExistsError, match="choose a new folder"):
        simulate(tmp_path, SHOP)


def test_every_file_comes_to_what_the_shop_planted_in_it(audited: Audited) -> None:
    expected = {
        entry["path"]: Counter(
            {name: int(entry[f"{name}_count"]) for name in ("row", "loaded", "quarantined", "repeated", "superseded")}
        )
        for entry in audited.truth("files")
    }
    # Of equal rows in one load the last place stands, across loads the first one.
    for entry in audited.truth("repeats"):
        first, second = entry["first_path"], entry["repeated_path"]
        if audited.load_of_file[first] == audited.load_of_file[second] and first < second:
            count = int(entry["row_count"])
            expected[first] += Counter(repeated=count)
            expected[first].subtract(Counter(loaded=count))
            expected[second] += Counter(loaded=count)
            expected[second].subtract(Counter(repeated=count))
    found = {
        path: Counter(dict(zip(("row", "loaded", "quarantined", "repeated", "superseded"), counts, strict=True)))
        for path, *counts in audited.rows(
            "select file_path, row_count, loaded_count, quarantined_count, repeated_count, superseded_count"
            " from control.files where state = 'loaded'"
        )
    }
    assert found == expected
    total = sum(found.values(), Counter())
    assert min(total[name] for name in ("quarantined", "repeated", "superseded")) > 100


def test_every_broken_row_is_set_aside_by_its_kind(audited: Audited) -> None:
    expected = {
        (entry["path"], entry["rule_code"], entry["column_name"] or None): int(entry["row_count"])
        for entry in audited.truth("broken_rows")
    }
    found = {
        tuple(key): count
        for *key, count in audited.rows(
            "select file_path, rule_code, column_name, count(*) from quarantine.rows group by 1, 2, 3"
        )
    }
    assert found == expected
    assert len({rule for _, rule, _ in found}) >= 9


def test_keys_of_every_table_are_as_many_as_its_loaded_rows(audited: Audited) -> None:
    expected: Counter[str] = Counter()
    for entry in audited.truth("files"):
        expected[entry["path"].split("/")[0]] += int(entry["loaded_count"])
    assert len(expected) == 13
    for table, count in expected.items():
        schema = "pii" if table == "contacts" else "raw"
        # The auditor does not read contacts; their loaded rows are counted file by file above.
        if schema == "raw":
            assert audited.rows(f"select count(*) from {schema}.{table}") == [(count,)], table


def test_orders_and_money_of_every_day_and_line_are_conserved_to_the_cent(audited: Audited) -> None:
    expected = {
        (date.fromisoformat(entry["business_date"]), entry["line_id"]): (
            int(entry["order_count"]),
            Decimal(entry["net_cents"]) / 100,
        )
        for entry in audited.truth("days")
    }
    found = {
        (day, line): (count, amount)
        for day, line, count, amount in audited.rows(
            "select activity_date, line_id, sum(order_count), sum(net_amount) from marts.fct_user_days"
            " where line_id <> 'any' and order_count > 0 group by 1, 2"
        )
    }
    assert found == expected


def test_costs_refunds_and_contributions_of_every_line_are_conserved(audited: Audited) -> None:
    days, refunds = audited.truth("days"), audited.truth("refunds")
    expected = {}
    for line in {entry["line_id"] for entry in days}:
        mine = [entry for entry in days if entry["line_id"] == line]
        net = sum(int(entry["net_cents"]) for entry in mine)
        cost = sum(int(entry["cost_thousandths"]) for entry in mine)
        back = sum(int(entry["refund_cents"]) for entry in refunds if entry["line_id"] == line)
        assert back > 0
        # Net less refunds less costs, in thousandths.
        expected[line] = Decimal(net * 10 - back * 10 - cost) / 1000
    found = audited.rows(
        "select line_id, sum(contribution_amount) from marts.fct_user_days where line_id <> 'any' group by 1"
    )
    assert dict(found) == expected
    assert audited.rows(
        "select sum(refunded_amount), sum(contribution_amount) from marts.fct_orders where is_valid"
    ) == [(Decimal(sum(int(entry["refund_cents"]) for entry in refunds)) / 100, sum(expected.values()))]


def test_orders_that_were_cancelled_count_for_nothing(audited: Audited) -> None:
    decoys = sum(int(entry["order_count"]) for entry in audited.truth("decoys"))
    assert audited.rows(
        "select count(*), sum(contribution_amount) from marts.fct_orders where status = 'cancelled'"
    ) == [(decoys, 0)]
    valid = sum(int(entry["order_count"]) for entry in audited.truth("days"))
    assert audited.rows("select count(*) from marts.fct_orders where is_valid") == [(valid,)]


def test_visits_and_actions_of_every_business_day_are_all_there(audited: Audited) -> None:
    expected: dict[date, Counter[str]] = {}
    for entry in audited.truth("sessions"):
        counts = expected.setdefault(date.fromisoformat(entry["business_date"]), Counter())
        counts += Counter(sessions=int(entry["session_count"]), actions=int(entry["action_count"]))
    found = {
        day: Counter(sessions=visits, actions=actions)
        for day, visits, actions in audited.rows(
            "select activity_date, sum(visit_count), sum(action_count) from marts.fct_user_days"
            " where line_id = 'any' and visit_count > 0 group by 1"
        )
    }
    assert found == expected


def test_customers_and_their_flags_are_those_of_the_shop(audited: Audited) -> None:
    expected = {
        (entry["user_id"], entry["line_id"]): (
            date.fromisoformat(entry["first_order_date"]),
            date.fromisoformat(entry["last_key_date"]),
            entry["is_churned"] == "true",
        )
        for entry in audited.truth("customers")
    }
    found = {
        (user_id, line_id): tuple(values)
        for user_id, line_id, *values in audited.rows(
            "select user_id, line_id, first_order_date, last_key_date, is_churned from marts.fct_churn_flags"
        )
    }
    assert found == expected


def test_every_episode_is_one_that_the_shop_lived_through(audited: Audited) -> None:
    expected = [
        (
            entry["user_id"],
            entry["line_id"],
            int(entry["episode_number"]),
            date.fromisoformat(entry["last_key_date"]),
            date.fromisoformat(entry["lapsed_date"]),
            date.fromisoformat(entry["returned_date"]) if entry["returned_date"] else None,
        )
        for entry in audited.truth("episodes")
    ]
    found = audited.rows(
        "select user_id, line_id, episode_number, last_key_date, lapsed_date, returned_date"
        " from marts.fct_lapse_episodes"
    )
    assert sorted(found) == sorted(expected)
    assert max(number for _, _, number, *_ in found) >= 3


def test_customers_who_lapsed_on_the_last_day_are_in_the_layer_that_the_shop_saw(audited: Audited) -> None:
    last = audited.parameters["last_date"]
    expected = {
        (entry["user_id"], entry["line_id"]): entry["layer_code"]
        for entry in audited.truth("episodes")
        if entry["lapsed_date"] == last
    }
    found = audited.rows(
        "select layers.user_id, layers.line_id, layers.layer_code from marts.fct_recall_layers as layers"
        " inner join marts.fct_lapse_episodes as episodes on episodes.user_id = layers.user_id"
        " and episodes.line_id = layers.line_id and episodes.is_open"
        f" where episodes.lapsed_date = date '{last}'"
    )
    assert expected
    assert {(user_id, line_id): layer for user_id, line_id, layer in found} == expected


def test_return_rates_of_the_campaigns_arms_are_those_that_happened(audited: Audited) -> None:
    last_entry = (SHOP.date_of(SHOP.day_count - 30)).isoformat()
    mature = [entry for entry in audited.truth("entries") if entry["touched_date"] <= last_entry]
    returns = {
        (entry["user_id"], entry["line_id"], entry["lapsed_date"]): entry["returned_date"]
        for entry in audited.truth("episodes")
    }
    counts: dict[str, Counter[str]] = {}
    for entry in mature:
        touched = date.fromisoformat(entry["touched_date"])
        back = returns[entry["user_id"], entry["line_id"], (touched - timedelta(days=1)).isoformat()]
        is_back = bool(back) and (date.fromisoformat(back) - touched).days < 30
        counts.setdefault(entry["arm_code"], Counter()).update(users=1, returned=int(is_back))
    control = counts.pop("control")
    found = effects_of(audited, "return_rate")
    assert set(found) == set(counts)
    for arm, effect in found.items():
        assert (effect["treated_count"], effect["control_count"]) == (counts[arm]["users"], control["users"])
        assert round(effect["treated_mean"] * effect["treated_count"]) == counts[arm]["returned"]
        assert round(effect["control_mean"] * effect["control_count"]) == control["returned"]


def test_lift_of_every_arm_is_the_planted_one_within_its_error(audited: Audited) -> None:
    last_entry = (SHOP.date_of(SHOP.day_count - 30)).isoformat()
    mature = [entry for entry in audited.truth("entries") if entry["touched_date"] <= last_entry]
    for arm, effect in effects_of(audited, "return_rate").items():
        # Each one's own chance of returning, with what was sent or without it.
        treated = [float(entry["return_rate_touched"]) for entry in mature if entry["arm_code"] == arm]
        held_out = [float(entry["return_rate_untouched"]) for entry in mature if entry["arm_code"] == "control"]
        planted = sum(treated) / len(treated) - sum(held_out) / len(held_out)
        error = float(effect["lift_high"] - effect["lift_low"]) / (2 * 1.96)
        assert effect["is_estimable"]
        assert abs(float(effect["lift"]) - planted) < 3 * error, arm
    assert effects_of(audited, "return_rate")["gift_box"]["lift_low"] > 0


def test_primary_reasons_are_the_planted_ones_far_above_chance(audited: Audited) -> None:
    planted = {
        (entry["user_id"], entry["line_id"]): entry["reason_code"]
        for entry in audited.truth("episodes")
        if not entry["returned_date"]
    }
    found = {
        (user_id, line_id): reason
        for user_id, line_id, reason in audited.rows(
            "select user_id, line_id, reason_code from marts.fct_churn_reasons where is_primary"
        )
    }
    assert set(found) == set(planted)
    confusion = Counter((planted[key], found[key]) for key in planted)
    planted_counts, found_counts = Counter(planted.values()), Counter(found.values())
    agreed = sum(confusion[reason, reason] for reason in planted_counts) / len(planted)
    # Two people who name reasons as often as these two, but know nothing of each other.
    chance = sum(planted_counts[reason] * found_counts[reason] for reason in planted_counts) / len(planted) ** 2
    assert agreed > 0.65, sorted(confusion.items())
    assert chance < 0.2
    for reason in ("product_quality", "service", "price", "competitor", "never_activated", "need_fulfilled"):
        assert confusion[reason, reason] > 0.8 * planted_counts[reason], (reason, sorted(confusion.items()))


def test_costs_of_new_users_are_conserved_per_month_and_channel(audited: Audited) -> None:
    expected: Counter[tuple[date, str]] = Counter()
    for entry in audited.truth("acquisitions"):
        expected[date.fromisoformat(entry["cost_date"]).replace(day=1), entry["channel"]] += int(entry["cost_cents"])
    found = {
        (month, channel): amount * 100
        for month, channel, amount in audited.rows(
            "select month, channel, new_cost_amount from marts.fct_acquisition_balance where new_cost_amount > 0"
        )
    }
    assert found == expected


def test_return_curves_of_layers_recover_the_planted_daily_chances(audited: Audited) -> None:
    # Of the gaps that no message touched: returns over customer days in a layer of the evening before.
    found = {
        (line, layer): (int(returned), int(at_risk))
        for line, layer, returned, at_risk in audited.rows(
            "select line_id, layer_code, sum(untouched_returned_count), sum(untouched_at_risk_count)"
            " from marts.fct_return_curves where layer_code <> 'all' group by 1, 2"
        )
    }
    planted = {
        (line, layer): rate
        for line, rates in audited.parameters["daily_return_rate"].items()
        for layer, rate in rates.items()
    }
    watched = {key: counts for key, counts in found.items() if planted[key] * counts[1] >= 5}
    assert len(watched) >= 9
    for key, (returned, at_risk) in watched.items():
        # The number of returns is binomial, near enough Poisson: four errors hold for a dozen numbers at once.
        expected = planted[key] * at_risk
        assert abs(returned - expected) < 4 * math.sqrt(expected), (key, returned, expected)
    total = sum(returned for returned, _ in watched.values())
    expected = sum(planted[key] * at_risk for key, (_, at_risk) in watched.items())
    assert abs(total / expected - 1) < 0.1


def effects_of(audited: Audited, metric: str) -> dict[str, dict[str, Any]]:
    """Per arm of the shop's own campaign the effect within 30 days."""
    with audited.warehouse.connect("auditor") as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select * from outcomes.out_campaign_effects where segment_type = 'all' and window_days = 30"
            " and campaign_id = %s and metric_code = %s",
            (audited.parameters["campaign_id"], metric),
        ).fetchall()
    return {row["arm_code"]: row for row in rows}
