"""What the nightly removal did, how far it has come, and where it goes on."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "pruning_rounds",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("way", sa.String(20), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(40), nullable=False),
        sa.Column("counts", JsonColumn, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pruning_rounds"),
    )
    one = sa.text("ended_at IS NULL AND way = 'night'")
    op.create_index(
        "ix_pruning_rounds_night",
        "pruning_rounds",
        ["way"],
        unique=True,
        postgresql_where=one,
        sqlite_where=one,
    )
    there = sa.text("origin IS NOT NULL")
    op.create_index(
        "ix_consent_records_networks",
        "consent_records",
        ["at"],
        postgresql_where=there,
        sqlite_where=there,
    )


def downgrade() -> None:
    op.drop_index("ix_consent_records_networks", "consent_records")
    op.drop_table("pruning_rounds")
