"""From a code in a mail to the cost of its campaign: two nights of a small shop, and what came back in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.conftest import Warehouse
from tests.integration.audiences.audience_nights import build_audiences, build_marts, build_night, open_workspace
from tests.support.smtp_peer import SmtpPeer

from recall.hooks import dbt, delivery
from recall.hooks.night import complete_night
from recall.ingest.load import load_landing

FIRST, LATER = date(2026, 3, 10), date(2026, 3, 31)
FILES = {
    "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: 0.01\n",
    "landing/orders/o.csv": (
        "order_id,user_id,ordered_at,net_amount\no1,ann,2026-02-01,10\no2,bob,2026-02-01,10\no3,cat,2026-02-01,10\n"
    ),
    "landing/contacts/c.csv": (
        "user_id,email\nann,ann@shop-test.example\nbob,bob@shop-test.example\ncat,cat@shop-test.example\n"
    ),
    "landing/consents/s.csv": (
        "user_id,channel,is_opted_in,changed_at\n"
        "ann,email,true,2025-01-01\nbob,email,true,2025-01-01\ncat,email,true,2025-01-01\n"
    ),
    "campaigns/voucher.yml": """\
campaign_id: voucher
lines: [all]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 60
holdout_share: 0
outcome_window_days: 14
recall_regardless: true
arms:
  - {arm_code: mail, channel: email, offer_code: coupon, variant_code: code, templates: {en: code.txt}}
""",
    "campaigns/code.txt": "Subject: for you\n\n{{ coupon_code }}\n",
    # From any spend on, 4 off, for 10 days.
    "definitions/offers.csv": (
        "offer_code,offer_name,ladder_rank,is_reward,min_layer_score,threshold_amount,reward_amount,reward_cost_amount,"
        "contact_cost_amount,coupon_until_days,valid_from\n"
        "coupon,Coupon,1,true,0,,4,2,0,10,1970-01-01\n"
    ),
    "definitions/reason_offers.csv": "reason_code,offer_code,valid_from\n",
    "definitions/action_priors.csv": (
        "offer_code,channel,layer_code,prior_lift,valid_from\ncoupon,email,,0.01,1970-01-01\n"
    ),
}


def hyphened(code: str) -> str:
    """A code as somebody types it from a mail."""
    return "-".join((code[:4], code[4:8], code[8:])).lower()


@pytest.fixture(scope="module")
def outcomes(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """Ann, Bob and Cat got a code each; what they did with it is in, and the later night is built."""
    folder = tmp_path_factory.mktemp("shop")
    with open_workspace(module_warehouse, folder, FILES) as workspace:
        build_night(FIRST)
        delivery.register_members(FIRST)
        with SmtpPeer() as peer:
            delivery.export_channel(FIRST, "email", environment=peer.environment)
            codes = {receiver.split("@")[0]: str(mail.get_payload()).strip() for receiver, _, mail in peer.log.accepted}
        # Ann used hers on 20 March and told it twice; Bob gave his to Eve, whose shop calls it a campaign of its own;
        # Cat came on 22 March, a day too late, and named no code of ours the week before.
        write(
            folder,
            "landing/orders/later.csv",
            "order_id,user_id,ordered_at,net_amount,discount_amount\no4,ann,2026-03-20,20,4\no5,eve,2026-03-21,30,4\n"
            "o6,cat,2026-03-22,10,4\n",
        )
        write(
            folder,
            "landing/redemptions/later.csv",
            "redemption_id,user_id,redeemed_at,campaign_id,coupon_code,order_id,reward_amount\n"
            f"r1,ann,2026-03-20T10:00:00Z,,{hyphened(codes['ann'])},o4,\n"
            f"r2,ann,2026-03-20T10:05:00Z,,{codes['ann']},o4,\n"
            f"r3,eve,2026-03-21,theirs,{codes['bob']},o5,4\n"
            f"r4,cat,2026-03-22,,{codes['cat']},o6,4\n"
            "r5,cat,2026-03-15,,SPRING,,9\n",
        )
        assert load_landing(workspace).rejected == ()
        build_marts(LATER, is_tested=True)
        dbt.build_layer("outcomes")
        dbt.run_operation("publish", {"layer": "outcomes"})
        build_audiences(LATER)
        complete_night()
        with module_warehouse.connect("bi_reader", autocommit=True) as connection:
            yield connection


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rows(connection: psycopg.Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def test_redemption_is_the_persons_whose_code_it_was_and_says_what_is_wrong_with_it(
    outcomes: psycopg.Connection,
) -> None:
    found = rows(outcomes, "select * from outcomes.out_coupon_redemptions order by redemption_id")

    # Sent for 11 March, valid until 21 March.
    assert [
        (row["redemption_id"], row["campaign_id"], row["user_id"], row["redeeming_user_id"], row["check_code"])
        for row in found
    ] == [
        ("r1", "voucher", "ann", "ann", "valid"),
        ("r2", "voucher", "ann", "ann", "repeated"),
        ("r3", "voucher", "bob", "eve", "other_person"),
        ("r4", "voucher", "cat", "cat", "expired"),
    ]
    assert {row["reward_amount"] for row in found} == {Decimal(4)}
    assert [row["is_charged"] for row in found] == [True, False, True, True]


def test_step_counts_each_code_once(outcomes: psycopg.Connection) -> None:
    (step,) = rows(outcomes, "select * from outcomes.out_campaign_steps where campaign_id = 'voucher'")

    assert (step["member_count"], step["sent_count"], step["redeemed_count"]) == (3, 3, 3)


def test_campaign_pays_for_every_reward_that_was_given_and_for_no_other(outcomes: psycopg.Connection) -> None:
    (profit,) = rows(outcomes, "select * from outcomes.out_campaign_profit where campaign_id = 'voucher'")

    # Three mails at 0.001; 4 for Ann's order, 4 for Eve's, 4 for Cat's. What Ann told twice is one order, and SPRING is
    # none of ours.
    assert profit["cost_amount"] == Decimal("12.003")
    assert rows(outcomes, "select 1 from outcomes.out_campaign_steps where campaign_id = 'theirs'") == []


def test_reward_inside_the_discount_is_added_back_to_the_contribution(outcomes: psycopg.Connection) -> None:
    found = rows(
        outcomes,
        "select person_id, contribution_amount from outcomes.out_recalled_users"
        " where campaign_id = 'voucher' and window_days = 14 order by person_id",
    )

    # Of 20 and 10 the margin of 0.3 stays; the discount of 4 is in the campaign's cost: 6 + 4 and 3 + 4.
    assert {row["person_id"]: row["contribution_amount"] for row in found} == {
        "ann": Decimal(10),
        "bob": Decimal(0),
        "cat": Decimal(7),
    }


def test_codes_that_can_still_be_redeemed_are_nowhere_where_bi_reads(outcomes: psycopg.Connection) -> None:
    # fct_orders has those that its orders were paid with.
    assert (
        rows(
            outcomes,
            "select table_schema, table_name from information_schema.columns where column_name = 'coupon_code'"
            " and table_schema in ('marts', 'audiences', 'outcomes') and table_name <> 'fct_orders'",
        )
        == []
    )
