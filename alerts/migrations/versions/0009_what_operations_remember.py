"""What operations remember: a hold, counts of outcomes, signs of life."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("backup_of", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
        sa.CheckConstraint("id = 1", name="ck_holds_one_row"),
    )
    op.create_table(
        "outcome_counts",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("issue_id", BigKey),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("count", BigKey, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outcome_counts"),
    )
    op.create_index("ix_outcome_counts_settled_hour", "outcome_counts", ["settled", "hour"])
    op.create_index("ix_outcome_counts_issue_id", "outcome_counts", ["issue_id"])
    op.create_table(
        "beats",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_beats"),
    )


def downgrade() -> None:
    for name in ("beats", "outcome_counts", "holds"):
        op.drop_table(name)
