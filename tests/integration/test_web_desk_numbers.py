"""An issue's numbers at the desk: shown, doubled, corrected."""

from html import unescape

from sqlalchemy import select

from alerts.newsletters.issues import draft_issue, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.numbering import Numbers
from alerts.newsletters.numbers import numbers_of, renumber
from alerts.staff.models import AuditEntry
from tests.data.web.running import RunningSite
from tests.desk_world import Browser
from tests.factories import an_article


def a_draft(site: RunningSite) -> int:
    with site.runtime.database.transaction() as session:
        article = an_article(session, site.clock)
        return draft_issue(
            session, "africa-this-week", article_ids=(article.id,), clock=site.clock
        ).id


def numbers(site: RunningSite, issue: int) -> Numbers | None:
    with site.runtime.database.read() as session:
        return numbers_of(get_issue(session, issue))


def put(editor: Browser, issue: int, was: str, **told: str) -> tuple[int, str]:
    path = f"/desk/issues/{issue}/number"
    form = {"form_token": editor.token(path), "was": was} | told
    answer = editor.client.post(path, data=form, follow_redirects=True)
    return answer.status_code, unescape(answer.text)


def test_a_draft_becomes_a_double_issue_and_a_single_one_again(
    site: RunningSite, editor: Browser
) -> None:
    issue = a_draft(site)
    page = editor.get(f"/desk/issues/{issue}/number").text
    assert "#1, Vol. 1, No. 1" in page
    assert "1 and 2" in page
    _, page = put(editor, issue, "#1, Vol. 1, No. 1", count="2")
    assert "The issue is #1 & 2, Vol. 1, No. 1 & 2." in page
    assert "Africa This Week #1 & 2: " in page
    _, page = put(
        editor,
        issue,
        "#1 & 2, Vol. 1, No. 1 & 2",
        number="85-86",
        volume="2",
        volume_number="39-40",
    )
    assert numbers(site, issue) == Numbers(85, 2, 39, 2)
    assert 'value="85 & 86"' in page
    put(editor, issue, "#85 & 86, Vol. 2, No. 39 & 40", count="1")
    assert numbers(site, issue) == Numbers(85, 2, 39)
    with site.runtime.database.read() as session:
        acts = session.scalars(select(AuditEntry).where(AuditEntry.act == "issue.renumbered")).all()
    assert len(acts) == 3
    assert acts[0].details["after"] == "#1 & 2, Vol. 1, No. 1 & 2"


def test_what_cannot_be_is_told_and_what_was_typed_stays(
    site: RunningSite, editor: Browser
) -> None:
    first, second = a_draft(site), a_draft(site)
    was = "#2, Vol. 1, No. 2"
    status, page = put(editor, second, was, number="1", volume="1", volume_number="7")
    assert status == 422
    assert f"#1, Vol. 1, No. 1 is that of issue {first} already (draft" in page
    assert 'value="7"' in page
    status, page = put(editor, second, was, number="two", volume="1", volume_number="2")
    assert (status, "is no number; 85 or 85-86 would be right" in page) == (422, True)
    status, page = put(editor, second, was, number="3", volume="", volume_number="2")
    assert status == 200
    assert numbers(site, second) == Numbers(3)
    with site.runtime.database.transaction() as session:
        renumber(session, second, Numbers(4))
    status, page = put(editor, second, "#3", number="5", volume="", volume_number="")
    assert status == 422
    assert "has changed the numbers meanwhile: they are #4 now" in page


def test_only_those_of_a_draft_change(site: RunningSite, editor: Browser) -> None:
    approved, dropped = a_draft(site), a_draft(site)
    with site.runtime.database.transaction() as session:
        freeze(
            session,
            get_issue(session, approved),
            by="editor",
            message_domain="news.example.org",
            clock=site.clock,
        )
        move(session, dropped, Event.CANCEL, clock=site.clock)
    page = editor.get(f"/desk/issues/{approved}/number").text
    assert "only those of a draft can be changed" in page
    assert "for the next issue: #2." in page
    status, page = put(editor, approved, "#1, Vol. 1, No. 1", count="2")
    assert (status, "its numbers stand; reopen it first" in page) == (422, True)
    assert "has given its number back" in editor.get(f"/desk/issues/{dropped}/number").text
    assert put(editor, dropped, "", count="2")[0] == 422
