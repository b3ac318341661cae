"""The people of one round, drawn by its seed, and the rows by which the warehouse knows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from random import Random
from uuid import UUID

import psycopg
from tests.support.sending import LAST_KEY_DATE, SELECTED_DATE

CONTACTS = {"email": "email", "sms": "phone", "gift": "postal_address", "welfare": "phone"}
"""What each channel of a round needs."""
ARMS = {"email": "mail", "sms": "text", "gift": "parcel", "welfare": "coupon"}
CAMPAIGN_ID = "welcome_back"
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", None)
LAND_CONSENT = (
    "insert into raw.consents"
    " (user_id, channel, is_opted_in, changed_at, _row_hash, _file_id, _record_number, _load_id)"
    " values (%s, %s, %s, %s, %s, 1, 1, 1)"
)


@dataclass(frozen=True)
class Member:
    """One candidate of a step.

    Attributes:
        audience_id: The candidate.
        user_id: Its user.
        person_id: Who the user is; two users may be one person.
        channel: How the person is to be reached.
        contact: Where; two users may share it.
        step_number: The step.
        time_zone: Where the user lives; None if nobody knows.
        is_held_out: Whether nothing may ever be sent.
        is_opted_in: What the user said last before the round: True, False, or None for nothing.
        is_excluded: Whether the audience left the candidate out.
    """

    audience_id: str
    user_id: str
    person_id: str
    channel: str
    contact: str
    step_number: int
    time_zone: str | None
    is_held_out: bool
    is_opted_in: bool | None
    is_excluded: bool


def draw_people(random: Random, channels: Sequence[str]) -> list[Member]:
    """Draws the candidates of a round, most of them of the first channel."""
    return list(_members(random, channels))


def _members(random: Random, channels: Sequence[str]) -> Iterator[Member]:
    before: Member | None = None
    for number in range(random.randint(8, 16)):
        user_id = person_id = f"u{number:02d}"
        channel = channels[0] if random.random() < 0.7 else random.choice(channels)
        contact = contact_of(channel, number)
        is_held_out = random.random() < 0.12
        step_number = 1
        if before is not None and before.channel == channel and not before.is_held_out and random.random() < 0.2:
            # Somebody at the same mailbox; known to be the same person, or not yet.
            contact, is_held_out = before.contact, False
            person_id = before.person_id if random.random() < 0.5 else person_id
            step_number = 3 - before.step_number if person_id == before.person_id else random.choice((1, 1, 2))
        member = Member(
            audience_id=f"{user_id}-{step_number}",
            user_id=user_id,
            person_id=person_id,
            channel=channel,
            contact=contact,
            step_number=step_number,
            time_zone=random.choice(ZONES),
            is_held_out=is_held_out,
            is_opted_in=random.choices((True, False, None), (0.86, 0.07, 0.07))[0],
            is_excluded=random.random() < 0.06,
        )
        yield member
        before = member if person_id == user_id else None


def contact_of(channel: str, number: int) -> str:
    """Returns a contact of the kind that a channel needs."""
    match CONTACTS[channel]:
        case "email":
            return f"u{number:02d}@example.com"
        case "phone":
            return f"+4915112345{number:03d}"
        case _:
            return f"{number} Street, Berlin"


def settle_people(connection: psycopg.Connection, members: Sequence[Member], campaign_version: str) -> None:
    """Writes the night's audience and what it was made of."""
    kinds = {one.contact: CONTACTS[one.channel] for one in members}
    ids = {contact: f"contact-{number}" for number, contact in enumerate(kinds)}
    selected = [one for one in members if not one.is_excluded]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into pii.contact_points (contact_id, contact_code, contact_value, contact_hash, key_version)"
            " values (%s, %s, %s, %s, 1)",
            [(ids[contact], kind, contact, ids[contact]) for contact, kind in kinds.items()],
        )
        cursor.executemany(
            "insert into pii.user_contact_points (user_id, contact_code, contact_id) values (%s, %s, %s)",
            [(one.user_id, CONTACTS[one.channel], ids[one.contact]) for one in members],
        )
        cursor.executemany(
            "insert into marts.dim_users (user_id, time_zone) values (%s, %s)",
            [(one.user_id, one.time_zone) for one in members],
        )
        cursor.executemany(
            LAND_CONSENT,
            [
                consent_row(one.user_id, one.channel, one.is_opted_in, "2026-01-01 12:00+00")
                for one in members
                if one.is_opted_in is not None
            ],
        )
        cursor.executemany(
            "insert into audiences.aud_recall_members values"
            f" (%s, '{CAMPAIGN_ID}', %s, %s, %s, %s, %s, %s, 'all', 1, %s, %s, 'plain', %s, 'content', false, %s,"
            " null, 0)",
            [
                (
                    one.audience_id, campaign_version, one.step_number, SELECTED_DATE, one.person_id,
                    ids[one.contact], one.user_id, LAST_KEY_DATE, ARMS[one.channel], one.channel,
                    one.is_held_out,
                )
                for one in selected
            ],
        )  # fmt: skip
        cursor.executemany(
            "insert into audiences.aud_recall_exclusions values (%s, %s, %s, %s, 'all', 1, 'not_worth_recalling')",
            [(CAMPAIGN_ID, one.step_number, SELECTED_DATE, one.user_id) for one in members if one.is_excluded],
        )


def consent_row(user_id: str, channel: str, is_opted_in: bool, changed_at: str) -> tuple[object, ...]:
    """Returns the values of LAND_CONSENT."""
    values = (user_id, channel, is_opted_in, changed_at)
    return (*values, UUID(md5(repr(values).encode()).hexdigest()))
