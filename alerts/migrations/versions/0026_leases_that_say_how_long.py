"""How long the lease of a batch lasts goes with it: workers may differ in their settings."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.add_column(
            sa.Column("lease_seconds", sa.Integer(), server_default="60", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("lease_seconds")
