"""`/api/v1/articles`: articles handed in by another program."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from alerts.articles.push import KEY, PushedArticle, push_article
from alerts.articles.serialise import article_json
from alerts.articles.service import get_article
from alerts.web.api.access import MayPush
from alerts.web.site import CurrentSite

router = APIRouter(prefix="/v1/articles", tags=["articles"], dependencies=[MayPush])

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of your own; the same key gives the same answer for a day.",
    ),
]


def only_json(request: Request) -> None:
    """Raise 415 for a body of another type: what was meant as a form is no article."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "an article is handed in as application/json"
        )


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="Hand in an article",
    dependencies=[Depends(only_json)],
)
def push(pushed: PushedArticle, site: CurrentSite, key: IdempotencyKey = None) -> JSONResponse:
    """Store an article: 201 when it is new, 200 when it was known, or is corrected by this."""
    if key is not None and not KEY.fullmatch(key):
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, "an Idempotency-Key has 1 to 200 visible ASCII characters"
        )
    with site.runtime.database.transaction() as session:
        done = push_article(session, pushed, key=key, topics=site.topics, clock=site.runtime.clock)
    status = HTTPStatus.CREATED if done.kind == "added" else HTTPStatus.OK
    return JSONResponse(
        {"outcome": done.kind, "article": done.document},
        status_code=status,
        headers={
            "Location": f"{site.runtime.settings.base_url}/api/v1/articles/{done.document['id']}",
            "Cache-Control": "no-store",
        },
    )


@router.get("/{article_id}", summary="Look at an article")
def show(article_id: int, site: CurrentSite) -> dict[str, Any]:
    """Return an article as it was understood."""
    with site.runtime.database.read() as session:
        return article_json(get_article(session, article_id))
