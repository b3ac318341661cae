"""Schemas, who may see them, and the control tables of the nights."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OWNED_BY_MIGRATIONS = ("raw", "quarantine", "pii", "definitions", "ledger")
OWNED_BY_DBT = ("staging", "intermediate", "marts", "outcomes", "audiences")

# What the default privileges of future tables give to whom. pii is not among them: each of its tables says
# for itself who may read it.
FUTURE_TABLES = (
    ("raw", "recall_loader", "select, insert, update, delete, truncate"),
    ("raw", "recall_transformer", "select"),
    ("quarantine", "recall_loader", "select, insert, update, delete"),
    ("quarantine", "recall_transformer", "select"),
    ("definitions", "recall_loader", "select, insert, update, delete"),
    ("definitions", "recall_transformer", "select"),
    ("definitions", "recall_exporter", "select"),
    ("control", "recall_loader", "select, insert, update, delete"),
    ("control", "recall_transformer", "select, insert, update, delete"),
    ("control", "recall_exporter", "select, insert, update"),
    ("ledger", "recall_exporter", "select, insert, update"),
    ("ledger", "recall_transformer", "select"),
)


def upgrade() -> None:
    """Makes the schemas, default privileges and control tables."""
    for schema in OWNED_BY_MIGRATIONS:
        op.execute(f"create schema {schema}")
    for schema in OWNED_BY_DBT:
        op.execute(f"create schema {schema} authorization recall_transformer")
    op.execute("revoke create on schema public from public")
    op.execute("grant usage on schema raw, quarantine, pii, definitions, control to recall_loader")
    op.execute("grant usage on schema raw, quarantine, pii, definitions, control, ledger to recall_transformer")
    op.execute("grant usage on schema raw, pii, definitions, control, ledger to recall_exporter")
    op.execute("grant usage on schema marts, audiences, outcomes to recall_bi_reader")
    op.execute("grant usage on schema marts, audiences, outcomes to recall_exporter")
    op.execute(
        "grant usage on schema raw, quarantine, definitions, control, ledger, staging, intermediate,"
        " marts, audiences, outcomes to recall_auditor"
    )
    for schema, role, rights in FUTURE_TABLES:
        op.execute(f"alter default privileges in schema {schema} grant {rights} on tables to {role}")
        op.execute(f"alter default privileges in schema {schema} grant usage on sequences to {role}")
    for schema in ("raw", "quarantine", "definitions", "control", "ledger"):
        op.execute(f"alter default privileges in schema {schema} grant select on tables to recall_auditor")
    for schema in OWNED_BY_DBT:
        op.execute(
            f"alter default privileges for role recall_transformer in schema {schema}"
            " grant select on tables to recall_auditor"
        )
    for schema in ("marts", "audiences", "outcomes"):
        op.execute(
            f"alter default privileges for role recall_transformer in schema {schema}"
            " grant select on tables to recall_bi_reader, recall_exporter"
        )

    op.execute(
        """
        create table control.workspace (
            is_only boolean primary key default true check (is_only),
            business_time_zone text not null,
            currency_code text not null
        );
        comment on table control.workspace is
            'One row: the settings that all stored instants and amounts depend on; they never change in a warehouse.';

        create table control.loads (
            load_id bigint generated always as identity primary key,
            state text not null default 'running' check (state in ('running', 'done', 'failed')),
            started_at timestamptz not null default clock_timestamp(),
            finished_at timestamptz
        );
        comment on table control.loads is 'One row per load; raw rows carry its load_id.';

        create table control.builds (
            build_id bigint generated always as identity primary key,
            as_of_date date not null,
            previous_as_of_date date,
            previous_load_id bigint not null,
            load_id bigint not null,
            definitions_version text not null,
            code_version text not null,
            is_full_rebuild boolean not null,
            state text not null check (state in ('running', 'failed', 'published', 'complete')),
            started_at timestamptz not null default clock_timestamp(),
            published_at timestamptz,
            finished_at timestamptz
        );
        comment on table control.builds is
            'One row per night tried. published: the marts serve it; complete: outcomes, audiences and gates passed.';
        create unique index one_build_runs_at_a_time on control.builds ((true)) where state = 'running';

        create view control.published as
        select build_id, as_of_date, load_id, definitions_version, code_version, state, published_at
        from control.builds
        where published_at is not null
        order by build_id desc
        limit 1;
        comment on view control.published is 'The build that the public tables serve; no row before the first night.';

        create table control.night (
            is_only boolean primary key default true check (is_only),
            build_id bigint not null references control.builds,
            as_of_date date not null,
            previous_as_of_date date,
            previous_load_id bigint not null,
            load_id bigint not null,
            definitions_version text not null,
            code_version text not null,
            is_full_rebuild boolean not null,
            business_time_zone text not null,
            currency_code text not null,
            global_holdout_rate numeric not null
        );
        comment on table control.night is 'One row: what the models of the night under way are built for.';

        create table control.node_results (
            build_id bigint not null references control.builds,
            layer text not null,
            node_name text not null,
            resource_type text not null,
            status text not null,
            row_count bigint,
            seconds numeric not null,
            message text,
            finished_at timestamptz not null default clock_timestamp()
        );
        create index node_results_build on control.node_results (build_id);
        comment on table control.node_results is 'One row per model or test that a night ran.';

        create table control.night_lock (
            lock_name text primary key,
            holder text not null,
            acquired_at timestamptz not null,
            expires_at timestamptz not null,
            fence bigint not null
        );
        comment on table control.night_lock is
            'Who is loading, building or exporting now; a lease on the database clock.';

        grant select on control.published to recall_bi_reader, recall_exporter, recall_auditor;
        grant usage on schema control to recall_bi_reader;
        """
    )


def downgrade() -> None:
    """Removes everything that this migration made, with its rows."""
    for schema in OWNED_BY_DBT + OWNED_BY_MIGRATIONS:
        op.execute(f"drop schema {schema} cascade")
    op.execute(
        "drop table control.node_results, control.night, control.night_lock, control.loads, control.workspace cascade"
    )
    op.execute("drop table control.builds cascade")
