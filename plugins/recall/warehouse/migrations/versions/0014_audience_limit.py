"""From which size on an audience needs a person, and an index by which those who wait are found."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the limit, which is filled by the next load of the definitions, and the index."""
    op.execute(
        """
        alter table definitions.gate_rules add column max_audience_count integer check (max_audience_count >= 1);
        comment on column definitions.gate_rules.max_audience_count is
            'Members that one night may write to without a person; null for no such limit.';
        create index entries_that_wait on ledger.entries (selected_date, waits_until) where state = 'waiting';
        """
    )


def downgrade() -> None:
    """Removes them."""
    op.execute("drop index ledger.entries_that_wait")
    op.execute("alter table definitions.gate_rules drop column max_audience_count")
