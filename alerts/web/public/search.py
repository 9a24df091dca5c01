"""The search of the archive: words, phrases and beginnings of words in pieces that are out."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.newsletters.archive.index import find_pieces
from alerts.newsletters.archive.words import LONGEST_QUESTION, Term, terms_of
from alerts.web.archive_queries import PublishedPiece, pieces
from alerts.web.caching import cacheable
from alerts.web.marking import excerpt, marked
from alerts.web.public.shelves import ListedPiece, listed_pieces
from alerts.web.queries import newest_at
from alerts.web.site import CurrentSite

_PAGE_SIZE = 20
_LARGEST_NUMBER = 2**62
router = APIRouter(prefix="/archive")


@dataclass(frozen=True, slots=True)
class Hit:
    """A piece that was found, with its title and the place in it, the words marked."""

    listed: ListedPiece
    title: Markup
    place: Markup


@router.get("/search")
def search(site: CurrentSite, request: Request, q: str = "", before: str = "") -> Response:
    """Show the pieces that hold all that is asked for, the newest first.

    `before` is the number of the last piece on the page before. Whatever is asked is answered by
    a page.
    """
    # What no page and no form can hold, such as NUL and halves of surrogate pairs, is no word.
    question = "".join(c for c in q[:LONGEST_QUESTION] if c.isprintable()).strip()
    terms = terms_of(question)
    with site.runtime.database.read() as session:
        hits, older = _hits(session, terms, _number(before)) if terms else ([], None)
        changed_at = newest_at(session)
    context = {"question": question, "asked": bool(terms), "hits": hits, "older": older}
    return cacheable(
        request, site.pages.page("archive/search.html", context), changed_at=changed_at
    )


def _hits(
    session: Session, terms: tuple[Term, ...], before: int | None
) -> tuple[list[Hit], int | None]:
    """Return a page of hits, and from where the next one goes on, None after the last."""
    numbers = find_pieces(session, terms, before=before, limit=_PAGE_SIZE + 1)
    on_page = numbers[:_PAGE_SIZE]
    listed = listed_pieces(session, pieces(session, on_page, with_body=True))
    older = on_page[-1] if len(numbers) > _PAGE_SIZE else None
    return [_hit(one, terms) for one in listed], older


def _hit(listed: ListedPiece, terms: tuple[Term, ...]) -> Hit:
    return Hit(listed, marked(listed.piece.title, terms), _place(listed.piece, terms))


def _place(piece: PublishedPiece, terms: tuple[Term, ...]) -> Markup:
    """Return the place that shows best why a piece was found: in its standfirst, or its body."""
    for text in (piece.standfirst, piece.body):
        found = excerpt(text, terms)
        if found is not None:
            return found
    # The words stand in the title or among the authors, which are shown anyway.
    return excerpt(piece.standfirst or piece.body, ()) or Markup("")


def _number(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST_NUMBER)):
        return None
    return min(int(text), _LARGEST_NUMBER)
