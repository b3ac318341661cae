"""What an arm that is clearly behind the best keeps."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the rule, with what it is where no row names it."""
    op.execute(
        """
        alter table definitions.effect_rules
            add column kept_arm_share numeric not null default 0.1
            check (kept_arm_share > 0 and kept_arm_share <= 0.5);
        comment on column definitions.effect_rules.kept_arm_share is
            'Share of what arms of the same treatments draw together that an arm clearly behind the best keeps.';
        """
    )


def downgrade() -> None:
    """Removes it."""
    op.execute("alter table definitions.effect_rules drop column kept_arm_share")
