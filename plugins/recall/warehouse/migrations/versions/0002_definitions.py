"""Dated business definitions: one table per file of a workspace's definitions folder, and their versions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table definitions.versions (
        definitions_version text primary key,
        digest text not null unique,
        is_current boolean not null,
        loaded_at timestamptz not null
    );
    create unique index one_version_is_current on definitions.versions ((true)) where is_current;
    comment on table definitions.versions is
        'One row per set of definitions that was ever loaded; the version follows from the content alone.';
    """,
    """
    create table definitions.business_lines (
        line_id text not null check (line_id <> 'any'),
        line_name text not null,
        frequency_class text not null check (frequency_class in ('high', 'mid', 'low')),
        lapse_days integer not null check (lapse_days >= 1),
        returned_days integer not null check (returned_days >= 1),
        margin_rate numeric not null check (margin_rate between 0 and 1),
        valid_from date not null,
        primary key (line_id, valid_from)
    );
    comment on table definitions.business_lines is 'One row per business line and date from which it holds.';
    """,
    """
    create table definitions.category_lines (
        category text not null,
        line_id text not null,
        valid_from date not null,
        primary key (category, valid_from)
    );
    comment on table definitions.category_lines is
        'One row per product category and date: the line it belongs to; unlisted categories belong to line all.';
    """,
    """
    create table definitions.layer_bins (
        dimension_code text not null,
        layer_code text not null,
        lower_edge integer not null check (lower_edge >= 0),
        upper_edge integer check (upper_edge > lower_edge),
        score numeric not null check (score between 0 and 1),
        valid_from date not null,
        primary key (dimension_code, valid_from, lower_edge),
        unique (dimension_code, valid_from, layer_code)
    );
    comment on table definitions.layer_bins is
        'One row per dimension, date and bin: values from lower_edge on and below upper_edge get the score.';
    """,
    """
    create table definitions.layers (
        layer_code text not null,
        layer_name text not null,
        lower_edge numeric not null check (lower_edge between 0 and 1),
        upper_edge numeric check (upper_edge > lower_edge),
        valid_from date not null,
        primary key (valid_from, lower_edge),
        unique (valid_from, layer_code)
    );
    comment on table definitions.layers is
        'One row per date and layer: layer scores from lower_edge on and below upper_edge are in the layer.';
    """,
    """
    create table definitions.persona_rules (
        rule_number integer not null check (rule_number >= 1),
        persona_code text not null,
        measure_code text,
        minimum numeric,
        maximum numeric,
        valid_from date not null,
        unique nulls not distinct (valid_from, rule_number, measure_code)
    );
    comment on table definitions.persona_rules is
        'One row per date, rule and condition; a persona is that of the first rule whose conditions all hold.';
    """,
    """
    create table definitions.age_bands (
        age_band text not null,
        lower_age integer not null check (lower_age >= 0),
        upper_age integer check (upper_age > lower_age),
        valid_from date not null,
        primary key (valid_from, lower_age),
        unique (valid_from, age_band)
    );
    comment on table definitions.age_bands is
        'One row per date and band: ages in whole years from lower_age on and below upper_age.';
    """,
    """
    create table definitions.channels (
        channel text not null,
        channel_name text not null,
        delivery_code text not null check (delivery_code in ('smtp', 'file_drop')),
        contact_code text check (contact_code in ('phone', 'email', 'wechat_openid', 'postal_address')),
        unit_cost_amount numeric not null check (unit_cost_amount >= 0),
        daily_capacity integer check (daily_capacity >= 1),
        may_carry_marketing boolean not null,
        default_consent boolean not null,
        valid_from date not null,
        primary key (channel, valid_from)
    );
    comment on table definitions.channels is
        'One row per channel and date: what a message costs, which contact it needs, what it may carry.';
    """,
    """
    create table definitions.sources (
        table_name text primary key,
        max_silent_days integer not null check (max_silent_days >= 0)
    );
    comment on table definitions.sources is
        'One row per landing table that is expected: after how many days without a newer row it counts as silent.';
    """,
    """
    create table definitions.load_rules (
        max_bad_rate numeric not null check (max_bad_rate between 0 and 1),
        valid_from date primary key
    );
    comment on table definitions.load_rules is
        'One row per date: the share of bad rows above which a file is rejected whole.';
    """,
    """
    create table definitions.exchange_rates (
        currency_code text not null,
        rate_date date not null,
        rate numeric not null check (rate > 0),
        primary key (currency_code, rate_date)
    );
    comment on table definitions.exchange_rates is
        'One row per currency and date: amounts of the workspace''s currency for one of that currency.';
    """,
    """
    create table definitions.outcome_windows (
        window_days integer not null check (window_days >= 1),
        valid_from date not null,
        primary key (valid_from, window_days)
    );
    comment on table definitions.outcome_windows is
        'One row per date and window: days from the assignment in which an outcome counts.';
    """,
    """
    create table definitions.gate_rules (
        max_audience_rate numeric not null check (max_audience_rate between 0 and 1),
        max_audience_change_rate numeric not null check (max_audience_change_rate > 0),
        usual_audience_days integer not null check (usual_audience_days >= 1),
        valid_from date primary key
    );
    comment on table definitions.gate_rules is 'One row per date: when the gate before an export asks a person.';
    """,
)


def upgrade() -> None:
    """Makes the tables; who may read or replace them follows from the schema's default privileges."""
    for table in TABLES:
        op.execute(table)


def downgrade() -> None:
    """Removes every definition table with its rows; the workspace's files remain the source."""
    op.execute(
        "drop table definitions.versions, definitions.business_lines, definitions.category_lines,"
        " definitions.layer_bins, definitions.layers, definitions.persona_rules, definitions.age_bands,"
        " definitions.channels, definitions.sources, definitions.load_rules, definitions.exchange_rates,"
        " definitions.outcome_windows, definitions.gate_rules"
    )
