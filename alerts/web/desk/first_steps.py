"""What a new house does first, until its first issue has reached somebody. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.newsletters.models import IssueState
from alerts.operations.overview import Standing
from alerts.staff.permissions import Permission

Link = tuple[str, str]
_OUT = (IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is to be, how it comes about, and the pages on which one does it."""

    words: str
    is_done: bool
    how: str
    links: Sequence[Link]


def first_steps(
    standing: Standing, may: Callable[[Permission], bool], *, has_readers: bool
) -> list[Step]:
    """Return the steps to the first issue, for somebody who may do some of it; empty once done."""
    drafts = standing.issues.get(IssueState.DRAFT, 0) + standing.issues.get(IssueState.APPROVED, 0)
    is_out = any(standing.issues.get(state) for state in _OUT)
    if standing.articles and has_readers and is_out:
        return []
    return [
        _articles(may, is_done=standing.articles > 0),
        _readers(may, is_done=has_readers),
        Step(
            "An issue is drafted",
            bool(drafts) or is_out,
            "A newsletter’s schedule does it, or an editor at once:",
            _allowed(may, (Permission.ISSUES_EDIT, "/desk/issues#draft-title", "draft one now")),
        ),
        Step(
            "It is looked at, approved and sent",
            is_out,
            "A test mail first, if you like; a draft’s own pages lead through it.",
            (),
        ),
    ]


def _articles(may: Callable[[Permission], bool], *, is_done: bool) -> Step:
    links = _allowed(
        may,
        (Permission.SOURCES_EDIT, "/desk/sources", "add a source"),
        (Permission.ARTICLES_WRITE, "/desk/articles/add", "add an article"),
    )
    how = "Name the site they come from, or add one by hand:"
    return Step("Articles come in", is_done, how, links)


def _readers(may: Callable[[Permission], bool], *, is_done: bool) -> Step:
    links = _allowed(
        may,
        (Permission.SUBSCRIBERS_WRITE, "/desk/subscribers/import", "import a file"),
        (Permission.SUBSCRIBERS_READ, "/desk/subscribers/add", "add somebody"),
    )
    how = "Import those you have, add yourself for a try, or wait for sign-ups:"
    return Step(
        "Somebody subscribes",
        is_done,
        how,
        [*links, ("/subscribe", "the page where people sign up")],
    )


def _allowed(
    may: Callable[[Permission], bool], *links: tuple[Permission, str, str]
) -> Sequence[Link]:
    return [(path, words) for permission, path, words in links if may(permission)]
