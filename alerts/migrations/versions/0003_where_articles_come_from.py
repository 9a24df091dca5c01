"""Where articles come from: sources, what each has shown, and an article's several addresses."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = ("feed", "listing", "page", "folder")


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("moved_from", sa.Text()),
        sa.Column("kind", _one_of("sourcekind", *_KINDS), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=False),
        sa.Column("state", _one_of("sourcestate", "active", "paused"), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("last_modified", sa.Text()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_poll_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime()),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("last_success_at", UtcDateTime()),
        sa.Column("failing_since", UtcDateTime()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("key", name="uq_sources_key"),
    )
    op.create_index("ix_sources_state_next_poll_at", "sources", ["state", "next_poll_at"])
    op.create_table(
        "source_entries",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("source_id", BigKey, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("article_id", BigKey),
        sa.Column("etag", sa.Text()),
        sa.Column("last_modified", sa.Text()),
        sa.Column("shown_at", UtcDateTime(), nullable=False),
        sa.Column("look_at", UtcDateTime()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("gone_since", UtcDateTime()),
        sa.Column("refused", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_source_entries"),
        sa.UniqueConstraint("source_id", "key", name="uq_source_entries_source_id_key"),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name="fk_source_entries_source_id_sources",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["articles.id"],
            name="fk_source_entries_article_id_articles",
            ondelete="SET NULL",
        ),
    )
    due = sa.text("look_at IS NOT NULL")
    op.create_index(
        "ix_source_entries_look_at",
        "source_entries",
        ["source_id", "look_at"],
        postgresql_where=due,
        sqlite_where=due,
    )
    op.create_table(
        "article_addresses",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("article_id", BigKey, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_article_addresses"),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["articles.id"],
            name="fk_article_addresses_article_id_articles",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_article_addresses_article_id", "article_addresses", ["article_id"])
    op.create_table(
        "pushed_requests",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("answer", JsonColumn, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_pushed_requests"),
    )
    op.create_index("ix_pushed_requests_at", "pushed_requests", ["at"])
    with op.batch_alter_table("articles") as articles:
        articles.add_column(sa.Column("withdrawn_because", sa.Text()))
        articles.add_column(
            sa.Column("grows", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    with op.batch_alter_table("article_parts") as parts:
        parts.add_column(sa.Column("key", sa.String(200), server_default="", nullable=False))
        parts.add_column(sa.Column("dated_on", sa.Date()))
        parts.add_column(sa.Column("noticed_at", UtcDateTime()))
    with op.batch_alter_table("issues") as issues:
        issues.add_column(sa.Column("attention", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("issues") as issues:
        issues.drop_column("attention")
    with op.batch_alter_table("article_parts") as parts:
        for name in ("noticed_at", "dated_on", "key"):
            parts.drop_column(name)
    with op.batch_alter_table("articles") as articles:
        articles.drop_column("grows")
        articles.drop_column("withdrawn_because")
    op.drop_table("pushed_requests")
    op.drop_table("article_addresses")
    op.drop_table("source_entries")
    op.drop_table("sources")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
