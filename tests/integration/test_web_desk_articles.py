"""The desk's room for articles: finding, adding, editing, settling, withdrawing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.articles.models import Article, ArticleState
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from tests.data.articles.site import LocalSite, served
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk, fields_in
from tests.factories import a_part, an_article
from tests.integration.test_articles_once import BODY

MARKUP = (
    "<html><body><h1>Who pays for the cranes?</h1><p>Afi Mensah</p><p>23 November 2026</p>"
    f"<p>{BODY}</p></body></html>"
)


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path, fetch_hosts=("127.0.0.1",)) as site:
        yield site


def added(site: RunningSite, **changes: object) -> int:
    with site.runtime.database.transaction() as session:
        return an_article(session, site.clock, **changes).id


def article(site: RunningSite, article_id: int) -> Article:
    with site.runtime.database.read() as session:
        return session.get_one(Article, article_id)


def acts(site: RunningSite) -> list[str]:
    with site.runtime.database.read() as session:
        return [act for act in session.scalars(select(AuditEntry.act)) if "article" in act]


def upload(editor: Browser, **parts: str) -> str:
    """Post the form for adding as a browser does: in parts, with a file where one is given."""
    data = {"form_token": editor.token("/desk/articles/add")} | parts
    name = data.pop("file_name", "")
    content = data.pop("file", "")
    files = {"file": (name, content.encode(), "text/html")}
    page = editor.client.post("/desk/articles/add", data=data, files=files, follow_redirects=True)
    return page.text


def test_articles_are_searched_and_paged(site: RunningSite, editor: Browser) -> None:
    assert "There is no article yet" in editor.get("/desk/articles").text
    numbers = [added(site, title=f"Piece of Lagos {n}") for n in range(55)]
    added(site, title="Another <b>matter</b>", flags=["number: none printed"], countries=["TG"])
    page = editor.get("/desk/articles").text
    assert "Another &lt;b&gt;matter&lt;/b&gt;" in page
    assert "1 article</a> waits for an editor’s look" in page
    assert f'/desk/articles/{numbers[0]}"' not in page
    older = editor.get("/desk/articles?q=lagos").text
    link = f"?q=lagos&amp;before={numbers[5]}"
    assert link in older
    last = editor.get(f"/desk/articles?q=lagos&before={numbers[5]}").text
    assert f'/desk/articles/{numbers[0]}"' in last
    assert 'rel="next"' not in last
    assert "Another" in editor.get("/desk/articles?only=flagged&country=togo").text
    assert "No article fits" in editor.get("/desk/articles?only=withdrawn").text
    assert "There is no country" in editor.get("/desk/articles?country=Nowhereland").text
    assert editor.get("/desk/articles?q=%00&region=x&before=9223372036854775807").status_code == 200


def test_an_article_is_shown_beside_what_was_printed(site: RunningSite, editor: Browser) -> None:
    number = added(
        site,
        title="Roundup",
        flags=["header: 'No. XX' was not understood"],
        printed={"head": ["NIAS Africa Weekly", "No. XX"], "date": "22nd Nov", "notes": []},
        parts=[a_part(1, title="Mali: fuel", authors=["Ama Boateng"])],
    )
    page = editor.get(f"/desk/articles/{number}").text
    for words in ("22nd Nov", "No. XX", "Mali: fuel", "22 November 2026", "West Africa", "Mali"):
        assert words in page
    assert "No issue has held it yet" in page
    assert editor.get("/desk/articles/4711").status_code == 404
    done = editor.post(
        f"/desk/articles/{number}/settle", {"flag": "header: 'No. XX' was not understood"}
    )
    assert "Settled" in done.text
    assert article(site, number).flags == []
    assert acts(site) == ["article.flag.settled"]


def test_an_edit_is_saved_and_told(site: RunningSite, editor: Browser) -> None:
    number = added(site)
    path = f"/desk/articles/{number}"
    form = fields_in(editor.get(f"{path}/edit").text)
    assert form["countries"] == "Mali"
    # No box of a topic is ticked.
    del form["topic"]
    form |= {"title": "A better title", "authors": "Ama Boateng | Fellow\nKojo", "number": "8a"}
    form |= {"countries": "Niger, mali", "published_on": "2026-11"}
    sent = form | {"region": ["west-africa", "africa", "asia"]}
    page = editor.client.post(f"{path}/edit", data=sent, follow_redirects=True).text
    assert "Saved: title, authors, date, number, countries and regions." in page
    assert "Revision 2" in page
    assert "by ama@example.org" in page
    assert "<del>Piece" in page
    now = article(site, number)
    assert (now.title, now.countries, now.regions) == (
        "A better title",
        ["NE", "ML"],
        ["west-africa", "africa", "asia"],
    )
    again = editor.client.post(f"{path}/edit", data=sent, follow_redirects=True).text
    assert "has changed since you opened it" in again
    assert acts(site) == ["article.edited"]


def test_what_is_wrong_in_an_edit_is_said_at_its_field(site: RunningSite, editor: Browser) -> None:
    number = added(site)
    path = f"/desk/articles/{number}/edit"
    form = fields_in(editor.get(path).text)
    form |= {"title": " ", "published_on": "31 Oct", "countries": "Atlantis", "number": "9" * 50}
    page = editor.client.post(path, data=form)
    assert page.status_code == 422
    for name in ("title", "published_on", "countries", "number"):
        assert f'id="{name}-problem"' in page.text
    assert 'value="31 Oct"' in page.text
    assert article(site, number).revision == 1


def test_a_question_of_a_changed_page_is_answered(site: RunningSite, editor: Browser) -> None:
    upload(editor, text=MARKUP, text_url="https://news.example.org/cranes")
    form = fields_in(editor.get("/desk/articles/1/edit").text) | {"title": "Cranes"}
    editor.client.post("/desk/articles/1/edit", data=form)
    changed = MARKUP.replace("Who pays", "Who paid")
    page = upload(editor, text=changed, text_url="https://news.example.org/cranes")
    assert "Title: the page says something new" in page
    for words in ("Cranes", "Who pays for the cranes?", "Who paid for the cranes?"):
        assert words in page
    assert "waits for an editor" in editor.get("/desk/articles").text
    kept = editor.post("/desk/articles/1/answer", {"field": "title", "answer": "keep"}).text
    assert "Your words stay" in kept
    assert "says something new" not in kept
    twice = editor.post("/desk/articles/1/answer", {"field": "title", "answer": "take"})
    assert (twice.status_code, "answered already" in twice.text) == (409, True)


def test_an_article_comes_in_by_all_three_ways(site: RunningSite, editor: Browser) -> None:
    assert "Added." in upload(editor, text=MARKUP)
    assert "known already" in upload(editor, file=MARKUP, file_name="cranes.html")
    assert "Added." in upload(
        editor, file=MARKUP.replace("cranes", "ferries"), file_name="ferries.html"
    )
    with served(LocalSite()) as other:
        markup = MARKUP.replace("cranes", "trains")
        other.answers["/piece"] = (200, "text/html; charset=utf-8", markup)
        assert "Added." in upload(editor, url=f"{other.url}/piece")
    assert [act for act in acts(site) if act == "article.added"] == ["article.added"] * 3


@pytest.mark.parametrize(
    ("parts", "field", "words"),
    [
        ({}, "url", "Give an address"),
        ({"text": "too short"}, "text", "Refused: no article"),
        ({"url": "ftp://example.org/"}, "url", "is no web address"),
        ({"url": "http://10.0.0.1/secret"}, "url", "Refused"),
        ({"text": MARKUP, "text_url": "nowhere"}, "text_url", "is no web address"),
        ({"text": MARKUP, "url": "https://example.org/"}, "text", "One way at a time"),
        ({"file": "x" * 5_300_000, "file_name": "big.html"}, "file", "has at most 5.0 MB"),
        ({"file": "\0\0", "file_name": "../../etc/passwd"}, "file", "Refused"),
    ],
)
def test_what_is_no_article_is_refused_at_its_field(
    editor: Browser, parts: dict[str, str], field: str, words: str
) -> None:
    page = upload(editor, **parts)
    assert f'id="{field}-problem">{words}' in page.replace("&#39;", "'") or words in page
    assert f'id="{field}-problem"' in page


def test_a_withdrawn_article_leaves_the_issues_and_comes_back(
    site: RunningSite, editor: Browser
) -> None:
    number = added(site)
    added(site)
    with site.runtime.database.transaction() as session:
        issue_id = draft_issue(session, "gp-alert", clock=site.clock).id
    path = f"/desk/articles/{number}"
    assert f"/desk/issues/{issue_id}" in editor.get(path).text
    assert "say why" in editor.post(f"{path}/withdraw", {"reason": " "}).text
    page = editor.post(f"{path}/withdraw", {"reason": "A wrong name"}).text
    assert "It left 1 issue that was not sent yet" in page
    assert "Withdrawn: A wrong name" in page
    assert article(site, number).state is ArticleState.WITHDRAWN
    with site.runtime.database.read() as session:
        assert session.get_one(Issue, issue_id).state is IssueState.DRAFT
    assert "Published again" in editor.post(f"{path}/reinstate").text
    assert acts(site) == ["article.withdrawn", "article.reinstated"]


def test_who_may_only_read_is_offered_nothing_else(site: RunningSite) -> None:
    number = added(site, flags=["number: none printed"])
    with at_the_desk(site, Role.OPS) as opened:
        page = opened.get(f"/desk/articles/{number}").text
        assert "number: none printed" in page
        for words in ("/edit", "Withdraw it", "It is right as it is"):
            assert words not in page
        assert opened.get(f"/desk/articles/{number}/edit").status_code == 403


def test_nothing_of_a_large_body_is_read_before_the_log_in(site: RunningSite) -> None:
    page = site.client.post(
        "/desk/articles/add", files={"file": ("x.html", b"x" * 3_000_000, "text/html")}
    )
    assert (page.status_code, "Log in to the desk" in page.text) == (403, True)
