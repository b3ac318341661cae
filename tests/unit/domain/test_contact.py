from __future__ import annotations

import pytest

from recall.domain.contact import ContactKey, masked, normalised, region_of_time_zone

KEY = ContactKey(b"a key of more than sixteen letters")


@pytest.mark.parametrize(
    ("delivered", "region", "expected"),
    [
        ("139 1234 5678", "CN", "+8613912345678"),
        ("１３９１２３４５６７８", "CN", "+8613912345678"),
        ("+86 (139) 1234-5678", None, "+8613912345678"),
        ("0086 139 1234 5678", "CN", "+8613912345678"),
        ("(212) 555-0199", "US", "+12125550199"),
        ("139 1234 5678", None, None),
        ("139 1234 5678 ext. 7", "CN", None),
        ("12345", "CN", None),
        ("not a phone", "CN", None),
        ("", "CN", None),
        (None, "CN", None),
    ],
)
def test_phone_is_written_in_one_form_or_reaches_nobody(
    delivered: str | None, region: str | None, expected: str | None
) -> None:
    assert normalised("phone", delivered, region=region) == expected


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        (" Ann.Li@Example.COM ", "Ann.Li@example.com"),
        ("ann+news@example.com", "ann+news@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("1@example.invalid", "1@example.invalid"),
        ("ann@localhost", None),
        ("ann@@example.com", None),
        ("ann@example.com, bob@example.com", None),
        ("ann@example.com\nBcc: bob@example.com", None),
        ("Ann <ann@example.com>", None),
        (".ann@example.com", None),
        ("a" * 65 + "@example.com", None),
    ],
)
def test_email_keeps_its_local_part_and_loses_the_case_of_its_domain(delivered: str, expected: str | None) -> None:
    assert normalised("email", delivered, region=None) == expected


def test_openid_is_kept_letter_by_letter_and_an_address_loses_needless_blanks() -> None:
    assert normalised("wechat_openid", " oAbC-123_x ", region=None) == "oAbC-123_x"
    assert normalised("postal_address", " Main  Street 1,\u3000Berlin ", region=None) == "Main Street 1, Berlin"


def test_hash_of_one_mailbox_in_another_case_is_the_same_and_of_an_openid_is_not() -> None:
    assert KEY.hash_of("email", "Ann@example.com") == KEY.hash_of("email", "ann@example.com")
    assert KEY.hash_of("wechat_openid", "oAb1") != KEY.hash_of("wechat_openid", "oab1")


def test_hash_depends_on_kind_and_key() -> None:
    another = ContactKey(b"another key of sixteen letters")

    assert KEY.hash_of("email", "a@example.com") != KEY.hash_of("wechat_openid", "a@example.com")
    assert KEY.hash_of("email", "a@example.com") != another.hash_of("email", "a@example.com")
    assert "letters" not in repr(KEY)


@pytest.mark.parametrize(
    ("zone", "region"), [("Asia/Shanghai", "CN"), ("America/New_York", "US"), ("Europe/Berlin", "DE"), ("UTC", None)]
)
def test_region_of_a_time_zone_is_its_country(zone: str, region: str | None) -> None:
    assert region_of_time_zone(zone) == region


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("+8613912345678", "+86…78"),
        ("ann.li@example.com", "a…@e….com"),
        ("1@example.com", "…@e….com"),
        ("oR5Gjjl_eiZoUpGozMo7dbBJ362A", "… (28 characters)"),
        ("Main Street 1, Berlin", "… (21 characters)"),
        ("c/o ann@home, Main Street 1", "… (27 characters)"),
    ],
)
def test_masked_contact_shows_its_kind_and_reaches_nobody(contact: str, shown: str) -> None:
    assert masked(contact) == shown
