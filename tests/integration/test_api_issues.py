"""Issues over the API: from a draft to the books, as at the desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.preparation import prepare_issue
from alerts.newsletters.definitions import NO_GRACE
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.staff.models import AuditEntry
from alerts.task_queue import Queue, Task
from alerts.web.api.shapes.issues import Approved, IssueShape, Lint, Report
from tests.api_world import Program, a_program
from tests.factories import RENDERER, add_readers, an_article


@pytest.fixture
def program(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Program]:
    with a_program(database, clock, tmp_path) as program:
        with database.transaction() as session:
            an_article(session, clock)
            an_article(session, clock)
            add_readers(session, ["afi", "kofi"], now=clock.now())
        # What is sent at once leaves at once; the grace has a test of its own.
        at_once = program.get("/newsletters/gp-alert") | {"grace": NO_GRACE}
        assert program.ask("PUT", "/newsletters/gp-alert", at_once).is_success
        yield program


def draft(program: Program) -> int:
    answer = program.post("/issues", {"newsletter": "gp-alert"})
    assert answer.status_code == 201, answer.text
    IssueShape.model_validate(answer.json())
    return int(answer.json()["id"])


def acts(program: Program) -> list[str]:
    with program.site.runtime.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [one.act for one in entries if one.subject_kind == "issue"]


def test_an_issue_goes_from_a_draft_to_its_books(program: Program) -> None:
    issue = draft(program)
    Lint.model_validate(program.get(f"/issues/{issue}/lint"))
    assert "@@UNSUBSCRIBE_URL@@" in program.get(f"/issues/{issue}/preview")["text"]
    approved = program.post(f"/issues/{issue}/approve")
    Approved.model_validate(approved.json())
    assert approved.json()["state"] == "approved"
    assert approved.json()["approved_by"] == "API token “tests”"

    sent = program.post(f"/issues/{issue}/send")

    assert sent.json()["state"] == "sending"
    assert program.site.queue.enqueued == [(Task.PREPARE_ISSUE, (issue,), Queue.PREPARATION)]
    assert program.post(f"/issues/{issue}/pause").json()["state"] == "paused"
    assert program.post(f"/issues/{issue}/resume").json()["state"] == "sending"
    audit = program.get(f"/issues/{issue}/audit")
    assert (audit["audience"], audit["balanced"]) == (0, True)
    report = program.get(f"/issues/{issue}/report")
    Report.model_validate(report)
    assert report["progress"] == {"audience": 0, "done": 0}
    words = ("drafted", "approved", "sent", "paused", "resumed")
    assert acts(program) == [f"issue.{word}" for word in words]


def test_what_was_sent_can_be_taken_back_during_the_grace(program: Program) -> None:
    gentle = program.get("/newsletters/gp-alert") | {"grace": "30 seconds"}
    program.ask("PUT", "/newsletters/gp-alert", gentle)
    issue = draft(program)
    program.post(f"/issues/{issue}/approve")
    sent = program.post(f"/issues/{issue}/send").json()
    assert (sent["state"], sent["send_at"]) == ("scheduled", "2026-11-23T06:00:30Z")
    assert program.post(f"/issues/{issue}/undo").json()["state"] == "approved"
    assert program.post(f"/issues/{issue}/undo").status_code == 409


def test_it_is_sent_later_moved_and_called_off(program: Program) -> None:
    issue = draft(program)
    late = program.post(f"/issues/{issue}/schedule", {"send_at": "2026-11-24T08:00:00+05:30"})
    assert late.status_code == 409
    assert late.json()["detail"] == "the issue is a draft; approve it first"
    program.post(f"/issues/{issue}/approve")
    over = program.post(f"/issues/{issue}/schedule", {"send_at": "2026-11-23T05:59:00Z"})
    assert "is over" in over.json()["detail"]
    naive = program.post(f"/issues/{issue}/schedule", {"send_at": "2026-11-24T08:00:00"})
    assert naive.status_code == 422
    set_ = program.post(f"/issues/{issue}/schedule", {"send_at": "2026-11-24T08:00:00+05:30"})
    assert (set_.json()["state"], set_.json()["send_at"]) == ("scheduled", "2026-11-24T02:30:00Z")
    assert program.post(f"/issues/{issue}/cancel").json()["state"] == "cancelled"
    assert program.post(f"/issues/{issue}/send").status_code == 409


def test_a_change_is_made_only_to_what_was_seen(program: Program) -> None:
    issue = draft(program)
    seen = program.ask("GET", f"/issues/{issue}")
    tag = seen.headers["ETag"]
    assert program.ask("GET", f"/issues/{issue}", If_None_Match=tag).status_code == 304

    first = program.ask("PATCH", f"/issues/{issue}", {"subject": "Cranes"}, If_Match=tag)
    second = program.ask("PATCH", f"/issues/{issue}", {"subject": "Piers"}, If_Match=tag)

    assert (first.status_code, first.json()["subject"]) == (200, "Cranes")
    assert second.status_code == 412
    assert "changed since you looked" in second.json()["detail"]
    assert program.post(f"/issues/{issue}/approve", If_Match=tag).status_code == 412
    assert program.post(f"/issues/{issue}/approve", If_Match=first.headers["ETag"]).is_success
    late = program.ask("PATCH", f"/issues/{issue}", {"subject": "Piers"})
    assert late.status_code == 409
    assert acts(program) == ["issue.drafted", "issue.edited", "issue.approved"]


def test_nothing_new_makes_no_issue(program: Program) -> None:
    draft(program)
    again = program.post("/issues", {"newsletter": "gp-alert"})
    assert again.status_code == 409
    assert again.json()["detail"].startswith("nothing new for gp-alert")


def test_a_draft_of_exactly_these_articles(program: Program) -> None:
    first = program.get("/articles")["items"][0]["id"]
    answer = program.post("/issues", {"newsletter": "gp-alert", "articles": [first, first]})
    assert [item["id"] for item in answer.json()["articles"]] == [first]
    none = program.post("/issues", {"newsletter": "gp-alert", "articles": [4711]})
    assert none.status_code == 404


def test_a_test_copy_is_sent_once_a_key(program: Program) -> None:
    issue = draft(program)
    store = CatcherStore(program.site.runtime.settings.data_dir)
    for _ in range(2):
        answer = program.post(
            f"/issues/{issue}/test", {"to": "editor@example.org"}, Idempotency_Key="copy-1"
        )
        assert answer.status_code == 204, answer.text
    assert store.count() == 1
    store.close()
    wrong = program.post(f"/issues/{issue}/test", {"to": "editor at example"})
    assert wrong.status_code == 422
    assert acts(program) == ["issue.drafted", "issue.tested"]


def test_what_failed_is_tried_again(program: Program) -> None:
    issue = draft(program)
    program.post(f"/issues/{issue}/approve")
    program.post(f"/issues/{issue}/send")
    site = program.site
    database = site.runtime.database
    prepare_issue(
        database,
        issue,
        renderer=RENDERER,
        base_url=site.url,
        clock=site.clock,
        queue=site.queue,
    )
    with database.transaction() as session:
        for delivery in session.scalars(select(Delivery)):
            delivery.state, delivery.reason = DeliveryState.FAILED, "gave up: 4.2.2"
        move(session, issue, Event.FINISH, clock=site.clock)
    looked = program.post(f"/issues/{issue}/retry", {"dry_run": True})
    assert looked.json() == {"issue": issue, "retried": 2, "reasons": {"gave up: 4.2.2": 2}}
    assert program.get(f"/issues/{issue}")["state"] == "sent"
    assert program.post(f"/issues/{issue}/retry").json()["retried"] == 2
    assert program.get(f"/issues/{issue}")["state"] == "sending"
    assert program.post(f"/issues/{issue}/retry", {"reasons": [" "]}).status_code == 422
