"""How return curves are fitted, and when a churn limit is far from what they suggest."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table; who may read or replace it follows from the schema's default privileges."""
    op.execute(
        """
        create table definitions.churn_limit_rules (
            horizon_days integer not null check (horizon_days >= 1),
            max_return_rate numeric not null check (max_return_rate > 0 and max_return_rate <= 1),
            min_at_risk_count integer not null check (min_at_risk_count >= 1),
            max_drift_rate numeric not null check (max_drift_rate > 0),
            fit_interval_days integer not null check (fit_interval_days >= 1),
            valid_from date primary key
        );
        comment on table definitions.churn_limit_rules is
            'One row per date: horizon, limit and support of the return curves, and the days between two fits.';
        """
    )


def downgrade() -> None:
    """Removes the table with its rows; the workspace's files remain the source."""
    op.execute("drop table definitions.churn_limit_rules")
