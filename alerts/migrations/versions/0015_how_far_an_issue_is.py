"""How far an issue is, what is counted once about it, and links that are counted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The counts of issues that are on their way while the schema changes. The class of a failure is
# not told by SQL: those before count as failed for no bounce.
_UNDER_WAY = """
    INSERT INTO ledger_tallies (issue_id, minute, state, kind, count, settled)
    SELECT d.issue_id, i.started_at, d.state,
           CASE WHEN d.state = 'failed' THEN 'failed' ELSE '' END, count(*), :settled
    FROM deliveries d JOIN issues i ON i.id = d.issue_id
    WHERE i.state IN ('sending', 'paused') AND d.state NOT IN ('pending', 'sending')
    GROUP BY d.issue_id, i.started_at, d.state
"""
_AUDIENCES = """
    INSERT INTO ledger_tallies (issue_id, minute, state, kind, count, settled)
    SELECT d.issue_id, i.started_at, 'audience', '', count(*), :settled
    FROM deliveries d JOIN issues i ON i.id = d.issue_id
    WHERE i.state IN ('sending', 'paused')
    GROUP BY d.issue_id, i.started_at
"""


def upgrade() -> None:
    op.create_table(
        "ledger_tallies",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("count", BigKey, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_tallies"),
    )
    op.create_index("ix_ledger_tallies_issue_id", "ledger_tallies", ["issue_id", "minute"])
    op.create_index("ix_ledger_tallies_settled", "ledger_tallies", ["settled"])
    for statement in (_UNDER_WAY, _AUDIENCES):
        op.get_bind().execute(sa.text(statement), {"settled": True})
    op.create_table(
        "audience_looks",
        _issue(),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("mailed", sa.Integer(), nullable=False),
        sa.Column("variants", sa.Integer(), nullable=False),
        sa.Column("counted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name="pk_audience_looks"),
        _of_issues("audience_looks"),
    )
    op.create_table(
        "issue_reports",
        _issue(),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.Column("counted_at", UtcDateTime(), nullable=False),
        sa.Column("figures", JsonColumn, nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name="pk_issue_reports"),
        _of_issues("issue_reports"),
    )
    op.create_table(
        "issue_links",
        sa.Column("id", BigKey, nullable=False),
        _issue(),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issue_links"),
        sa.UniqueConstraint("issue_id", "digest", name="uq_issue_links_issue_id_digest"),
        _of_issues("issue_links"),
    )
    op.create_table(
        "click_days",
        sa.Column("link_id", BigKey, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", "day", name="pk_click_days"),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["issue_links.id"],
            name="fk_click_days_link_id_issue_links",
            ondelete="CASCADE",
        ),
    )
    told = sa.text("issue_id IS NOT NULL")
    op.create_index(
        "ix_consent_records_issue_id",
        "consent_records",
        ["issue_id"],
        postgresql_where=told,
        sqlite_where=told,
    )


def downgrade() -> None:
    op.drop_index("ix_consent_records_issue_id", table_name="consent_records")
    names = ("click_days", "issue_links", "issue_reports", "audience_looks", "ledger_tallies")
    for name in names:
        op.drop_table(name)


def _issue() -> sa.Column[int]:
    return sa.Column("issue_id", BigKey, nullable=False)


def _of_issues(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["issue_id"], ["issues.id"], name=f"fk_{table}_issue_id_issues", ondelete="CASCADE"
    )
