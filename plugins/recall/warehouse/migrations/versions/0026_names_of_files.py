"""A file is named in one place, for those who write it and for those who only look."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Keys are sorted by their bytes: a database's collation must not make another name of the same members.
NAMES = """
    create function ledger.members_digest(idempotency_keys text []) returns text
    language sql immutable parallel safe as $$
        select encode(sha256(convert_to(string_agg(key, chr(10) order by key collate "C"), 'UTF8')), 'hex')
        from unnest(idempotency_keys) as keys (key)
    $$;
    comment on function ledger.members_digest is
        'SHA-256 of the keys of a file''s members, in hexadecimal; their order does not matter.';
    create function ledger.file_name(
        channel text, selected_date date, campaign_id text, step_number integer, digest text
    ) returns text language sql stable parallel safe as $$
        select concat_ws(
            '-', channel, to_char(selected_date::timestamp, 'YYYYMMDD'), campaign_id, step_number, left(digest, 12)
        )
    $$;
    comment on function ledger.file_name is
        'Names a file of one campaign and step after its members; digest is ledger.members_digest of them.';
"""


def upgrade() -> None:
    """Changes no row: names are what they were."""
    op.execute(NAMES)


def downgrade() -> None:
    """Removes the functions."""
    op.execute(
        """
        drop function ledger.file_name(text, date, text, integer, text);
        drop function ledger.members_digest(text []);
        """
    )
