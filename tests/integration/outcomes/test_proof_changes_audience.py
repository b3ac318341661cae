"""Last month's proof chooses tonight's audience: assumptions first, then what a holdout has measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.conftest import Warehouse
from tests.integration.audiences.audience_nights import build_audiences, build_marts, look, open_workspace
from tests.integration.outcomes.campaign_shop import run_outcomes

from recall.hooks.calibration import calibrate
from recall.hooks.night import complete_night
from recall.warehouse.connection import connect

FIRST = date(2026, 3, 1)
"""When nothing was measured yet, and the trial begins."""
PROVEN = FIRST + timedelta(days=30)
"""When the trial's thirty days are over."""
HALF = 100

# Each ordered once for 100 and had lapsed on the evening of the day that a story begins on.
TRIED = [f"t{number:03d}" for number in range(4 * HALF)]
EARLY, LATE = [f"e{number}" for number in range(3)], [f"l{number}" for number in range(3)]
FIRST_ORDER, LATE_ORDER = FIRST - timedelta(days=31), PROVEN - timedelta(days=31)

CAMPAIGN = """\
campaign_id: spring
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 20
holdout_share: 0
arms:
  - arm_code: smart
    channel: best
    offer_code: content
    variant_code: warm
    choices:
      - {channel: email, templates: {en: copy.txt}}
      - {channel: sms}
"""


def returned(user: str) -> bool:
    """E-mail brings 40 of 100 back, text messages 10, and of those who got nothing 10 come back as well."""
    group, place = divmod(TRIED.index(user), HALF)
    return place < (40 if group == 0 else 10)


def files() -> dict[str, str]:
    """A shop of one line; nobody but the six of the two nights may be written to."""
    orders = [
        *(f"o-{user},{user},{FIRST_ORDER},100" for user in TRIED + EARLY),
        *(f"r-{user},{user},{FIRST + timedelta(days=5)},100" for user in TRIED if returned(user)),
        *(f"o-{user},{user},{LATE_ORDER},100" for user in LATE),
    ]
    people = EARLY + LATE
    return {
        "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: 0.01\n",
        "definitions/business_lines.csv": (
            "line_id,line_name,frequency_class,lapse_days,returned_days,margin_rate,valid_from\n"
            "all,Everything,high,30,30,0.5,2020-01-01\n"
        ),
        # A text message is expected to lift by 3 points, an e-mail by 1, and the prior weighs as 300 persons.
        "definitions/action_priors.csv": (
            "offer_code,channel,layer_code,prior_lift,valid_from\n"
            "content,email,,0.01,2020-01-01\ncontent,sms,,0.03,2020-01-01\n"
        ),
        "definitions/worth_rules.csv": (
            "prior_weight,min_control_count,min_gap_count,gaming_returns,valid_from\n300,50,100,2,2020-01-01\n"
        ),
        "definitions/survival_rules.csv": (
            "model_code,min_buyer_count,min_history_days,max_silent_days,valid_from\n"
            "mbg_nbd,100000000,180,30,2020-01-01\n"
        ),
        "campaigns/spring.yml": CAMPAIGN,
        "campaigns/copy.txt": "Subject: hello\n\nCome back. {{ unsubscribe_url }}\n",
        "landing/orders/orders.csv": "\n".join(["order_id,user_id,ordered_at,net_amount", *orders]) + "\n",
        "landing/contacts/contacts.csv": "user_id,email,phone\n"
        + "".join(f"{user},{user}@shop-test.example,+49301234{place:04}\n" for place, user in enumerate(people)),
        "landing/consents/consents.csv": "user_id,channel,is_opted_in,changed_at\n"
        + "".join(f"{user},{channel},true,2025-01-01\n" for user in people for channel in ("email", "sms")),
    }


def begin_trial(*, lost: int = 0) -> None:
    """Writes down what an export for 2 March would have: 100 by each channel, and 100 held out beside each.

    Args:
        lost: How many of those held out of the e-mail somebody lost on the way.
    """
    day = FIRST + timedelta(days=1)
    with connect("owner") as owner:
        for channel in ("email", "sms"):
            owner.execute(
                "insert into definitions.campaigns values"
                " (%s, 'v1', false, '', 100, 0.5, %s, 30, 400, 0, 'en', clock_timestamp())",
                (f"trial_{channel}", 2**31),
            )
            owner.execute(
                "insert into definitions.campaign_arms values (%s, 'v1', 'one', %s, 'content', 'warm', 1, 0, %s)",
                (f"trial_{channel}", channel, 2**32),
            )
        for number, user in enumerate(TRIED):
            channel, is_held = ("email", "sms")[number // HALF % 2], number >= 2 * HALF
            if channel == "email" and is_held and number % HALF >= HALF - lost:
                continue
            values = {
                "user": user, "campaign": f"trial_{channel}", "channel": channel, "held": is_held, "day": day,
                "key": FIRST_ORDER, "state": "held_out" if is_held else "sent",
            }  # fmt: skip
            for statement in (
                "insert into ledger.persons values (%(user)s, %(user)s, %(day)s)",
                "insert into ledger.global_holdouts values (%(user)s, false, 0.01, %(day)s)",
                "insert into ledger.assignments (campaign_id, person_id, campaign_version, arm_code, variant_code,"
                " is_global_holdout, is_campaign_holdout, assigned_date)"
                " values (%(campaign)s, %(user)s, 'v1', 'one', 'warm', false, %(held)s, %(day)s)",
                "insert into ledger.entries (audience_id, campaign_id, step_number, selected_date, person_id,"
                " campaign_version, user_id, line_id, episode_number, last_key_date, contact_id, channel, arm_code,"
                " variant_code, offer_code, is_held_out, state) values (%(user)s, %(campaign)s, 1, %(day)s, %(user)s,"
                " 'v1', %(user)s, 'all', 1, %(key)s, %(user)s, %(channel)s, 'one', 'warm', 'content', %(held)s,"
                " %(state)s)",
            ):
                owner.execute(statement, values)


@dataclass(frozen=True)
class Told:
    """Of one night: by member the channel, and by channel what the fit says of the layer of its members."""

    channels: dict[str, str]
    effects: dict[str, tuple[int, Decimal | None, Decimal, Decimal]]


def night(warehouse: Warehouse, as_of_date: date, *, is_tested: bool = False) -> Told:
    """A whole night, with its fit before the audience is chosen."""
    build_marts(as_of_date, is_tested=is_tested)
    run_outcomes()
    calibrate(as_of_date)
    build_audiences(as_of_date)
    complete_night()
    rows = look(warehouse, as_of_date).rows
    with warehouse.connect("bi_reader") as reader:
        effects = reader.execute(
            "select channel, treated_count, lift_measured, lift_prior, lift_shrunk from marts.fct_action_effects"
            " where fitted_date = %s and line_id = 'all' and offer_code = 'content' and channel in ('email', 'sms')"
            " and layer_code in (select layer_code from marts.fct_worth_anchors where user_id = any(%s))",
            (as_of_date, [row["user_id"] for row in rows]),
        ).fetchall()
    return Told(
        {row["user_id"]: row["channel"] for row in rows},
        {channel: tuple(figures) for channel, *figures in effects},
    )


@pytest.fixture(scope="module")
def story(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[date, Told]]:
    """The two nights, the trial between them."""
    with open_workspace(module_warehouse, tmp_path_factory.mktemp("workspace"), files()):
        told = {FIRST: night(module_warehouse, FIRST)}
        begin_trial()
        told[PROVEN] = night(module_warehouse, PROVEN, is_tested=True)
        yield told


def test_before_a_proof_the_assumption_chooses(story: dict[date, Told]) -> None:
    assert story[FIRST].effects == {
        "email": (0, None, Decimal("0.01"), Decimal("0.01")),
        "sms": (0, None, Decimal("0.03"), Decimal("0.03")),
    }
    assert story[FIRST].channels == dict.fromkeys(EARLY, "sms")


def test_after_it_the_proof_chooses_drawn_to_the_assumption_by_its_weight(story: dict[date, Told]) -> None:
    # E-mail: 40 % less 10 % are 30 points: (100 x .30 + 300 x .01) / 400 = .0825. Text: 0 points: 300 x .03 / 400 is
    # .0225.
    assert story[PROVEN].effects == {
        "email": (100, Decimal("0.3"), Decimal("0.01"), Decimal("0.0825")),
        "sms": (100, Decimal("0"), Decimal("0.03"), Decimal("0.0225")),
    }
    assert story[PROVEN].channels == dict.fromkeys(LATE, "email")


def test_campaign_whose_results_are_hidden_proves_nothing(
    warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # 100 to 50 where 1 to 1 was drawn: chi-square 2 x 25^2 / 75 = 16.7, p below 0.0001.
    with open_workspace(warehouse, tmp_path_factory.mktemp("skewed"), files()):
        begin_trial(lost=50)
        told = night(warehouse, PROVEN)
        with warehouse.connect("bi_reader") as reader:
            profit = reader.execute(
                "select caused_count, caused_not_estimable_reason from outcomes.out_campaign_profit"
                " where campaign_id = 'trial_email'"
            ).fetchone()
    assert profit == (None, "arms are not as large as they were drawn")
    assert told.effects["email"] == (0, None, Decimal("0.01"), Decimal("0.01"))
    assert told.channels == dict.fromkeys(LATE, "sms")
