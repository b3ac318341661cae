"""A small world for tests of sending: real ledger, contacts and campaigns, and an audience written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

from psycopg import sql

from recall.domain.workspace import Workspace
from recall.warehouse.campaigns import load_campaigns
from recall.warehouse.contact_points import refresh_contact_points
from recall.warehouse.definitions import load_definitions

AS_OF_DATE = date(2026, 3, 10)
SELECTED_DATE = date(2026, 3, 11)
LAST_KEY_DATE = date(2026, 1, 9)

CAMPAIGN = """\
campaign_id: welcome_back
lines: [all]
steps:
  - {step_number: 1, offset_days: 0}
  - {step_number: 2, offset_days: 30}
arms:
  - arm_code: mail
    channel: email
    offer_code: content
    variant_code: warm
    templates: {en: warm.en.txt, zh: warm.zh.txt}
  - arm_code: parcel
    channel: gift
    offer_code: gift
    variant_code: box
max_lapse_days: 90
"""

FILES = {
    # Several steps for one person on one day are how stories put two messages side by side.
    "definitions/contact_caps.csv": "channel,window_days,max_count,valid_from\n",
    "campaigns/welcome_back.yml": CAMPAIGN,
    "campaigns/warm.en.txt": (
        "Subject: {{ inactive_days }} days\n\nCome back to {{ line_name }}.\n{{ unsubscribe_url }}\n"
    ),
    "campaigns/warm.zh.txt": "Subject: {{ inactive_days }} 天\n\n欢迎回到{{ line_name }}。\n{{ unsubscribe_url }}\n",
}

MEMBERS_TABLE = """
    create table audiences.aud_recall_members (
        audience_id text primary key, campaign_id text not null, campaign_version text not null,
        step_number integer not null, selected_date date not null, person_id text not null, contact_id text not null,
        user_id text not null, line_id text not null, episode_number integer not null, last_key_date date not null,
        arm_code text not null, variant_code text not null, channel text not null, offer_code text not null,
        is_global_holdout boolean not null, is_campaign_holdout boolean not null, expected_profit_amount numeric,
        expected_cost_amount numeric not null
    );
    create table audiences.aud_recall_exclusions (
        campaign_id text, step_number integer, selected_date date, user_id text, line_id text, episode_number integer,
        reason_code text, worth_reason_code text
    );
    create table audiences.int_key_behaviours__unseen (user_id text, line_id text, happened_date date);
    create table audiences.int_removals__due (
        send_id bigint, campaign_id text, step_number integer, channel text, contact_id text, reason_code text
    );
    create table marts.fct_lapse_episodes (user_id text, is_open boolean);
    create table marts.dim_users (user_id text primary key, time_zone text);
    create table marts.dim_lines (line_id text primary key, line_name text);
    create table marts.fct_recall_layers (user_id text, line_id text, last_key_date date, layer_code text);
    insert into marts.dim_lines values ('all', 'Everything');
"""

ARMS = {
    "mail": ("email", "content", "warm", "email"),
    "parcel": ("gift", "gift", "box", "postal_address"),
    "voucher": ("email", "coupon", "code", "email"),
    "listed": ("gift", "apology", "note", "postal_address"),
    "ads": ("media", "content", "plain", "phone"),
}


@dataclass
class SendingWorld:
    """A warehouse with a finished night and an audience that a test writes.

    Attributes:
        warehouse: The test's warehouse.
        workspace: Its workspace, with the campaign `welcome_back`.
        campaign_version: The frozen version of that campaign.
    """

    warehouse: Any
    workspace: Workspace
    campaign_version: str
    _row_number: int = field(default=0)
    _load_id: int = field(default=1)

    def contact(self, user_id: str, **contacts: str) -> None:
        """Delivers a user's contacts, by kind."""
        self.land("pii.contacts", user_id=user_id, **contacts)

    def consent(self, user_id: str, channel: str, is_opted_in: bool, on: str = "2026-01-01") -> None:
        """Delivers a yes or a no."""
        self.land(
            "raw.consents", user_id=user_id, channel=channel, is_opted_in=is_opted_in, changed_at=f"{on} 12:00+00"
        )

    def land(self, table: str, **values: object) -> None:
        """Writes one row as a load would."""
        self._row_number += 1
        row = values | {
            "_row_hash": UUID(md5(repr(values).encode()).hexdigest()),
            "_file_id": 1,
            "_record_number": self._row_number,
            "_load_id": self._load_id,
        }
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        with self.warehouse.connect("loader") as connection:
            connection.execute(statement, list(row.values()))

    def refresh(self) -> None:
        """Makes contact points of what was delivered."""
        refresh_contact_points(self.workspace, AS_OF_DATE)
        self.run("insert into control.loads (state) values ('done')")
        self._load_id += 1

    def member(
        self,
        user_id: str,
        *,
        arm: str = "mail",
        step: int = 1,
        person: str | None = None,
        last_key_date: date = LAST_KEY_DATE,
        selected_date: date = SELECTED_DATE,
        is_global_holdout: bool = False,
        is_campaign_holdout: bool = False,
    ) -> str:
        """Puts a user into the audience; returns its audience_id."""
        channel, offer, variant, contact_code = ARMS[arm]
        audience_id = f"{user_id}-{step}-{selected_date}"
        with self.warehouse.connect("owner") as connection:
            connection.execute(
                "insert into audiences.aud_recall_members select %s, 'welcome_back', %s, %s, %s, %s, contact_id, %s,"
                " 'all', 1, %s, %s, %s, %s, %s, %s, %s, null, 0 from pii.user_contact_points"
                " where user_id = %s and contact_code = %s",
                (
                    audience_id,
                    self.campaign_version,
                    step,
                    selected_date,
                    person or user_id,
                    user_id,
                    last_key_date,
                    arm,
                    variant,
                    channel,
                    offer,
                    is_global_holdout,
                    is_campaign_holdout,
                    user_id,
                    contact_code,
                ),
            )
        return audience_id

    def people(self, user_ids: Sequence[str], *, arm: str = "mail") -> None:
        """Makes reachable, consenting members of them."""
        channel, _, _, contact_code = ARMS[arm]
        for user_id in user_ids:
            value = f"{user_id}@example.com" if contact_code == "email" else f"{user_id} Street 1, Berlin"
            self.contact(user_id, **{contact_code: value})
            self.consent(user_id, channel, True)
        self.refresh()
        for user_id in user_ids:
            self.member(user_id, arm=arm)

    def build(self, as_of_date: date, state: str = "complete") -> None:
        """Makes a night of that day the served one."""
        values = {"day": as_of_date, "state": state}
        with self.warehouse.connect("owner") as connection:
            connection.execute("delete from control.night")
            connection.execute(
                "with build as (insert into control.builds (as_of_date, previous_load_id, load_id,"
                " definitions_version, code_version, is_full_rebuild, state, published_at)"
                " values (%(day)s, 0, 1, 'd', 'c', true, %(state)s, now()) returning build_id)"
                " insert into control.night (build_id, as_of_date, previous_load_id, load_id, definitions_version,"
                " code_version, is_full_rebuild, business_time_zone, currency_code, global_holdout_rate)"
                " select build_id, %(day)s, 0, 1, 'd', 'c', true, 'UTC', 'EUR', 0.05 from build",
                values,
            )

    def run(self, statement: str, *values: object) -> None:
        """Runs a statement as the owner."""
        with self.warehouse.connect("owner") as connection:
            connection.execute(statement.encode(), values)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Returns rows as the owner sees them."""
        with self.warehouse.connect("owner") as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def sends(self) -> dict[str, tuple[str, str | None]]:
        """State and reason of every send, by user."""
        return {
            user: (state, reason)
            for user, state, reason in self.rows("select user_id, state, reason_code from ledger.sends")
        }

    def entries(self) -> dict[str, tuple[str, str | None]]:
        """State and reason of every entry, by audience_id."""
        return {
            audience_id: (state, reason)
            for audience_id, state, reason in self.rows("select audience_id, state, reason_code from ledger.entries")
        }


def make_sending_world(
    warehouse: Any, workspace_factory: Callable[[dict[str, str]], Workspace], files: Mapping[str, str] | None = None
) -> SendingWorld:
    """Makes a world without members on the night of AS_OF_DATE; in a copy of one, what is different about it."""
    workspace = workspace_factory({**FILES, **(files or {})})
    with warehouse.connect("owner") as connection:
        found = connection.execute("select to_regclass('audiences.aud_recall_members')").fetchone()
    is_copy = found is not None and found[0] is not None
    if files or not is_copy:
        load_definitions(workspace)
    version = load_campaigns(workspace)[0].campaign_version
    world = SendingWorld(warehouse, workspace, version)
    if not is_copy:
        with warehouse.connect("transformer") as connection:
            connection.execute(MEMBERS_TABLE)
        world.run("insert into control.loads (state) values ('done')")
        world.build(AS_OF_DATE)
    return world


def day_after(day: date, days: int = 1) -> date:
    """Returns a later day."""
    return day + timedelta(days=days)
