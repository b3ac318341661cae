"""How fast and at which hours a channel sends, who waits for morning, and how long a peer remembers a key."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    -- Packages may bring ways of delivery of their own; the loader knows which are installed.
    alter table definitions.channels drop constraint channels_delivery_code_check;
    alter table definitions.channels
        add column rate_per_second numeric check (rate_per_second > 0),
        add column batch_size integer check (batch_size >= 1),
        add column quiet_from time,
        add column quiet_until time,
        add constraint channels_quiet_hours_check check (
            (quiet_from is null) = (quiet_until is null) and quiet_from <> quiet_until
        );
    comment on column definitions.channels.rate_per_second is
        'Messages a second that one export sends at most; null for no limit of our own.';
    comment on column definitions.channels.batch_size is
        'Messages in one call, or rows in one file, at most; null for what the way of delivery can take.';
    comment on column definitions.channels.quiet_from is
        'Local time of the user from which nothing is sent; null for no quiet hours.';
    comment on column definitions.channels.quiet_until is
        'Local time of the user from which is sent again; before quiet_from where the night is meant.';
    """,
    """
    alter table ledger.entries add column waits_until timestamptz;
    comment on column ledger.entries.waits_until is
        'Until when a waiting entry is left alone, because of the quiet hours where its user lives; null if it is not.';
    alter table ledger.sends
        add column repeatable_until timestamptz,
        add column peer_reference text;
    create index sends_of_a_reference on ledger.sends (channel, peer_reference) where peer_reference is not null;
    create index sends_that_may_be_repeated on ledger.sends (repeatable_until) where state = 'unknown';
    comment on column ledger.sends.repeatable_until is
        'Until when the peer recognises the key of what may have reached it; null where it keeps no keys.';
    comment on column ledger.sends.peer_reference is
        'What the peer calls the message, so that its receipts are understood; null if it told none.';
    """,
    """
    drop trigger a_send_is_not_reopened on ledger.sends;
    create trigger a_send_is_not_reopened before update on ledger.sends for each row
    when (
        (old.state = 'sent' and new.state <> 'sent')
        or (old.state = 'unknown' and new.state = 'suppressed')
        -- A file is replaced under its own name, and a peer that still knows the key takes the message once.
        or (
            old.state = 'unknown' and new.state = 'claimed' and old.batch_id is null
            and (old.repeatable_until is null or old.repeatable_until <= clock_timestamp())
        )
        or (old.state = 'failed' and not old.is_retryable and new.state <> 'failed')
    )
    execute function ledger.refuse_to_reopen_a_send();
    """,
)


def upgrade() -> None:
    """Adds the columns; those of definitions are filled by the next load of the definitions."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Removes them; sends that were to be repeated stay unknown."""
    op.execute("drop trigger a_send_is_not_reopened on ledger.sends")
    op.execute(
        """
        create trigger a_send_is_not_reopened before update on ledger.sends for each row
        when (
            (old.state = 'sent' and new.state <> 'sent')
            or (old.state = 'unknown' and new.state = 'suppressed')
            or (old.state = 'unknown' and new.state = 'claimed' and old.batch_id is null)
            or (old.state = 'failed' and not old.is_retryable and new.state <> 'failed')
        )
        execute function ledger.refuse_to_reopen_a_send()
        """
    )
    op.execute("alter table ledger.sends drop column repeatable_until, drop column peer_reference")
    op.execute("alter table ledger.entries drop column waits_until")
    op.execute(
        "alter table definitions.channels drop column rate_per_second, drop column batch_size,"
        " drop column quiet_from, drop column quiet_until"
    )
