"""Stories of coupons: whose code it is, that it never changes, and that nobody else can guess or get it."""

from __future__ import annotations

import csv
import hashlib
import hmac
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.sending import AS_OF_DATE, CAMPAIGN, LAST_KEY_DATE, SELECTED_DATE, SendingWorld, make_sending_world
from tests.support.smtp_peer import SmtpPeer

from recall.domain.coupon import SAMPLE_COUPON_CODE
from recall.domain.home import Home
from recall.hooks import delivery
from recall.warehouse.secrets import read_secrets, write_secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
COUPONS = (
    CAMPAIGN.removesuffix("max_lapse_days: 90\n")
    + """\
  - arm_code: voucher
    channel: email
    offer_code: coupon
    variant_code: code
    templates: {en: voucher.txt}
  - {arm_code: listed, channel: gift, offer_code: apology, variant_code: note}
max_lapse_days: 90
"""
)
VOUCHER = """\
Subject: {{ coupon_reward_amount }} off

{{ coupon_code }}: {{ coupon_reward_amount }} off from {{ coupon_threshold_amount }}, until {{ coupon_until_date }}.
"""


@pytest.fixture
def world(warehouse: Any, workspace_factory: Any) -> SendingWorld:
    """A finished night without members, whose campaign gives coupons away."""
    return make_sending_world(
        warehouse, workspace_factory, {"campaigns/welcome_back.yml": COUPONS, "campaigns/voucher.txt": VOUCHER}
    )


def send(peer: SmtpPeer, as_of_date: date = AS_OF_DATE) -> delivery.ExportSummary:
    delivery.register_members(as_of_date)
    return delivery.export_channel(as_of_date, "email", environment=peer.environment, sleep=lambda seconds: None)


def codes(world: SendingWorld) -> dict[str, str]:
    """The code of each person."""
    return dict(world.rows("select person_id, coupon_code from ledger.coupons order by issued_date"))


def expected_code(home: Home, what_for: str) -> str:
    """Draws a code by Python's HMAC and the Luhn mod N algorithm as its description has it: from the right, every
    second digit doubled, the digits of each product added up."""
    key = str(read_secrets(home)["keys"]["coupon"]).encode()
    digest = hmac.new(key, what_for.encode(), hashlib.sha256).digest()
    payload = [byte % 32 for byte in digest[:11]]
    total, factor = 0, 2
    for digit in reversed(payload):
        total += sum(divmod(digit * factor, 32))
        factor = 3 - factor
    return "".join(ALPHABET[digit] for digit in [*payload, -total % 32])


def test_each_member_gets_a_code_of_their_own_and_the_ledger_knows_whose(
    world: SendingWorld, smtp_peer: SmtpPeer
) -> None:
    world.people(["ann", "bob", "eve"], arm="voucher")

    send(smtp_peer)

    told = {receiver.split("@")[0]: str(mail.get_payload())[:12] for receiver, _, mail in smtp_peer.log.accepted}
    assert told == codes(world)
    assert len(set(told.values())) == 3


def test_code_is_drawn_by_hmac_with_a_luhn_check_digit(world: SendingWorld) -> None:
    world.people(["ann", "bob"], arm="voucher")

    delivery.register_members(AS_OF_DATE)

    assert codes(world) == {
        person: expected_code(world.warehouse.home, f"welcome_back|{person}|{LAST_KEY_DATE}|coupon|0")
        for person in ("ann", "bob")
    }


def test_code_promises_what_the_layer_of_the_person_is_offered(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann", "bob"], arm="voucher")
    # Layer top begins at a score of 0.75: 10 off from 80. Of bob nobody knows the layer: the least, 2 off from 20.
    world.run("insert into marts.fct_recall_layers values ('ann', 'all', %s, 'top')", LAST_KEY_DATE)

    send(smtp_peer)

    # 11 March + 30 days is 10 April.
    said = {receiver: str(mail.get_payload()).strip()[12:] for receiver, _, mail in smtp_peer.log.accepted}
    assert said == {
        "ann@example.com": ": 10 off from 80, until 2026-04-10.",
        "bob@example.com": ": 2 off from 20, until 2026-04-10.",
    }


def test_message_that_was_put_off_comes_later_with_the_same_code(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"], arm="voucher")
    smtp_peer.behaviour.at_rcpt = lambda receiver: "451 later"
    send(smtp_peer)
    first = codes(world)
    smtp_peer.behaviour.at_rcpt = lambda receiver: None

    send(smtp_peer)

    ((_, _, mail),) = smtp_peer.log.accepted
    assert str(mail.get_payload())[:12] == first["ann"]
    assert codes(world) == first


def test_code_stays_when_the_key_is_another_one_and_new_codes_follow_the_new_key(world: SendingWorld) -> None:
    world.people(["ann"], arm="voucher")
    delivery.register_members(AS_OF_DATE)
    first = codes(world)
    content = read_secrets(world.warehouse.home)
    write_secrets(world.warehouse.home, content | {"keys": content["keys"] | {"coupon": "another key " * 9}})

    world.people(["bob"], arm="voucher")
    delivery.register_members(AS_OF_DATE)

    assert codes(world) == first | {
        "bob": expected_code(world.warehouse.home, f"welcome_back|bob|{LAST_KEY_DATE}|coupon|0")
    }


def test_later_step_names_the_same_code_and_prolongs_it(world: SendingWorld) -> None:
    world.people(["ann"], arm="voucher")
    delivery.register_members(AS_OF_DATE)
    first = codes(world)
    later = date(2026, 4, 9)
    world.member("ann", arm="voucher", step=2, selected_date=date(2026, 4, 10))
    world.build(later)

    delivery.register_members(later)

    assert codes(world) == first
    # Issued for 11 March; 10 April + 30 days is 10 May.
    assert world.rows("select issued_date, valid_from_date, valid_until_date from ledger.coupons") == [
        (SELECTED_DATE, SELECTED_DATE, date(2026, 5, 10))
    ]


def test_second_lapse_gets_a_code_of_its_own(world: SendingWorld) -> None:
    world.people(["ann"], arm="voucher")
    delivery.register_members(AS_OF_DATE)
    later = date(2026, 8, 9)
    world.member("ann", arm="voucher", selected_date=date(2026, 8, 10), last_key_date=date(2026, 6, 1))
    world.build(later)

    delivery.register_members(later)

    found = world.rows("select coupon_code, last_key_date from ledger.coupons order by last_key_date")
    assert [day for _, day in found] == [LAST_KEY_DATE, date(2026, 6, 1)]
    assert len({code for code, _ in found}) == 2


def test_code_that_belongs_to_another_coupon_is_drawn_again(world: SendingWorld) -> None:
    world.people(["ann", "bob"], arm="voucher")
    delivery.register_members(AS_OF_DATE)
    home = world.warehouse.home
    # As if bob's coupon had been given the code that ann would draw first.
    world.run("delete from ledger.coupons where person_id = 'ann'")
    taken = expected_code(home, f"welcome_back|ann|{LAST_KEY_DATE}|coupon|0")
    world.run("update ledger.coupons set coupon_code = %s", taken)

    delivery.register_members(AS_OF_DATE)

    assert codes(world) == {
        "bob": taken,
        "ann": expected_code(home, f"welcome_back|ann|{LAST_KEY_DATE}|coupon|1"),
    }


def test_held_out_member_has_no_code_and_the_database_refuses_one(world: SendingWorld) -> None:
    world.people(["ann"], arm="voucher")
    world.run("update audiences.aud_recall_members set is_campaign_holdout = true")

    delivery.register_members(AS_OF_DATE)

    assert codes(world) == {}
    with world.warehouse.connect("exporter") as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(
            "insert into ledger.coupons (coupon_code, campaign_id, person_id, last_key_date, offer_code, draw_number,"
            " audience_id, user_id, line_id, issued_date, valid_from_date, valid_until_date, reward_amount)"
            " select '000000000000', campaign_id, person_id, last_key_date, offer_code, 0, audience_id, user_id,"
            " line_id, selected_date, selected_date, selected_date, 1 from ledger.entries"
        )


def test_offers_without_a_coupon_get_no_code(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"])

    summary = send(smtp_peer)

    assert (summary.sent_count, codes(world)) == (1, {})


def test_copy_whose_coupon_is_gone_is_not_sent_without_its_code(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"], arm="voucher")
    delivery.register_members(AS_OF_DATE)
    world.run("delete from ledger.coupons")

    delivery.export_channel(AS_OF_DATE, "email", environment=smtp_peer.environment, sleep=lambda seconds: None)

    assert smtp_peer.log.receivers == []
    assert world.sends() == {"ann": ("failed", "not_renderable")}


def test_list_of_a_partner_holds_the_code_and_what_it_promises(world: SendingWorld, tmp_path: Path) -> None:
    world.people(["ann"], arm="listed")
    environment = {"RECALL_FILE_DROP_URL": (tmp_path / "partner").as_uri()}

    delivery.register_members(AS_OF_DATE)
    delivery.export_channel(AS_OF_DATE, "gift", environment=environment)

    (path,) = (tmp_path / "partner" / "gift").glob("*.csv")
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    # An apology is worth 5, whatever the order, for 60 days: 11 March + 60 days is 10 May.
    assert {name: value for name, value in row.items() if name.startswith("coupon_")} == {
        "coupon_code": codes(world)["ann"],
        "coupon_from_date": "2026-03-11",
        "coupon_until_date": "2026-05-10",
        "coupon_reward_amount": "5",
        "coupon_threshold_amount": "0",
    }


def test_dry_run_makes_no_code_and_shows_a_sample(world: SendingWorld, smtp_peer: SmtpPeer) -> None:
    world.people(["ann"], arm="voucher")

    summary = delivery.export_channel(AS_OF_DATE, "email", dry_run=True, environment=smtp_peer.environment)

    assert summary.preview_path is not None
    shown = "".join(path.read_text() for path in [summary.preview_path] if path.is_file())
    assert SAMPLE_COUPON_CODE in shown
    assert codes(world) == {}
