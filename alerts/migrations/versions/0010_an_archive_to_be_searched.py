"""The web archive: issues and pieces that are out, their shelves, and the index of the search."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# What was sent before stands in `issues`; the next sweep enters it into the archive.
def upgrade() -> None:
    op.create_table(
        "archive_issues",
        sa.Column("issue_id", BigKey, nullable=False, autoincrement=False),
        sa.Column("newsletter", sa.String(64), nullable=False),
        sa.Column(
            "frequency",
            _one_of("frequency", "immediate", "daily", "weekly", "monthly"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Integer()),
        sa.Column("volume_number", sa.Integer()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("date", sa.String(100), nullable=False),
        sa.Column("out_at", UtcDateTime(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("pieces", JsonColumn, nullable=False),
        sa.PrimaryKeyConstraint("issue_id", name="pk_archive_issues"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["issues.id"],
            name="fk_archive_issues_issue_id_issues",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["newsletter"], ["newsletters.slug"], name="fk_archive_issues_newsletter_newsletters"
        ),
    )
    in_order = ["out_at", "issue_id"]
    op.create_index("ix_archive_issues_newsletter", "archive_issues", ["newsletter", *in_order])
    op.create_index("ix_archive_issues_out_at", "archive_issues", in_order)
    op.create_table(
        "archive_pieces",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("issue_id", BigKey, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("series", sa.String(200), nullable=False),
        sa.Column("date", sa.String(100), nullable=False),
        sa.Column("standfirst", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_archive_pieces"),
        sa.UniqueConstraint("key", name="uq_archive_pieces_key"),
        sa.ForeignKeyConstraint(
            ["issue_id"],
            ["archive_issues.issue_id"],
            name="fk_archive_pieces_issue_id_archive_issues",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archive_pieces_issue_id", "archive_pieces", ["issue_id"])
    op.create_table(
        "archive_marks",
        sa.Column(
            "kind", _one_of("shelfkind", "region", "series", "author", "year"), nullable=False
        ),
        sa.Column("slug", sa.String(200), nullable=False),
        sa.Column("piece_id", BigKey, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("kind", "slug", "piece_id", name="pk_archive_marks"),
        sa.ForeignKeyConstraint(
            ["piece_id"],
            ["archive_pieces.id"],
            name="fk_archive_marks_piece_id_archive_pieces",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_archive_marks_piece_id", "archive_marks", ["piece_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE archive_words ("
            " piece_id BIGINT CONSTRAINT pk_archive_words PRIMARY KEY"
            " CONSTRAINT fk_archive_words_piece_id_archive_pieces"
            " REFERENCES archive_pieces (id) ON DELETE CASCADE,"
            " words TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_archive_words_words ON archive_words USING gin (words)")
    else:
        # It keeps no text, as that stands in the pieces. The words come folded; `ascii` takes
        # all that is no ASCII for letters, and leaves them as they are.
        op.execute(
            "CREATE VIRTUAL TABLE archive_words USING fts5("
            "title, authors, standfirst, body, content='', tokenize='ascii', prefix='2 3')"
        )


def downgrade() -> None:
    for name in ("archive_words", "archive_marks", "archive_pieces", "archive_issues"):
        op.drop_table(name)


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
