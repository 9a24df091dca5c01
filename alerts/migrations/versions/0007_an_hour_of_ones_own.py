"""When readers of one zone and hour get an issue."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "issue_hours",
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("send_hour", sa.SmallInteger(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", "time_zone", "send_hour", name="pk_issue_hours"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_issue_hours_issue_id_issues",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("issue_hours")
