"""Who was taken back out of an audience, and what became of it."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REMOVALS = """
    create table ledger.removals (
        send_id bigint primary key references ledger.sends,
        channel text not null,
        reason_code text not null,
        state text not null check (state in ('done', 'refused', 'waiting')),
        answer_code text,
        attempt_count integer not null default 1 check (attempt_count >= 1),
        settled_at timestamptz not null default clock_timestamp(),
        check ((state = 'done') = (answer_code is null))
    );
    comment on table ledger.removals is
        'One row per send whose receiver was to be taken back out of an audience: only what we added is ever removed.';
    comment on column ledger.removals.reason_code is 'Why: no_consent or no_longer_lapsed.';
    comment on column ledger.removals.state is
        'done: the peer no longer has it; refused: it will never say so; waiting: every run asks again.';
    comment on column ledger.removals.answer_code is 'What the peer said, in a few letters; null if done.';
"""


def upgrade() -> None:
    """Makes the table; rights on it follow from the schema's default privileges."""
    op.execute(REMOVALS)


def downgrade() -> None:
    """Removes it: whoever was taken back would be taken back once more, which changes nothing."""
    op.execute("drop table ledger.removals")
