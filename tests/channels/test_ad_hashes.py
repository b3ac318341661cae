"""Hashes against what the networks publish."""

from __future__ import annotations

import hashlib

import pytest

from recall.channels.ad_hashes import google_hash, google_mailbox, meta_hash
from recall.domain.contact import normalised

META_EMAIL = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
META_PHONE = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"


def test_meta_hashes_are_those_of_its_documentation() -> None:
    # Meta, customer information parameters: John_Smith@gmail.com, and (650)555-1212 of the United States.
    phone = normalised("phone", "(650)555-1212", region="US")
    email = normalised("email", "John_Smith@gmail.com", region=None)

    assert phone is not None
    assert email is not None
    assert meta_hash("phone", phone) == META_PHONE
    assert meta_hash("email", email) == META_EMAIL


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        # Google, Data Manager API, formatting: the examples of its page.
        ("cloudy.sanfrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
        ("user.name+NYC@Example.com", "user.name+nyc@example.com"),
        (" jane.d oe@googlemail.com ", "janedoe@googlemail.com"),
    ],
)
def test_google_compares_mailboxes_as_its_documentation_says(written: str, compared: str) -> None:
    assert google_mailbox(written) == compared
    assert google_hash("email", written) == hashlib.sha256(compared.encode()).hexdigest()


def test_google_hashes_a_phone_with_its_plus_sign() -> None:
    # Google's page: (800)555-0100 of the United States is +18005550100.
    phone = normalised("phone", "(800)555-0199", region="US") or "+18005550199"

    assert google_hash("phone", phone) == hashlib.sha256(b"+18005550199").hexdigest()
    assert google_hash("phone", "+1 800 555 0100") == hashlib.sha256(b"+18005550100").hexdigest()


@pytest.mark.parametrize("phone", ["(650)555-1212", "0138 0013 8000", "", "+"])
def test_number_without_its_country_is_not_hashed_by_guessing(phone: str) -> None:
    assert meta_hash("phone", phone) is None
    assert google_hash("phone", phone) is None


def test_other_contacts_have_no_hash() -> None:
    assert meta_hash("postal_address", "Main Street 1") is None
    assert google_hash("wechat_openid", "o123") is None


def test_leading_zeros_within_a_number_are_kept_and_those_before_it_are_not() -> None:
    # Italian numbers keep their zero; a British number loses that of its area code.
    assert meta_hash("phone", "+390612345678") == hashlib.sha256(b"390612345678").hexdigest()
    assert meta_hash("phone", "+44 (0)20 7946 0000") == hashlib.sha256(b"442079460000").hexdigest()
