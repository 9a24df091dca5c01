"""What people type stays what they typed: no SQL, no template, no formula, no header of theirs."""

import asyncio
import csv
import io
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.transactional import send_one
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.operations.alarms.telling import signed_headers
from alerts.rendering.models import Edition
from alerts.staff.permissions import Role
from alerts.subscribers.exporting import export_subscribers
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import RecordingTaskQueue
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell
from tests.data.web.running import RunningSite
from tests.desk_world import at_the_desk
from tests.factories import RENDERER, SETTINGS, add_readers, approved_issue

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE subscribers; --",
    '" OR ""="',
    "\\' OR 1=1 --",
    "%' UNION SELECT email FROM subscribers --",
    "1) OR (1=1",
)
TEMPLATES = ("{{ 7*7 }}", "{% raw %}", "${7*7}", "{{ config }}", "@@PREFERENCES_URL@@", "{# x #}")
FORMULAS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "=cmd|' /C calc'!A0"),
    *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)"),
)
BREAKS = ("\r\nBcc: victim@example.com", "\nBcc: victim@example.com", "\rX: y", "\x00", "\u2028x")


@pytest.mark.parametrize("text", SQL)
def test_no_question_becomes_a_statement(site: RunningSite, text: str) -> None:
    site.subscribe("gp-alert")
    for path, name in (
        ("/archive/search", "q"),
        ("/caught/", "q"),
        ("/embed", "newsletter"),
    ):
        answer = site.client.get(path, params={name: text})
        assert answer.status_code in {200, 404, 422}, path
        assert "asha@example.org" not in answer.text
    for path in ("/archive/region/", "/archive/author/", "/archive/", "/confirm/", "/unsubscribe/"):
        assert site.client.get(path + text.replace("/", "")).status_code == 404, path
    with at_the_desk(site, Role.ADMIN) as opened:
        for name in ("by", "actor", "subject", "since"):
            answer = opened.client.get("/desk/log", params={name: text})
            assert answer.status_code in {200, 422}, name
            assert "account.added" not in answer.text
    assert site.subscriber().state is SubscriberState.CONFIRMED


@pytest.mark.parametrize("text", TEMPLATES)
def test_no_title_is_taken_for_a_template(
    database: Database, clock: FixedClock, tmp_path: Path, text: str
) -> None:
    house = House(database, clock, tmp_path)
    with database.transaction() as session:
        add_readers(session, ["ama"], now=clock.now())
        ama = session.scalars(select(Subscriber)).one()
        ama.name = text
    article = {"title": f"A {text} B", "standfirst": f"<script>{text}</script>"}
    house.issue_id = approved_issue(database, clock, articles=[article])
    prepare_issue(
        database,
        house.issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    house.work()
    with database.read() as session:
        edition = session.scalars(select(Edition)).one()
    [(_, raw)] = house.transport.mails
    message = message_from_bytes(raw, policy=default)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    for part in parts:
        assert part is not None
        assert "A 49 B" not in " ".join(part.get_content().split())
    assert parts[1] is not None
    assert "<script>" not in parts[1].get_content()
    assert "<script>" not in edition.html
    said = " ".join(str(message["Subject"]).split())
    # A word that would be a slot is not one; all else stands there as it was typed.
    assert said.startswith("A ")
    if "@@" not in text:
        assert text in said
    else:
        assert "/preferences/" not in said


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(site: RunningSite, tmp_path: Path, text: str) -> None:
    subscriber = site.subscribe("gp-alert")
    with site.runtime.database.transaction() as session:
        session.get_one(Subscriber, subscriber.id).name = text
    export_subscribers(site.runtime.database, tmp_path / "all.csv")
    exported = (tmp_path / "all.csv").read_bytes().decode("utf-8-sig")
    link = site.links.preferences_url(subscriber.public_id)
    own = site.client.get(f"{link}/data.csv").content.decode("utf-8-sig")
    for content in (exported, own):
        cells = [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
        assert any(text.strip() in cell for cell in cells)
        marks = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
        assert not [cell for cell in cells if cell.startswith(marks)]


@pytest.mark.parametrize("text", BREAKS)
def test_no_value_begins_a_header_of_its_own(tmp_path: Path, text: str, clock: FixedClock) -> None:
    envelope = Envelope(
        f"House{text} <alerts@news.example.org>",
        f"Replies{text} <replies@news.example.org>",
        f"list{text}.news.example.org",
        f"The list{text}",
        clock.now(),
        feedback_id=f"a{text}:b:c:sender",
        answers=f"id{text}@example.org",
    )
    compiled = CompiledMessage(envelope, f"Subject{text}", "<p>x</p>", "x")
    reader = Reader(
        f"Ama{text}",
        f"ama{text}@example.org",
        f"1.2{text}@news.example.org",
        f"https://alerts.example.org/unsubscribe/x{text}",
        f"https://alerts.example.org/preferences/x{text}",
    )
    head = compiled.fill(reader).partition(b"\r\n\r\n")[0]
    assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    names = [
        line.partition(b":")[0].lower() for line in head.split(b"\r\n") if not line[:1].isspace()
    ]
    assert b"bcc" not in names
    assert b"x" not in names
    assert b"\0" not in head


@pytest.mark.parametrize("field", ["title", "tagline", "publisher", "sender", "reply_to"])
@pytest.mark.parametrize("text", BREAKS[:4])
def test_no_definition_brings_a_line_break(site: RunningSite, field: str, text: str) -> None:
    with site.runtime.database.read() as session:
        known = definition_of(get_newsletter(session, "gp-alert")).model_dump()
    known[field] = f"{known[field] or 'a <a@example.org>'}{text}"
    with pytest.raises((Invalid, ValueError)):
        NewsletterDefinition.model_validate(known)


def test_no_alarm_brings_a_line_break(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    bell = Bell(database, clock, tmp_path)
    text = "x\r\nBcc: victim@example.com"
    rendered = RENDERER.render_message(
        "alarm",
        {
            "occasion": "opened",
            "word": "Alarm",
            "title": text,
            "about": text,
            "what": text,
            "mend": text,
            "opened": "",
            "closed": "",
            "desk_url": "https://alerts.example.org/desk/operations",
            "publisher": text,
            "publisher_address": "",
            "home_url": "https://alerts.example.org",
        },
    )
    compiled = CompiledMessage(
        Envelope("a@example.org", "", "", "", clock.now()),
        rendered.subject,
        rendered.html,
        rendered.text,
    )
    asyncio.run(
        send_one(
            CatcherTransport(bell.store),
            compiled,
            Reader(None, "ops@example.org", "1@example.org", "", ""),
            sender="a@example.org",
        )
    )
    [mail] = bell.mails()
    found = bell.store.get(mail.id)
    assert found is not None
    assert message_from_bytes(found.raw, policy=default)["Bcc"] is None
    bell.close()


def test_a_webhooks_signature_is_over_all_that_is_said(clock: FixedClock) -> None:
    made = [
        signed_headers(name, body, secret=secret, now=clock.now())["Webhook-Signature"]
        for name, body, secret in (
            ("note-1", b"{}", "s" * 24),
            ("note-2", b"{}", "s" * 24),
            ("note-1", b"[]", "s" * 24),
            ("note-1", b"{}", "t" * 24),
        )
    ]
    assert len(set(made)) == 4
