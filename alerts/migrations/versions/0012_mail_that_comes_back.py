"""Mail that comes back: the mails as they came, and what they say of deliveries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "inbound_mails",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("way", sa.String(40), nullable=False),
        sa.Column("envelope_from", sa.String(320)),
        sa.Column("envelope_to", sa.Text()),
        sa.Column("state", _one_of("mailstate", "new", "done", "failed"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("enqueued_at", UtcDateTime()),
        sa.Column("kind", sa.String(20)),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("subscriber_id", BigKey),
        sa.Column("owed", _one_of("owed", "help", "forward")),
        sa.Column("owed_to", sa.String(320)),
        sa.Column("owed_at", UtcDateTime()),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_mails"),
        sa.UniqueConstraint("digest", name="uq_inbound_mails_digest"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_inbound_mails_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
    )
    _where("ix_inbound_mails_new", "id", "state = 'new'")
    _where("ix_inbound_mails_owed_at", "owed_at", "owed_at IS NOT NULL")
    op.create_index("ix_inbound_mails_expires_at", "inbound_mails", ["expires_at"])
    op.create_index("ix_inbound_mails_subscriber_id", "inbound_mails", ["subscriber_id"])
    op.create_table(
        "bounce_events",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("mail_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger()),
        sa.Column("issue_id", sa.BigInteger()),
        sa.Column("subscriber_id", BigKey),
        sa.Column("newsletter", sa.String(64)),
        sa.Column(
            "kind", _one_of("returned", "hard", "soft", "policy", "complaint"), nullable=False
        ),
        sa.Column("code", sa.String(40)),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("diagnostic", sa.String(300), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bounce_events"),
        sa.UniqueConstraint("mail_id", "position", name="uq_bounce_events_mail_id_position"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_bounce_events_subscriber_id_subscribers",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_bounce_events_subscriber_id_at", "bounce_events", ["subscriber_id", "at"])
    op.create_index("ix_bounce_events_issue_id", "bounce_events", ["issue_id", "kind"])
    op.create_index("ix_bounce_events_at", "bounce_events", ["at"])


def downgrade() -> None:
    op.drop_table("bounce_events")
    op.drop_table("inbound_mails")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=20, name=name)


def _where(name: str, column: str, condition: str) -> None:
    op.create_index(
        name,
        "inbound_mails",
        [column],
        postgresql_where=sa.text(condition),
        sqlite_where=sa.text(condition),
    )
