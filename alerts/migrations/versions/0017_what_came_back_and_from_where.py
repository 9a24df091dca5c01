"""Mailboxes that mail is fetched from, counts of what came back, and issues that bounced much."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime()),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("last_success_at", UtcDateTime()),
        sa.Column("failing_since", UtcDateTime()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_mailboxes"),
        sa.UniqueConstraint("key", name="uq_mailboxes_key"),
    )
    op.create_table(
        "returned_counts",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("count", BigKey, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_returned_counts"),
        sa.UniqueConstraint("day", "domain", "kind", "code", name="uq_returned_counts_day"),
    )
    op.create_table(
        "bounce_rises",
        sa.Column("issue_id", BigKey, nullable=False, autoincrement=False),
        sa.Column("messages", BigKey, nullable=False),
        sa.Column("bounces", BigKey, nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name="pk_bounce_rises"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_bounce_rises_issue_id_issues",
            ondelete="CASCADE",
        ),
    )
    with op.batch_alter_table("inbound_mails") as mails:
        mails.add_column(sa.Column("bounce", sa.String(20)))
    op.create_index("ix_inbound_mails_kind", "inbound_mails", ["kind", "id"])
    op.create_index("ix_bounce_events_delivery_id", "bounce_events", ["delivery_id", "kind"])


def downgrade() -> None:
    op.drop_index("ix_bounce_events_delivery_id", "bounce_events")
    op.drop_index("ix_inbound_mails_kind", "inbound_mails")
    with op.batch_alter_table("inbound_mails") as mails:
        mails.drop_column("bounce")
    op.drop_table("bounce_rises")
    op.drop_table("returned_counts")
    op.drop_table("mailboxes")
