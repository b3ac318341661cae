"""What the gates found, check by check, and what a person let through."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; who may read or write them follows from the schema's default privileges."""
    op.execute(
        """
        create sequence control.gate_runs as bigint;

        create table control.gate_results (
            gate_run_id bigint not null,
            door text not null check (door in ('raw', 'audiences')),
            as_of_date date not null,
            build_id bigint references control.builds,
            suite_name text not null,
            table_name text,
            check_name text not null,
            column_name text,
            description text not null,
            status text not null check (status in ('passed', 'failed', 'allowed', 'crashed')),
            checked_count bigint,
            failed_count bigint,
            observed_value numeric,
            finished_at timestamptz not null default clock_timestamp()
        );
        create index gate_results_run on control.gate_results (gate_run_id);
        create index gate_results_date on control.gate_results (as_of_date, door);
        comment on table control.gate_results is
            'One row per check of a gate''s run, with counts and never a value of a row.';
        comment on column control.gate_results.gate_run_id is 'Number of the run; the greatest of a door is its last.';
        comment on column control.gate_results.door is
            'raw: may this come in? audiences: may this leave?';
        comment on column control.gate_results.as_of_date is 'The last business day that the night includes.';
        comment on column control.gate_results.build_id is 'The build behind the audiences; null at the raw door.';
        comment on column control.gate_results.suite_name is 'File of the suite in expectations/, without .json.';
        comment on column control.gate_results.table_name is 'The table whose rows were checked.';
        comment on column control.gate_results.check_name is
            'Type of the expectation; suite where the suite as a whole could not run.';
        comment on column control.gate_results.column_name is 'The column checked; null for a check of whole rows.';
        comment on column control.gate_results.description is 'What must hold, as a sentence.';
        comment on column control.gate_results.status is
            'passed, failed, allowed (failed, but a person said yes for this day) or crashed (could not be checked).';
        comment on column control.gate_results.checked_count is 'Rows that the check looked at.';
        comment on column control.gate_results.failed_count is 'Rows that broke it.';
        comment on column control.gate_results.observed_value is
            'The figure compared, where it is a count or a rate of many rows.';
        comment on column control.gate_results.finished_at is 'When the result was stored.';

        create table control.gate_approvals (
            door text not null check (door in ('raw', 'audiences')),
            as_of_date date not null,
            approved_by text not null,
            approved_at timestamptz not null default clock_timestamp(),
            primary key (door, as_of_date)
        );
        comment on table control.gate_approvals is
            'One row per door and day for which a person accepted what is unusual; no check marked critical yields.';

        grant usage on sequence control.gate_runs to recall_loader, recall_transformer;
        """
    )


def downgrade() -> None:
    """Removes the gates' results and approvals."""
    op.execute("drop table control.gate_results, control.gate_approvals")
    op.execute("drop sequence control.gate_runs")
