"""A ledger that is cheap to write."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ACTIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_batch_id_state")
        batch_op.drop_index("ix_deliveries_issue_id_state")
        batch_op.create_index("ix_deliveries_batch_id", ["batch_id"])

    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.add_column(sa.Column("audience_upto", BigKey, server_default="0", nullable=False))
        batch_op.add_column(sa.Column("retried_at", UtcDateTime()))

    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index("ix_subscriptions_audience")
        batch_op.create_index(
            "ix_subscriptions_audience",
            ["newsletter", "frequency", "subscriber_id", "wish"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )

    _set_on_postgresql("SET (fillfactor = 45)")


def _set_on_postgresql(storage: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE deliveries {storage}")


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_subscriptions_audience",
            postgresql_where=sa.text("ended_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "ix_subscriptions_audience",
            ["newsletter", "frequency", "wish", "ended_at", "subscriber_id"],
            unique=False,
        )

    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.drop_column("retried_at")
        batch_op.drop_column("audience_upto")

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_deliveries_batch_id")
        batch_op.create_index("ix_deliveries_issue_id_state", ["issue_id", "state"], unique=False)
        batch_op.create_index("ix_deliveries_batch_id_state", ["batch_id", "state"], unique=False)
    _set_on_postgresql("RESET (fillfactor)")
