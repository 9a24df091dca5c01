"""Warnings that were overruled, and links that were looked at."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "lint_overrulings",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lint_overrulings"),
        sa.UniqueConstraint(
            "issue_id", "fingerprint", name="uq_lint_overrulings_issue_id_fingerprint"
        ),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_lint_overrulings_issue_id_issues",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "link_checks",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime()),
        sa.Column("claimed_until", UtcDateTime()),
        sa.Column("checked_at", UtcDateTime()),
        sa.Column(
            "verdict",
            sa.Enum(
                "fine",
                "moved",
                "dead",
                "failing",
                "closed",
                native_enum=False,
                create_constraint=True,
                length=20,
                name="linkverdict",
            ),
        ),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("words", sa.String(300), nullable=False),
        sa.Column("moved_to", sa.Text(), nullable=False),
        sa.Column("size", BigKey),
        sa.PrimaryKeyConstraint("id", name="pk_link_checks"),
        sa.UniqueConstraint("digest", name="uq_link_checks_digest"),
    )
    op.create_index(
        "ix_link_checks_due_at",
        "link_checks",
        ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_link_checks_asked_at", "link_checks", ["asked_at"])


def downgrade() -> None:
    op.drop_table("link_checks")
    op.drop_table("lint_overrulings")
