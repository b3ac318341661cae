"""Foreground nights of a tiny shop, typed as commands; each test goes on where the one before has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.integration.airflow.conftest import EPISODES, Shop

from recall.hooks import foreground

Recall = Callable[..., int]


def test_first_night_serves_what_was_worked_out_by_hand(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("nightly", "--as-of", "2024-02-25") == 0
    assert shop.episodes() == EPISODES
    assert shop.served_day() == "2024-02-25"
    assert shop.rows("select state from control.builds") == [("complete",)]
    shown = capsys.readouterr().out
    # 3 orders and 2 users.
    assert "Loaded 5 of 5 rows from 2 new files" in shown
    assert "build intermediate" in shown
    assert "[info" not in shown, "Airflow's own log belongs into a file"


def test_same_night_again_loads_nothing_sends_nothing_and_says_so(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("nightly", "--as-of", "2024-02-25") == 0
    assert shop.episodes() == EPISODES
    shown = capsys.readouterr().out
    assert "Loaded 0 of 0 rows from 0 new files" in shown
    assert "2 files unchanged" in shown
    assert "no channel has anything to send" in shown


def test_why_of_a_lapsed_customer_tells_line_lapse_and_persona(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("why", "bob") == 0
    shown = capsys.readouterr().out
    # 25 February minus 20 January are 36 days.
    assert " 36 " in shown
    assert "2024-02-19" in shown
    assert "one_time_buyer" in shown


def test_why_of_nobody_is_wrong_use(shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]) -> None:
    assert recall("why", "zoe") == 2
    assert "'zoe' is no user" in capsys.readouterr().err


def test_sql_shows_one_query_as_a_table_and_refuses_what_the_role_may_not_see(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("sql", "select count(*) as episodes from marts.fct_lapse_episodes") == 0
    assert "episodes" in capsys.readouterr().out
    assert recall("sql", "select * from pii.contacts") == 1
    assert "permission denied" in capsys.readouterr().err


def test_next_night_is_a_delta(shop: Shop, recall: Recall) -> None:
    assert recall("nightly", "--as-of", "2024-02-26", "--no-export") == 0
    assert shop.episodes() == EPISODES
    # The delta has nobody to look at: no new row, and nobody's timer is due on the 26th.
    assert shop.rows("select is_full_rebuild from control.builds order by build_id desc limit 1") == [(False,)]


def test_earlier_night_is_refused_by_a_gate(shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]) -> None:
    assert recall("nightly", "--as-of", "2024-02-01", "--no-export") == 3
    assert "yesterday overwrite today" in capsys.readouterr().err
    assert shop.served_day() == "2024-02-26"


def test_file_without_a_required_column_exits_with_3_and_the_old_marts_serve(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "orders/2024-03.csv"
    before = shop.served_day()
    shop.deliver(name, "order_id,user_id,ordered_on,net_amount\no4,bob,2024-02-27T10:00:00Z,5.00\n")
    assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 3
    error = capsys.readouterr().err
    assert name in error
    assert "ordered_at" in error, "the missing column"
    assert "ordered_on" in error, "the nearest name in the file"
    assert "recall load --accept" in error
    assert shop.served_day() == before

    assert recall("load") == 3, "a load alone tells the same"
    capsys.readouterr()
    assert recall("export", "--as-of", str(before)) == 3, "who came back may stand in the file that is missing"
    assert name in capsys.readouterr().err

    shop.deliver(name, "order_id,user_id,ordered_at,net_amount\no4,bob,2024-02-27T10:00:00Z,5.00\n")
    assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 0
    assert shop.episodes()[1] == ("bob", "2024-01-20", "2024-02-19", "2024-02-27")


def test_model_that_fails_exits_with_1_names_the_model_and_leaves_the_marts(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.warehouse.connect() as connection:
        connection.execute("alter table raw.refunds rename to refunds_hidden")
    try:
        assert recall("nightly", "--as-of", "2024-02-28", "--no-export") == 1
    finally:
        with shop.warehouse.connect() as connection:
            connection.execute("alter table raw.refunds_hidden rename to refunds")
    error = capsys.readouterr().err
    assert "Layer staging: model stg_landing__refunds failed" in error
    assert "next:" in error
    assert "control.node_results" in error
    assert shop.served_day() == "2024-02-27"
    assert shop.rows("select state from control.builds order by build_id desc limit 1") == [("failed",)]
    failed = shop.rows("select node_name, status from control.node_results where status = 'error'")
    assert failed == [("stg_landing__refunds", "error")]


def test_run_while_another_one_is_at_work_names_it(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = "nightly elsewhere | host another-host | process 4711 | since 1700000000"
    with shop.warehouse.connect() as connection:
        connection.execute(
            "update control.night_lock set holder = %s, expires_at = clock_timestamp() + interval '1 hour'", (holder,)
        )
    try:
        assert recall("nightly", "--as-of", "2024-02-28", "--no-export") == 1
        assert "nightly elsewhere" in capsys.readouterr().err
    finally:
        with shop.warehouse.connect() as connection:
            connection.execute("update control.night_lock set expires_at = clock_timestamp()")


def test_run_that_is_asked_to_end_exits_with_130_and_frees_the_lock(shop: Shop) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "recall.cli.app", "nightly", "--as-of", "2024-02-28", "--no-export"],
        env={**os.environ, **shop.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "prepare the night" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted: nothing half-done is served" in error
    assert shop.rows("select expires_at <= clock_timestamp() from control.night_lock") == [(True,)]
    assert shop.served_day() == "2024-02-27"


def test_night_after_an_interrupted_one_is_built_whole(shop: Shop, recall: Recall) -> None:
    assert recall("nightly", "--as-of", "2024-02-28", "--no-export") == 0
    assert shop.served_day() == "2024-02-28"


def test_run_without_a_task_is_a_failure(shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]) -> None:
    class EmptyDag:
        dag_id = "ingest_raw"
        tasks: tuple[object, ...] = ()

        class timetable:  # noqa: N801  (named like the attribute of a DAG)
            asset_condition = None

        def test(self, **kwargs: object) -> object:
            class Outcome:
                state = "success"

                def get_task_instances(self) -> list[object]:
                    return []

            return Outcome()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreground, "_prepare_dags", lambda home: {"ingest_raw": EmptyDag()})
        assert recall("load") == 1
    assert "ran no task at all" in capsys.readouterr().err
