"""Alarms and who was told, canaries, what the doctor found, totals of old ledgers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("what", sa.String(500), nullable=False),
        sa.Column("mend", sa.String(500), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("noted_at", UtcDateTime()),
        sa.Column("told_at", UtcDateTime()),
        sa.Column("closed_at", UtcDateTime()),
        sa.Column("silenced_until", UtcDateTime()),
        sa.Column("silence_reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    _where("ix_alarms_open", "alarms", ["kind", "subject"], "closed_at IS NULL", unique=True)
    op.create_index("ix_alarms_closed_at", "alarms", ["closed_at"])
    op.create_table(
        "alarm_notes",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("alarm_id", BigKey, nullable=False),
        sa.Column("occasion", _one_of("occasion", "opened", "reminder", "over"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(320), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
        sa.Column("failure", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_notes"),
        sa.UniqueConstraint(
            "alarm_id",
            "occasion",
            "number",
            "target",
            name="uq_alarm_notes_alarm_id_occasion_number_target",
        ),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["alarms.id"], name="fk_alarm_notes_alarm_id_alarms", ondelete="CASCADE"
        ),
    )
    _where("ix_alarm_notes_owed", "alarm_notes", ["not_before"], "sent_at IS NULL")
    op.create_table(
        "canary_copies",
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("message_id", sa.String(320), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("arrived_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("issue_id", name="pk_canary_copies"),
        sa.UniqueConstraint("message_id", name="uq_canary_copies_message_id"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_canary_copies_issue_id_issues",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "doctor_reports",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime()),
        sa.Column("result", JsonColumn),
        sa.PrimaryKeyConstraint("id", name="pk_doctor_reports"),
    )
    op.create_table(
        "delivery_totals",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column(
            "state",
            _one_of(
                "deliverystate", "pending", "sending", "sent", "failed", "skipped", "uncertain"
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("edition_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_totals"),
        sa.UniqueConstraint(
            "issue_id",
            "state",
            "reason",
            "attempts",
            "edition_id",
            name="uq_delivery_totals_issue_id_state_reason_attempts_edition_id",
        ),
    )


def downgrade() -> None:
    for name in ("delivery_totals", "doctor_reports", "canary_copies", "alarm_notes", "alarms"):
        op.drop_table(name)


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=20, name=name)


def _where(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        postgresql_where=sa.text(condition),
        sqlite_where=sa.text(condition),
    )
