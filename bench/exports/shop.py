"""A made-up night: an audience, and what an export looks up about it, written straight into the tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg

from recall.domain.home import Home
from recall.domain.workspace import load_workspace
from recall.warehouse import embedded_postgres
from recall.warehouse.campaigns import load_campaigns
from recall.warehouse.connection import connect
from recall.warehouse.definitions import load_definitions
from recall.warehouse.schema import upgrade

AS_OF_DATE = date(2026, 3, 10)
CAMPAIGN = """\
campaign_id: welcome_back
lines: [all]
steps:
  - {step_number: 1, offset_days: 0}
arms:
  - {arm_code: mail, channel: email, offer_code: content, variant_code: warm, templates: {en: warm.txt}}
  - {arm_code: text, channel: sms, offer_code: content, variant_code: short, templates: {en: short.txt}}
max_lapse_days: 90
"""
CHANNELS = """\
channel,channel_name,delivery_code,contact_code,unit_cost_amount,daily_capacity,may_carry_marketing,default_consent,\
rate_per_second,batch_size,quiet_from,quiet_until,valid_from
sms,Text message,file_drop,phone,0.05,,true,false,,,,,1970-01-01
email,E-mail,smtp,email,0.001,,true,false,{rate},,,,1970-01-01
"""
COPY = "We have not seen you in {{ line_name }} for {{ inactive_days }} days.\n{{ unsubscribe_url }}\n"
# As dbt makes them, as far as an export reads them.
TABLES = """
    create table audiences.aud_recall_members (
        audience_id text primary key, campaign_id text not null, campaign_version text not null,
        step_number integer not null, selected_date date not null, person_id text not null, contact_id text not null,
        user_id text not null, line_id text not null, episode_number integer not null, last_key_date date not null,
        arm_code text not null, variant_code text not null, channel text not null, offer_code text not null,
        is_global_holdout boolean not null, is_campaign_holdout boolean not null, expected_profit_amount numeric,
        expected_cost_amount numeric not null
    );
    create table audiences.int_key_behaviours__unseen (user_id text, line_id text, happened_date date);
    create index unseen_users on audiences.int_key_behaviours__unseen (user_id);
    create table audiences.int_removals__due (
        send_id bigint, campaign_id text, step_number integer, channel text, contact_id text, reason_code text
    );
    create table marts.fct_lapse_episodes (user_id text, is_open boolean);
    create table marts.fct_recall_layers (user_id text, line_id text, last_key_date date, layer_code text);
    create table marts.dim_users (user_id text primary key, time_zone text);
    create table marts.dim_lines (line_id text primary key, line_name text);
    insert into marts.dim_lines values ('all', 'Everything');
"""
# Each user has a yes, a phone or a mailbox of their own, a zone and a lapse.
AUDIENCE = """
    insert into raw.users (user_id, locale, _row_hash, _file_id, _record_number, _load_id)
    select 'u' || number, 'en-GB', md5('u' || number)::uuid, 1, number, 1 from generate_series(1, {count}) as number;
    insert into raw.consents (user_id, channel, is_opted_in, changed_at, _row_hash, _file_id, _record_number, _load_id)
    select 'u' || number, '{channel}', true, '2026-01-01', md5('c' || number)::uuid, 1, number, 1
    from generate_series(1, {count}) as number;
    insert into pii.contact_keys (key_version, fingerprint) values (1, 'bench') on conflict do nothing;
    insert into pii.contact_points (contact_id, contact_code, contact_value, contact_hash, key_version)
    select md5('p' || number), '{contact}', {value}, md5(number::text), 1 from generate_series(1, {count}) as number;
    insert into pii.user_contact_points select 'u' || number, '{contact}', md5('p' || number)
    from generate_series(1, {count}) as number;
    insert into marts.dim_users select 'u' || number, 'Europe/Berlin' from generate_series(1, {count}) as number;
    insert into audiences.aud_recall_members
    select
        md5('a' || number), 'welcome_back', '{version}', 1, '2026-03-11', 'u' || number, md5('p' || number),
        'u' || number, 'all', 1, date '2026-01-01' + number % 60, '{arm}', '{variant}', '{channel}', 'content', false,
        false, null, 0.1
    from generate_series(1, {count}) as number;
"""
VALUES = {
    "sms": {"contact": "phone", "value": "'+49' || 15100000000 + number", "arm": "text", "variant": "short"},
    "email": {"contact": "email", "value": "'u' || number || '@shop.example'", "arm": "mail", "variant": "warm"},
}


@dataclass(frozen=True)
class Night:
    """A finished night on a server of its own.

    Attributes:
        home: The home folder.
    """

    home: Home

    def stop(self) -> None:
        """Stops the server."""
        embedded_postgres.stop(self.home)


def make_night(root: Path, channel: str, count: int, *, rate_per_second: int | None = None) -> Night:
    """Makes a server, a night and its audience.

    Args:
        root: An empty folder.
        channel: sms, which goes by files, or email.
        count: Members.
        rate_per_second: What channels.csv allows for e-mail; None for no limit.
    """
    workspace = root / "workspace"
    for name, text in {
        "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\n",
        "definitions/channels.csv": CHANNELS.format(rate=rate_per_second or ""),
        "campaigns/welcome_back.yml": CAMPAIGN,
        "campaigns/warm.txt": f"Subject: {{{{ inactive_days }}}} days\n\n{COPY}",
        "campaigns/short.txt": COPY,
    }.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home = Home(root / "home")
    home.root.mkdir()
    os.environ["RECALL_HOME"] = str(home.root)
    embedded_postgres.start(home)
    upgrade(home)
    load_definitions(load_workspace(workspace))
    version = load_campaigns(load_workspace(workspace))[0].campaign_version
    with connect("transformer") as connection:
        connection.execute(TABLES)
    with connect("owner", autocommit=True) as connection:
        _serve_night(connection)
        for statement in AUDIENCE.format(count=count, channel=channel, version=version, **VALUES[channel]).split(";"):
            if statement.strip():
                connection.execute(statement.encode())
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
    return Night(home)


def _serve_night(connection: psycopg.Connection) -> None:
    connection.execute("insert into control.loads (state) values ('done')")
    connection.execute(
        "with build as (insert into control.builds (as_of_date, previous_load_id, load_id,"
        " definitions_version, code_version, is_full_rebuild, state, published_at)"
        " values (%(day)s, 0, 1, 'd', 'c', true, 'complete', now()) returning build_id)"
        " insert into control.night (build_id, as_of_date, previous_load_id, load_id, definitions_version,"
        " code_version, is_full_rebuild, business_time_zone, currency_code, global_holdout_rate)"
        " select build_id, %(day)s, 0, 1, 'd', 'c', true, 'UTC', 'EUR', 0.05 from build",
        {"day": AS_OF_DATE},
    )
