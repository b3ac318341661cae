"""Whom three nights select and whom not, on one small shop, worked by hand.

Lines: `all` lapses after 30 days, `tea` after 20. Campaign `welcome_back` aims at both: step 1 is due from the day of
the lapse, step 2 from 10 days later until 40 days after the lapse. `second_wave` aims at `all` with less priority.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from tests.conftest import Warehouse
from tests.integration.audiences.audience_nights import Night, build_audiences, build_night, look, open_workspace

from recall.hooks import delivery
from recall.ingest.load import load_landing

FIRST, SECOND, LATER = date(2026, 3, 10), date(2026, 3, 11), date(2026, 4, 15)
GLOBAL_HOLDOUT_RATE = 0.01
HASH_RANGE = 2**32

ORDERS = """order_id,user_id,ordered_at,net_amount
o1,ann,2026-02-08,10
o2,bob,2026-01-29,10
o3,cat,2026-02-08,10
o4,dan,2026-02-08,10
o5,eve,2026-02-08,10
o6,fay,2026-01-20,10
o7,fay,2026-03-01,10
o8,gus,2026-01-01,10
o9,hal,2025-12-28,10
o10,ida,2025-06-01,10
o11,ida,2026-02-01,10
o12,ivy,2026-02-03,10
o13,jon,2026-02-06,10
o14,jon,2026-02-15,10
o15,kim,2026-02-08,10
o16,lee,2026-03-09,10
o17,gus,2026-03-11,10
o18,bob,2026-03-12,10
"""

LATE_ORDERS = "order_id,user_id,ordered_at,net_amount\no19,ann,2026-03-15,10\n"

ORDER_ITEMS = """order_id,line_number,product_id,quantity,net_amount
o14,1,oolong,1,10
o18,1,oolong,1,10
"""

CONTACTS = """user_id,email
ann,ann@shop-test.example
bob,bob@shop-test.example
cat,cat@shop-test.example
dan,dan@shop-test.example
eve,not an address
fay,fay@shop-test.example
gus,gus@shop-test.example
hal,hal@shop-test.example
ida,Family@shop-test.example
ivy,family@SHOP-TEST.example
jon,jon@shop-test.example
kim,twice@shop-test.example
lee,twice@shop-test.example
"""

# Everybody said yes but cat, who said nothing; dan and lee changed their minds.
WILLING = ("ann", "bob", "dan", "eve", "fay", "gus", "hal", "ida", "ivy", "jon", "kim", "lee")
CONSENTS = "".join(
    [
        "user_id,channel,is_opted_in,changed_at\n",
        *(f"{user},email,true,2025-01-01\n" for user in WILLING),
        "dan,email,false,2026-03-10\n",
        "lee,email,false,2025-06-01\n",
    ]
)

CAMPAIGN = """\
campaign_id: welcome_back
lines: [all, tea]
steps:
  - {step_number: 1, offset_days: 0}
  - {step_number: 2, offset_days: 10}
arms:
  - {arm_code: warm, channel: email, offer_code: content, variant_code: warm, weight: 3, templates: {en: copy.txt}}
  - {arm_code: brief, channel: email, offer_code: content, variant_code: brief, weight: 1, templates: {en: copy.txt}}
holdout_share: 0.5
max_lapse_days: 40
cool_down_days: 60
priority: 200
"""

SECOND_WAVE = """\
campaign_id: second_wave
lines: [all]
steps:
  - {step_number: 1, offset_days: 0}
arms:
  - {arm_code: brief, channel: email, offer_code: content, variant_code: brief, templates: {en: copy.txt}}
holdout_share: 0
max_lapse_days: 15
"""

FILES = {
    "workspace.yml": f"business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: {GLOBAL_HOLDOUT_RATE}\n",
    "definitions/business_lines.csv": (
        "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
        "all,Everything,high,30,30,2020-01-01\ntea,Tea,high,20,30,2020-01-01\n"
    ),
    "definitions/category_lines.csv": "category,line_id,valid_from\ntea leaves,tea,2020-01-01\n",
    "campaigns/welcome_back.yml": CAMPAIGN,
    "campaigns/second_wave.yml": SECOND_WAVE,
    "campaigns/copy.txt": "Subject: hello\n\nCome back. {{ unsubscribe_url }}\n",
    "landing/orders/orders.csv": ORDERS,
    "landing/order_items/items.csv": ORDER_ITEMS,
    "landing/products/products.csv": "product_id,category\noolong,tea leaves\n",
    "landing/contacts/contacts.csv": CONTACTS,
    "landing/consents/consents.csv": CONSENTS,
}


@dataclass(frozen=True)
class Served:
    """What became of all nights.

    Attributes:
        nights: By name.
        first_entries: By user the state and reason of the entries of the first night after its sends.
    """

    nights: dict[str, Night]
    first_entries: dict[str, tuple[str, str | None]]


def send(as_of_date: date) -> None:
    """Registers and settles the day as if an unfailing peer had taken everything."""
    delivery.register_members(as_of_date)
    from recall.warehouse.connection import connect

    with connect("exporter") as connection:
        request = delivery.ledger.ClaimRequest(
            delivery.ledger.selected_date_of(as_of_date),
            "email",
            owner="test",
            lease=delivery.LEASE,
            row_limit=100,
            tried_before="-infinity",
            now=datetime(2025, 1, 1, 12, tzinfo=UTC),
        )
        claims, _ = delivery.ledger.claim(connection, request)
        delivery.ledger.settle(connection, claims, "sent")


@pytest.fixture(scope="module")
def served(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three nights with their sends; the first one is also built a second time after its sends."""
    folder = tmp_path_factory.mktemp("workspace")
    with open_workspace(module_warehouse, folder, FILES) as workspace:
        seen: dict[str, Night] = {}
        build_night(FIRST)
        seen["first"] = look(module_warehouse, FIRST)
        send(FIRST)
        with module_warehouse.connect("auditor") as connection:
            entries = connection.execute("select user_id, state, reason_code from ledger.entries").fetchall()
        build_audiences(FIRST)
        seen["first again"] = look(module_warehouse, FIRST)
        build_night(SECOND)
        seen["second"] = look(module_warehouse, SECOND)
        (folder / "landing/orders/later.csv").write_text(LATE_ORDERS, encoding="utf-8")
        load_landing(workspace)
        build_night(LATER, is_tested=True)
        seen["later"] = look(module_warehouse, LATER)
        yield Served(seen, {user: (state, reason) for user, state, reason in entries})


@pytest.fixture(scope="module")
def nights(served: Served) -> dict[str, Night]:
    return served.nights


def hash_of(text: str) -> int:
    return int(sha256(text.encode()).hexdigest()[:8], 16)


def test_first_night_selects_whom_a_step_is_due_for(nights: dict[str, Night]) -> None:
    # Days from the lapse to 10 March: ann 0, ivy 5 (lapsed 5 March), jon 2 in `all` (lapsed 8 March), bob 10, gus 38.
    assert nights["first"].members == {
        ("welcome_back", 1): {("ann", "all"), ("ivy", "all"), ("jon", "all")},
        ("welcome_back", 2): {("bob", "all"), ("gus", "all")},
    }


def test_first_night_says_why_it_leaves_the_others_out(nights: dict[str, Night]) -> None:
    # hal lapsed 42 days ago and is no candidate. lee, who shares kim's mailbox, said no. ida and ivy are one person,
    # whose later lapse is ivy's. jon's tea lapsed on 7 March, a day before his `all`. fay came back on 1 March.
    assert nights["first"].exclusions == {
        ("welcome_back", 1): {
            ("cat", "all: no_consent"),
            ("dan", "all: no_consent"),
            ("eve", "all: unreachable"),
            ("kim", "all: no_consent"),
            ("ida", "all: same_person"),
            ("jon", "tea: same_person"),
        },
        ("welcome_back", 2): {("fay", "all: already_returned")},
        # second_wave is due for 15 days: gus (38) and fay (19) are out of its reach, everybody else is taken already.
        ("second_wave", 1): {
            ("cat", "all: no_consent"),
            ("dan", "all: no_consent"),
            ("eve", "all: unreachable"),
            ("kim", "all: no_consent"),
            *((user, "all: higher_priority_campaign") for user in ("ann", "bob", "ida", "ivy", "jon")),
        },
    }


def test_users_of_one_mailbox_are_one_person_named_after_the_first_buyer(nights: dict[str, Night]) -> None:
    persons = {row["user_id"]: row["person_id"] for row in nights["first"].rows}

    assert persons == {"ann": "ann", "bob": "bob", "gus": "gus", "ivy": "ida", "jon": "jon"}


def test_draws_follow_from_hashes_of_the_person_alone(nights: dict[str, Night]) -> None:
    for row in nights["first"].rows:
        campaign, person = row["campaign_id"], row["person_id"]
        is_global = hash_of(f"global_holdout:{person}") < int(GLOBAL_HOLDOUT_RATE * HASH_RANGE)
        # A half is held out; weights 3 and 1 cut the arms at three quarters.
        is_campaign = not is_global and hash_of(f"campaign_holdout:{campaign}:{person}") < HASH_RANGE // 2
        arm = "warm" if hash_of(f"arm:{campaign}:{person}") < HASH_RANGE * 3 // 4 else "brief"
        assert (row["is_global_holdout"], row["is_campaign_holdout"], row["arm_code"]) == (is_global, is_campaign, arm)
        assert row["variant_code"] == arm
        assert row["expected_profit_amount"] is None


def test_same_night_again_after_its_sends_selects_the_same(nights: dict[str, Night]) -> None:
    assert nights["first again"] == nights["first"]


def test_orders_that_were_loaded_ahead_of_their_night_stop_a_send_in_their_line_only(served: Served) -> None:
    # All files were loaded at once. gus ordered on 11 March and so came back before the message; bob ordered tea on
    # 12 March, which is no return to `all`.
    assert served.first_entries == {
        "ann": ("sent", None),
        "bob": ("sent", None),
        "gus": ("suppressed", "already_returned"),
        "ivy": ("sent", None),
        "jon": ("held_out", None),
    }


def test_second_night_does_not_send_or_hold_out_a_step_twice(nights: dict[str, Night]) -> None:
    # Held-out members of the first night are excluded like those who were sent to.
    excluded = nights["second"].exclusions
    assert {("ann", "all: already_sent"), ("ivy", "all: already_sent"), ("jon", "all: already_sent")} <= excluded[
        ("welcome_back", 1)
    ]
    assert {("gus", "all: already_returned"), ("bob", "all: already_sent")} <= excluded[("welcome_back", 2)]
    assert not any(campaign == "welcome_back" for campaign, _ in nights["second"].members)


def test_second_night_gives_them_to_the_campaign_of_less_priority(nights: dict[str, Night]) -> None:
    # 11 March is 11 days after bob's lapse, 1 after ann's, 6 after ivy's, 3 after jon's.
    assert nights["second"].members == {
        ("second_wave", 1): {("ann", "all"), ("bob", "all"), ("ivy", "all"), ("jon", "all")}
    }


def test_second_lapse_waits_for_the_cool_down(nights: dict[str, Night]) -> None:
    # ann came back on 15 March and lapsed again on 14 April; sixty days from 11 March end on 10 May.
    assert ("ann", "all: cooling_down") in nights["later"].exclusions[("welcome_back", 1)]
    # second_wave has no cool-down and speaks to her; its earlier selection was never exported.
    assert ("ann", "all") in nights["later"].members[("second_wave", 1)]
