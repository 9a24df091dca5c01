"""Issues that are edited: other words for pieces, texts between them, versions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("issues", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("issues", sa.Column("set_aside", JsonColumn, server_default="[]", nullable=False))
    op.add_column("issue_items", sa.Column("title", sa.Text()))
    op.add_column("issue_items", sa.Column("standfirst", sa.Text()))
    op.create_table(
        "issue_texts",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("key", sa.String(20), nullable=False),
        sa.Column("section", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issue_texts"),
        sa.UniqueConstraint("issue_id", "key", name="uq_issue_texts_issue_id_key"),
        _of_an_issue("issue_texts"),
    )
    op.create_table(
        "issue_versions",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            _one_of("versionkind", "drafted", "auto", "saved", "restored", "reopened", "withdrawn"),
            nullable=False,
        ),
        sa.Column(
            "actor",
            _one_of("actorkind", "account", "api token", "command line", "program"),
            nullable=False,
        ),
        sa.Column("account_id", BigKey),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("passing", sa.Boolean(), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("document", JsonColumn, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issue_versions"),
        sa.UniqueConstraint("issue_id", "number", name="uq_issue_versions_issue_id_number"),
        _of_an_issue("issue_versions"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name="fk_issue_versions_account_id_staff_accounts",
        ),
    )


def downgrade() -> None:
    op.drop_table("issue_versions")
    op.drop_table("issue_texts")
    for table, column in (
        ("issue_items", "standfirst"),
        ("issue_items", "title"),
        ("issues", "set_aside"),
        ("issues", "version"),
    ):
        op.drop_column(table, column)


def _of_an_issue(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["issue_id"], ["issues.id"], name=f"fk_{table}_issue_id_issues", ondelete="CASCADE"
    )


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=20, name=name)
