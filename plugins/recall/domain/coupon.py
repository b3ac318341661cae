"""A coupon as the person who gets it sees it, and the key that its code is drawn with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

SAMPLE_COUPON_CODE = "SAMPLE-CODE"
"""Stands for a code where none was made yet; its letters L and O are in no code."""

_BLOCK_BYTES = 64


@dataclass(frozen=True)
class Coupon:
    """What a coupon promises. Its representation does not show the code, which is as good as money.

    Attributes:
        code: Eleven letters and digits and a check digit.
        from_date: First business date on which it can be redeemed.
        until_date: Last business date on which it can be redeemed.
        reward_amount: What it takes off an order, in the workspace's currency.
        threshold_amount: What the order must be worth at least, in the same currency; None for any order.
    """

    code: str = field(repr=False)
    from_date: date
    until_date: date
    reward_amount: Decimal
    threshold_amount: Decimal | None

    def texts(self) -> dict[str, str]:
        """Writes it out.

        Returns:
            coupon_code, coupon_from_date, coupon_until_date, coupon_reward_amount and coupon_threshold_amount; dates in
            ISO 8601, amounts without needless zeros, 0 where any order will do.
        """
        return {
            "coupon_code": self.code,
            "coupon_from_date": self.from_date.isoformat(),
            "coupon_until_date": self.until_date.isoformat(),
            "coupon_reward_amount": _plain(self.reward_amount),
            "coupon_threshold_amount": _plain(self.threshold_amount or Decimal(0)),
        }


COUPON_TEXTS = (
    "coupon_code",
    "coupon_from_date",
    "coupon_until_date",
    "coupon_reward_amount",
    "coupon_threshold_amount",
)
"""What is told of a coupon: variables of templates and columns of files."""


@dataclass(frozen=True)
class CouponKey:
    """The secret that coupon codes are drawn with. Its representation does not show it.

    Attributes:
        secret: The key's bytes.
    """

    secret: bytes = field(repr=False)

    def paddings(self) -> dict[str, bytes]:
        """Returns the key as HMAC-SHA-256 uses it inside and outside, so that the database can do the hashing.

        Source: RFC 2104, section 2.
        """
        key = hashlib.sha256(self.secret).digest() if len(self.secret) > _BLOCK_BYTES else self.secret
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return {
            "inner_key": bytes(byte ^ 0x36 for byte in block),
            "outer_key": bytes(byte ^ 0x5C for byte in block),
        }


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
