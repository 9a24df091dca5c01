"""Adding an article by hand: by its address, as pasted text or HTML, or as a file."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.intake import is_address, read_address, read_bytes
from alerts.articles.reading.cleaning import web_address
from alerts.articles.reading.limits import LARGEST
from alerts.articles.reading.record import NoArticle, ReadArticle
from alerts.articles.service import AddOutcome, add_article
from alerts.errors import Invalid
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.uploads import PostedUpload, Upload
from alerts.web.desk.words import sentence
from alerts.web.words import counted, size_in_words

HERE = "/desk/articles"
# Somebody waits in front of the page meanwhile.
_PATIENCE_SECONDS = 25.0
# Larger files are refused in words; this is where a connection is cut off.
_MOST_BODY = 4 * LARGEST
_SAID = {
    "added": "Added.",
    "updated": "Updated: the article was known, and says something new now.",
    "unchanged": "Unchanged: the article was known already, and says the same.",
}
Writing = Annotated[Desk, requires(Permission.ARTICLES_WRITE)]
router = APIRouter(prefix="/articles", route_class=DeskRoute)


@dataclass
class Handed:
    """What stands in the form; `problems` by field."""

    url: str = ""
    text: str = ""
    text_url: str = ""
    problems: dict[str, str] = field(default_factory=dict)


class WrongField(Invalid):
    """What is wrong with a field of the form."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@router.get("/add")
def form(desk: Writing) -> Response:
    """Show the three ways to add an article."""
    return _page(desk, Handed())


@router.post("/add", max_body_size=_MOST_BODY)
def add(desk: Writing, upload: PostedUpload) -> Response:
    """Take the article in, and say what became of it; a refusal is said at its field."""
    fields, clock = upload.fields, desk.site.runtime.clock
    handed = Handed(fields.one("url"), fields.one("text"), fields.one("text_url"))
    try:
        page, way = _read(desk, handed, upload)
    except WrongField as error:
        handed.problems[error.name] = sentence(error)
        return _page(desk, handed)
    with desk.site.runtime.database.transaction() as session:
        outcome = add_article(session, page, topics=desk.site.topics, clock=clock)
        article_id = outcome.article.id
        if outcome.kind != "unchanged":
            subject = Subject("article", article_id)
            act = f"article.{outcome.kind}"
            record(session, desk.actor, act, subject, clock=clock, way=way, url=page.url)
    return desk.done(f"{HERE}/{article_id}", _said(outcome))


def _read(desk: Desk, handed: Handed, upload: Upload) -> tuple[ReadArticle, str]:
    """Return the page that was handed in, and by which way; raises WrongField."""
    name, way = _chosen(handed, upload)
    try:
        if name == "url":
            return _fetched(desk, handed.url), way
        url = handed.text_url or None
        if url is not None and web_address(url, None) is None:
            raise WrongField("text_url", f"{url!r} is no web address; https://… is needed")
        content = handed.text.encode() if name == "text" else _content(upload)
        return read_bytes(content, source=way, url=url), way
    except (NoArticle, FetchFailed) as error:
        raise WrongField(name, f"refused: {error}") from error


def _chosen(handed: Handed, upload: Upload) -> tuple[str, str]:
    given = {
        "url": ("address", bool(handed.url)),
        "text": ("pasted text", bool(handed.text)),
        "file": (f"file {upload.name}", upload.file is not None),
    }
    chosen = [name for name, (_, there) in given.items() if there]
    if not chosen:
        raise WrongField("url", "give an address, paste a text, or choose a file")
    if len(chosen) > 1:
        raise WrongField(chosen[1], "one way at a time: leave the others empty")
    return chosen[0], given[chosen[0]][0]


def _fetched(desk: Desk, url: str) -> ReadArticle:
    if not is_address(url) or web_address(url, None) is None:
        raise WrongField("url", f"{url!r} is no web address; https://… is needed")
    settings = desk.site.runtime.settings
    fetcher = Fetcher(
        contact=settings.base_url,
        allowed_hosts=settings.fetch_hosts,
        total_seconds=_PATIENCE_SECONDS,
    )
    try:
        return read_address(url, fetcher)
    finally:
        fetcher.close()


def _content(upload: Upload) -> bytes:
    if upload.file is None or upload.size > LARGEST:
        raise WrongField("file", f"refused: a page has at most {size_in_words(LARGEST)}")
    return upload.file.read(LARGEST + 1)


def _said(outcome: AddOutcome) -> str:
    line, flags = _SAID[outcome.kind], len(outcome.article.flags)
    if outcome.kind != "unchanged" and flags:
        line += f" {counted(flags, 'thing')} in it wants a look."
    return line


def _page(desk: Desk, handed: Handed) -> Response:
    wrong = bool(handed.problems)
    context = {
        "handed": handed,
        "largest": size_in_words(LARGEST),
        "problem": "Nothing was added; please look below." if wrong else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK
    return desk.page("article/add.html", context, status=status)
