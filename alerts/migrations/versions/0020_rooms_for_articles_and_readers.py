"""What editors say of articles, what they are found by; files of subscribers handed in."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from alerts.database import BigKey, JsonColumn, UtcDateTime

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STATES = ("uploaded", "checking", "checked", "importing", "done", "failed", "dropped")
_CHUNK = 500


def upgrade() -> None:
    empty = sa.text("'[]'")
    op.add_column(
        "articles", sa.Column("settled_flags", JsonColumn, nullable=False, server_default=empty)
    )
    op.add_column("article_revisions", sa.Column("replaced_by", sa.String(200)))
    _create_edits()
    _create_cards()
    _fill_cards()
    _create_uploads()
    if op.get_bind().dialect.name == "postgresql":
        # Addresses by how they begin; in SQLite the index of the UNIQUE constraint does it.
        op.create_index(
            "ix_subscribers_email_key_begins",
            "subscribers",
            ["email_key"],
            postgresql_ops={"email_key": "text_pattern_ops"},
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_subscribers_email_key_begins", table_name="subscribers")
    op.drop_table("subscriber_upload_pieces")
    op.drop_table("subscriber_uploads")
    op.drop_table("article_cards")
    op.drop_table("article_edits")
    op.drop_column("article_revisions", "replaced_by")
    op.drop_column("articles", "settled_flags")


def _create_edits() -> None:
    op.create_table(
        "article_edits",
        sa.Column("article_id", BigKey, nullable=False),
        sa.Column("field", sa.String(40), nullable=False),
        sa.Column("edited", JsonColumn, nullable=False),
        sa.Column("printed", JsonColumn, nullable=False),
        sa.Column("page_now", JsonColumn),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", "field", name="pk_article_edits"),
        _of_article("article_edits"),
    )


def _create_cards() -> None:
    op.create_table(
        "article_cards",
        sa.Column("article_id", BigKey, autoincrement=False, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("series", sa.String(200)),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("article_id", name="pk_article_cards"),
        _of_article("article_cards"),
    )
    op.create_index("ix_article_cards_series", "article_cards", ["series"])
    op.create_index(
        "ix_article_cards_flagged",
        "article_cards",
        ["article_id"],
        postgresql_where=sa.text("flagged"),
        sqlite_where=sa.text("flagged"),
    )


def _create_uploads() -> None:
    op.create_table(
        "subscriber_uploads",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("size", BigKey, nullable=False),
        sa.Column("state", _one_of("uploadstate", *_STATES), nullable=False),
        sa.Column("mapping", JsonColumn, nullable=False),
        sa.Column("newsletters", JsonColumn, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_expected", sa.Integer()),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("notes", JsonColumn, nullable=False),
        sa.Column("refusals", JsonColumn, nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("claimed_until", UtcDateTime()),
        sa.Column("enqueued_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber_uploads"),
    )
    op.create_index("ix_subscriber_uploads_state", "subscriber_uploads", ["state"])
    op.create_index("ix_subscriber_uploads_expires_at", "subscriber_uploads", ["expires_at"])
    op.create_table(
        "subscriber_upload_pieces",
        sa.Column("upload_id", BigKey, nullable=False),
        sa.Column("kind", _one_of("piecekind", "file", "report"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "kind", "number", name="pk_subscriber_upload_pieces"),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["subscriber_uploads.id"],
            ondelete="CASCADE",
            name="fk_subscriber_upload_pieces_upload_id_subscriber_uploads",
        ),
    )


def _of_article(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["article_id"],
        ["articles.id"],
        ondelete="CASCADE",
        name=f"fk_{table}_article_id_articles",
    )


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _fill_cards() -> None:
    """Make a card for each article that is there; later ones are made with their articles."""
    connection = op.get_bind()
    cards = sa.table(
        "article_cards",
        sa.column("article_id", sa.Integer),
        *(sa.column(name, sa.Text) for name in ("words", "series", "places")),
        *(sa.column(name, sa.Boolean) for name in ("flagged", "withdrawn")),
    )
    for chunk in _chunks(connection):
        numbers = [row.id for row in chunk]
        names: dict[int, list[str]] = {number: [] for number in numbers}
        for number, name in connection.execute(
            sa.select(_AUTHORS.c.article_id, _AUTHORS.c.name)
            .where(_AUTHORS.c.article_id.in_(numbers))
            .order_by(_AUTHORS.c.article_id, _AUTHORS.c.position)
        ):
            names[number].append(name)
        connection.execute(cards.insert(), [_card(row, names[row.id]) for row in chunk])


_ARTICLES = sa.table(
    "articles",
    sa.column("id", sa.Integer),
    *(sa.column(name, sa.Text) for name in ("title", "series", "number", "team", "state")),
    *(sa.column(name, JsonColumn) for name in ("regions", "countries", "topics", "flags")),
)
_AUTHORS = sa.table(
    "article_authors",
    sa.column("article_id", sa.Integer),
    sa.column("position", sa.Integer),
    sa.column("name", sa.Text),
)


def _chunks(connection: sa.Connection) -> Iterator[Sequence[sa.Row[Any]]]:
    last = 0
    while True:
        query = sa.select(_ARTICLES).where(_ARTICLES.c.id > last).order_by(_ARTICLES.c.id)
        chunk = connection.execute(query.limit(_CHUNK)).all()
        if not chunk:
            return
        yield chunk
        last = chunk[-1].id


def _card(row: sa.Row[Any], names: Sequence[str]) -> dict[str, object]:
    said = (row.title, *names, row.team, row.series, row.number)
    places = (*row.regions, *row.countries, *row.topics)
    return {
        "article_id": row.id,
        "words": _folded(" ".join(one for one in said if one)),
        "series": row.series,
        "places": f" {' '.join(places)} ",
        "flagged": bool(row.flags),
        "withdrawn": row.state == "withdrawn",
    }


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())
