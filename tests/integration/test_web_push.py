"""Articles handed in over HTTP, to the really served application."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from alerts.articles.models import Article
from alerts.clock import FixedClock
from alerts.database import Database
from tests.data.web.running import RunningSite, running_site

TOKEN = "a-token-for-the-push-tests-only"
OTHER = "another-token-for-the-push-tests"
ARTICLE: dict[str, Any] = {
    "url": "https://newsroom.example/view.php?recordNo=12",
    "title": "Who pays for the cranes?",
    "html": "<p>Togo's pier at Lomé is longer than the queue. <a href='/x'>Why?</a></p>"
    "<script>alert(1)</script><p onclick='x()'>Ministers have read the same report twice.</p>",
    "authors": ["Afi Mensah", {"name": "Kofi Ado", "about": "Kofi Ado is a scholar."}],
    "published_on": "2026-11-20",
    "series": "CWA Commentary",
    "number": "1260",
    "photo": {"url": "https://newsroom.example/pier.jpg", "credit": "A. Diarra, Reuters"},
}


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path, push_tokens=(OTHER, TOKEN)) as site:
        yield site


def push(
    site: RunningSite, article: object, *, key: str | None = None, token: str = TOKEN
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    return site.client.post("/api/v1/articles", json=article, headers=headers)


def articles(site: RunningSite) -> int:
    with site.runtime.database.read() as session:
        return session.scalar(select(func.count()).select_from(Article)) or 0


def test_an_article_is_handed_in_and_cleaned(site: RunningSite) -> None:
    answer = push(site, ARTICLE)

    assert answer.status_code == 201
    found = answer.json()["article"]
    assert answer.json()["outcome"] == "added"
    assert answer.headers["Location"].endswith(f"/api/v1/articles/{found['id']}")
    assert [author["name"] for author in found["authors"]] == ["Afi Mensah", "Kofi Ado"]
    assert (found["number"], found["published_on"]) == ("1260", "2026-11-20")
    assert found["countries"] == ["TG"]
    with site.runtime.database.read() as session:
        html = session.scalars(select(Article.body_html)).one()
    assert "Ministers have read" in html
    assert "script" not in html
    assert "onclick" not in html
    shown = site.client.get(
        f"/api/v1/articles/{found['id']}", headers={"Authorization": f"Bearer {OTHER}"}
    )
    assert shown.json() == found | {"addresses": []}


def test_an_article_may_be_longer_than_any_form(site: RunningSite) -> None:
    long = ARTICLE | {"html": "<p>The pier is long, and so is this. </p>" * 5_000}
    answer = push(site, long)
    assert answer.status_code == 201
    assert answer.json()["article"]["words"] == 40_000


def test_the_same_address_is_the_same_article(site: RunningSite) -> None:
    push(site, ARTICLE)
    again = push(site, ARTICLE)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    corrected = ARTICLE | {"title": "Who paid for the cranes?"}
    answer = push(site, corrected)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "updated")
    assert answer.json()["article"]["revision"] == 2
    assert articles(site) == 1


def test_the_same_key_gives_the_same_answer_for_a_day(site: RunningSite) -> None:
    nameless = {name: value for name, value in ARTICLE.items() if name != "url"}
    first = push(site, nameless, key="one")
    push(site, nameless | {"title": "Another title altogether"})
    again = push(site, nameless, key="one")
    other = push(site, nameless | {"number": "7"}, key="one")

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert other.status_code == 422
    assert "was used for another request" in other.json()["detail"]
    site.clock.advance(timedelta(hours=25))
    assert push(site, nameless | {"number": "1260"}, key="one").json()["outcome"] == "unchanged"


def test_ten_at_once_with_one_key_make_one(site: RunningSite) -> None:
    nameless = {name: value for name, value in ARTICLE.items() if name != "url"}
    start = threading.Barrier(10)
    answers: list[httpx.Response] = []

    def hand_in() -> None:
        start.wait()
        answers.append(push(site, nameless, key="one"))

    threads = [threading.Thread(target=hand_in) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert articles(site) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"published_on": "23 November"}, "published_on"),
        ({"published_on": "2026-13"}, "published_on"),
        ({"photo": {"url": "data:image/png;base64,x"}}, "photo.url"),
        ({"authors": "Afi"}, "authors"),
        ({"colour": "red"}, "colour"),
        ({"text": "and html too"}, "body"),
        ({"html": None}, "body"),
    ],
)
def test_a_wrong_field_is_named(site: RunningSite, changes: dict[str, Any], field: str) -> None:
    answer = push(site, ARTICLE | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert articles(site) == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"title=x&html=y", "application/x-www-form-urlencoded", 415),
        (b'{"title": "x", "text": "' + b"y" * 3_000_000 + b'"}', "application/json", 413),
        (b"[1, 2]", "application/json", 422),
        (b'{"a":' * 50_000, "application/json", 400),
    ],
    ids=["no JSON", "a form", "too large", "no object", "too deep"],
)
def test_what_is_no_article_is_a_problem(
    site: RunningSite, content: bytes, kind: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    answer = site.client.post("/api/v1/articles", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
def test_without_a_token_nothing_is_taken(site: RunningSite, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = site.client.post("/api/v1/articles", json=ARTICLE, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert articles(site) == 0


def test_where_no_token_is_set_nobody_may_push(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path) as site:
        answer = push(site, ARTICLE)
    assert answer.status_code == 401
    assert "unknown, expired or revoked" in answer.json()["detail"]


def test_the_api_describes_itself(site: RunningSite) -> None:
    described = site.client.get("/api/openapi.json").json()
    assert "/v1/articles" in described["paths"]
    assert {"title", "html", "url"} <= set(
        described["components"]["schemas"]["PushedArticle"]["properties"]
    )
