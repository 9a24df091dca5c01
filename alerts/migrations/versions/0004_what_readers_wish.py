"""What readers wish beyond regions, when they are away, and who is kept out and why."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_AUDIENCE = "ix_subscriptions_audience"


def upgrade() -> None:
    with op.batch_alter_table("subscribers") as subscribers:
        subscribers.add_column(sa.Column("send_hour", sa.SmallInteger()))
        subscribers.add_column(sa.Column("language", sa.String(35)))
        subscribers.add_column(
            sa.Column("plain_text", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        subscribers.add_column(sa.Column("paused_until", UtcDateTime()))
    _widen_wishes(1_000)
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.add_column(sa.Column("welcome_due_at", UtcDateTime()))
        subscriptions.add_column(sa.Column("welcomed_at", UtcDateTime()))
    owed = sa.text("welcome_due_at IS NOT NULL")
    op.create_index(
        "ix_subscriptions_welcome_due_at",
        "subscriptions",
        ["welcome_due_at"],
        postgresql_where=owed,
        sqlite_where=owed,
    )
    op.create_index("ix_consent_records_at", "consent_records", ["at"])
    op.create_table(
        "blocked_domains",
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_blocked_domains"),
    )
    op.create_table(
        "suppression_changes",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("way", sa.String(40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppression_changes"),
    )
    op.create_index("ix_suppression_changes_subject", "suppression_changes", ["subject"])
    op.create_table(
        "growth_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "newsletter", "kind", name="pk_growth_days"),
    )
    op.create_table(
        "rate_counts",
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "period", name="pk_rate_counts"),
    )
    op.create_index("ix_rate_counts_expires_at", "rate_counts", ["expires_at"])
    op.drop_table("issue_wishes")
    _create_issue_wishes(1_000, had=True)


def downgrade() -> None:
    op.drop_table("issue_wishes")
    _create_issue_wishes(500, had=False)
    for table in ("rate_counts", "growth_days", "suppression_changes", "blocked_domains"):
        op.drop_table(table)
    op.drop_index("ix_consent_records_at", "consent_records")
    op.drop_index("ix_subscriptions_welcome_due_at", "subscriptions")
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.drop_column("welcomed_at")
        subscriptions.drop_column("welcome_due_at")
    # What only the newer program understands would be no region to the older one.
    op.execute(sa.text("UPDATE subscriptions SET wish = '' WHERE wish LIKE '%=%'"))
    _widen_wishes(500)
    with op.batch_alter_table("subscribers") as subscribers:
        for name in ("paused_until", "plain_text", "language", "send_hour"):
            subscribers.drop_column(name)


def _widen_wishes(length: int) -> None:
    with op.batch_alter_table("subscriptions") as subscriptions:
        subscriptions.alter_column("wish", type_=sa.String(length), existing_nullable=False)


def _create_issue_wishes(length: int, *, had: bool) -> None:
    """Make the table anew: what it holds is worked out again for an issue under way."""
    columns: list[sa.schema.SchemaItem] = [
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("wish", sa.String(length), nullable=False),
    ]
    if had:
        columns += [
            sa.Column("had", sa.String(1_000), server_default="", nullable=False),
            sa.Column("reason", sa.String(100)),
        ]
    key = ["issue_id", "wish", "had"] if had else ["issue_id", "wish"]
    op.create_table(
        "issue_wishes",
        *columns,
        sa.Column("edition_id", BigKey),
        sa.PrimaryKeyConstraint(*key, name="pk_issue_wishes"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_issue_wishes_issue_id_issues",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["editions.id"], name="fk_issue_wishes_edition_id_editions"
        ),
    )
