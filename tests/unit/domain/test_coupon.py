from __future__ import annotations

import hashlib
import hmac
from datetime import date
from decimal import Decimal

import pytest

from recall.domain.coupon import COUPON_TEXTS, Coupon, CouponKey

COUPON = Coupon("K7QF3M2X9T4H", date(2026, 3, 11), date(2026, 4, 10), Decimal("6.50"), Decimal("50"))


def test_coupon_is_written_out_without_needless_zeros() -> None:
    assert COUPON.texts() == {
        "coupon_code": "K7QF3M2X9T4H",
        "coupon_from_date": "2026-03-11",
        "coupon_until_date": "2026-04-10",
        "coupon_reward_amount": "6.5",
        "coupon_threshold_amount": "50",
    }
    assert tuple(COUPON.texts()) == COUPON_TEXTS


def test_coupon_and_its_key_show_no_secret() -> None:
    assert COUPON.code not in repr(COUPON)
    assert "hidden" not in repr(CouponKey(b"hidden"))


@pytest.mark.parametrize("secret", [b"short", b"k" * 64, b"longer than a block " * 9])
def test_paddings_make_hmac_out_of_two_hashes(secret: bytes) -> None:
    paddings = CouponKey(secret).paddings()

    inner = hashlib.sha256(paddings["inner_key"] + b"message").digest()

    assert hashlib.sha256(paddings["outer_key"] + inner).digest() == hmac.new(secret, b"message", "sha256").digest()
