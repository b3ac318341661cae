"""The two doors: each check is seen to fail, whatever goes wrong keeps a door shut, and no value is kept."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from recall.domain.errors import GateBlocked
from recall.domain.progress import SilentProgress
from recall.hooks import gates
from recall.hooks.gates import Door, GateResult, approve, run_gate

AS_OF = date(2026, 3, 31)
SELECTED = AS_OF + timedelta(days=1)
CANARY = "+8613800138000"

MEMBERS = """
    create table audiences.aud_recall_members (
        audience_id text, campaign_id text, step_number integer, selected_date date, person_id text,
        contact_id text, user_id text, line_id text, episode_number integer, last_key_date date, arm_code text,
        channel text, is_global_holdout boolean, is_campaign_holdout boolean
    );
    create table audiences.aud_recall_exclusions (
        campaign_id text, step_number integer, selected_date date, user_id text, line_id text,
        episode_number integer, reason_code text
    );
    create table staging.stg_landing__consents (
        user_id text, channel text, is_opted_in boolean, changed_at timestamptz
    );
    create table marts.fct_lapse_episodes (user_id text, line_id text, last_key_date date, is_open boolean);
"""
LAST_KEY = date(2026, 2, 1)


@pytest.fixture
def owner(warehouse: Any) -> Any:
    """A connection that may write anywhere; the constraints that a bad row would meet are gone."""
    with warehouse.connect("owner", autocommit=True) as connection:
        yield connection


@pytest.fixture
def night(warehouse: Any, owner: psycopg.Connection) -> int:
    """A night for AS_OF with an empty audience and the shipped limits; its build's number."""
    build_id = _build(owner, AS_OF, "published")
    owner.execute(
        "insert into control.night (build_id, as_of_date, previous_load_id, load_id, definitions_version,"
        " code_version, is_full_rebuild, business_time_zone, currency_code, global_holdout_rate)"
        " values (%s, %s, 0, 0, '', '', true, 'Asia/Shanghai', 'CNY', 0.05)",
        (build_id, AS_OF),
    )
    # Half of the lapsed at most; 50 % more or fewer than the median of 14 nights.
    owner.execute("insert into definitions.gate_rules values (0.5, 0.5, 14, '1970-01-01', null)")
    with warehouse.connect("transformer", autocommit=True) as transformer:
        transformer.execute(MEMBERS)
    return build_id


def test_raw_door_sound_rows_open_it(owner: psycopg.Connection) -> None:
    _load(owner)
    _order(owner, "o1")

    result = run_gate("raw", AS_OF)

    assert {check.suite_name for check in result.checks} == gates.SUITES["raw"]
    assert {check.status for check in result.checks} == {"passed"}
    assert _stored(owner, result.gate_run_id) == len(result.checks)


def test_raw_door_empty_warehouse_opens_it(warehouse: Any) -> None:
    assert run_gate("raw", AS_OF).closed_by == ()


def test_raw_door_each_kind_of_bad_row_is_told_by_its_own_check(owner: psycopg.Connection) -> None:
    _load(owner)
    for table, column in (
        ("orders", "user_id"),
        ("orders", "ordered_at"),
        ("orders", "net_amount"),
        ("orders", "status"),
        ("order_items", "product_id"),
        ("order_items", "quantity"),
        ("order_items", "net_amount"),
        ("visits", "user_id"),
        ("visits", "visited_at"),
        ("visits", "action"),
        ("consents", "is_opted_in"),
    ):
        owner.execute(f"alter table raw.{table} alter {column} drop not null")  # a name of this test's own
    owner.execute("alter table raw.order_items drop constraint order_items_pkey, alter order_id drop not null")
    owner.execute(
        "alter table raw.consents drop constraint consents_pkey, alter channel drop not null,"
        " alter changed_at drop not null"
    )
    owner.execute("alter table control.files drop constraint rows_are_conserved")
    owner.execute("insert into control.workspace (business_time_zone, currency_code) values ('UTC', 'CNY')")
    _order(owner, "o1", user_id=None)
    _order(owner, "o2", ordered_at=None)
    _order(owner, "o3", ordered_at="2999-01-01")
    _order(owner, "o4", net_amount=-1)
    _order(owner, "o5", net_amount=2_000_000_000)
    _order(owner, "o6", status="shipped")
    _order(owner, "o7", currency_code="XAU")
    _order(owner, "o8", currency_code="CNY")
    _order(owner, "o9", net_amount=None)
    _order(owner, "o10", status=None)
    item = {"order_id": "o1", "line_number": 1, "product_id": "p", "quantity": 1, "net_amount": 1}
    for change in (
        {"order_id": None},
        {"product_id": None},
        {"quantity": None},
        {"quantity": -1},
        {"net_amount": None},
        {"net_amount": -1},
    ):
        _insert(owner, "raw.order_items", item | change)
    visit = {"visit_id": "v1", "user_id": "u1", "visited_at": "2026-03-01", "action": "view"}
    _insert(owner, "raw.visits", visit | {"user_id": None})
    _insert(owner, "raw.visits", visit | {"visit_id": "v2", "action": None})
    _insert(owner, "raw.visits", visit | {"visit_id": "v3", "visited_at": "2999-01-01"})
    _insert(owner, "raw.visits", visit | {"visit_id": "v4", "visited_at": None})
    consent = {"user_id": "u1", "channel": "email", "is_opted_in": True, "changed_at": "2026-03-01"}
    for change in ({"channel": None}, {"is_opted_in": None}, {"changed_at": None}, {"changed_at": "2999-01-01"}):
        _insert(owner, "raw.consents", consent | change)
    _file(owner, "orders/lost.csv", row_count=10, loaded_count=9)
    _file(owner, "orders/bad.csv", state="rejected")

    blocked, result = _run_blocked("raw")

    assert {
        (c.suite_name, c.check_name.removeprefix("expect_column_values_to_"), c.column_name): c.failed_count
        for c in result.closed_by
    } == {
        ("orders", "not_be_null", "user_id"): 1,
        ("orders", "not_be_null", "ordered_at"): 1,
        ("orders", "be_in_set", "is_in_future"): 1,
        ("orders", "not_be_null", "net_amount"): 1,
        ("orders", "be_between", "net_amount"): 2,
        ("orders", "not_be_null", "status"): 1,
        ("orders", "be_in_set", "status"): 1,
        ("orders", "be_in_set", "has_unknown_currency"): 1,
        ("order_items", "not_be_null", "order_id"): 1,
        ("order_items", "not_be_null", "product_id"): 1,
        ("order_items", "not_be_null", "quantity"): 1,
        ("order_items", "be_between", "quantity"): 1,
        ("order_items", "not_be_null", "net_amount"): 1,
        ("order_items", "be_between", "net_amount"): 1,
        ("visits", "not_be_null", "user_id"): 1,
        ("visits", "not_be_null", "visited_at"): 1,
        ("visits", "not_be_null", "action"): 1,
        ("visits", "be_in_set", "is_in_future"): 1,
        ("consents", "not_be_null", "channel"): 1,
        ("consents", "not_be_null", "is_opted_in"): 1,
        ("consents", "not_be_null", "changed_at"): 1,
        ("consents", "be_in_set", "is_in_future"): 1,
        ("deliveries", "be_in_set", "state"): 1,
        ("deliveries", "be_between", "unaccounted_count"): 1,
    }
    assert result.closed_by == result.checks, "a check that no row here breaks has never been seen to fail"
    assert "orders: No order has a negative amount, nor one that no shop takes. (not so in 2 of 10 rows)" in (
        blocked.message
    )
    assert blocked.exit_code == 3


def test_raw_door_bad_rows_that_the_served_build_has_seen_are_not_looked_at_again(
    owner: psycopg.Connection,
) -> None:
    load_id = _load(owner)
    _order(owner, "o1", net_amount=2_000_000_000)
    _build(owner, AS_OF, "complete", load_id=load_id, is_published=True)

    assert run_gate("raw", AS_OF).closed_by == ()


def test_audiences_door_sound_members_open_it(owner: psycopg.Connection, night: int) -> None:
    _member(owner, "u1")
    _member(owner, "u2", is_global_holdout=True)
    _held_out(owner, "u2")

    result = run_gate("audiences", AS_OF, night)

    assert {check.suite_name for check in result.checks} == gates.SUITES["audiences"]
    assert {check.status for check in result.checks} == {"passed"}


def test_audiences_door_nobody_selected_opens_it(night: int) -> None:
    assert run_gate("audiences", AS_OF, night).closed_by == ()


def test_audiences_door_each_member_who_must_not_leave_is_told_by_its_own_check(
    owner: psycopg.Connection, night: int
) -> None:
    _member(owner, "u1", person_id="p1")
    _member(owner, "u2", person_id="p1")
    _member(owner, "u3", contact_id="c3")
    _member(owner, "u4", contact_id="c3")
    _member(owner, "u5", audience_id=None)
    _member(owner, "u6", contact_id=None)
    _member(owner, "u7", arm_code=None)
    _member(owner, "u8", is_global_holdout=True, is_campaign_holdout=True)
    _member(owner, "u17", is_global_holdout=None)
    _member(owner, "u18", is_campaign_holdout=None)
    _member(owner, "u9")
    _held_out(owner, "u9")
    _member(owner, "u10")
    _consent(owner, "u10", is_opted_in=True, changed_at="2026-01-01")
    _consent(owner, "u10", is_opted_in=False, changed_at="2026-02-01")
    # Opted out of another channel.
    _member(owner, "u11")
    _consent(owner, "u11", is_opted_in=False, changed_at="2026-02-01", channel="sms")
    # Opted out long ago, and in again since.
    _member(owner, "u12")
    _consent(owner, "u12", is_opted_in=False, changed_at="2026-01-01")
    _consent(owner, "u12", is_opted_in=True, changed_at="2026-02-01")
    _member(owner, "u13")
    owner.execute("update marts.fct_lapse_episodes set is_open = false where user_id = 'u13'")
    _member(owner, "u14")
    owner.execute(
        "insert into audiences.aud_recall_exclusions values ('welcome', 1, %s, 'u14', 'all', 1, 'no_consent')",
        (SELECTED,),
    )
    _member(owner, "u15")
    _sent(owner, "u15", SELECTED - timedelta(days=1))
    # Sent the same step for the lapse before this one.
    _member(owner, "u16")
    _sent(owner, "u16", LAST_KEY - timedelta(days=1))
    # More lapsed users, so that the size of this audience is no question.
    _lapsed(owner, 60)

    _, result = _run_blocked("audiences", night)

    told = {(c.column_name or c.check_name): c.failed_count for c in result.closed_by if c.suite_name == "members"}
    assert told == {
        "expect_compound_columns_to_be_unique": 2,
        "audience_id": 1,
        "contact_id": 1,
        "arm_code": 1,
        "is_global_holdout": 1,
        "is_campaign_holdout": 1,
        "is_held_out_twice": 1,
        "is_holdout_unmarked": 1,
        "is_opted_out": 1,
        "has_returned": 1,
        "is_excluded": 1,
        "was_sent": 1,
    }
    assert {c.check_name for c in result.checks if c.suite_name == "members" and c not in result.closed_by} == set()
    unique = [c.failed_count for c in result.closed_by if c.check_name == "expect_compound_columns_to_be_unique"]
    assert unique == [2, 2]


def test_audiences_door_more_than_half_of_the_lapsed_asks_a_person(owner: psycopg.Connection, night: int) -> None:
    # Half of 60 is 30, and chance may add 3 x sqrt(60 x 0.5 x 0.5) = 11.6: 41 pass, 42 do not.
    _lapsed(owner, 60)
    for number in range(42):
        _member(owner, f"u{number}")

    blocked, result = _run_blocked("audiences", night)

    assert [c.column_name for c in result.closed_by] == ["is_too_large"]
    assert blocked.next_command == "recall export --as-of 2026-03-31 --approve"

    approve("audiences", AS_OF, "the campaign's owner")
    again = run_gate("audiences", AS_OF, night)

    assert [c.column_name for c in again.checks if c.status == "allowed"] == ["is_too_large"]


def test_audiences_door_held_out_members_do_not_count_as_written_to(owner: psycopg.Connection, night: int) -> None:
    _lapsed(owner, 60)
    for number in range(41):
        _member(owner, f"u{number}")
    for number in range(41, 50):
        _member(owner, f"u{number}", is_campaign_holdout=True)

    assert run_gate("audiences", AS_OF, night).closed_by == ()


@pytest.mark.parametrize(
    ("usual", "tonight", "asked"),
    [
        # 40 - 16 = 24 is over half of 40 and over 3 x sqrt(40) = 19; 40 - 21 = 19 is under both.
        (40, 16, ["is_unusual"]),
        (40, 21, []),
        (40, 0, ["is_unusual", "is_empty"]),
        # 8 - 4 = 4 is over half of 4, but under 3 x sqrt(4) = 6: chance explains it.
        (4, 8, []),
        (4, 0, []),
    ],
)
def test_audiences_door_far_from_the_usual_size_asks_a_person(
    owner: psycopg.Connection, night: int, usual: int, tonight: int, asked: list[str]
) -> None:
    _lapsed(owner, 200)
    for days_ago in range(1, 8):
        _build(owner, AS_OF - timedelta(days=days_ago), "complete", is_published=True)
        _members(owner, usual, SELECTED - timedelta(days=days_ago))
    _members(owner, tonight, SELECTED)

    if asked:
        _, result = _run_blocked("audiences", night)
        assert [c.column_name for c in result.closed_by] == asked
    else:
        assert run_gate("audiences", AS_OF, night).closed_by == ()


@pytest.mark.parametrize(("step_count", "asked"), [(3, ["is_empty"]), (2, [])])
def test_audiences_door_nobody_at_all_where_small_steps_usually_add_up_asks_a_person(
    owner: psycopg.Connection, night: int, step_count: int, asked: list[str]
) -> None:
    # Four members a step and nobody tonight: 4 is under 3 x sqrt(4) = 6 for each. Together three steps have 12, over
    # 3 x sqrt(12) = 10.4; two have 8, under 3 x sqrt(8) = 8.5.
    _lapsed(owner, 200)
    for days_ago in range(1, 8):
        day = SELECTED - timedelta(days=days_ago)
        _build(owner, AS_OF - timedelta(days=days_ago), "complete", is_published=True)
        for step in range(1, step_count + 1):
            for number in range(4):
                _member(owner, f"{day}_{step}_{number}", step_number=step, selected_date=day)

    if asked:
        blocked, result = _run_blocked("audiences", night)
        assert {c.column_name for c in result.closed_by} == set(asked)
        assert isinstance(blocked, gates.PersonNeeded)
    else:
        assert run_gate("audiences", AS_OF, night).closed_by == ()


@pytest.mark.parametrize(("limit", "is_asked"), [(3, False), (2, True)])
def test_audiences_door_more_members_than_may_go_without_a_person_asks_one(
    owner: psycopg.Connection, night: int, limit: int, is_asked: bool
) -> None:
    owner.execute("update definitions.gate_rules set max_audience_count = %s", (limit,))
    _lapsed(owner, 200)
    for number in range(3):
        _member(owner, f"u{number}")

    if is_asked:
        _, result = _run_blocked("audiences", night)
        assert [c.column_name for c in result.closed_by] == ["is_too_large"]
    else:
        assert run_gate("audiences", AS_OF, night).closed_by == ()


def test_audiences_door_too_few_nights_before_has_no_usual_size(owner: psycopg.Connection, night: int) -> None:
    _lapsed(owner, 200)
    for days_ago in range(1, 7):
        _build(owner, AS_OF - timedelta(days=days_ago), "complete", is_published=True)
        _members(owner, 40, SELECTED - timedelta(days=days_ago))

    assert run_gate("audiences", AS_OF, night).closed_by == ()


def test_audiences_door_a_broken_promise_cannot_be_approved(owner: psycopg.Connection, night: int) -> None:
    _member(owner, "u1", contact_id=None)
    approve("audiences", AS_OF, "the campaign's owner")

    blocked, result = _run_blocked("audiences", night)

    assert [c.column_name for c in result.closed_by] == ["contact_id"]
    assert "--approve" not in str(blocked.next_command)


def test_audiences_door_another_night_than_asked_stays_closed(night: int) -> None:
    with pytest.raises(GateBlocked, match="could not be run"):
        run_gate("audiences", AS_OF - timedelta(days=1), night)
    with pytest.raises(GateBlocked, match="could not be run"):
        run_gate("audiences", AS_OF, night + 1)


def test_door_missing_suite_stays_closed(warehouse: Any, tmp_path: Path) -> None:
    suites = _suites(tmp_path)
    (suites / "raw" / "visits.json").unlink()

    blocked, _ = _run_blocked("raw", suites_dir=suites)

    assert "visits: the suite is missing from the expectations" in blocked.message


def test_door_no_suite_at_all_stays_closed(warehouse: Any, tmp_path: Path) -> None:
    _, result = _run_blocked("raw", suites_dir=tmp_path)

    assert len(result.closed_by) == len(gates.SUITES["raw"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda suite: "{",
        lambda suite: json.dumps(suite | {"expectations": []}),
        lambda suite: json.dumps(suite | {"meta": {}}),
        lambda suite: json.dumps(suite | {"expectations": [{"type": "expect_the_best", "kwargs": {}}]}),
        lambda suite: json.dumps(
            suite
            | {
                "expectations": [
                    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}},
                ]
            }
        ),
    ],
    ids=["not JSON", "expects nothing", "names no table", "unknown expectation", "unknown column"],
)
def test_door_suite_that_cannot_be_run_stays_closed(warehouse: Any, tmp_path: Path, damage: Any) -> None:
    suites = _suites(tmp_path)
    path = suites / "raw" / "visits.json"
    path.write_text(damage(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")

    _, result = _run_blocked("raw", suites_dir=suites)

    assert {(c.suite_name, c.status) for c in result.closed_by} == {("visits", "crashed")}


def test_door_rows_that_cannot_be_read_stay_closed_without_a_value(
    warehouse: Any, owner: psycopg.Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _load(owner)
    _order(owner, "o1", user_id=CANARY)
    suites = _suites(tmp_path)
    # PostgreSQL quotes the text that is no number in its error.
    (suites / "raw" / "visits.sql").write_text("select cast(user_id as date) as user_id from raw.orders")

    blocked, result = _run_blocked("raw", suites_dir=suites)

    assert {(c.suite_name, c.status) for c in result.closed_by} == {("visits", "crashed")}
    _assert_no_canary(owner, blocked, caplog)


def test_door_database_that_does_not_answer_stays_closed(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nowhere")

    with pytest.raises(GateBlocked, match="stays closed"):
        run_gate("raw", AS_OF)


def test_door_results_that_cannot_be_stored_stay_closed(owner: psycopg.Connection) -> None:
    owner.execute("drop table control.gate_results")

    with pytest.raises(GateBlocked, match="stays closed"):
        run_gate("raw", AS_OF)


def test_door_personal_values_are_found_nowhere(
    warehouse: Any, owner: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    _load(owner)
    owner.execute("alter table raw.orders drop constraint orders_pkey")
    # The bad value is the phone number itself.
    _order(owner, "o1", user_id=CANARY, status=CANARY, currency_code=CANARY)

    blocked, _ = _run_blocked("raw")

    _assert_no_canary(owner, blocked, caplog)


def _assert_no_canary(connection: psycopg.Connection, blocked: GateBlocked, caplog: pytest.LogCaptureFixture) -> None:
    rows = connection.execute("select results::text from control.gate_results as results").fetchall()
    assert rows
    assert not [row for row in rows if CANARY in row[0]]
    assert CANARY not in blocked.message
    assert CANARY not in caplog.text


def _context(**values: Any) -> dict[str, Any]:
    """What Airflow hands to a task, as far as the operators look at it."""

    class Instance:
        id = "019a"

        def xcom_pull(self, task_ids: str) -> Any:
            return values.get(task_ids)

    run = SimpleNamespace(conf={"as_of_date": AS_OF.isoformat()}, data_interval_start=None)
    return {"ti": Instance(), "task_instance": Instance(), "dag_run": run, "triggering_asset_events": {}}


def _ask_person() -> Any:
    from recall.operators.approval import AskPersonOperator

    return AskPersonOperator(task_id="ask_person", door="audiences", gate_task_id="gate_audiences")


def _answer(option: str) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 4, 1, tzinfo=UTC),
        "responded_by_user": {"id": "1", "name": "mei"},
    }


def _too_many(owner: psycopg.Connection) -> None:
    """Three members where two may go without a person."""
    owner.execute("update definitions.gate_rules set max_audience_count = 2")
    _lapsed(owner, 200)
    for number in range(3):
        _member(owner, f"u{number}")


def _state(owner: psycopg.Connection) -> str:
    row = owner.execute("select state from control.builds").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("conf", [{}, {"is_followed": True}])
def test_unusual_audience_is_a_question_on_airflow_and_a_refusal_to_a_command_that_waits(
    owner: psycopg.Connection, night: int, conf: dict[str, Any]
) -> None:
    from recall.operators.build import QUESTION, RunGateOperator
    from recall.operators.night_request import NightRequest

    _too_many(owner)
    gate = RunGateOperator(task_id="gate_audiences", door="audiences", can_ask=True)
    request = NightRequest(AS_OF, is_followed=bool(conf))

    if conf:
        with pytest.raises(gates.PersonNeeded) as refusal:
            gate.work(request, SilentProgress())
        assert refusal.value.exit_code == 3
        assert refusal.value.next_command == "recall export --as-of 2026-03-31 --approve"
        assert _state(owner) == "failed"
    else:
        assert "max_audience_count" in gate.work(request, SilentProgress())[QUESTION]
        assert _state(owner) == "published", "it waits, and has not failed"


def test_night_whose_question_is_not_answered_cannot_be_completed(owner: psycopg.Connection, night: int) -> None:
    from recall.operators.build import CompleteNightOperator
    from recall.operators.night_request import NightRequest

    complete = CompleteNightOperator(task_id="complete_night")
    with pytest.raises(GateBlocked, match="it was not run"):
        complete.work(NightRequest(AS_OF), SilentProgress())
    _too_many(owner)
    owner.execute("update control.builds set state = 'published'")
    _run_blocked("audiences", night)
    with pytest.raises(GateBlocked, match="1 checks keep it shut"):
        complete.work(NightRequest(AS_OF), SilentProgress())
    assert _state(owner) == "failed"


def test_person_who_is_asked_sees_the_figures_and_a_yes_runs_the_gate_again(
    owner: psycopg.Connection, night: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.standard.operators import hitl
    from airflow.sdk.exceptions import TaskAwaitingInput

    from recall.operators.build import CompleteNightOperator
    from recall.operators.night_request import NightRequest

    _too_many(owner)
    blocked, _ = _run_blocked("audiences", night)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **values: asked.update(values))
    ask_person = _ask_person()

    with pytest.raises(TaskAwaitingInput):
        ask_person.execute(_context(gate_audiences={"question": blocked.message}))
    assert "not so in 1 of 1 rows" in asked["body"]
    assert asked["options"] == ["Approve", "Reject"]
    assert ask_person.execute_complete(_context(), _answer("Approve")) == {"approved_by": "mei"}

    assert owner.execute("select approved_by from control.gate_approvals").fetchall() == [("mei",)]
    CompleteNightOperator(task_id="complete_night").work(NightRequest(AS_OF), SilentProgress())
    assert _state(owner) == "complete"


def test_gate_that_found_nothing_asks_nobody() -> None:
    assert _ask_person().execute(_context(gate_audiences={"check_count": 3})) == {}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (_answer("Reject"), "a person rejected it"),
        ({"error": "no answer in time", "error_type": "timeout"}, "nobody answered in time"),
    ],
)
def test_question_that_is_rejected_or_not_answered_fails_the_night(
    owner: psycopg.Connection, night: int, event: dict[str, Any], why: str
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=why):
        _ask_person().execute_complete(_context(), event)

    assert _state(owner) == "failed"
    assert owner.execute("select * from control.gate_approvals").fetchall() == []


def test_yes_to_an_audience_that_became_wrong_meanwhile_does_not_open_the_door(
    owner: psycopg.Connection, night: int
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    _too_many(owner)
    _run_blocked("audiences", night)
    _consent(owner, "u1", is_opted_in=False, changed_at="2026-03-01")

    with pytest.raises(AirflowFailException, match="opted out"):
        _ask_person().execute_complete(_context(), _answer("Approve"))


def _run_blocked(
    door: Door, build_id: int | None = None, *, suites_dir: Path = gates.SUITES_DIR
) -> tuple[GateBlocked, GateResult]:
    """Runs a gate that must stay closed; its error, and what it stored."""
    captured: list[GateResult] = []
    record = gates._record

    def spy(*args: Any) -> GateResult:
        captured.append(record(*args))
        return captured[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gates, "_record", spy)
        with pytest.raises(GateBlocked) as caught:
            run_gate(door, AS_OF, build_id, suites_dir=suites_dir)
    return caught.value, captured[0]


def _suites(tmp_path: Path) -> Path:
    return shutil.copytree(gates.SUITES_DIR, tmp_path / "expectations")


def _stored(connection: psycopg.Connection, gate_run_id: int) -> int:
    row = connection.execute(
        "select count(*) from control.gate_results where gate_run_id = %s", (gate_run_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _insert(connection: psycopg.Connection, table: str, values: dict[str, Any]) -> None:
    row = dict(values)
    if table.startswith("raw."):
        row |= {"_row_hash": "00000000-0000-0000-0000-000000000000", "_file_id": 1, "_record_number": 1, "_load_id": 1}
    columns = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    connection.execute(f"insert into {table} ({columns}) values ({marks})", list(row.values()))


def _load(connection: psycopg.Connection) -> int:
    row = connection.execute("insert into control.loads (state) values ('done') returning load_id").fetchone()
    assert row is not None
    return int(row[0])


def _file(connection: psycopg.Connection, path: str, **values: Any) -> None:
    row = {"file_path": path, "table_name": "orders", "digest": "0", "byte_count": 1, "state": "loaded", "load_id": 1}
    _insert(connection, "control.files", row | values)


def _order(connection: psycopg.Connection, order_id: str, **values: Any) -> None:
    row = {
        "order_id": order_id,
        "user_id": "u1",
        "ordered_at": "2026-03-01",
        "net_amount": 1,
        "status": "completed",
    }
    _insert(connection, "raw.orders", row | values)


def _build(
    connection: psycopg.Connection, as_of_date: date, state: str, load_id: int = 0, is_published: bool = False
) -> int:
    row = connection.execute(
        "insert into control.builds (as_of_date, previous_load_id, load_id, definitions_version, code_version,"
        " is_full_rebuild, state, published_at) values (%s, 0, %s, '', '', true, %s, %s) returning build_id",
        (as_of_date, load_id, state, as_of_date if is_published else None),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _member(connection: psycopg.Connection, user_id: str, **values: Any) -> None:
    row = {
        "audience_id": f"a_{user_id}",
        "campaign_id": "welcome",
        "step_number": 1,
        "selected_date": SELECTED,
        "person_id": user_id,
        "contact_id": f"c_{user_id}",
        "user_id": user_id,
        "line_id": "all",
        "episode_number": 1,
        "last_key_date": LAST_KEY,
        "arm_code": "warm",
        "channel": "email",
        "is_global_holdout": False,
        "is_campaign_holdout": False,
    }
    _insert(connection, "audiences.aud_recall_members", row | values)
    connection.execute("insert into marts.fct_lapse_episodes values (%s, 'all', %s, true)", (user_id, LAST_KEY))


def _members(connection: psycopg.Connection, count: int, selected_date: date) -> None:
    for number in range(count):
        user_id = f"{selected_date}_{number}"
        _member(connection, user_id, selected_date=selected_date)


def _lapsed(connection: psycopg.Connection, count: int) -> None:
    """Makes that many users have an open episode, u0 and on."""
    connection.execute(
        "insert into marts.fct_lapse_episodes select 'u' || number, 'all', '2026-01-01', true"
        " from generate_series(0, %s - 1) as number",
        (count,),
    )


def _consent(
    connection: psycopg.Connection, user_id: str, *, is_opted_in: bool, changed_at: str, channel: str = "email"
) -> None:
    connection.execute(
        "insert into staging.stg_landing__consents values (%s, %s, %s, %s)",
        (user_id, channel, is_opted_in, changed_at),
    )


def _held_out(connection: psycopg.Connection, person_id: str) -> None:
    connection.execute("insert into ledger.global_holdouts values (%s, true, 0.05, %s)", (person_id, AS_OF))


def _sent(connection: psycopg.Connection, user_id: str, selected_date: date) -> None:
    connection.execute("set session_replication_role = replica")  # no entry behind the send in this story
    connection.execute(
        "insert into ledger.sends (campaign_id, step_number, channel, contact_id, last_key_date, audience_id,"
        " selected_date, person_id, user_id, line_id, idempotency_key, state, settled_at)"
        " values ('welcome', 1, 'email', %s, %s, 'a', %s, %s, %s, 'all', %s, 'sent', now())",
        (f"c_{user_id}", LAST_KEY, selected_date, user_id, user_id, user_id),
    )
    connection.execute("set session_replication_role = origin")
