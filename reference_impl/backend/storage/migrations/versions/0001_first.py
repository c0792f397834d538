"""All tables of the first version."""

from __future__ import annotations

from alembic import op

from reference_impl.backend.storage.metadata import all_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing."""
    all_tables().create_all(op.get_bind())


def downgrade() -> None:
    """To nothing."""
    all_tables().drop_all(op.get_bind())
