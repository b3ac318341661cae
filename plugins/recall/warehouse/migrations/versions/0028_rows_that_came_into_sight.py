"""Rows that came into sight since the last night are found without looking through the history."""

from collections.abc import Iterator

from alembic import op

from recall.domain.tables import TABLES

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leaves rows without an updated_at out of its index.

    Where a source has none at all PostgreSQL knows nothing about the column. It expected every block that a BRIN
    index stands for to match, and rather read the whole table.
    """
    for index, table in _indexes():
        op.execute(f"drop index if exists {index}")
        name = index.partition(".")[2]
        op.execute(f"create index {name} on {table} (updated_at) where updated_at is not null")


def downgrade() -> None:
    """Brings the BRIN indexes back."""
    for index, table in _indexes():
        op.execute(f"drop index if exists {index}")
        name = index.partition(".")[2]
        op.execute(f"create index {name} on {table} using brin (updated_at) with (autosummarize = on)")


def _indexes() -> Iterator[tuple[str, str]]:
    """The indexes of updated_at, each with its table."""
    for table in TABLES:
        for suffix in ("", "_versions"):
            yield f"{table.schema}.{table.name}{suffix}_updated", f"{table.schema}.{table.name}{suffix}"
