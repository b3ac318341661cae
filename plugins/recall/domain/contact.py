"""Contacts: one way of writing each, so that the same phone or mailbox is recognised as the same."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import phonenumbers

CONTACT_CODES = ("phone", "email", "wechat_openid", "postal_address")
LONGEST_CONTACT = 500

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_OPENID = re.compile(r"[A-Za-z0-9_-]{4,128}")
_SEPARATED_EMAIL_PARTS = 2


@dataclass(frozen=True)
class ContactKey:
    """The secret that keys contact hashes. Its representation does not show it.

    Attributes:
        secret: The key's bytes.
    """

    secret: bytes

    def __repr__(self) -> str:
        """Names the class only."""
        return "ContactKey(...)"

    def hash_of(self, contact_code: str, contact_value: str) -> str:
        """Returns the keyed hash by which a contact is found.

        Args:
            contact_code: Kind of contact.
            contact_value: The contact as `normalised` gives it.

        Returns:
            HMAC-SHA-256 in hexadecimal.
        """
        return self._digest(f"{contact_code}:{_sameness(contact_code, contact_value)}")

    @property
    def fingerprint(self) -> str:
        """Tells keys apart without showing them."""
        return self._digest("recall contact key")

    def _digest(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def normalised(contact_code: str, delivered: str | None, *, region: str | None) -> str | None:
    """Returns a contact in the one form that is stored and used for sending.

    Args:
        contact_code: Kind of contact, one of CONTACT_CODES.
        delivered: The contact as the source writes it.
        region: ISO 3166 code of the country whose numbers are written without a country code; None if unknown.

    Returns:
        A phone in E.164, an e-mail with its domain in lower-case ASCII, an openid or an address without needless
        blanks; None if the text cannot be such a contact, so that nobody is addressed by guessing.
    """
    if delivered is None or len(delivered) > LONGEST_CONTACT:
        return None
    text = unicodedata.normalize("NFKC", delivered).strip()
    if not text or any(unicodedata.category(character) == "Cc" for character in text):
        return None
    if contact_code == "phone":
        return _phone(text, region)
    if contact_code == "email":
        return _email(text)
    if contact_code == "wechat_openid":
        return text if _OPENID.fullmatch(text) else None
    return " ".join(text.split())


def masked(contact_value: str) -> str:
    """Returns so much of a contact that a person sees of what kind it is, and can reach nobody.

    Args:
        contact_value: The contact as `normalised` gives it.

    Returns:
        Of a phone the first two digits and the last two, of an e-mail the first letters of mailbox and domain and the
        last part of the domain, of anything else its length.
    """
    if re.fullmatch(r"\+[0-9]{6,15}", contact_value):
        return f"{contact_value[:3]}…{contact_value[-2:]}"
    local_part, _, domain = contact_value.partition("@")
    if _LOCAL_PART.fullmatch(local_part) and _DOMAIN.fullmatch(domain):
        first = local_part[0] if len(local_part) > 1 else ""
        return f"{first}…@{domain[0]}….{domain.rpartition('.')[2]}"
    return f"… ({len(contact_value)} characters)"


@lru_cache(maxsize=64)
def region_of_time_zone(time_zone: str) -> str | None:
    """Returns the country of a time zone, for phone numbers that are written without a country code.

    Args:
        time_zone: IANA zone, for example Asia/Shanghai.

    Returns:
        ISO 3166 code such as CN; None for zones that belong to no one country, such as UTC.
    """
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            region, _, zone, *_ = line.split("\t")
            if zone == time_zone:
                return region
    return None


def _phone(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # An extension is another person behind the same number, whom a message cannot reach.
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str | None:
    parts = text.split("@")
    if len(parts) != _SEPARATED_EMAIL_PARTS:
        return None
    local_part, domain = parts
    try:
        domain = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    if len(local_part) > 64 or len(domain) > 253:  # the limits of RFC 5321, section 4.5.3.1
        return None
    if not _LOCAL_PART.fullmatch(local_part) or not _DOMAIN.fullmatch(domain):
        return None
    return f"{local_part}@{domain}"


def _sameness(contact_code: str, contact_value: str) -> str:
    """What makes two contacts one: hardly a mailbox exists twice in different case, and one person would get two."""
    return contact_value.lower() if contact_code in ("email", "postal_address") else contact_value
