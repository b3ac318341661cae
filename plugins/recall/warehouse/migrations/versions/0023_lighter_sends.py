"""What is under way is found by the entries, so that a send that is begun and settled changes no index."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Exchanges the indexes; half of each page of sends is left to the versions that follow the first one."""
    op.execute(
        """
        drop index ledger.sends_under_way, ledger.sends_that_may_be_repeated, ledger.entries_that_wait;
        create index entries_under_way on ledger.entries (channel) where state in ('claimed', 'unknown');
        create index entries_to_be_sent
            on ledger.entries (selected_date, channel, campaign_id, step_number, audience_id)
            where state in ('waiting', 'failed');
        alter table ledger.sends set (fillfactor = 50);
        """
    )


def downgrade() -> None:
    """Exchanges them back."""
    op.execute(
        """
        alter table ledger.sends reset (fillfactor);
        drop index ledger.entries_to_be_sent, ledger.entries_under_way;
        create index entries_that_wait on ledger.entries (selected_date, waits_until) where state = 'waiting';
        create index sends_that_may_be_repeated on ledger.sends (repeatable_until) where state = 'unknown';
        create index sends_under_way on ledger.sends (lease_expires_at) where state = 'claimed';
        """
    )
