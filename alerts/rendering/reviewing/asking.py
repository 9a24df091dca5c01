"""Asking one server for one address, and what its answer means."""

from dataclasses import dataclass

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.rendering.lint.known import LinkVerdict

# What a server answers to programs that it takes for robots, or to nobody in particular.
_CLOSED = frozenset({401, 402, 403, 405, 406, 407, 418, 429, 451, 999})
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking; `status` is the server's, where there was an answer."""

    verdict: LinkVerdict
    words: str = ""
    status: int | None = None
    moved_to: str = ""
    size: int | None = None


def ask(fetcher: Fetcher, url: str) -> Answer:
    """Ask for an address, as one who follows a link; raises nothing that a server can cause."""
    try:
        found = fetcher.probe(url)
    except FetchFailed as error:
        return _failed(error)
    if found.moved_to:
        return Answer(LinkVerdict.MOVED, moved_to=found.moved_to, size=found.size)
    return Answer(LinkVerdict.FINE, size=found.size)


def _failed(error: FetchFailed) -> Answer:
    words = str(error)[:_LONGEST_WORDS]
    if error.gone:
        return Answer(LinkVerdict.DEAD, words, error.status)
    if error.status in _CLOSED or (error.permanent and error.status is None):
        # What the guard refuses, such as an address inside our network, says nothing of the page.
        return Answer(LinkVerdict.CLOSED, words, error.status)
    return Answer(LinkVerdict.FAILING, words, error.status)
