"""Newsletters, schedules, sources and articles over the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.models import AuditEntry
from alerts.task_queue import Queue, Task
from alerts.web.api.shapes.articles import ArticleShape, ShownSource
from alerts.web.api.shapes.newsletters import NewsletterShape
from tests.api_world import Program, a_program
from tests.factories import an_article, approved_issue


@pytest.fixture
def program(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Program]:
    with a_program(database, clock, tmp_path) as program:
        yield program


def acts(program: Program) -> list[str]:
    with program.site.runtime.database.read() as session:
        found = list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))
    return [act for act in found if not act.startswith(("account.", "api_token."))]


def definition(program: Program, slug: str = "gp-alert") -> dict[str, Any]:
    found: dict[str, Any] = program.get(f"/newsletters/{slug}")
    NewsletterShape.model_validate(found)
    return found


def test_a_newsletter_is_made_from_another(program: Program) -> None:
    new = definition(program) | {"slug": "copied", "title": "Copied", "schedules": []}
    answer = program.post("/newsletters", new)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].endswith("/api/v1/newsletters/copied")
    assert definition(program, "copied") == new
    again = program.post("/newsletters", new)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "there is a newsletter copied already; PUT changes it",
    )
    assert acts(program) == ["newsletter.created"]


def test_a_newsletter_is_changed_where_nobody_else_was_first(program: Program) -> None:
    tag = program.ask("GET", "/newsletters/gp-alert").headers["ETag"]
    new = definition(program) | {"tagline": "Sharper than ever"}

    first = program.ask("PUT", "/newsletters/gp-alert", new, If_Match=tag)
    second = program.ask("PUT", "/newsletters/gp-alert", new | {"tagline": "Late"}, If_Match=tag)
    renamed = program.ask("PUT", "/newsletters/gp-alert", new | {"slug": "other"})
    wrong = program.ask("PUT", "/newsletters/gp-alert", new | {"frequencies": ["hourly"]})

    assert (first.status_code, first.json()["tagline"]) == (200, "Sharper than ever")
    assert second.status_code == 412
    assert "a newsletter keeps its name" in renamed.json()["detail"]
    assert wrong.json()["errors"][0]["field"] == "frequencies.0"
    assert definition(program) == new
    assert acts(program) == ["newsletter.changed"]


def test_toml_is_checked_applied_and_exported(program: Program) -> None:
    toml = program.get("/newsletters/gp-alert/export")["toml"]
    changed = toml.replace('title = "', 'title = "The ', 1)

    checked = program.post("/newsletters/check", {"toml": changed}).json()
    unchanged = program.post("/newsletters/apply", {"toml": toml}).json()
    wrong = program.post("/newsletters/apply", {"toml": toml + "\ncolour = 1\n"})
    applied = program.post("/newsletters/apply", {"toml": changed}).json()

    assert checked == {"slug": "gp-alert", "result": "changed", "changes": ["title"]}
    assert unchanged["result"] == "unchanged"
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("toml, line ")
    assert applied["result"] == "changed"
    assert program.get("/newsletters/gp-alert/export")["toml"] == changed


def test_schedules_are_set_looked_at_paused_and_removed(program: Program) -> None:
    rule = "weekly on fri 17:00 Europe/Paris"
    wanted = {"newsletter": "africa-this-week", "rule": rule, "name": "fridays"}
    answer = program.post("/schedules", wanted)
    assert answer.status_code == 200, answer.text
    number = answer.json()["id"]
    assert answer.json()["next_at"] == "2026-11-27T16:00:00Z"

    coming = program.get(f"/schedules/{number}/next?count=2")["items"]
    assert [one["local"] for one in coming] == [
        "2026-11-27T17:00:00+01:00",
        "2026-12-04T17:00:00+01:00",
    ]
    moved = {"rule": "weekly on thu 17:00 Europe/Paris"}
    assert program.ask("PATCH", f"/schedules/{number}", moved).json()["rule"] == moved["rule"]
    assert program.post(f"/schedules/{number}/pause").json()["paused"] is True
    assert program.post(f"/schedules/{number}/resume").json()["paused"] is False
    assert program.get(f"/schedules/{number}/runs") == {"items": [], "next": None}
    wrong = program.ask("PATCH", f"/schedules/{number}", {"rule": "now and then"})
    assert wrong.status_code == 422
    assert program.ask("DELETE", f"/schedules/{number}").status_code == 204
    assert program.ask("GET", f"/schedules/{number}").status_code == 404
    words = ("set", "set", "paused", "resumed", "removed")
    assert acts(program) == [f"schedule.{word}" for word in words]


def test_a_source_is_added_paused_polled_and_forgotten(program: Program) -> None:
    new = {"url": "https://news.example.org/feed", "kind": "feed", "every": "1 hour"}
    answer = program.post("/sources", new)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert program.post("/sources", new).status_code == 409
    assert program.post(f"/sources/{number}/pause").json()["state"] == "paused"
    assert program.post(f"/sources/{number}/pause").status_code == 409
    assert program.post(f"/sources/{number}/resume").json()["state"] == "active"
    assert program.post(f"/sources/{number}/poll").status_code == 202
    assert program.site.queue.enqueued == [(Task.POLL_SOURCE, (number,), Queue.INBOUND)]
    ShownSource.model_validate(program.get(f"/sources/{number}"))
    assert program.ask("DELETE", f"/sources/{number}").status_code == 204
    assert program.get("/sources")["items"] == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/etc", "a web address"),
        ("http://127.0.0.1:8000/feed", "is inside this network"),
        ("http://169.254.169.254/latest", "is inside this network"),
        ("ftp://news.example.org/", "no web address that can be fetched"),
    ],
)
def test_nothing_inside_is_looked_at(program: Program, url: str, said: str) -> None:
    for path, new in (("/sources", {"url": url}), ("/articles/read", {"url": url})):
        answer = program.post(path, new)
        assert answer.status_code == 422, answer.text
        assert said in answer.json()["detail"] or path == "/articles/read"


def test_an_article_is_withdrawn_and_leaves_what_was_not_sent(program: Program) -> None:
    site = program.site
    issue = approved_issue(site.runtime.database, site.clock, articles=({}, {}), sending=False)
    article = program.get(f"/issues/{issue}")["articles"][0]["id"]

    withdrawn = program.post(f"/articles/{article}/withdraw", {"reason": "a slip"})

    ArticleShape.model_validate(withdrawn.json())
    assert withdrawn.json()["withdrawn_because"] == "a slip"
    found = program.get(f"/issues/{issue}")
    assert (found["state"], len(found["articles"])) == ("draft", 1)
    assert program.post(f"/articles/{article}/withdraw").status_code == 409
    assert program.post(f"/articles/{article}/reinstate").json()["state"] == "published"
    assert acts(program) == ["article.withdrawn", "article.reinstated"]


def test_what_a_correction_changed_is_shown(program: Program) -> None:
    article = {"url": "https://news.example.org/1", "title": "Cranes", "text": "Long. " * 60}
    number = program.post("/articles", article).json()["article"]["id"]
    program.post("/articles", article | {"title": "Piers"})
    (change,) = program.get(f"/articles/{number}/revisions")
    assert change["fields"] == [{"name": "title", "before": "Cranes", "after": "Piers"}]
    assert acts(program) == ["article.added", "article.updated"]


def test_a_template_that_there_is_not_is_told(program: Program) -> None:
    site = program.site
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock)
    new = definition(program) | {"template": "nowhere"}
    assert program.ask("PUT", "/newsletters/gp-alert", new).is_success
    issue = program.post("/issues", {"newsletter": "gp-alert"}).json()["id"]
    answer = program.ask("GET", f"/issues/{issue}/preview")
    assert answer.status_code == 422
    assert "there is no email template 'nowhere'" in answer.json()["detail"]
