"""What became of touched users: a small shop, campaigns run elsewhere and by us, one night, numbers worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.conftest import Warehouse

from recall.domain.workspace import load_workspace
from recall.hooks import dbt
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.report.page import QUERIES_DIR
from recall.warehouse.definitions import load_definitions

AS_OF = date(2026, 3, 10)

ORDERS = """order_id,user_id,ordered_at,net_amount
o1,anna,2025-12-01,30
o2,anna,2026-02-05,20
o3,bert,2026-01-25,9
o4,bert,2026-02-01T10:00:00Z,5
o5,bert,2026-02-10,7
o6,cleo,2025-12-15,11
o7,dora,2025-12-01,12
o8,dora,2026-02-03,8
"""

# anna hears twice, the first time counts; bert hears at noon, after his order of that morning; cleo hears so late
# that none of her windows has ended on 10 March; dora is in both groups and says nothing about either.
TOUCHES = """touch_id,campaign_id,user_id,touched_at,arm_code,is_control
t1,spring,anna,2026-02-01,Type A,false
t2,spring,anna,2026-02-20,Type B,false
t3,spring,bert,2026-02-01T12:00:00Z,Type A,false
t4,spring,cleo,2026-03-05,Type A,false
t5,spring,dora,2026-02-01,Type A,false
t6,spring,dora,2026-02-02,Type A,true
"""

REDEMPTIONS = """redemption_id,user_id,redeemed_at,campaign_id,reward_amount
r1,anna,2026-02-05,spring,
r2,anna,2026-02-06,spring,
r3,bert,2026-02-10,another,
r4,own_warm_sent_0,2026-02-03,own,1
r5,own_warm_sent_1,2026-02-03,own,1
"""

# Ours: of campaign `own` 40 got warm and 20 brief by e-mail, 40 were held out of it; `calls` phoned 20 and held out
# nobody; 12 persons are held out of everything. So many of each came back on 3 February for 10.
OWN = {
    ("own", "warm", "email", False): (40, 20),
    ("own", "brief", "email", False): (20, 10),
    ("own", "warm", "email", True): (40, 10),
    ("calls", "ring", "phone", False): (20, 12),
    ("own", "warm", "email", None): (12, 3),
}
ASSIGNED = date(2026, 2, 1)

COSTS = """cost_date,channel,cost_amount
2025-12-01,unknown,5
2025-12-31,unknown,7
2026-01-02,search,50
"""


def controlled_campaign(name: str, *, control_orders: int) -> tuple[str, str]:
    """A campaign with a control: of 40 treated users 20 order within a week, of 40 held out ones so many."""
    touches, orders = [], []
    for number in range(80):
        is_control = number >= 40
        touches.append(f"{name}{number},{name},{name}_{number},2026-02-01,Type A,{str(is_control).lower()}")
        if number < 20 or 40 <= number < 40 + control_orders:
            orders.append(f"{name}{number},{name}_{number},2026-02-03,10")
    return "\n".join(touches) + "\n", "\n".join(orders) + "\n"


def own_person(campaign: str, arm: str, is_held: bool | None, number: int) -> str:
    return f"{campaign}_{arm}_{ {False: 'sent', True: 'held', None: 'never'}[is_held] }_{number}"


def own_orders() -> str:
    """Everybody ordered on 1 November and lapsed a month later; some came back on 3 February."""
    lines = []
    for (campaign, arm, _, is_held), (count, back_count) in OWN.items():
        for number in range(count):
            person = own_person(campaign, arm, is_held, number)
            lines.append(f"{person}_1,{person},2025-11-01,10")
            if number < back_count:
                lines.append(f"{person}_2,{person},2026-02-03,10")
    return "\n".join(lines) + "\n"


def fill_ledger(connection: psycopg.Connection) -> None:
    """What exports would have written down for our campaigns: arms 2 to 1, 40 % held out of `own`, a tenth of all."""
    hash_range = 2**32
    third = 2 * hash_range // 3
    arms = (
        ("own", "warm", "email", 0, third),
        ("own", "brief", "email", third, hash_range),
        ("calls", "ring", "phone", 0, hash_range),
    )
    for campaign, holdout_end, window in (("own", 4 * hash_range // 10, 21), ("calls", 0, 30)):
        connection.execute(
            "insert into definitions.campaigns values"
            " (%s, 'v1', true, '', 100, 0, %s, %s, 100, 0, 'en', clock_timestamp())",
            (campaign, holdout_end, window),
        )
    for campaign, arm, channel, begin, end in arms:
        connection.execute(
            "insert into definitions.campaign_arms values (%s, 'v1', %s, %s, 'coupon', 'plain', 1, %s, %s)",
            (campaign, arm, channel, begin, end),
        )
    for (campaign, arm, channel, is_held), (count, _) in OWN.items():
        for number in range(count):
            person = own_person(campaign, arm, is_held, number)
            connection.execute(
                "insert into ledger.persons values (%s, %s, %s)", (person, person, datetime(2026, 2, 1, tzinfo=UTC))
            )
            connection.execute(
                "insert into ledger.global_holdouts values (%s, %s, 0.1, %s)", (person, is_held is None, ASSIGNED)
            )
            connection.execute(
                "insert into ledger.assignments (campaign_id, person_id, campaign_version, arm_code, variant_code,"
                " is_global_holdout, is_campaign_holdout, assigned_date)"
                " values (%s, %s, 'v1', %s, 'plain', %s, %s, %s)",
                (campaign, person, arm, is_held is None, is_held is True, ASSIGNED),
            )
            connection.execute(
                "insert into ledger.entries (audience_id, campaign_id, step_number, selected_date, person_id,"
                " campaign_version, user_id, line_id, episode_number, last_key_date, contact_id, channel, arm_code,"
                " variant_code, offer_code, is_held_out, state)"
                " values (%(person)s, %(campaign)s, 1, %(day)s, %(person)s, 'v1', %(person)s, 'all', 1, '2025-11-01',"
                " %(person)s, %(channel)s, %(arm)s, 'plain', 'coupon', %(held)s, %(state)s)",
                {
                    "person": person, "campaign": campaign, "day": ASSIGNED, "channel": channel, "arm": arm,
                    "held": is_held is not False, "state": "sent" if is_held is False else "held_out",
                },
            )  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """The warehouse after the night, as the auditor sees it."""
    folder = tmp_path_factory.mktemp("shop")
    exam_touches, exam_orders = controlled_campaign("exam", control_orders=10)
    quiz_touches, quiz_orders = controlled_campaign("quiz", control_orders=9)
    write(folder, "workspace.yml", "business_time_zone: UTC\ncurrency_code: EUR\n")
    write(folder, "landing/orders/orders.csv", ORDERS + exam_orders + quiz_orders + own_orders())
    write(folder, "landing/touches/touches.csv", TOUCHES + exam_touches + quiz_touches)
    write(folder, "landing/redemptions/redemptions.csv", REDEMPTIONS)
    write(folder, "landing/acquisition_costs/costs.csv", COSTS)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECALL_HOME", str(module_warehouse.home.root))
        environment.setenv("RECALL_WORKSPACE", str(folder))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        load_landing(workspace)
        with module_warehouse.connect("owner") as owner:
            fill_ledger(owner)
        prepare_night(workspace, AS_OF)
        for layer in ("staging", "intermediate", "marts"):
            dbt.build_layer(layer)
        dbt.run_operation("publish", {"layer": "marts"})
        dbt.build_layer("outcomes")
        dbt.run_operation("publish", {"layer": "outcomes"})
        complete_night()
        with module_warehouse.connect("auditor", autocommit=True) as connection:
            yield connection


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rows(connection: psycopg.Connection, query: str, **values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def followed(connection: psycopg.Connection, user: str, window: int) -> dict[str, Any]:
    found = rows(
        connection,
        "select * from outcomes.out_recalled_users"
        " where campaign_id = 'spring' and person_id = %(user)s and window_days = %(window)s",
        user=user,
        window=window,
    )
    assert len(found) == 1
    return found[0]


def effect(
    connection: psycopg.Connection, campaign: str, window: int, metric: str, arm: str | None = None
) -> dict[str, Any]:
    found = rows(
        connection,
        "select * from outcomes.out_campaign_effects where campaign_id = %(campaign)s and window_days = %(window)s"
        " and metric_code = %(metric)s and segment_type = 'all'"
        " and (cast(%(arm)s as text) is null or arm_code = %(arm)s)",
        campaign=campaign,
        window=window,
        metric=metric,
        arm=arm,
    )
    assert len(found) == 1
    return found[0]


def test_recalled_users_touched_twice_counts_from_the_first_touch(outcomes: psycopg.Connection) -> None:
    anna = followed(outcomes, "anna", 7)
    assert (anna["assigned_date"], anna["arm_code"]) == (date(2026, 2, 1), "Type A")
    assert (anna["order_count"], anna["net_amount"]) == (1, Decimal(20))


def test_recalled_users_open_lapse_at_the_touch_is_the_one_that_returns(outcomes: psycopg.Connection) -> None:
    # Last order 1 December + 30 days: lapsed on 31 December; back on 5 February; lapsed again on 7 March.
    anna = followed(outcomes, "anna", 7)
    assert (anna["line_id"], anna["last_key_date"]) == ("all", date(2025, 12, 1))
    assert (anna["is_returned"], anna["returned_date"]) == (True, date(2026, 2, 5))
    assert anna["relapsed_date"] == date(2026, 3, 7)
    assert anna["layer_code"] is not None


def test_recalled_users_order_before_the_hour_of_the_touch_does_not_count(outcomes: psycopg.Connection) -> None:
    # Window 7 is 1 to 7 February: the order of 10 o'clock is before the touch at noon, that of the 10th too late.
    assert followed(outcomes, "bert", 7)["order_count"] == 0
    assert (followed(outcomes, "bert", 14)["order_count"], followed(outcomes, "bert", 14)["net_amount"]) == (1, 7)


def test_recalled_users_active_at_the_touch_aims_at_no_lapse(outcomes: psycopg.Connection) -> None:
    bert = followed(outcomes, "bert", 30)
    assert (bert["line_id"], bert["is_returned"], bert["layer_code"]) == (None, False, None)


def test_recalled_users_window_still_open_is_not_matured(outcomes: psycopg.Connection) -> None:
    # Window 7 from 5 March ends with 11 March, and D is 10 March.
    assert not followed(outcomes, "cleo", 7)["is_matured"]
    assert followed(outcomes, "anna", 30)["is_matured"]


def test_recalled_users_touched_as_both_is_left_out_and_counted(outcomes: psycopg.Connection) -> None:
    assert rows(outcomes, "select 1 from outcomes.out_recalled_users where person_id = 'dora'") == []
    assert effect(outcomes, "spring", 7, "order_rate")["touched_as_both_count"] == 1


def test_campaign_effects_without_control_gives_means_and_no_lift(outcomes: psycopg.Connection) -> None:
    week = effect(outcomes, "spring", 7, "order_rate")
    assert (week["treated_count"], week["control_count"], week["immature_count"]) == (2, 0, 1)
    assert week["treated_mean"] == Decimal("0.5")
    assert (week["is_estimable"], week["not_estimable_reason"]) == (False, "no control")
    for name in ("control_mean", "lift", "lift_low", "relative_lift", "sequential_low", "mismatch_p"):
        assert week[name] is None, name
    # In two weeks anna spent 20 and bert 7.
    assert effect(outcomes, "spring", 14, "net_amount")["treated_mean"] == Decimal("13.5")


def test_campaign_effects_return_rate_counts_only_lapsed_users(outcomes: psycopg.Connection) -> None:
    returned = effect(outcomes, "spring", 7, "return_rate")
    assert (returned["treated_count"], returned["immature_count"], returned["treated_mean"]) == (1, 1, 1)


def test_campaign_effects_without_visits_in_the_inputs_says_so(outcomes: psycopg.Connection) -> None:
    visits = effect(outcomes, "spring", 7, "visit_rate")
    assert (visits["treated_mean"], visits["not_estimable_reason"]) == (None, "no visits in the inputs")


def test_campaign_effects_with_control_gives_welch_and_sequential_intervals(outcomes: psycopg.Connection) -> None:
    order_rate = effect(outcomes, "exam", 7, "order_rate")
    assert (order_rate["treated_mean"], order_rate["control_mean"]) == (Decimal("0.5"), Decimal("0.25"))
    assert order_rate["is_estimable"]
    # The control has 10 users with an order: enough for an interval, too few for a good one.
    assert order_rate["is_approximate"]
    # s2 = 0.25 x 40/39 = 0.256410 and 0.1875 x 40/39 = 0.192308; se2 = 0.256410/40 + 0.192308/40 = 0.0112179
    # df = 0.0112179^2 / ((0.00641026^2 + 0.00480769^2) / 39) = 76.44, so t = 1.99146
    # 1.99146 x sqrt(0.0112179) = 1.99146 x 0.105915 = 0.21093
    assert order_rate["lift"] == Decimal("0.25")
    assert float(order_rate["lift_low"]) == pytest.approx(0.25 - 0.21093, abs=2e-5)
    assert float(order_rate["lift_high"]) == pytest.approx(0.25 + 0.21093, abs=2e-5)
    # relative se2 = 0.00641026/0.0625 + 0.00480769 x 0.25/0.00390625 = 0.410256; t x 0.640513 = 1.27556
    assert order_rate["relative_lift"] == 1
    assert float(order_rate["relative_lift_low"]) == pytest.approx(1 - 1.27556, abs=5e-5)
    # r = (5.991465 + ln 6.991465)/5000 = 0.001587231, N r = 0.1269785; 0.105915 x sqrt(80)
    # x sqrt(2 x 1.1269785 / (6400 x 0.001587231) x ln(sqrt(1.1269785)/0.05)) = 0.947334 x 0.823383 = 0.78002
    assert float(order_rate["sequential_low"]) == pytest.approx(0.25 - 0.78002, abs=5e-5)


def test_campaign_effects_too_few_events_states_no_lift(outcomes: psycopg.Connection) -> None:
    # As the exam, but 9 of the control order: one short of the 10 that an interval needs.
    quiz = effect(outcomes, "quiz", 7, "order_rate")
    assert (quiz["treated_mean"], quiz["control_mean"]) == (Decimal("0.5"), Decimal("0.225"))
    assert (quiz["is_estimable"], quiz["lift"], quiz["lift_low"]) == (False, None, None)
    assert quiz["not_estimable_reason"] == "fewer than 10 users with an event in an arm"


def test_campaign_steps_redeemed_counts_users_of_that_campaign(outcomes: psycopg.Connection) -> None:
    steps = rows(outcomes, "select * from outcomes.out_campaign_steps where campaign_id = 'spring' order by arm_code")
    # anna is in Type A once and, with her second touch, in Type B once; her two redemptions are one user each.
    assert [(step["arm_code"], step["member_count"], step["redeemed_count"]) for step in steps] == [
        ("Type A", 3, 1),
        ("Type B", 1, 1),
    ]
    assert {step["step_number"] for step in steps} == {0}
    assert {step["channel"] for step in steps} == {"unknown"}


def test_balance_states_what_is_known_of_new_and_returned_customers_and_why_the_rest_is_not(
    outcomes: psycopg.Connection,
) -> None:
    found = {
        (row["month"], row["channel"]): row
        for row in rows(outcomes, "select * from marts.fct_acquisition_balance order by month, channel")
    }
    december, january = date(2025, 12, 1), date(2026, 1, 1)
    february, march = date(2026, 2, 1), date(2026, 3, 1)
    assert list(found) == [
        (date(2025, 11, 1), "unknown"), (december, "unknown"), (january, "search"), (january, "unknown"),
        (february, "email"), (february, "phone"), (february, "unknown"), (march, "unknown"),
    ]  # fmt: skip
    # Ours by e-mail: 60 entered, 30 came back, (0.5 - 0.25) x (40 + 20) = 15 caused, for 60 x 0.001 + 2 rewards of 1.
    # By phone nobody was held out.
    ours = found[february, "email"]
    assert (ours["recalled_count"], ours["returned_count"], ours["caused_return_count"]) == (60, 30, Decimal("15.00"))
    assert (ours["recall_cost_amount"], found[february, "phone"]["not_estimable_reason"]) == (
        Decimal("2.06"),
        "no control",
    )
    # anna, cleo and dora for 5 + 7; each kept 30 % of the first order as margin: (30 + 11 + 12) x 0.3.
    new = found[december, "unknown"]
    assert (new["new_count"], new["new_cost_amount"], new["new_cost_per_customer_amount"]) == (3, 12, Decimal("4.00"))
    assert (new["new_contribution_amount"], new["new_retention_rate_30d"]) == (Decimal("15.9"), 0)
    # Money was spent and nobody came: no cost per customer, not one of 0.
    spent = found[january, "search"]
    assert (spent["new_count"], spent["new_cost_amount"], spent["new_cost_per_customer_amount"]) == (0, 50, None)
    assert spent["not_estimable_reason"] == "nobody was recalled"
    # bert's three orders of 25 January, 1 and 10 February are all within 30 days: (9 + 5 + 7) x 0.3.
    assert found[january, "unknown"]["new_contribution_amount"] == Decimal("6.3")
    # anna, bert, 40 of exam and 40 of quiz; only anna had lapsed, and spring has no control. Nobody said what a touch
    # costs. She returned on 5 February with 20 x 0.3 and was not there on 7 March, 30 days later.
    recalled = found[february, "unknown"]
    assert (recalled["recalled_count"], recalled["immature_count"], recalled["returned_count"]) == (82, 0, 1)
    assert (recalled["caused_return_count"], recalled["not_estimable_reason"]) == (None, "no control")
    assert (recalled["recall_cost_amount"], recalled["recall_cost_per_caused_amount"]) == (None, None)
    assert (recalled["returned_contribution_amount"], recalled["returned_retention_rate_30d"]) == (6, 0)
    # cleo was touched on 5 March.
    late = found[march, "unknown"]
    assert (late["recalled_count"], late["immature_count"], late["is_complete"]) == (1, 1, False)
    assert (late["returned_count"], late["not_estimable_reason"]) == (0, "no window has ended")


def profit(connection: psycopg.Connection, campaign: str) -> dict[str, Any]:
    found = rows(
        connection, "select * from outcomes.out_campaign_profit where campaign_id = %(campaign)s", campaign=campaign
    )
    assert len(found) == 1
    return found[0]


def test_own_campaign_is_compared_with_its_own_holdout(outcomes: psycopg.Connection) -> None:
    for arm, count in (("warm", 40), ("brief", 20)):
        returned = effect(outcomes, "own", 21, "return_rate", arm)
        assert (returned["treated_count"], returned["control_count"]) == (count, 40)
        assert (returned["treated_mean"], returned["control_mean"], returned["lift"]) == (
            Decimal("0.5"), Decimal("0.25"), Decimal("0.25")
        )  # fmt: skip
        # As drawn: 60 x 2/3 = 40, 60 x 1/3 = 20 and 100 x 0.4 = 40 were expected.
        assert returned["mismatch_p"] == pytest.approx(1, abs=1e-4)
        assert (returned["is_estimable"], returned["is_approximate"]) == (True, True)


def test_own_campaign_without_a_holdout_of_its_channel_states_no_lift(outcomes: psycopg.Connection) -> None:
    calls = effect(outcomes, "calls", 30, "return_rate")
    assert (calls["treated_count"], calls["treated_mean"], calls["lift"]) == (20, Decimal("0.6"), None)
    assert calls["not_estimable_reason"] == "no control"


def test_global_holdout_is_control_of_all_campaigns_only(outcomes: psycopg.Connection) -> None:
    # 60 + 40 of own and 20 of calls against 12; of those 3 came back, which is too few to say anything.
    everything = effect(outcomes, "all", 30, "return_rate")
    assert (everything["treated_count"], everything["control_count"]) == (120, 12)
    # 20 + 10 + 10 + 12 of 120.
    assert float(everything["treated_mean"]) == pytest.approx(52 / 120)
    assert everything["control_mean"] == Decimal("0.25")
    assert everything["not_estimable_reason"] == "fewer than 10 users with an event in an arm"
    # 12 where 13.2 were expected: (1.2)^2 / (132 x 0.09) = 0.12121, p = 0.7277.
    assert float(everything["mismatch_p"]) == pytest.approx(0.7277, abs=1e-4)
    assert rows(
        outcomes,
        "select distinct campaign_id from outcomes.out_recalled_users where person_id like 'own\\_warm\\_never%%'",
    ) == [{"campaign_id": "all"}]


def test_own_campaign_segments_are_layer_and_reason_at_the_assignment(outcomes: psycopg.Connection) -> None:
    segments = rows(
        outcomes,
        "select segment_type, sum(treated_count) as treated_count from outcomes.out_campaign_effects"
        " where campaign_id = 'own' and window_days = 21 and metric_code = 'return_rate' group by 1 order by 1",
    )
    assert segments == [{"segment_type": name, "treated_count": 60} for name in ("all", "layer", "reason")]


def test_campaign_profit_recalled_30_caused_15_and_earned_42_94(outcomes: psycopg.Connection) -> None:
    own = profit(outcomes, "own")
    # The window is the campaign's own, 21 days. A return brings 10 x 0.3 = 3. Warm: 20 x 3 - 40 x 0.75 = 30, brief:
    # 10 x 3 - 20 x 0.75 = 15; cost 60 x 0.001 and two rewards of 1: 45 - 2.06 = 42.94.
    assert (own["window_days"], own["treated_count"], own["control_count"]) == (21, 60, 40)
    assert (own["recalled_count"], own["caused_count"]) == (30, 15)
    assert (own["cost_amount"], own["incremental_profit_amount"]) == (Decimal("2.06"), Decimal("42.94"))
    assert own["incremental_contribution_amount"] == 45
    # 42.94 / 2.06 and 2.06 / 15.
    assert float(own["roi"]) == pytest.approx(20.844660)
    assert float(own["cost_per_caused_amount"]) == pytest.approx(0.137333, abs=1e-6)
    # Returns: arms 40 x 0.25 x 40/39 = 10.25641 and 20 x 0.25 x 20/19 = 5.26316, control 60^2 x 0.1875 x 40/39 / 40 =
    # 17.30769; together 32.82726, Welch 10.25641^2/39 + 5.26316^2/19 + 17.30769^2/39 = 11.8361: df 91.05, t 1.98634,
    # half width 11.3808.
    assert float(own["caused_low"]) == pytest.approx(15 - 11.3808, abs=2e-3)
    assert float(own["caused_high"]) == pytest.approx(15 + 11.3808, abs=2e-3)
    # All 30 who came back had heard of no other campaign: a last-touch report claims twice what was caused.
    assert (own["last_touch_count"], own["last_touch_amount"]) == (30, 90)
    assert own["is_approximate"]


def test_campaign_profit_without_a_control_shows_the_cost_and_the_reason(outcomes: psycopg.Connection) -> None:
    calls = profit(outcomes, "calls")
    assert (calls["recalled_count"], calls["caused_count"], calls["incremental_profit_amount"]) == (12, None, None)
    assert (calls["caused_not_estimable_reason"], calls["profit_not_estimable_reason"]) == ("no control", "no control")
    # 20 calls at 2; last touch claims all 12.
    assert (calls["cost_amount"], calls["last_touch_count"]) == (40, 12)
    assert profit(outcomes, "spring")["cost_amount"] is None
    # All together cost both: 2.06 + 40.
    assert profit(outcomes, "all")["cost_amount"] == Decimal("42.06")


def test_relapse_curves_wait_for_the_limit_and_stand_beside_the_first_lifetime(outcomes: psycopg.Connection) -> None:
    # Back on 3 February for one day, lapsed again on 5 March: after 35 days n = 0 is known (35 - 30 = 5), 7 not yet.
    curves = rows(
        outcomes,
        "select arm_code, offer_code, day_number, returned_count, relapsed_count, second_lifetime_value_amount,"
        " first_lifetime_value_amount, is_lapsing_faster from outcomes.out_relapse_curves"
        " where campaign_id = 'own' and reason_code = 'all' order by arm_code",
    )
    assert [tuple(curve.values()) for curve in curves] == [
        ("brief", "coupon", 0, 10, 10, 3, 3, False),
        ("control", "none", 0, 10, 10, 3, 3, False),
        ("warm", "coupon", 0, 20, 20, 3, 3, False),
    ]


def reported(connection: psycopg.Connection, name: str) -> list[dict[str, Any]]:
    """What the report page reads about campaigns."""
    return rows(connection, (QUERIES_DIR / f"{name}.sql").read_text(encoding="utf-8"))


def test_report_ranks_all_campaigns_own_and_imported_and_shows_them_as_the_marts_do(
    outcomes: psycopg.Connection,
) -> None:
    found = {row["campaign_id"]: row for row in reported(outcomes, "campaigns")}
    assert [(name, row["kind_code"]) for name, row in found.items()] == [
        ("all", "program"),
        ("calls", "own"),
        ("own", "own"),
        ("exam", "imported"),
        ("quiz", "imported"),
        ("spring", "imported"),
    ]
    own = found["own"]
    assert (own["first_date"], own["assigned_count"], own["held_out_count"]) == (ASSIGNED, 60, 40)
    assert (own["window_days"], own["recalled_count"], own["caused_count"]) == (21, 30, 15)
    assert own["incremental_profit_amount"] == Decimal("42.94")
    # anna, bert and cleo; dora, touched as both, is left out.
    assert (found["spring"]["assigned_count"], found["spring"]["profit_not_estimable_reason"]) == (3, "no control")
    assert not any(row["is_mismatched"] for row in found.values())


def test_report_funnel_goes_from_the_assigned_to_the_returned_by_step_and_channel(
    outcomes: psycopg.Connection,
) -> None:
    steps = {(row["campaign_id"], row["step_number"], row["channel"]): row for row in reported(outcomes, "funnels")}
    own = steps["own", 1, "email"]
    # 40 warm and 20 brief, of whom 20 and 10 came back; two redeemed; nobody sent receipts.
    assert (own["member_count"], own["sent_count"], own["redeemed_count"], own["returned_count"]) == (60, 60, 2, 30)
    assert (own["has_receipts"], own["cost_amount"]) == (False, Decimal("0.06"))
    # anna, bert and cleo in Type A, anna in Type B as well.
    assert steps["spring", 0, "unknown"]["member_count"] == 4
    arms = {row["arm_code"]: row["member_count"] for row in reported(outcomes, "arms")}
    # exam and quiz treated 40 each as Type A.
    assert arms == {"Type A": 83, "Type B": 1, None: 84}


def test_report_lifts_are_those_of_each_campaigns_own_window(outcomes: psycopg.Connection) -> None:
    lifts = [row for row in reported(outcomes, "lifts") if row["campaign_id"] == "own"]
    assert [(row["metric_code"], row["arm_code"]) for row in lifts[:2]] == [
        ("return_rate", "brief"),
        ("return_rate", "warm"),
    ]
    assert {row["window_days"] for row in lifts} == {21}
    assert [row["lift"] for row in lifts[:2]] == [Decimal("0.25")] * 2
    segments = {(row["segment_type"], row["arm_code"]) for row in reported(outcomes, "segments")}
    assert ("layer", "warm") in segments
    relapses = {(row["arm_code"], row["relapse_rate"]) for row in reported(outcomes, "relapses")}
    assert relapses >= {("warm", 1), ("control", 1)}
