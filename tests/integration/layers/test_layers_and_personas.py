"""Layers, personas, their daily counts and returns after each of four nights, against a recount from the events.

The shop (shop.py) has lines of every frequency class, categories nobody maps, cancelled orders, visits without an
object, users who only visit, and a line whose first visit comes in the middle. The nights are a rebuild, a delta of
one day, a delta with rows of months ago, and a delta after a pause of two months.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
import pytest
from tests.conftest import WORKSPACE_SETTINGS, Warehouse
from tests.integration.layers import shop as counted
from tests.integration.warehouse.nights import CORE_LAYERS, publish_models
from tests.support.files import write_files

from recall.domain.definition_files import DIMENSIONS, RECENCY_DIMENSIONS
from recall.domain.workspace import load_workspace
from recall.hooks import dbt
from recall.hooks.dbt import build_layer, run_operation
from recall.hooks.night import prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

NIGHTS = (date(2025, 5, 10), date(2025, 5, 11), date(2025, 7, 1), date(2025, 9, 1))
LATE_NIGHT = NIGHTS[2]
LATER_LAYERS = ("outcomes", "calibration", "audiences")


@dataclass(frozen=True)
class Served:
    """What the marts served after one night, and the events that they could know."""

    known: counted.Shop
    layers: list[dict[str, Any]]
    distribution: dict[tuple[date, str, str, str], tuple[int, Decimal]]
    personas: dict[tuple[str, str], dict[str, Any]]
    returns: list[dict[str, Any]]
    summaries: dict[str, list[dict[str, Any]]]
    profiles: pd.DataFrame
    is_full_rebuild: bool

    @cached_property
    def rows_by_day(self) -> dict[date, list[dict[str, Any]]]:
        """The open episodes of every day up to the night, counted from the events."""
        last = max(row["as_of_date"] for row in self.layers)
        days = [counted.FIRST_DAY + timedelta(days=number) for number in range((last - counted.FIRST_DAY).days + 1)]
        return {day: counted.layers_as_of(self.known, day) for day in days}


def is_held_back(event_id: str, day: date) -> bool:
    """A seventh of the events of the first months arrives months late."""
    return day < NIGHTS[0] and crc32(event_id.encode()) % 7 == 0


def rows(connection: Any, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def nights(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[date, Served]]:
    """Loads and builds the four nights, one after the other, in one warehouse."""
    folder = tmp_path_factory.mktemp("workspace")
    everything = counted.random_shop(20250901)
    files = {"workspace.yml": WORKSPACE_SETTINGS, **counted.definition_files()}
    served: dict[date, Served] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        previous = date.min
        for as_of_date in NIGHTS:

            def arrives(event_id: str, day: date, first: date = previous, last: date = as_of_date) -> bool:
                if is_held_back(event_id, day):
                    return last == LATE_NIGHT
                return first < day <= last

            def is_known(event_id: str, day: date, last: date = as_of_date) -> bool:
                return day <= last and (last >= LATE_NIGHT or not is_held_back(event_id, day))

            delivery = counted.landing_files(counted.part_of(everything, arrives), f"{as_of_date}")
            files |= {f"landing/{name}": text for name, text in delivery.items()}
            write_files(folder, files)
            workspace = load_workspace(folder)
            load_definitions(workspace)
            assert load_landing(workspace).rejected == ()
            if as_of_date >= LATE_NIGHT:
                night = prepare_night(workspace, as_of_date)
                for layer in CORE_LAYERS:
                    build_layer(layer)
                run_operation("publish", {"layer": "marts"})
            else:
                night = publish_models(workspace, as_of_date)
            served[as_of_date] = read(
                module_warehouse, counted.part_of(everything, is_known), is_full=night.is_full_rebuild
            )
            previous = as_of_date
        yield served


def read(warehouse: Warehouse, known: counted.Shop, *, is_full: bool) -> Served:
    """Reads the marts as somebody with a BI tool would."""
    with warehouse.connect("bi_reader") as connection:
        layers = rows(connection, "select * from marts.fct_recall_layers order by user_id, line_id")
        distribution = rows(connection, "select * from marts.fct_layer_distribution")
        personas = rows(connection, "select * from marts.fct_churned_personas")
        returns = rows(connection, "select * from marts.fct_layer_returns")
        summaries = {
            name: rows(connection, f"select *, {name}_code as code from marts.fct_{name}_summary")
            for name in ("persona", "reason")
        }
    with warehouse.connect() as connection:
        profiles = pd.DataFrame(
            rows(
                connection,
                "select line_id, lapsed_date, returned_date, reason_code from intermediate.int_episode_profiles",
            )
        )
    return Served(
        known=known,
        layers=layers,
        distribution={
            (row["as_of_date"], row["line_id"], row["dimension_code"], row["layer_code"]): (
                row["user_count"],
                row["user_rate"],
            )
            for row in distribution
        },
        personas={(row["user_id"], row["line_id"]): row for row in personas},
        returns=returns,
        summaries=summaries,
        profiles=profiles,
        is_full_rebuild=is_full,
    )


def rounded(score: Any) -> Decimal:
    return round(Decimal(score.numerator) / Decimal(score.denominator), 6)


def test_only_the_first_night_rebuilt_everything(nights: dict[date, Served]) -> None:
    assert [nights[day].is_full_rebuild for day in NIGHTS] == [True, False, False, False]


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_layers_of_a_night_equal_a_recount_of_the_events(nights: dict[date, Served], as_of_date: date) -> None:
    served = nights[as_of_date]
    expected = [
        {
            "user_id": row["user_id"],
            "line_id": row["line_id"],
            "episode_number": row["episode_number"],
            "as_of_date": as_of_date,
            "last_key_date": row["last_key_date"],
            **row["values"],
            "layer_score": rounded(row["layer_score"]),
            "layer_code": row["layer_code"],
        }
        for row in counted.layers_as_of(served.known, as_of_date)
    ]
    assert len(expected) > 30
    assert [{name: row[name] for name in expected[0]} for row in served.layers] == expected


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_distribution_of_every_past_day_equals_a_recount(nights: dict[date, Served], as_of_date: date) -> None:
    served = nights[as_of_date]
    for day, open_episodes in served.rows_by_day.items():
        found = {key[1:]: count for key, (count, _) in served.distribution.items() if key[0] == day and count}
        assert found == counted.distribution_of(open_episodes), day


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_returns_per_layer_and_bin_equal_a_walk_from_day_to_day(nights: dict[date, Served], as_of_date: date) -> None:
    served = nights[as_of_date]
    found = {
        (row["line_id"], row["dimension_code"], row["layer_code"]): (row["episode_count"], row["returned_count"])
        for row in served.returns
    }
    expected = counted.returns_of(served.known, served.rows_by_day, as_of_date, return_days=30)
    assert {key: counts for key, counts in found.items() if counts[0]} == expected
    assert any(returned for _, returned in expected.values())
    for row in served.returns:
        assert row["return_rate"] == (
            round(Decimal(row["returned_count"]) / row["episode_count"], 6) if row["episode_count"] else None
        )


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_personas_of_every_past_day_equal_a_recount(nights: dict[date, Served], as_of_date: date) -> None:
    served = nights[as_of_date]
    found = {
        (row["as_of_date"], row["line_id"], row["persona_code"]): row["user_count"]
        for row in served.summaries["persona"]
        if row["user_count"]
    }
    expected = Counter(
        (day, row["line_id"], row["persona_code"]) for day, rows in served.rows_by_day.items() for row in rows
    )
    assert found == expected


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_reasons_of_every_past_day_are_those_of_the_episodes_open_then(
    nights: dict[date, Served], as_of_date: date
) -> None:
    served = nights[as_of_date]
    frame = pd.DataFrame(served.summaries["reason"]).set_index(["as_of_date", "line_id", "reason_code"])["user_count"]
    profiles = served.profiles
    for day in served.rows_by_day:
        is_open = (profiles["lapsed_date"] <= day) & (
            profiles["returned_date"].isna() | (profiles["returned_date"] > day)
        )
        expected = profiles[is_open].groupby(["line_id", "reason_code"]).size()
        found = frame[frame.index.get_level_values(0) == day].droplevel(0)
        assert found[found > 0].to_dict() == expected.to_dict(), day


@pytest.mark.parametrize("dimension", ["persona", "reason"])
def test_summaries_have_every_code_on_every_day_and_rates_of_one(nights: dict[date, Served], dimension: str) -> None:
    frame = pd.DataFrame(nights[NIGHTS[-1]].summaries[dimension])
    days = frame.groupby(["line_id", "as_of_date"])
    assert (days.size() == {"persona": 5, "reason": 9}[dimension]).all()
    for (line, day), counts in days["user_count"].sum().items():
        assert counts == sum(row["line_id"] == line for row in nights[NIGHTS[-1]].rows_by_day[day])
    rates = days["user_rate"].sum().astype(float)
    assert (((rates - 1).abs() < 0.00001) | (rates == 0)).all()


def test_distribution_has_every_code_of_every_day_since_the_first_lapse(nights: dict[date, Served]) -> None:
    served = nights[NIGHTS[-1]]
    for line in counted.LINES:
        days = {key[0] for key in served.distribution if key[1] == line}
        first = min(days)
        assert not any(key[0] == line for key in counted.distribution_of(served.rows_by_day[first - timedelta(days=1)]))
        assert days == {first + timedelta(days=number) for number in range((NIGHTS[-1] - first).days + 1)}
        first_visit = min(
            day for (_, of_line), history in counted.histories(served.known, NIGHTS[-1]).items()
            if of_line == line for day in history.sessions
        )  # fmt: skip
        for day in days:
            codes = {key[2:] for key in served.distribution if key[:2] == (day, line)}
            expected = {("layer", code) for code, _, _ in counted.LAYERS} | {
                (dimension, entry[0])
                for dimension, entries in counted.BINS.items()
                for entry in entries
                if "visit" not in dimension or day >= first_visit
            }
            assert codes == expected


def test_rates_of_a_dimension_sum_to_one_where_somebody_is_lapsed(nights: dict[date, Served]) -> None:
    sums: dict[tuple[date, str, str], Decimal] = {}
    for (day, line, dimension, _), (_, rate) in nights[NIGHTS[-1]].distribution.items():
        sums[day, line, dimension] = sums.get((day, line, dimension), Decimal(0)) + rate
    assert all(total == 0 or abs(total - 1) < Decimal("0.00001") for total in sums.values())


@pytest.mark.parametrize("as_of_date", NIGHTS)
def test_personas_of_a_night_equal_a_recount_of_the_events(nights: dict[date, Served], as_of_date: date) -> None:
    served = nights[as_of_date]
    expected = counted.personas_as_of(served.known, as_of_date)
    found = {
        key: {
            **{name: row[name] for name in next(iter(expected.values()))},
            "last_interaction_at": row["last_interaction_at"].replace(tzinfo=None),
        }
        for key, row in served.personas.items()
    }
    assert found == expected


def test_average_order_amount_is_net_amount_per_order_in_whole_cents(nights: dict[date, Served]) -> None:
    for row in nights[NIGHTS[-1]].personas.values():
        per_order = row["net_amount"] / row["order_count"]
        assert row["average_order_amount"] == per_order.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def test_every_column_of_the_public_tables_is_described(
    nights: dict[date, Served], module_warehouse: Warehouse
) -> None:
    assert nights
    with module_warehouse.connect("auditor") as connection:
        undescribed = connection.execute(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'marts'"
            " and table_name in ('fct_recall_layers', 'fct_layer_distribution', 'fct_churned_personas',"
            " 'fct_layer_returns', 'fct_persona_summary', 'fct_reason_summary', 'fct_churn_reasons')"
            " and col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) is null"
        ).fetchall()
    assert undescribed == []


def test_hand_worked_unit_tests_of_all_models_pass(
    nights: dict[date, Served], module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They judge the code, not a night's rows, so no night runs them; they only need the models' relations.
    assert nights
    monkeypatch.setenv("RECALL_HOME", str(module_warehouse.home.root))
    later = [*(f"fqn:intermediate.{layer}" for layer in LATER_LAYERS), "fqn:outcomes", "fqn:audiences"]
    nodes, failure = dbt._invoke(["run", "--select", *later], home=module_warehouse.home, role="transformer")
    assert failure is None
    assert all(str(node.status) in dbt.GOOD_STATUSES for node in nodes)
    nodes, failure = dbt._invoke(["test", "--selector", "unit_tests"], home=module_warehouse.home, role="transformer")
    results = {node.node.name: (str(node.status), node.message) for node in nodes}
    assert failure is None
    assert len(results) > 10
    assert {status for status, _ in results.values()} == {"pass"}, results


def random_bins(draw: random.Random) -> dict[str, str]:
    """Bins and layers at random, in the right order; some bins of a dimension score alike, the best above 0."""
    bins = []
    for dimension in DIMENSIONS:
        count = draw.randint(1, 5)
        edges: list[int | str] = [0, *sorted(draw.sample(range(1, 200), count - 1)), ""]
        scores = sorted((draw.choice([0, 0.25, 1 / 3, 0.5, 0.9, 1]) for _ in range(count)), reverse=True)
        scores[0] = scores[0] or 1
        if dimension not in RECENCY_DIMENSIONS:
            scores.reverse()
        bins += [
            [dimension, f"bin{place}", edges[place], edges[place + 1], f"{scores[place]:.4f}", "2020-01-01"]
            for place in range(count)
        ]
    tops = sorted(draw.sample(["0.2", "0.25", "0.5", "0.6666", "0.75", "1"], draw.randint(0, 4)))
    layers = [
        [f"layer{place}", f"Layer {place}", lower, upper, "2020-01-01"]
        for place, (lower, upper) in enumerate(pairwise(["0", *tops, ""]))
    ]
    return {
        "definitions/layer_bins.csv": counted.csv_text(
            ["dimension_code", "layer_code", "lower_edge", "upper_edge", "score", "valid_from"], bins
        ),
        "definitions/layers.csv": counted.csv_text(
            ["layer_code", "layer_name", "lower_edge", "upper_edge", "valid_from"], layers
        ),
    }


def test_whatever_bins_the_loader_accepts_nearer_or_more_often_never_scores_lower(
    nights: dict[date, Served], module_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last test of the module: it replaces the definitions.
    assert nights
    monkeypatch.setenv("RECALL_HOME", str(module_warehouse.home.root))
    compiled = module_warehouse.home.dbt_target_dir / "compiled/recall/models/intermediate/layers"
    query = (compiled / "int_layer_combinations__scored.sql").read_bytes()
    draw = random.Random(20260101)
    compared = 0
    for number in range(30):
        folder = tmp_path / f"bins{number}"
        write_files(folder, {"workspace.yml": WORKSPACE_SETTINGS, **counted.definition_files(), **random_bins(draw)})
        load_definitions(load_workspace(folder))
        with module_warehouse.connect() as connection:
            frame = pd.DataFrame(rows(connection, f"select * from ({query.decode()}) as combinations"))
        codes = [f"{dimension}_code" for dimension in DIMENSIONS]
        assert frame[["layer_score", "layer_score_without_visits"]].astype(float).stack().between(0, 1).all()
        for dimension in DIMENSIONS:
            # Bins are numbered by their edges: of recency the first is nearest, of frequency the last.
            is_ascending = dimension not in RECENCY_DIMENSIONS
            ordered = frame.sort_values(f"{dimension}_code", ascending=is_ascending)
            others = [code for code in codes if code != f"{dimension}_code"]
            for score in ("layer_score", "layer_score_without_visits", "layer_code", "layer_code_without_visits"):
                for _, values in ordered.groupby(others)[score]:
                    assert values.is_monotonic_increasing, (number, dimension, score)
                    compared += len(values) - 1
    assert compared > 10_000
