"""Segments of readers, and what counting them needs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOMAIN = "ltrim(ltrim(email_key, replace(email_key, '@', '')), '@')"


def upgrade() -> None:
    op.create_table(
        "segments",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("slug", name="uq_segments_slug"),
    )
    # SQLite adds a computed column in place only when it stores none: making the table anew would
    # let go of all that refers to it.
    stored = op.get_bind().dialect.name == "postgresql"
    domain = sa.Column("domain", sa.String(320), sa.Computed(_DOMAIN, persisted=stored))
    op.add_column("subscribers", domain)
    op.create_index("ix_subscribers_domain", "subscribers", ["domain"])
    op.create_index("ix_subscribers_state_id", "subscribers", ["state", "id"])
    op.create_index("ix_subscribers_created_at", "subscribers", ["created_at"])
    left = sa.text("ended_at IS NOT NULL")
    op.create_index(
        "ix_subscriptions_left",
        "subscriptions",
        ["ended_at", "subscriber_id"],
        postgresql_where=left,
        sqlite_where=left,
    )


def downgrade() -> None:
    op.drop_index("ix_subscriptions_left", table_name="subscriptions")
    for name in ("created_at", "state_id", "domain"):
        op.drop_index(f"ix_subscribers_{name}", table_name="subscribers")
    op.drop_column("subscribers", "domain")
    op.drop_table("segments")
