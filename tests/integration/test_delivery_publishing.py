"""What is approved is what is sent: frozen content, finished messages, files to look at."""

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.models import Article
from alerts.articles.service import withdraw_article
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import Reader
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.messages import IssueMessages, compile_edition
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.preview import issue_envelope, write_preview
from alerts.delivery.publishing import approve_issue, lint_issue, render_issue
from alerts.delivery.trial import send_test_copy
from alerts.errors import Refused
from alerts.newsletters.issues import draft_issue, get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.models import Edition
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.factories import RENDERER, SETTINGS, add_readers, an_article, approved_issue


def drafted(session: Session, clock: FixedClock) -> Issue:
    ensure_built_in(session, clock=clock)
    an_article(session, clock, title="As it was approved")
    return draft_issue(session, "gp-alert", clock=clock)


def approve(session: Session, issue: Issue, clock: FixedClock) -> Edition:
    return approve_issue(
        session, issue.id, by="editor", settings=SETTINGS, renderer=RENDERER, clock=clock
    )


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def bodies(message: EmailMessage) -> tuple[str, str]:
    found = [message.get_body((kind,)) for kind in ("plain", "html")]
    contents = [part.get_content() for part in found if isinstance(part, EmailMessage)]
    assert len(contents) == 2
    return contents[0], contents[1]


def test_approval_freezes_and_keeps_the_whole_edition(session: Session, clock: FixedClock) -> None:
    issue = drafted(session, clock)
    edition = approve(session, issue, clock)
    assert (issue.state, issue.approved_by) == (IssueState.APPROVED, "editor")
    assert issue.message_domain == "news.example.org"
    assert issue.content_checksum
    assert edition.item_keys == [str(issue.items[0].article_id)]
    with pytest.raises(Refused, match="cannot approve"):
        approve(session, issue, clock)
    assert session.scalars(select(Edition)).one() is edition


def test_an_issue_with_a_mistake_is_not_approved(session: Session, clock: FixedClock) -> None:
    issue = drafted(session, clock)
    issue.subject = ""
    session.flush()
    found = lint_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
    assert "subject-empty" in [finding.rule for finding in found]
    with pytest.raises(Refused, match="cannot be approved: the issue has no subject"):
        approve(session, issue, clock)
    assert (issue.state, issue.content) == (IssueState.DRAFT, None)


def test_a_changed_or_withdrawn_article_changes_nothing_that_is_sent(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, articles=[{"title": "As it was approved"}])
    with database.transaction() as session:
        add_readers(session, ["ama"], now=NOW)
        add_readers(session, ["kofi"], now=NOW, wish="africa")
        article = session.scalars(select(Article)).one()
        article.title = "Changed afterwards"
        withdraw_article(session, article.id, clock=clock)
    prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    with database.read() as session:
        for edition in session.scalars(select(Edition)):
            assert "As it was approved" in edition.text
            assert "As it was approved" in edition.html
            assert "Changed" not in edition.subject + edition.text + edition.html


@pytest.mark.parametrize("base_url", ["https://alerts.example.org", "http://127.0.0.1:8000"])
def test_the_headers_of_an_issue(session: Session, clock: FixedClock, base_url: str) -> None:
    issue = drafted(session, clock)
    edition = approve(session, issue, clock)
    messages = IssueMessages.load(session, issue.id, sender=SETTINGS.sender)
    unsubscribe = f"{base_url}/unsubscribe/token"
    ids = [messages.message_id(number) for number in (1, 2, 1)]
    assert ids[0] == ids[2] != ids[1]
    reader = Reader("Ama", "ama@example.org", ids[0], unsubscribe, f"{base_url}/preferences/x")
    message = parsed(compile_edition(messages.envelope, edition).fill(reader))
    assert message["List-Unsubscribe"] == f"<{unsubscribe}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == '"GP Alert" <gp-alert.news.example.org>'
    assert message["Message-ID"] == f"<{ids[0]}>"
    assert message["From"] == SETTINGS.sender
    assert message["To"] == "Ama <ama@example.org>"
    assert message["Date"].datetime == clock.now()
    assert "Auto-Submitted" not in message
    for body in bodies(message):
        assert "As it was approved" in body
        assert unsubscribe in body
        assert "@@" not in body
    # Another process that loads the issue again makes the very same.
    again = IssueMessages.load(session, issue.id, sender=SETTINGS.sender)
    assert again.message_id(1) == ids[0]
    assert again.envelope == messages.envelope


def test_an_issue_that_was_not_approved_has_no_messages(
    session: Session, clock: FixedClock
) -> None:
    issue = drafted(session, clock)
    with pytest.raises(Refused, match="was not approved"):
        IssueMessages.load(session, issue.id, sender=SETTINGS.sender)


def test_a_preview_holds_what_would_arrive(
    session: Session, clock: FixedClock, tmp_path: Path
) -> None:
    issue = drafted(session, clock)
    rendered = render_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
    folder = tmp_path / "a" / "b"
    paths = write_preview(session, issue, rendered, folder, settings=SETTINGS, clock=clock)
    assert [path.name for path in paths] == ["subject.txt", "body.html", "body.txt", "message.eml"]
    subject, html, text, raw = (path.read_bytes() for path in paths)
    assert subject.decode() == "As it was approved\n"
    message = parsed(raw)
    assert str(message["Subject"]) == "As it was approved"
    plain, shown = (body.replace("\r\n", "\n").rstrip("\n") for body in bodies(message))
    assert plain == text.decode().rstrip("\n")
    assert shown == html.decode().rstrip("\n")
    assert "@@" not in plain + shown
    assert issue.state is IssueState.DRAFT
    assert session.scalars(select(Edition)).all() == []


def test_a_test_copy_goes_to_one_address_and_changes_nothing(
    session: Session, clock: FixedClock, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, base_url=SETTINGS.base_url, sender=SETTINGS.sender)
    issue = drafted(session, clock)
    rendered = render_issue(session, issue, settings=settings, renderer=RENDERER)
    envelope = issue_envelope(session, issue, settings=settings, clock=clock)
    asyncio.run(
        send_test_copy(
            rendered,
            "editor@example.org",
            envelope=envelope,
            settings=settings,
            redis_url="",
            clock=clock,
        )
    )
    store = CatcherStore(tmp_path)
    [caught] = store.newest(limit=10)
    store.close()
    assert (caught.recipient, caught.subject) == (
        "editor@example.org",
        "[Test] As it was approved",
    )
    assert get_issue(session, issue.id).state is IssueState.DRAFT
