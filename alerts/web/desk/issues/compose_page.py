"""The page that composes an issue, filled: with what is stored, or with what was typed."""

from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing.changes import changes_between
from alerts.newsletters.editing.composing import composition_of, section_keys
from alerts.newsletters.editing.composition import LONGEST, Composition
from alerts.newsletters.editing.service import StaleIssue
from alerts.newsletters.editing.versions import last_changed, names_for
from alerts.newsletters.models import Issue
from alerts.web.desk.frame import Desk
from alerts.web.desk.issues.view import compose_view


@dataclass(frozen=True, slots=True)
class ComposePage:
    """What the page shows; `base` is the version its words were begun from, else the newest.

    `words` and `roundup` say what is offered to be pulled in. `problem` tells what is wrong, at
    the field `wrong` (of the entry `wrong_entry`); with `stale` somebody else saved meanwhile.
    """

    composition: Composition
    words: str | None = None
    roundup: int | None = None
    problem: str = ""
    wrong: str = ""
    wrong_entry: str = ""
    stale: StaleIssue | None = None
    base: int | None = None
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
    differences = []
    if stale is not None:
        names = names_for(session, definition, [stale.theirs, composition])
        differences = changes_between(stale.theirs, composition, names)
        # Whoever saves now has seen what is there.
        base = stale.version
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
        "address": page.address,
        "problem": page.problem,
        "wrong": page.wrong,
        "wrong_entry": page.wrong_entry,
        "stale": stale,
        "differences": differences,
    }
    status = HTTPStatus.OK
    if page.problem:
        status = HTTPStatus.CONFLICT if stale else HTTPStatus.UNPROCESSABLE_ENTITY
    return desk.page("issue/compose.html", context, status=status)
