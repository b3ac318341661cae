"""The promise of the delta engine: a night that touches little leaves the same rows as building everything anew."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tests.integration.warehouse import cycle_oracle
from tests.integration.warehouse.nights import digests, run_models
from tests.integration.warehouse.oracle import Oracle
from tests.integration.warehouse.random_shop import FIRST_NIGHT, NIGHT_COUNT, RandomShop, definition_files, land

from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

if TYPE_CHECKING:
    import psycopg
    from tests.conftest import Warehouse, WorkspaceFactory


# Of users whom the night changed, those that it neither replaced nor looked at.
STANDING_EPISODES = (
    "marts.fct_lapse_episodes as episodes inner join intermediate.int_customer_lines__standing as standing"
    " on episodes.user_id = standing.user_id and episodes.line_id = standing.line_id"
    " and episodes.last_key_date < standing.last_key_date"
)

SHOPS = [RandomShop(seed=11), RandomShop(seed=12, has_users_table=False)]


@pytest.mark.minutes_long
@pytest.mark.parametrize("shop", SHOPS, ids=["with users", "without users"])
def test_thirty_nights_of_late_and_split_files_equal_one_rebuild(
    shop: RandomShop, warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    rebuilt_counts, reread_counts, concerned_count, standing_count = [], [], 0, 0
    for night in range(NIGHT_COUNT):
        land(shop, [night], workspace.landing_dir)
        load_landing(workspace)
        run_models(workspace, FIRST_NIGHT + timedelta(days=night))
        with warehouse.connect() as connection:
            rebuilt_counts.append(count(connection, "intermediate.int_users__changed"))
            reread_counts.append(count(connection, "intermediate.int_users__reread"))
            concerned_count += count(connection, "intermediate.int_users__profiled") - rebuilt_counts[-1]
            standing_count += count(connection, STANDING_EPISODES)
            if night in (13, NIGHT_COUNT - 1):
                oracle = Oracle(shop, night)
                assert_core_marts_equal(connection, oracle)
                assert_cycle_marts_equal(connection, oracle)
                assert_customer_values_equal(connection, oracle)
    with warehouse.connect() as connection:
        after_nights = digests(connection)
        all_users = count(connection, "marts.dim_users")
    run_models(workspace, FIRST_NIGHT + timedelta(days=NIGHT_COUNT - 1), full_refresh=True)
    with warehouse.connect() as connection:
        after_rebuild = digests(connection)
    assert after_nights == after_rebuild
    assert len(after_nights) >= 6
    assert median(rebuilt_counts[1:]) < all_users / 2
    # Both ways were gone: days came to what stood, episodes of earlier days among it, and days were read again.
    assert 0 < sum(reread_counts[1:]) < sum(rebuilt_counts[1:])
    assert standing_count > 0
    # Some lapsed users were profiled again because goods or channels changed, and not they.
    assert concerned_count > 0


def test_nights_that_skip_days_equal_one_rebuild(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    # Within one night somebody lapses, returns and lapses again, and lines get customers in the midst of their visits.
    shop = RandomShop(seed=13)
    workspace = workspace_factory(definition_files())
    load_definitions(workspace)
    last_night = -1
    for night in (0, 9, 10, 23, NIGHT_COUNT - 1):
        land(shop, range(last_night + 1, night + 1), workspace.landing_dir)
        load_landing(workspace)
        run_models(workspace, FIRST_NIGHT + timedelta(days=night))
        last_night = night
    with warehouse.connect() as connection:
        after_nights = digests(connection)
        assert count(connection, "intermediate.int_episodes__continued") > 0
    run_models(workspace, FIRST_NIGHT + timedelta(days=last_night), full_refresh=True)
    with warehouse.connect() as connection:
        assert digests(connection) == after_nights


def count(connection: psycopg.Connection, relation: str) -> int:
    """Rows of a relation."""
    row = connection.execute(f"select count(*) from {relation}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def assert_core_marts_equal(connection: psycopg.Connection, oracle: Oracle) -> None:
    """Compares the core marts with a recomputation from the delivered rows."""
    orders = {
        row[0]: row[1:]
        for row in connection.execute(
            "select order_id, user_id, ordered_date, is_valid, net_amount, refunded_amount, contribution_amount"
            " from marts.fct_orders"
        )
    }
    assert orders == {
        order_id: tuple(value for name, value in order.items() if name != "parts")
        for order_id, order in oracle.orders.items()
    }
    columns = list(oracle.user_days.columns)
    user_days = connection.execute(f"select {', '.join(columns)} from marts.fct_user_days".encode()).fetchall()
    expected = oracle.user_days.astype(object)
    key = columns[:3]
    pd.testing.assert_frame_equal(
        pd.DataFrame(user_days, columns=columns, dtype=object).sort_values(key, ignore_index=True),
        expected.sort_values(key, ignore_index=True),
    )
    episodes: dict[tuple[str, str], list[tuple[object, ...]]] = {key: [] for key in oracle.customers}
    for user_id, line_id, *dates in connection.execute(
        "select user_id, line_id, last_key_date, lapsed_date, returned_date from marts.fct_lapse_episodes"
        " order by user_id, line_id, episode_number"
    ):
        episodes[user_id, line_id].append(tuple(dates))
    assert episodes == {key: customer["episodes"] for key, customer in oracle.customers.items()}
    flags = {
        (row[0], row[1]): row[2:]
        for row in connection.execute(
            "select user_id, line_id, as_of_date, first_order_date, last_key_date, inactive_days, is_churned,"
            " episode_count from marts.fct_churn_flags"
        )
    }
    assert flags == {
        key: (
            oracle.as_of_date,
            customer["first_order_date"],
            customer["last_key_date"],
            customer["inactive_days"],
            customer["is_churned"],
            len(customer["episodes"]),
        )
        for key, customer in oracle.customers.items()
    }


def assert_cycle_marts_equal(connection: psycopg.Connection, oracle: Oracle) -> None:
    """Compares stages, months, cohorts and funnel with a recomputation from the delivered rows."""
    stages = connection.execute("select user_id, line_id, stage_code from marts.fct_lifecycle_stages").fetchall()
    assert {row[:2]: row[2] for row in stages} == cycle_oracle.stages(oracle)
    assert len(stages) == len(cycle_oracle.stages(oracle))
    transitions = connection.execute(
        "select line_id, month, is_complete, active_count, new_count, retained_count, resurrected_count, lost_count"
        " from marts.fct_lifecycle_transitions"
    ).fetchall()
    assert {row[:2]: row[2:] for row in transitions} == cycle_oracle.transitions(oracle)
    retention = connection.execute(
        "select cohort_type, line_id, cohort_date, acquisition_channel, day_number, cohort_count, retained_count"
        " from marts.fct_retention"
    ).fetchall()
    assert {row[:5]: row[5:] for row in retention} == cycle_oracle.retention(oracle)
    funnel = connection.execute(
        "select line_id, activity_date, step_number, step_code, user_count from marts.fct_funnel_steps"
    ).fetchall()
    assert {row[:3]: row[3:] for row in funnel} == cycle_oracle.funnel(oracle)
    answers = connection.execute("select month, promoter_count, passive_count, detractor_count from marts.fct_nps")
    assert {row[0]: row[1:] for row in answers.fetchall()} == cycle_oracle.nps(oracle)
    new_customers = connection.execute(
        "select cohort_date, acquisition_channel, new_count, active_30d_count, contribution_amount"
        " from intermediate.int_new_customers"
    ).fetchall()
    assert {row[:2]: row[2:] for row in new_customers} == cycle_oracle.new_customers(oracle)


def assert_customer_values_equal(connection: psycopg.Connection, oracle: Oracle) -> None:
    """Compares what worth stands on with a recomputation from the delivered rows."""
    values = connection.execute(
        "select user_id, line_id, key_day_count, contribution_amount, return_count, rewarded_return_count, is_gaming"
        " from intermediate.int_customer_values"
    ).fetchall()
    assert {row[:2]: row[2:] for row in values} == oracle.values
    assert any(row[5] > 0 for row in values)
