"""Several schedules a newsletter, each with a name; what becomes of runs that were missed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, UtcDateTime

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMED = sa.text("name <> ''")
_FREQUENCIES = "frequency IN ('immediate', 'daily', 'weekly', 'monthly')"
_OUTCOMES = ("claimed", "drafted", "sending", "skipped", "failed")
_NEW_OUTCOMES = (*_OUTCOMES, "merged", "missed")
_USUAL = "send if less than 24 hours late"


def upgrade() -> None:
    with op.batch_alter_table("schedules", copy_from=_schedules()) as schedules:
        schedules.add_column(sa.Column("name", sa.String(40), server_default="", nullable=False))
        schedules.add_column(sa.Column("missed", sa.Text(), server_default=_USUAL, nullable=False))
        schedules.drop_constraint(op.f("uq_schedules_newsletter_frequency"), type_="unique")
        schedules.create_unique_constraint(
            op.f("uq_schedules_newsletter_frequency_name"), ["newsletter", "frequency", "name"]
        )
    op.create_index(
        "ix_schedules_newsletter_name",
        "schedules",
        ["newsletter", "name"],
        unique=True,
        postgresql_where=_NAMED,
        sqlite_where=_NAMED,
    )
    with op.batch_alter_table("runs", copy_from=_runs(_OUTCOMES)) as runs:
        runs.add_column(sa.Column("schedule", sa.String(40), server_default="", nullable=False))
        runs.drop_constraint(op.f("ck_runs_runoutcome"), type_="check")
        runs.create_check_constraint(op.f("ck_runs_runoutcome"), _one_of(_NEW_OUTCOMES))
    op.create_index("ix_runs_newsletter_due_at", "runs", ["newsletter", "due_at"])


def downgrade() -> None:
    op.drop_index("ix_runs_newsletter_due_at", "runs")
    op.execute("UPDATE runs SET outcome = 'skipped' WHERE outcome IN ('merged', 'missed')")
    named = sa.Column("schedule", sa.String(40), server_default="", nullable=False)
    with op.batch_alter_table("runs", copy_from=_runs(_NEW_OUTCOMES, named)) as runs:
        runs.drop_column("schedule")
        runs.drop_constraint(op.f("ck_runs_runoutcome"), type_="check")
        runs.create_check_constraint(op.f("ck_runs_runoutcome"), _one_of(_OUTCOMES))
    op.drop_index("ix_schedules_newsletter_name", "schedules")
    # The older program knows one schedule a frequency: the one without a name.
    op.execute("DELETE FROM schedules WHERE name <> ''")
    with op.batch_alter_table("schedules", copy_from=_schedules(named=True)) as schedules:
        schedules.drop_constraint(op.f("uq_schedules_newsletter_frequency_name"), type_="unique")
        schedules.create_unique_constraint(
            op.f("uq_schedules_newsletter_frequency"), ["newsletter", "frequency"]
        )
        schedules.drop_column("missed")
        schedules.drop_column("name")


def _schedules(*, named: bool = False) -> sa.Table:
    """Return the table as it is: what SQLite tells of it leaves its CHECK constraints out."""
    key = ["newsletter", "frequency", "name"] if named else ["newsletter", "frequency"]
    more = [
        sa.Column("name", sa.String(40), server_default="", nullable=False),
        sa.Column("missed", sa.Text(), server_default=_USUAL, nullable=False),
    ]
    return sa.Table(
        "schedules",
        sa.MetaData(),
        sa.Column("id", BigKey, nullable=False),
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column("frequency", sa.String(20), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("next_at", UtcDateTime()),
        *(more if named else ()),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.ForeignKeyConstraint(
            ["newsletter"], ["newsletters.slug"], name="fk_schedules_newsletter_newsletters"
        ),
        sa.UniqueConstraint(*key, name="uq_schedules_" + "_".join(key)),
        sa.CheckConstraint(_FREQUENCIES, name="ck_schedules_frequency"),
        sa.Index("ix_schedules_next_at", "next_at"),
    )


def _runs(outcomes: Sequence[str], *more: sa.Column[str]) -> sa.Table:
    return sa.Table(
        "runs",
        sa.MetaData(),
        sa.Column("id", BigKey, nullable=False),
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column("frequency", sa.String(20), nullable=False),
        sa.Column("period", sa.String(100), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("issue_id", BigKey),
        *more,
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name="fk_runs_issue_id_issues"),
        sa.ForeignKeyConstraint(
            ["newsletter"], ["newsletters.slug"], name="fk_runs_newsletter_newsletters"
        ),
        sa.UniqueConstraint(
            "newsletter", "frequency", "period", name="uq_runs_newsletter_frequency_period"
        ),
        sa.CheckConstraint(_FREQUENCIES, name="ck_runs_frequency"),
        sa.CheckConstraint(_one_of(outcomes), name="ck_runs_runoutcome"),
    )


def _one_of(outcomes: Sequence[str]) -> str:
    return "outcome IN ({})".format(", ".join(f"'{outcome}'" for outcome in outcomes))
