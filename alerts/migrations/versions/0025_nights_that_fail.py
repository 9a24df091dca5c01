"""When something last came of a removal, how often it was tried since, and what it failed with."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import UtcDateTime

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("pruning_rounds") as rounds:
        rounds.add_column(sa.Column("moved_at", UtcDateTime()))
        rounds.add_column(sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
        rounds.add_column(sa.Column("failure", sa.String(500), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("pruning_rounds") as rounds:
        rounds.drop_column("failure")
        rounds.drop_column("tries")
        rounds.drop_column("moved_at")
