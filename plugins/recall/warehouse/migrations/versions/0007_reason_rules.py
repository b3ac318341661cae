"""Definitions of why customers lapse, how long goods last, and how a layer's returns are counted."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table definitions.reason_rules (
        reason_code text not null,
        rule_number integer not null check (rule_number >= 1),
        signal_code text,
        window_days integer check (window_days >= 1),
        minimum numeric,
        maximum numeric check (maximum > minimum),
        score numeric not null check (score > 0 and score <= 1),
        valid_from date not null,
        unique nulls not distinct (valid_from, reason_code, rule_number, signal_code)
    );
    comment on table definitions.reason_rules is
        'One row per date, reason, rule and condition; a reason scores the sum of its rules that hold, at most 1.';
    """,
    """
    create table definitions.category_lifetimes (
        category text not null,
        lifetime_days integer not null check (lifetime_days >= 1),
        valid_from date not null,
        primary key (category, valid_from)
    );
    comment on table definitions.category_lifetimes is
        'One row per category of long-lived goods and date: how many days after their order they still serve.';
    """,
    """
    create table definitions.layer_rules (
        return_days integer not null check (return_days >= 1),
        valid_from date primary key
    );
    comment on table definitions.layer_rules is
        'One row per date: the days from entering a layer within which a return counts as a return from it.';
    """,
)


def upgrade() -> None:
    """Makes the tables; who may read or replace them follows from the schema's default privileges."""
    for table in TABLES:
        op.execute(table)


def downgrade() -> None:
    """Removes the tables with their rows; the workspace's files remain the source."""
    op.execute("drop table definitions.reason_rules, definitions.category_lifetimes, definitions.layer_rules")
