"""The index of the archive's search: SQLite's FTS5, PostgreSQL's tsvector with GIN.

Both are given words that are folded already (`words.py`), and both find the same. Neither table is
one of the models: no single description would fit both.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from alerts.newsletters.archive.models import ArchivedPiece
from alerts.newsletters.archive.words import Term, folded

# SQLite keeps tables of its own beside it, whose names begin with this one.
INDEX = "archive_words"
PARTS = ("title", "authors", "standfirst", "body")
# PostgreSQL counts no position beyond 16,383, and a vector has room for a megabyte.
_MOST_WORDS = 12_000
_MOST_BYTES = 400_000
_WEIGHTS = dict(zip(PARTS, "ABCD", strict=True))


def index_piece(session: Session, piece_id: int, texts: Mapping[str, str]) -> None:
    """Have a piece found by the words of its parts; called once for each piece."""
    words = _within_limits({part: folded(texts[part]) for part in PARTS})
    if session.get_bind().dialect.name == "sqlite":
        session.execute(
            text(
                "INSERT INTO archive_words (rowid, title, authors, standfirst, body)"
                " VALUES (:id, :title, :authors, :standfirst, :body)"
            ),
            {"id": piece_id} | {part: " ".join(words[part]) for part in PARTS},
        )
        return
    session.execute(
        text("INSERT INTO archive_words (piece_id, words) VALUES (:id, CAST(:words AS tsvector))"),
        {"id": piece_id, "words": _vector(words)},
    )


def index_all(session: Session) -> None:
    """Have all pieces found whose rows were put there from elsewhere, the index being empty."""
    pieces = select(ArchivedPiece).order_by(ArchivedPiece.id)
    for piece in session.scalars(pieces.execution_options(yield_per=100)):
        index_piece(session, piece.id, {part: getattr(piece, part) for part in PARTS})


def find_pieces(
    session: Session, terms: Sequence[Term], *, before: int | None, limit: int
) -> list[int]:
    """Return the numbers of the pieces that hold all terms, the newest first.

    `before` is the last number of the page before this one.
    """
    bounds = {"before": before if before is not None else 2**62, "limit": limit}
    if session.get_bind().dialect.name == "sqlite":
        # A piece that went with its issue stays in this index: it cannot be taken out of it.
        query = (
            "SELECT archive_words.rowid FROM archive_words"
            " WHERE archive_words MATCH :asked AND archive_words.rowid < :before"
            " AND EXISTS (SELECT 1 FROM archive_pieces p WHERE p.id = archive_words.rowid)"
            " ORDER BY archive_words.rowid DESC LIMIT :limit"
        )
        asked = " AND ".join(_for_sqlite(term) for term in terms)
    else:
        query = (
            "SELECT piece_id FROM archive_words"
            " WHERE words @@ CAST(:asked AS tsquery) AND piece_id < :before"
            " ORDER BY piece_id DESC LIMIT :limit"
        )
        asked = " & ".join(_for_postgresql(term) for term in terms)
    return list(session.execute(text(query), {"asked": asked} | bounds).scalars())


def _within_limits(words: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the words without the end of a text that is too long for either index."""
    kept, count, size = {}, 0, 0
    for part in PARTS:
        kept[part] = list(islice(words[part], _MOST_WORDS - count))
        for number, word in enumerate(kept[part]):
            size += len(word.encode())
            if size > _MOST_BYTES:
                kept[part] = kept[part][:number]
                break
        count += len(kept[part])
    return kept


def _vector(words: Mapping[str, list[str]]) -> str:
    """Return the words as PostgreSQL writes a tsvector: `'ferry':1A 'ghat':2A`.

    Words are letters, digits and vowel signs alone. Between the parts a place stays free, so that
    no phrase goes from one into the next.
    """
    places = []
    position = 0
    for part in PARTS:
        for word in words[part]:
            position += 1
            places.append(f"'{word}':{position}{_WEIGHTS[part]}")
        position += 1
    return " ".join(places)


def _for_sqlite(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'


def _for_postgresql(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    return f"({' <-> '.join(words)}{':*' if term.prefix else ''})"
