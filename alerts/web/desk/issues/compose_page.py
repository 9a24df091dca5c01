"""The page that composes an issue, filled: with what is stored, or with what was typed."""

from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import NotFound
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing.changes import ChangeLine, Names, changes_between
from alerts.newsletters.editing.composing import composition_of, section_keys
from alerts.newsletters.editing.composition import LONGEST, Composition, PieceEntry
from alerts.newsletters.editing.merging import bring_together
from alerts.newsletters.editing.service import StaleIssue
from alerts.newsletters.editing.versions import get_version, last_changed, names_for
from alerts.newsletters.models import Issue
from alerts.web.desk.frame import Desk
from alerts.web.desk.issues.view import compose_view


@dataclass(frozen=True, slots=True)
class ComposePage:
    """What the page shows; `base` is the version its words were begun from, else the newest.

    `words` and `roundup` say what is offered to be pulled in, `opened` which piece's own words are
    open to be written. `problem` tells what is wrong, at
    the field `wrong` (of the entry `wrong_entry`); with `stale` somebody else saved meanwhile, and
    `begun` is the version that both go back to.
    """

    composition: Composition
    words: str | None = None
    roundup: int | None = None
    opened: str = ""
    problem: str = ""
    wrong: str = ""
    wrong_entry: str = ""
    stale: StaleIssue | None = None
    base: int | None = None
    begun: int | None = None
    address: str = ""


def show_composition(
    desk: Desk, session: Session, issue: Issue, definition: NewsletterDefinition, page: ComposePage
) -> Response:
    """Render the page; one that tells a problem has its status."""
    stale = page.stale
    # What was set aside is not in the form.
    composition = page.composition.in_sections(section_keys(definition))
    composition = composition.following(composition_of(issue, definition))
    base = issue.version if page.base is None else page.base
    differences: list[ChangeLine] = []
    clashes: list[str] | None = None
    if stale is not None:
        names = names_for(session, definition, [stale.theirs, composition])
        differences = changes_between(stale.theirs, composition, names)
        # Whoever saves now has seen what is there.
        base = stale.version
        clashes = _clashes(session, issue.id, page, stale, composition, names)
    context = {
        "issue": issue,
        "newsletter": definition,
        "composition": composition,
        "view": compose_view(
            session, issue, definition, composition, words=page.words, roundup=page.roundup
        ),
        "version": base,
        "changed": last_changed(session, issue.id),
        "longest": LONGEST,
        "words": page.words,
        "roundup": page.roundup,
        "opened": page.opened,
        "address": page.address,
        "problem": page.problem,
        "wrong": page.wrong,
        "wrong_entry": page.wrong_entry,
        "stale": stale,
        "differences": differences,
        "clashes": clashes,
        "begun": page.begun if stale else None,
    }
    status = HTTPStatus.OK
    if page.problem:
        status = HTTPStatus.CONFLICT if stale else HTTPStatus.UNPROCESSABLE_ENTITY
    return desk.page("issue/compose.html", context, status=status)


def _clashes(
    session: Session,
    issue_id: int,
    page: ComposePage,
    stale: StaleIssue,
    mine: Composition,
    names: Names,
) -> list[str] | None:
    """Return what both changed, a line each; None where it is not known any more what from."""
    try:
        base = get_version(session, issue_id, page.begun or 0)
    except NotFound:
        return None
    merged = bring_together(base, stale.theirs, mine)
    lines = []
    for clash in merged.clashes:
        entry = merged.composition.find(clash.key)
        of = names.piece(entry) if isinstance(entry, PieceEntry) else "a text" if entry else ""
        lines.append(f"{clash.what} of {of}" if of else clash.what)
    return lines
