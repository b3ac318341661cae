"""Which build the outcomes belong to, and how far a backfill of outcomes has come."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    create table control.served_outcomes (
        is_only boolean primary key default true check (is_only),
        build_id bigint not null
    );
    comment on table control.served_outcomes is
        'One row: the build whose outcomes are served. A night that follows another one begins from scratch.';

    create table control.backfills (
        backfill_id bigint generated always as identity primary key,
        build_id bigint not null references control.builds,
        from_date date not null,
        to_date date not null check (to_date >= from_date),
        state text not null default 'running' check (state in ('running', 'complete')),
        started_at timestamptz not null default clock_timestamp(),
        finished_at timestamptz
    );
    comment on table control.backfills is
        'One row per range of assignment days whose outcomes were asked for again, of one served build.';
    create unique index one_backfill_of_a_range_runs on control.backfills (build_id, from_date, to_date)
        where state = 'running';

    create table control.backfill_days (
        backfill_id bigint not null references control.backfills on delete cascade,
        assigned_date date not null,
        entry_count bigint,
        row_count bigint,
        finished_at timestamptz,
        primary key (backfill_id, assigned_date)
    );
    comment on table control.backfill_days is
        'One row per assignment day of a backfill. finished_at is set in the transaction that replaces its rows.';
    """,
    # The backfiller replaces outcomes and can do nothing else: what a person was sent, or may be sent, is out of its
    # reach. The two tables that it writes are granted when a backfill is opened.
    """
    grant usage on schema staging, intermediate, marts, outcomes, definitions, control to recall_backfiller;
    grant select on all tables in schema staging, intermediate, marts, definitions to recall_backfiller;
    alter default privileges in schema definitions grant select on tables to recall_backfiller;
    alter default privileges for role recall_transformer in schema staging
        grant select on tables to recall_backfiller;
    alter default privileges for role recall_transformer in schema intermediate
        grant select on tables to recall_backfiller;
    alter default privileges for role recall_transformer in schema marts
        grant select on tables to recall_backfiller;
    grant select, update on control.backfill_days to recall_backfiller;
    """,
)


def upgrade() -> None:
    """Makes the tables and gives the backfiller its rights."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Removes the tables and every right of the backfiller."""
    for schema in ("staging", "intermediate", "marts"):
        op.execute(
            f"alter default privileges for role recall_transformer in schema {schema}"
            " revoke select on tables from recall_backfiller"
        )
    op.execute("alter default privileges in schema definitions revoke select on tables from recall_backfiller")
    for schema in ("staging", "intermediate", "marts", "outcomes", "definitions", "control"):
        op.execute(f"revoke all on all tables in schema {schema} from recall_backfiller")
        op.execute(f"revoke usage on schema {schema} from recall_backfiller")
    op.execute("drop table control.backfill_days, control.backfills, control.served_outcomes")
