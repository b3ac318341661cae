"""Contacts as advertising networks want them: normalised and hashed, in flight only, never stored.

A bare hash of a phone number is guessed in an hour, so none of these is kept; at rest there is the keyed hash of
`recall.domain.contact`.
"""

from __future__ import annotations

import hashlib

import phonenumbers

_GMAIL = ("gmail.com", "googlemail.com")


def meta_hash(contact_code: str, contact_value: str) -> str | None:
    """Returns the hash by which Meta matches a contact.

    Args:
        contact_code: phone or email.
        contact_value: The normalised contact.

    Returns:
        SHA-256 in hexadecimal of: for a phone country code and number, digits only and without leading zeros; for an
        e-mail lower case without surrounding blanks. None for any other kind of contact.

    Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
    """
    if contact_code == "phone":
        digits = _digits(contact_value)
        return _sha256(digits) if digits else None
    return _sha256(contact_value.strip().lower()) if contact_code == "email" else None


def google_hash(contact_code: str, contact_value: str) -> str | None:
    """Returns the hash by which Google matches a contact.

    Args:
        contact_code: phone or email.
        contact_value: The normalised contact.

    Returns:
        SHA-256 in hexadecimal of: for a phone E.164 with its plus sign; for an e-mail `google_mailbox`. None for any
        other kind of contact.

    Source: https://developers.google.com/data-manager/api/devguides/concepts/formatting
    """
    if contact_code == "phone":
        digits = _digits(contact_value)
        return _sha256(f"+{digits}") if digits else None
    return _sha256(google_mailbox(contact_value)) if contact_code == "email" else None


def google_mailbox(address: str) -> str:
    """Returns an e-mail as Google compares it: lower case, no blanks; of Gmail's without dots and what follows a plus.

    Args:
        address: The e-mail.
    """
    text = "".join(address.lower().split())
    local_part, _, domain = text.rpartition("@")
    if domain in _GMAIL:
        local_part = local_part.partition("+")[0].replace(".", "")
    return f"{local_part}@{domain}"


def _digits(phone: str) -> str:
    """Country code and number; nothing for a number that is written without its country code."""
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def contact_kind(contact_value: str) -> str:
    """Says whether a normalised contact is a phone or an e-mail, which networks are told apart.

    Args:
        contact_value: A phone in E.164, or an e-mail.
    """
    return "phone" if contact_value.startswith("+") else "email"
