"""Foreground nights of a tiny shop, typed as commands; each test goes on where the one before has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from tests.integration.airflow.conftest import EPISODES, Shop

from recall.domain.errors import RecallError
from recall.hooks import foreground

Recall = Callable[..., int]

# The order that comes with the second night's file ends bob's episode.
EPISODES_OF_THE_26TH = [EPISODES[0], ("bob", "2024-01-20", "2024-02-19", "2024-02-26")]
LAST_BUILD_IS_A_REBUILD = "select is_full_rebuild from control.builds order by build_id desc limit 1"


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
    for part in (
        "never drawn into an arm",
        "never said yes or no",
        "nothing was ever sent",
        "no peer has told anything",
    ):
        assert part in shown


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


def test_file_without_a_required_column_exits_with_3_and_the_old_marts_serve_until_it_is_mended(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "orders/2024-03.csv"
    shop.deliver(name, "order_id,user_id,ordered_on,net_amount\no4,bob,2024-02-26T10:00:00Z,5.00\n")
    assert recall("nightly", "--as-of", "2024-02-26", "--no-export") == 3
    error = capsys.readouterr().err
    assert name in error
    assert "ordered_at" in error, "the missing column"
    assert "ordered_on" in error, "the nearest name in the file"
    assert "recall load --accept" in error
    assert shop.served_day() == "2024-02-25"

    assert recall("load") == 3, "a load alone tells the same"
    capsys.readouterr()
    assert recall("export", "--as-of", "2024-02-25") == 3, "who came back may stand in the file that is missing"
    assert name in capsys.readouterr().err

    shop.deliver(name, "order_id,user_id,ordered_at,net_amount\no4,bob,2024-02-26T10:00:00Z,5.00\n")
    assert recall("nightly", "--as-of", "2024-02-26", "--no-export") == 0
    assert shop.episodes() == EPISODES_OF_THE_26TH
    assert shop.rows(LAST_BUILD_IS_A_REBUILD) == [(False,)], "bob is looked at, and nobody else"


def test_earlier_night_is_refused_by_a_gate(shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]) -> None:
    assert recall("nightly", "--as-of", "2024-02-01", "--no-export") == 3
    error = capsys.readouterr().err
    assert "yesterday overwrite today" in error
    assert "recall nightly --as-of 2024-02-01 --scratch" in error
    assert shop.served_day() == "2024-02-26"


def test_earlier_day_is_built_apart_read_and_dropped(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    episodes = "select user_id, last_key_date::text, returned_date::text from scratch_marts.fct_lapse_episodes"
    assert recall("nightly", "--as-of", "2024-02-01", "--scratch") == 0
    assert "scratch_marts.fct_lapse_episodes" in capsys.readouterr().out
    # On 1 February ann had not come back yet, and bob was 12 days quiet.
    assert shop.rows(episodes) == [("ann", "2024-01-01", None)]
    assert shop.served_day() == "2024-02-26"
    assert shop.episodes() == EPISODES_OF_THE_26TH

    assert recall("nightly", "--as-of", "2024-02-01", "--scratch", "--export") == 2
    assert recall("nightly", "--as-of", "2024-02-01", "--drop") == 2
    assert recall("nightly", "--scratch") == 2
    assert recall("nightly", "--scratch", "--drop") == 0
    assert shop.rows("select 1 from information_schema.tables where table_schema like 'scratch%'") == []


LINES = "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
LAYERS = "layer_code,layer_name,lower_edge,upper_edge,valid_from\n"
BAD_DEFINITIONS = {
    "unknown line": ("category_lines", "category,line_id,valid_from\ntea,teas,2020-01-01\n", "row 2, column line_id"),
    "limit of zero": ("business_lines", LINES + "all,All,high,0,14,2020-01-01\n", "row 2, column lapse_days"),
    "two rows in force at once": (
        "business_lines",
        LINES + "all,All,high,30,14,2020-01-01\nall,All,high,60,14,2020-01-01\n",
        "row 3, column line_id",
    ),
    "unknown code": ("business_lines", LINES + "all,All,often,30,14,2020-01-01\n", "row 2, column frequency_class"),
    "overlapping bins": (
        "layers",
        LAYERS + "far,Far,0,0.6,2020-01-01\nnear,Near,0.5,,2020-01-01\n",
        "row 2, column upper_edge",
    ),
    "bins with an end": (
        "layers",
        LAYERS + "far,Far,0,0.5,2020-01-01\nnear,Near,0.5,0.9,2020-01-01\n",
        "row 3, column upper_edge",
    ),
    "day that is none": (
        "worth_rules",
        "prior_weight,min_control_count,min_gap_count,gaming_returns,valid_from\n500,50,100,2,2020-02-30\n",
        "row 2, column valid_from",
    ),
    "reason without a name": (
        "reason_offers",
        "reason_code,offer_code,valid_from\nboredom,coupon,2020-01-01\n",
        "row 2, column reason_code",
    ),
}


@pytest.mark.parametrize(("name", "content", "place"), BAD_DEFINITIONS.values(), ids=BAD_DEFINITIONS)
def test_bad_definition_stops_doctor_and_night_with_3_and_the_last_good_marts_serve(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str], name: str, content: str, place: str
) -> None:
    builds = shop.rows("select count(*) from control.builds")
    path = shop.folder / "definitions" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    try:
        assert recall("doctor") == 3
        told = " ".join(capsys.readouterr().out.split())
        assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 3
    finally:
        path.unlink()
    assert name in told, "the table wraps what is long, but names the file"
    assert f"definitions/{name}.csv, {place}" in " ".join(capsys.readouterr().err.split())
    assert shop.served_day() == "2024-02-26"
    assert shop.episodes() == EPISODES_OF_THE_26TH
    assert shop.rows("select count(*) from control.builds") == builds, "stopped before anything was built"


def test_model_that_fails_exits_with_1_names_the_model_and_leaves_the_marts(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop.warehouse.connect() as connection:
        connection.execute("alter table raw.refunds rename to refunds_hidden")
    try:
        assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 1
    finally:
        with shop.warehouse.connect() as connection:
            connection.execute("alter table raw.refunds_hidden rename to refunds")
    error = capsys.readouterr().err
    assert "Layer staging: model stg_landing__refunds failed" in error
    assert "next:" in error
    assert "control.node_results" in error
    assert shop.served_day() == "2024-02-26"
    assert shop.rows("select state from control.builds order by build_id desc limit 1") == [("failed",)]
    failed = shop.rows("select node_name, status from control.node_results where status = 'error'")
    assert failed == [("stg_landing__refunds", "error")]


def test_no_run_has_waited_for_tasks_that_a_failure_had_ended(shop: Shop) -> None:
    told = (shop.warehouse.home.logs_dir / "foreground.log").read_text(encoding="utf-8")
    assert "Marking run" in told, "Airflow's words go to this file"
    # What `dag.test()` says before it waits a second, once for every task that comes after one that failed.
    assert "No tasks to run" not in told


def test_tasks_talk_to_airflow_in_one_version() -> None:
    # Airflow reads where its home is when it is imported.
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    interface = in_process_api_server().app
    answering = [version for version, router in interface.router.versioned_routers.items() if router.routes]
    assert answering == [max(interface.router.versioned_routers)]


def test_run_while_another_one_is_at_work_names_it(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = "nightly elsewhere | host another-host | process 4711 | since 1700000000"
    with shop.warehouse.connect() as connection:
        connection.execute(
            "update control.night_lock set holder = %s, expires_at = clock_timestamp() + interval '1 hour'", (holder,)
        )
    try:
        assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 1
        assert "nightly elsewhere" in capsys.readouterr().err
    finally:
        with shop.warehouse.connect() as connection:
            connection.execute("update control.night_lock set expires_at = clock_timestamp()")


def test_run_that_is_asked_to_end_exits_with_130_and_frees_the_lock(shop: Shop) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "recall.cli.app", "nightly", "--as-of", "2024-02-27", "--no-export"],
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
    assert shop.served_day() == "2024-02-26"


def test_night_after_an_interrupted_one_is_built_whole_and_is_a_delta(shop: Shop, recall: Recall) -> None:
    assert recall("nightly", "--as-of", "2024-02-27", "--no-export") == 0
    assert shop.served_day() == "2024-02-27"
    # It has nobody to look at: no new row, and nobody's timer is due on the 27th.
    assert shop.episodes() == EPISODES_OF_THE_26TH
    assert shop.rows(LAST_BUILD_IS_A_REBUILD) == [(False,)]


def test_run_without_a_task_is_a_failure(shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]) -> None:
    class EmptyDag:
        dag_id, fileloc = "ingest_raw", __file__
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
        patch.setattr(
            foreground,
            "_prepare_dags",
            lambda home: dict.fromkeys(("ingest_raw", "collect_receipts", "erase_users"), EmptyDag()),
        )
        assert recall("load") == 1
    assert "ran no task at all" in capsys.readouterr().err


def test_what_runs_beside_the_chain_does_not_hold_it_up_and_is_told_at_the_end(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fake:
        tasks: tuple[object, ...] = ()
        timetable = SimpleNamespace(asset_condition=None)

        def __init__(self, dag_id: str) -> None:
            self.dag_id = dag_id

    ran = []

    def run_dag(dag: Fake, *_: object) -> None:
        ran.append(dag.dag_id)
        if dag.dag_id == "collect_receipts":
            raise RecallError("the partner does not answer")

    known = [*foreground.CHAIN, "collect_receipts", "erase_users", "calibrate_definitions"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreground, "_prepare_dags", lambda home: {dag_id: Fake(dag_id) for dag_id in known})
        patch.setattr(foreground, "_run_dag", run_dag)
        assert recall("nightly", "--as-of", "2024-02-27") == 1
    # Nothing stands between them here, so they run in the order in which they were asked for.
    assert ran == known
    assert "the partner does not answer" in capsys.readouterr().err


def test_erase_removes_a_customer_and_asks_before_it_does(
    shop: Shop, recall: Recall, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recall("erase", "zoe", "--yes") == 2
    assert "'zoe' is no user" in capsys.readouterr().err
    assert recall("erase", "bob", "--yes") == 0
    shown = capsys.readouterr().out
    assert "Erased: 1 users, " in shown
    assert "Taken back out of advertising audiences: 0." in shown
    assert shop.rows("select 1 from raw.orders where user_id = 'bob'") == []
    assert shop.rows("select user_id, source_code from ledger.erasures") == [("bob", "asked")]
