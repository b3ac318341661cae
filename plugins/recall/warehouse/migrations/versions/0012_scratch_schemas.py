"""Schemas of a scratch build: a past day, built apart from what is served."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMAS = ("scratch_control", "scratch_staging", "scratch_intermediate", "scratch_marts", "scratch_outcomes")
PUBLIC = ("scratch_marts", "scratch_outcomes")


def upgrade() -> None:
    """Makes the schemas, empty; the exporter has no right in any of them, so nothing of them can be sent."""
    for schema in SCHEMAS:
        op.execute(f"create schema {schema} authorization recall_transformer")
        op.execute(f"grant usage on schema {schema} to recall_auditor")
        op.execute(
            f"alter default privileges for role recall_transformer in schema {schema}"
            " grant select on tables to recall_auditor"
        )
    for schema in PUBLIC:
        op.execute(f"grant usage on schema {schema} to recall_bi_reader")
        op.execute(
            f"alter default privileges for role recall_transformer in schema {schema}"
            " grant select on tables to recall_bi_reader"
        )
    op.execute("comment on schema scratch_marts is 'The marts of a past day, built by recall nightly --scratch.'")


def downgrade() -> None:
    """Removes the schemas with whatever was built in them."""
    for schema in SCHEMAS:
        op.execute(f"drop schema {schema} cascade")
