"""Persons who asked to be erased: who they are, and by what they are known if they come again."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ERASURES = """
    create table ledger.erasures (
        user_id text primary key,
        source_code text not null check (source_code in ('asked', 'merged')),
        erased_at timestamptz not null default clock_timestamp()
    );
    comment on table ledger.erasures is
        'One row per user who is erased and stays so: their rows go whenever they come, and nobody writes to them.';
    comment on column ledger.erasures.source_code is
        'asked: by name; merged: the same as such a user, by the source''s word.';

    create table pii.erased_contacts (
        contact_code text not null,
        contact_hash text not null,
        key_fingerprint text not null,
        erased_at timestamptz not null default clock_timestamp(),
        primary key (contact_code, contact_hash)
    );
    comment on table pii.erased_contacts is
        'One row per erased contact: a keyed hash by which it is known if it comes again, and nothing else.';
    comment on column pii.erased_contacts.key_fingerprint is
        'Tells keys apart: the key is made for erasures alone, lies outside of the database and never changes.';
    grant select on pii.erased_contacts to recall_loader;
"""

COUNTS = """
    alter table control.files
        add column erased_count bigint not null default 0,
        drop constraint rows_are_conserved,
        add constraint rows_are_conserved check (
            state <> 'loaded'
            or row_count = loaded_count + quarantined_count + repeated_count + superseded_count + erased_count
        );
    comment on column control.files.erased_count is 'Records of erased persons, which are nowhere any more.';
"""


def upgrade() -> None:
    """Makes the tables and the place for erased rows in the account of files."""
    op.execute(ERASURES)
    op.execute(COUNTS)


def downgrade() -> None:
    """Removes them: whoever was erased would come back with the next file."""
    op.execute(
        "alter table control.files drop constraint rows_are_conserved, drop column erased_count,"
        " add constraint rows_are_conserved check (state <> 'loaded' or row_count"
        " = loaded_count + quarantined_count + repeated_count + superseded_count) not valid"
    )
    op.execute("drop table pii.erased_contacts, ledger.erasures")
