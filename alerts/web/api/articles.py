"""`/api/v1/articles`: handed in by another program, read from the web, looked at, withdrawn."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import defer
from starlette.responses import Response

from alerts.articles.intake import read_bytes
from alerts.articles.models import Article, ArticleState
from alerts.articles.push import PushedArticle, push_article
from alerts.articles.queries import addresses_of
from alerts.articles.reading.read import read_html
from alerts.articles.revisions import all_changes
from alerts.articles.serialise import article_json
from alerts.articles.service import (
    add_article,
    get_article,
    reinstate_article,
    withdraw_article,
)
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.web.api.call import Acting, Call, CurrentCall
from alerts.web.api.conditions import shown, shown_list
from alerts.web.api.fetching import open_fetcher
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.articles import (
    Articles,
    ArticleShape,
    PushedShape,
    ReadAddress,
    RevisionShape,
    ShownArticle,
    Withdrawal,
)
from alerts.web.api.shapes.common import Moment, PathId, acts, looks

router = APIRouter(prefix="/v1/articles", tags=["articles"], route_class=ApiRoute)
_P = Permission


@router.get("", **looks(_P.ARTICLES_READ, Articles, "List articles", push=True))
def list_articles(
    call: CurrentCall,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: ArticleState | None = None,
    series: Annotated[str | None, Query(max_length=200)] = None,
    noticed_since: Moment | None = None,
) -> Response:
    """List the articles noticed last, the newest first."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Article).order_by(Article.id.desc()).limit(limit + 1)
    query = query.options(defer(Article.body_html), defer(Article.body_text))
    if state is not None:
        query = query.where(Article.state == state)
    if series is not None:
        query = query.where(Article.series == series)
    if noticed_since is not None:
        query = query.where(Article.noticed_at >= noticed_since)
    if (before := page.number()) is not None:
        query = query.where(Article.id < before)
    with call.read() as session:
        found = [(str(one.id), article_json(one)) for one in session.scalars(query)]
    return page.answer(found)


@router.post(
    "",
    **acts(_P.ARTICLES_WRITE, PushedShape, "Hand in an article", status=201, also=200, push=True),
)
def push(pushed: PushedArticle, call: CurrentCall) -> Response:
    """Store an article: 201 when it is new, 200 when it was known, or is corrected by this."""
    with call.acting() as acting:
        done = push_article(acting.session, pushed, topics=call.site.topics, clock=call.clock)
        return _taken_in(call, acting, done.kind, done.document)


@router.post(
    "/read",
    **acts(_P.ARTICLES_WRITE, PushedShape, "Read a page and take it in", status=201, also=200),
)
def read(address: ReadAddress, call: CurrentCall) -> Response:
    """Fetch a public page and store its article, as `alerts article add URL` does."""
    with open_fetcher(call.site) as fetcher:
        fetched = fetcher.fetch(address.url, obey_robots=False)
    if fetched.is_html:
        page = read_html(fetched.content, url=fetched.url, source=address.url)
    else:
        page = read_bytes(fetched.content, source=address.url, url=fetched.url)
    with call.acting() as acting:
        done = add_article(acting.session, page, topics=call.site.topics, clock=call.clock)
        return _taken_in(call, acting, done.kind, article_json(done.article))


@router.get(
    "/{article_id:int}", **looks(_P.ARTICLES_READ, ShownArticle, "Look at an article", push=True)
)
def show(article_id: PathId, call: CurrentCall) -> Response:
    """Return an article as it was understood, with its further addresses."""
    with call.read() as session:
        document = article_json(get_article(session, article_id))
        document["addresses"] = list(addresses_of(session, article_id))
    return shown(call, document)


@router.get(
    "/{article_id:int}/revisions",
    **looks(_P.ARTICLES_READ, list[RevisionShape], "See what corrections changed"),
)
def revisions(article_id: PathId, call: CurrentCall) -> Response:
    """Return each correction of an article with what it changed, the oldest first."""
    with call.read() as session:
        changes = all_changes(session, get_article(session, article_id))
        return shown_list([change.to_json() for change in changes])


@router.post(
    "/{article_id:int}/withdraw", **acts(_P.ARTICLES_WRITE, ArticleShape, "Withdraw an article")
)
def withdraw(article_id: PathId, call: CurrentCall, why: Withdrawal | None = None) -> Response:
    """Withdraw an article: no new issue takes it, and it leaves those that were not sent yet."""
    reason = why.reason if why else Withdrawal().reason
    with call.acting() as acting:
        article = withdraw_article(acting.session, article_id, reason=reason, clock=call.clock)
        changed = retract_withdrawn(acting.session, clock=call.clock)
        issues = [issue.id for issue in changed]
        what = Subject("article", article_id)
        acting.record("article.withdrawn", what, reason=reason, left_issues=issues)
        return acting.answer(article_json(article))


@router.post(
    "/{article_id:int}/reinstate",
    **acts(_P.ARTICLES_WRITE, ArticleShape, "Take a withdrawal back"),
)
def reinstate(article_id: PathId, call: CurrentCall) -> Response:
    """Take a withdrawal back: issues may hold the article again."""
    with call.acting() as acting:
        article = reinstate_article(acting.session, article_id, clock=call.clock)
        acting.record("article.reinstated", Subject("article", article_id))
        return acting.answer(article_json(article))


def _taken_in(call: Call, acting: Acting, kind: str, document: dict[str, object]) -> Response:
    if kind != "unchanged":
        what = Subject("article", str(document["id"]))
        acting.record(f"article.{kind}", what, revision=document["revision"])
    base_url = call.site.runtime.settings.base_url
    return acting.answer(
        {"outcome": kind, "article": document},
        status=HTTPStatus.CREATED if kind == "added" else HTTPStatus.OK,
        headers={"Location": f"{base_url}/api/v1/articles/{document['id']}"},
    )
