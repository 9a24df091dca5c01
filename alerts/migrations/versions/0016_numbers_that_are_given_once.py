"""Numbers that are given once, double issues, and readers who change how often they get mail."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FREQUENCIES = ("immediate", "daily", "weekly", "monthly")
# Should two issues stand at one place of a volume, the older one has it.
_FILL = """
INSERT INTO issue_numbers (newsletter, frequency, number, volume, volume_number, issue_id)
SELECT newsletter, frequency, number,
       CASE WHEN place = 1 THEN volume END, CASE WHEN place = 1 THEN volume_number END, id
FROM (
    SELECT issues.*, row_number() OVER (
        PARTITION BY newsletter, frequency, volume, volume_number ORDER BY number
    ) AS place
    FROM issues WHERE number IS NOT NULL
) AS numbered
"""


def upgrade() -> None:
    for table in ("issues", "archive_issues"):
        op.add_column(
            table, sa.Column("number_count", sa.SmallInteger(), server_default="1", nullable=False)
        )
    op.create_table(
        "issue_numbers",
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column("frequency", _frequency(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("volume", sa.Integer()),
        sa.Column("volume_number", sa.Integer()),
        sa.Column("issue_id", BigKey),
        sa.PrimaryKeyConstraint("newsletter", "frequency", "number", name="pk_issue_numbers"),
        sa.UniqueConstraint(
            "newsletter",
            "frequency",
            "volume",
            "volume_number",
            name="uq_issue_numbers_newsletter_frequency_volume_volume_number",
        ),
        sa.ForeignKeyConstraint(
            ["newsletter"], ["newsletters.slug"], name="fk_issue_numbers_newsletter_newsletters"
        ),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_issue_numbers_issue_id_issues",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_issue_numbers_issue_id", "issue_numbers", ["issue_id"])
    op.execute(_FILL)
    op.create_table(
        "pace_changes",
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column("former", _frequency(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "newsletter", "former", name="pk_pace_changes"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name="fk_pace_changes_subscriber_id_subscribers",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["newsletter"], ["newsletters.slug"], name="fk_pace_changes_newsletter_newsletters"
        ),
    )
    op.create_index("ix_pace_changes_newsletter_former", "pace_changes", ["newsletter", "former"])


def downgrade() -> None:
    op.drop_table("pace_changes")
    op.drop_table("issue_numbers")
    # An older program knows one number an issue.
    for table in ("archive_issues", "issues"):
        op.drop_column(table, "number_count")


def _frequency() -> sa.Enum:
    return sa.Enum(
        *_FREQUENCIES, native_enum=False, create_constraint=True, length=20, name="frequency"
    )
