"""Issues at the desk, for tests: drafted, approved, sent by the button of their page."""

from datetime import timedelta
from urllib.parse import urlencode

import httpx
from sqlalchemy import select

from alerts.newsletters.issues import build_content, draft_issue, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue
from alerts.newsletters.service import apply_toml, definition_of, get_newsletter
from alerts.newsletters.toml import write_definition
from alerts.staff.models import AuditEntry
from tests.data.web.running import RunningSite
from tests.desk_world import Browser
from tests.drafts_world import draft_weekly
from tests.factories import add_readers, an_article, approved_issue


def ready(site: RunningSite, readers: int = 3, **changes: object) -> int:
    """Approve an issue of `gp-alert` for some readers, whose newsletter is a little changed."""
    issue_id = approved_issue(site.runtime.database, site.clock, sending=False)
    with site.runtime.database.transaction() as session:
        names = [f"reader{number}" for number in range(readers)]
        add_readers(session, names, now=site.clock.now())
    change_newsletter(site, **changes)
    return issue_id


def change_newsletter(site: RunningSite, **changes: object) -> None:
    with site.runtime.database.transaction() as session:
        definition = definition_of(get_newsletter(session, "gp-alert"))
        made = type(definition).model_validate(definition.model_dump() | changes)
        apply_toml(session, write_definition(made), source="test", clock=site.clock)


def a_draft(site: RunningSite) -> int:
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock)
        return draft_issue(session, "gp-alert", clock=site.clock).id


def stored(site: RunningSite, issue_id: int) -> Issue:
    with site.runtime.database.read() as session:
        return get_issue(session, issue_id)


def acts(site: RunningSite, issue_id: int) -> list[str]:
    with site.runtime.database.read() as session:
        found = select(AuditEntry.act).where(
            AuditEntry.subject_kind == "issue", AuditEntry.subject_id == str(issue_id)
        )
        return list(session.scalars(found.order_by(AuditEntry.id)))


def send_page(issue_id: int, act: str = "") -> str:
    return f"/desk/issues/{issue_id}/send{act}"


def confirmed(editor: Browser, issue_id: int, **asked: str) -> httpx.Response:
    """Go by the page that says what will happen, and press its button."""
    page = editor.get(f"{send_page(issue_id, '/confirm')}?{urlencode(asked)}")
    assert page.status_code == 200, page.text
    return editor.post(
        send_page(issue_id, "/start"),
        asked,
        page=send_page(issue_id, f"/confirm?{urlencode(asked)}"),
    )


def weekly_draft(site: RunningSite, **changes: object) -> int:
    """Draft an issue: a signed essay in focus, and three briefs of a roundup."""
    with site.runtime.database.transaction() as session:
        return draft_weekly(session, site.clock, **changes)


def titles_of(site: RunningSite, issue_id: int) -> list[str]:
    with site.runtime.database.read() as session:
        return [one.title for one in build_content(session, get_issue(session, issue_id)).items]


def approve(site: RunningSite, issue_id: int, *then: Event) -> None:
    with site.runtime.database.transaction() as session:
        issue = get_issue(session, issue_id)
        freeze(session, issue, by="Ama", message_domain="example.org", clock=site.clock)
        for event in then:
            later = site.clock.now() + timedelta(days=1)
            move(session, issue_id, event, send_at=later, clock=site.clock)
