"""An entry that is claimed changes no index, and the messages of a file are found by it."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Computes what the indexes need of a state, so that states which are alike to them write no new index entry."""
    op.execute(
        """
        alter table ledger.entries
            add column is_over boolean not null
                generated always as (state in ('held_out', 'sent', 'suppressed')) stored,
            add column is_unclear boolean not null generated always as (state = 'unknown') stored,
            set (fillfactor = 50);
        comment on column ledger.entries.is_over is
            'Whether nothing is to be done any more: neither sent, nor settled, nor asked of the peer.';
        comment on column ledger.entries.is_unclear is 'Whether the peer may have it, and nobody knows.';
        drop index ledger.entries_under_way, ledger.entries_to_be_sent, ledger.entries_of_a_day;
        create index entries_not_over
            on ledger.entries (selected_date, channel, campaign_id, step_number, audience_id) where not is_over;
        create index entries_unclear on ledger.entries (channel) where is_unclear;
        -- Entries of a day are stored at once and stand together.
        create index entries_of_a_day on ledger.entries using brin (selected_date) with (pages_per_range = 16);
        create index sends_of_a_file on ledger.sends (batch_id) where batch_id is not null;
        """
    )


def downgrade() -> None:
    """Brings the indexes back."""
    op.execute(
        """
        drop index
            ledger.sends_of_a_file, ledger.entries_of_a_day, ledger.entries_unclear, ledger.entries_not_over;
        create index entries_of_a_day on ledger.entries (selected_date, channel);
        create index entries_to_be_sent
            on ledger.entries (selected_date, channel, campaign_id, step_number, audience_id)
            where state in ('waiting', 'failed');
        create index entries_under_way on ledger.entries (channel) where state in ('claimed', 'unknown');
        alter table ledger.entries drop column is_over, drop column is_unclear, reset (fillfactor);
        """
    )
