"""Definitions of the customer's way: stages of life, days of retention, steps of the funnel."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; who may read or replace them follows from the schema's default privileges."""
    op.execute(
        """
        create table definitions.lifecycle_rules (
            decline_share numeric not null check (decline_share > 0 and decline_share <= 1),
            mature_order_days integer not null check (mature_order_days >= 2),
            valid_from date primary key
        );
        comment on table definitions.lifecycle_rules is
            'One row per date: after which share of lapse_days a customer declines, and from how many order days '
            'one is mature.';

        create table definitions.retention_days (
            day_number integer not null check (day_number >= 1),
            valid_from date not null,
            primary key (valid_from, day_number)
        );
        comment on table definitions.retention_days is
            'One row per date and number of days after the cohort''s day on which retention is looked at.';

        create table definitions.funnel_steps (
            step_number integer not null check (step_number >= 1),
            step_code text not null,
            behaviour_code text not null check (behaviour_code in ('visit', 'order')),
            action text,
            object_type text,
            valid_from date not null,
            unique nulls not distinct (valid_from, step_number, behaviour_code, action, object_type),
            check (behaviour_code = 'visit' or (action is null and object_type is null))
        );
        comment on table definitions.funnel_steps is
            'One row per date, step and behaviour that counts as it; an empty action or object type matches every one.';
        """
    )


def downgrade() -> None:
    """Removes the tables with their rows; the workspace's files remain the source."""
    op.execute("drop table definitions.lifecycle_rules, definitions.retention_days, definitions.funnel_steps")
