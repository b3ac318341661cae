"""Whom a night selects by worth, on a small shop with one customer per reason, worked by hand.

Everybody bought once, 30 days before the as-of date, and lapsed on it. A return is worth twice what a key day brought
(two key days per lifetime, half of the amounts is margin), so v is the order's amount. Untouched 2 % return. The fit
knows two actions: a coupon by e-mail (lift .02, 4 per return, .01 a mail) and a call (lift .06, 2 a call), so that

    coupon: (v - 4) x .04 - v x .02 - .01 = .02 v - .17   at an expected cost of .01 + 4 x .04 = .17
    call:    v      x .08 - v x .02 - 2   = .06 v - 2     at 2

v = 40: .63 or .40; v = 60: 1.03 or 1.60; v = 4: -.09 or -1.76.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from tests.conftest import Warehouse
from tests.integration.audiences.audience_nights import Night, build_audiences, build_marts, look, open_workspace

from recall.hooks import delivery
from recall.hooks.night import complete_night

AS_OF = date(2026, 3, 10)
ONCE = "2026-02-08"

AMOUNTS = {
    "ann": 40, "bea": 60, "cat": 60, "dan": 60, "evy": 60, "gia": 40, "hal": 4, "ian": 60, "joe": 60, "lou": 40,
    "mia1": 40, "mia2": 60,
}  # fmt: skip
ORDERS = "".join(
    [
        "order_id,user_id,ordered_at,net_amount\n",
        *(f"o-{user},{user},{ONCE},{amount}\n" for user, amount in AMOUNTS.items()),
        # fay lapsed on 19 February and is back. gus and gia came back twice, each time on a reward.
        "f1,fay,2026-01-20,60\nf2,fay,2026-03-01,60\n",
        f"g1,gus,2025-12-01,60\ng2,gus,2026-01-05,60\ng3,gus,{ONCE},60\n",
        "i1,gia,2025-12-01,40\ni2,gia,2026-01-05,40\n",
    ]
)
REDEMPTIONS = f"""redemption_id,user_id,redeemed_at
r1,gus,2026-01-05
r2,gus,{ONCE}
r3,gia,2026-01-05
r4,gia,{ONCE}
"""

# The two mias share a mailbox and a phone.
CONTACTS = "user_id,email,phone\n" + "".join(
    f"{user},{'not an address' if user == 'evy' else f'{user[:3]}@shop-test.example'},+4930123450{place:02}\n"
    for place, user in enumerate(["ann", "bea", "cat", "dan", "evy", "fay", "gus", "gia", "hal", "ian", "joe", "lou"])
)
CONTACTS += "mia1,mia@shop-test.example,+493012345099\nmia2,mia@shop-test.example,+493012345099\n"
WILLING = {
    "email": ("ann", "bea", "cat", "evy", "fay", "gus", "gia", "hal", "joe", "lou", "mia1", "mia2"),
    "phone": ("ann", "bea", "gia", "mia1", "mia2"),
    "sms": ("ian",),
}
CONSENTS = "user_id,channel,is_opted_in,changed_at\n" + "".join(
    f"{user},{channel},true,2025-01-01\n" for channel, users in WILLING.items() for user in users
)

SMART = """\
campaign_id: smart
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 20
holdout_share: 0
priority: 200
budget: {night_amount: 4.4}
arms:
  - arm_code: smart
    channel: best
    offer_code: best
    variant_code: warm
    choices:
      - {channel: email, offer_code: coupon, templates: {en: copy.txt}}
      - {channel: phone, offer_code: call}
"""
REGARDLESS = """\
campaign_id: regardless
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 20
holdout_share: 0
recall_regardless: true
arms:
  - {arm_code: mail, channel: email, offer_code: coupon, variant_code: warm, templates: {en: copy.txt}}
"""
TEXTS = """\
campaign_id: texts
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 20
holdout_share: 0
priority: 50
arms:
  - {arm_code: text, channel: sms, offer_code: content, variant_code: brief}
"""

SECOND_ORDER = """\
campaign_id: second_order
lines: [all]
reasons: [never_activated]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 20
priority: 10
arms:
  - {arm_code: text, channel: phone, offer_code: call, variant_code: brief}
"""

FILES = {
    "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: 0.01\n",
    "definitions/business_lines.csv": (
        "line_id,line_name,frequency_class,lapse_days,returned_days,margin_rate,valid_from\n"
        "all,Everything,high,30,30,0.5,2020-01-01\n"
    ),
    # Text messages may carry marketing from April on.
    "definitions/channels.csv": (
        "channel,channel_name,delivery_code,contact_code,unit_cost_amount,daily_capacity,may_carry_marketing,"
        "default_consent,valid_from\n"
        "email,E-mail,smtp,email,0.01,,true,false,2020-01-01\n"
        "phone,Call,file_drop,phone,2,50,true,false,2020-01-01\n"
        "sms,Text,file_drop,phone,0.05,,false,false,2020-01-01\n"
        "sms,Text,file_drop,phone,0.05,,true,false,2026-04-01\n"
    ),
    "definitions/contact_caps.csv": "channel,window_days,max_count,valid_from\n,7,1,2020-01-01\n",
    "campaigns/smart.yml": SMART,
    "campaigns/regardless.yml": REGARDLESS,
    "campaigns/texts.yml": TEXTS,
    "campaigns/second_order.yml": SECOND_ORDER,
    "campaigns/copy.txt": "Subject: hello\n\nCome back with {{ coupon_code }}. {{ unsubscribe_url }}\n",
    "landing/orders/orders.csv": ORDERS,
    "landing/redemptions/redemptions.csv": REDEMPTIONS,
    "landing/contacts/contacts.csv": CONTACTS,
    "landing/consents/consents.csv": CONSENTS,
}

FIT = """
    insert into marts.fct_second_lifetimes (
        fitted_date, line_id, lapse_days, gap_count, after_return_gap_count, key_days_per_lifetime
    )
    values (%(day)s, 'all', 30, 0, 0, 2);

    insert into marts.fct_untouched_returns (
        fitted_date, line_id, layer_code, quiet_days, horizon_days, last_quiet_days, source_layer_code, at_risk_count,
        return_rate
    )
    select %(day)s, 'all', layer_code, 30, 30, 30, 'all', 100, 0.02 from definitions.layers;

    insert into marts.fct_action_effects (
        fitted_date, line_id, layer_code, action_code, offer_code, channel, action_rank, is_reward, horizon_days,
        treated_count, control_count, lift_prior, prior_weight, lift_shrunk, reward_amount, reward_cost_amount,
        contact_cost_amount, currency_code
    )
    select
        %(day)s, 'all', layer_code, offer_code || ':' || channel, offer_code, channel, action_rank, is_reward, 30, 0, 0,
        lift, 500, lift, reward, reward, contact, 'EUR'
    from definitions.layers
    cross join (
        values ('coupon', 'email', 1, true, 0.02, 4, 0.01), ('call', 'phone', 2, false, 0.06, 0, 2)
    ) as actions (offer_code, channel, action_rank, is_reward, lift, reward, contact);

    insert into marts.fct_offer_choices (fitted_date, reason_code, offer_code, is_override)
    select %(day)s, reason_code, offer_code, false
    from (
        values
        ('never_activated'), ('product_quality'), ('service'), ('price'), ('content_stale'), ('wrong_match'),
        ('need_fulfilled'), ('competitor'), ('unknown')
    ) as reasons (reason_code)
    cross join (values ('coupon'), ('call')) as offers (offer_code);
"""

# joe got a text message yesterday; lou was sent the step on 20 February, after the order of 8 February.
EARLIER_SENDS = """
    insert into ledger.global_holdouts (person_id, is_global_holdout, holdout_rate, drawn_date)
    select person_id, false, 0.01, date '2026-02-20' from (values ('joe'), ('lou')) as persons (person_id);

    insert into ledger.assignments (
        campaign_id, person_id, campaign_version, arm_code, variant_code, is_global_holdout, is_campaign_holdout,
        assigned_date
    )
    select campaign_id, person_id, campaign_version, arm_code, variant_code, false, false, selected_date
    from earlier
    inner join definitions.campaigns using (campaign_id);

    insert into ledger.entries (
        audience_id, campaign_id, step_number, selected_date, person_id, campaign_version, user_id, line_id,
        episode_number, last_key_date, contact_id, channel, arm_code, variant_code, offer_code, is_held_out, state
    )
    select
        person_id, campaign_id, 1, selected_date, person_id, campaign_version, person_id, 'all', 1, date '2026-02-08',
        'elsewhere', channel, arm_code, variant_code, offer_code, false, 'sent'
    from earlier
    inner join definitions.campaigns using (campaign_id);

    insert into ledger.sends (
        campaign_id, step_number, channel, contact_id, last_key_date, audience_id, selected_date, person_id, user_id,
        line_id, idempotency_key, state, settled_at
    )
    select
        campaign_id, 1, channel, 'elsewhere-' || person_id, date '2026-02-08', person_id, selected_date, person_id,
        person_id, 'all', person_id, 'sent', now()
    from earlier;
"""
EARLIER = """
    create temporary table earlier as
    select *
    from (
        values
        ('texts', 'joe', date '2026-03-10', 'text', 'sms', 'content', 'brief'),
        ('smart', 'lou', date '2026-02-20', 'smart', 'email', 'coupon', 'warm')
    ) as earlier (campaign_id, person_id, selected_date, arm_code, channel, offer_code, variant_code)
"""


@pytest.fixture(scope="module")
def night(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """One night on a fit that is written by hand, its audience registered."""
    folder = tmp_path_factory.mktemp("workspace")
    with open_workspace(module_warehouse, folder, FILES):
        build_marts(AS_OF, is_tested=True)
        with module_warehouse.connect() as connection:
            for statement in filter(str.strip, FIT.split(";")):
                connection.execute(statement.encode(), {"day": AS_OF})
            connection.execute(EARLIER.encode())
            connection.execute(EARLIER_SENDS.encode())
        build_audiences(AS_OF)
        complete_night()
        delivery.register_members(AS_OF)
        yield look(module_warehouse, AS_OF)


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connect("auditor") as connection:
        return connection.execute(query.encode()).fetchall()


def test_nobody_of_the_story_is_in_the_global_holdout() -> None:
    people = {line.split(",")[1] for line in ORDERS.splitlines()[1:]}
    assert min(int(sha256(f"global_holdout:{who}".encode()).hexdigest()[:8], 16) for who in people) > 2**32 // 100


def test_best_arm_takes_for_each_the_action_of_the_highest_expected_profit_that_is_allowed(night: Night) -> None:
    found = {
        row["user_id"]: (
            row["offer_code"],
            row["channel"],
            row["expected_profit_amount"],
            row["expected_cost_amount"],
        )
        for row in night.rows
        if row["campaign_id"] == "smart"
    }

    coupon, call = ("coupon", "email"), ("call", "phone")
    assert found == {
        "ann": (*coupon, Decimal("0.63"), Decimal("0.17")),
        "bea": (*call, Decimal("1.6"), Decimal("2")),
        # Nobody may call her, so she gets the second best.
        "cat": (*coupon, Decimal("1.03"), Decimal("0.17")),
        # One person with two accounts: the one that is worth more.
        "mia2": (*call, Decimal("1.6"), Decimal("2")),
    }


def test_every_reason_of_the_waterfall_leaves_out_whom_it_is_about(night: Night) -> None:
    # Profit per cost: cat 1.03/.17, ann .63/.17, bea and mia2 1.60/2, gia .40/2 (gia returns on rewards only and so is
    # called). .17 + .17 + 2 + 2 = 4.34 of 4.40, and nothing is left for gia.
    assert night.exclusions[("smart", 1)] == {
        ("dan", "all: no_consent"),
        ("ian", "all: no_consent"),
        ("evy", "all: unreachable"),
        ("fay", "all: already_returned"),
        ("gus", "all: gaming"),
        ("hal", "all: not_worth_recalling"),
        ("joe", "all: contact_cap"),
        ("lou", "all: already_sent"),
        ("mia1", "all: same_person"),
        ("gia", "all: budget_or_capacity"),
    }


def test_campaign_that_recalls_regardless_takes_whom_worth_and_others_leave_to_it(night: Night) -> None:
    assert night.members[("regardless", 1)] == {("hal", "all"), ("lou", "all")}
    assert night.exclusions[("regardless", 1)] == {
        ("dan", "all: no_consent"),
        ("ian", "all: no_consent"),
        ("evy", "all: unreachable"),
        ("fay", "all: already_returned"),
        ("gus", "all: gaming"),
        # Rewards only bring her back, and this campaign has nothing else.
        ("gia", "all: gaming"),
        ("joe", "all: contact_cap"),
        *((user, "all: higher_priority_campaign") for user in ("ann", "bea", "cat", "mia1", "mia2")),
    }
    profits = {
        row["user_id"]: row["expected_profit_amount"] for row in night.rows if row["campaign_id"] == "regardless"
    }
    assert profits == {"hal": Decimal("-0.09"), "lou": Decimal("0.63")}


def test_channel_that_may_not_carry_marketing_yet_is_kept_by_policy(night: Night) -> None:
    excluded = night.exclusions[("texts", 1)]

    assert ("ian", "all: channel_policy") in excluded
    assert {reason for user, reason in excluded if user != "ian"} == {"all: no_consent"}
    assert ("texts", 1) not in night.members


def test_campaign_that_aims_at_a_reason_sees_nobody_else(night: Night) -> None:
    # fay, gus and gia have ordered more than once.
    assert ("second_order", 1) not in night.members
    assert {user for user, _ in night.exclusions[("second_order", 1)]} == {*AMOUNTS} - {"gia"}


def test_why_it_is_not_worth_recalling_is_kept(night: Night, module_warehouse: Warehouse) -> None:
    # A coupon for a lost hal: (4 - 4) x .02 - .01, a call 4 x .06 - 2: both below nothing.
    assert rows(
        module_warehouse,
        "select user_id, worth_reason_code from audiences.aud_recall_exclusions where worth_reason_code is not null",
    ) == [("hal", "costs_exceed_value")]


def test_candidates_are_weighed_as_the_marts_weigh_everybody(night: Night, module_warehouse: Warehouse) -> None:
    # Every open episode is a candidate here, so the two are one.
    for candidates, everybody in (
        ("intermediate.int_candidates__anchored", "marts.fct_worth_anchors"),
        ("intermediate.int_candidates__weighed", "marts.fct_recall_actions"),
    ):
        assert rows(module_warehouse, f"select * from {candidates} order by 1, 2") != []
        for one, other in ((candidates, everybody), (everybody, candidates)):
            assert rows(module_warehouse, f"select * from {one} except select * from {other}") == []


def test_expected_costs_stand_in_the_ledger_for_the_budget_of_later_nights(
    night: Night, module_warehouse: Warehouse
) -> None:
    assert rows(
        module_warehouse,
        "select campaign_id, sum(expected_cost_amount) from ledger.entries where selected_date = '2026-03-11'"
        " group by campaign_id order by campaign_id",
    ) == [("regardless", Decimal("0.34")), ("smart", Decimal("4.34"))]


def test_plan_says_what_is_expected_to_be_earned_and_spent(
    night: Night, module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECALL_HOME", str(module_warehouse.home.root))
    plan = {(step.campaign_id, step.channel): step for step in delivery.plan(AS_OF).steps}

    assert (plan["smart", "phone"].add_count, plan["smart", "phone"].expected_profit_amount) == (2, Decimal("3.20"))
    assert plan["smart", "email"].expected_cost_amount == Decimal("0.34")
    # .63 + 1.03, less the loss that the other campaign takes for hal: -.09 + .63.
    assert plan["smart", "email"].expected_profit_amount == Decimal("1.66")
    assert plan["regardless", "email"].expected_profit_amount == Decimal("0.54")


def test_each_candidate_stands_once_in_one_of_the_two_audiences(night: Night, module_warehouse: Warehouse) -> None:
    due = rows(module_warehouse, "select count(*) from intermediate.int_candidates__due")[0][0]
    members = sum(len(found) for found in night.members.values())
    exclusions = sum(len(found) for found in night.exclusions.values())

    assert (members, exclusions) == (6, due - 6)
