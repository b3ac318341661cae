"""When an effect may be stated and how it is estimated, and the days on which relapses are looked at."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; who may read or replace them follows from the schema's default privileges."""
    op.execute(
        """
        create table definitions.effect_rules (
            min_event_count integer not null check (min_event_count >= 2),
            rough_event_count integer not null check (rough_event_count >= 2),
            rough_money_count integer not null check (rough_money_count >= 2),
            min_expected_count integer not null check (min_expected_count >= 1),
            mismatch_limit numeric not null check (mismatch_limit between 0 and 1),
            winsor_rate numeric not null check (winsor_rate > 0 and winsor_rate <= 1),
            covariate_days integer not null check (covariate_days >= 1),
            min_stratum_count integer not null check (min_stratum_count >= 2),
            sequential_user_count integer not null check (sequential_user_count >= 1),
            min_relapse_count integer not null check (min_relapse_count >= 2),
            valid_from date primary key
        );
        comment on table definitions.effect_rules is
            'One row per date: how many events, users and days an effect, its test and a relapse flag stand on.';

        create table definitions.relapse_days (
            day_number integer not null check (day_number >= 0),
            valid_from date not null,
            primary key (valid_from, day_number)
        );
        comment on table definitions.relapse_days is
            'One row per date and number of days after a return on which relapses are counted.';
        """
    )


def downgrade() -> None:
    """Removes the tables with their rows; the workspace's files remain the source."""
    op.execute("drop table definitions.effect_rules, definitions.relapse_days")
