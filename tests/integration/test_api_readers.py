"""Readers, segments, suppressions and growth over the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.kept_answers import KeptAnswer
from alerts.staff.models import AuditEntry
from alerts.task_queue import Queue, Task
from alerts.web.api.shapes.readers import PersonalData, SubscriberShape
from tests.api_world import Program, a_program

ASHA = {"email": "asha@example.org"}


@pytest.fixture
def program(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Program]:
    with a_program(database, clock, tmp_path) as program:
        yield program


def entries(program: Program) -> list[AuditEntry]:
    with program.site.runtime.database.read() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [one for one in found if not one.act.startswith(("account.", "api_token."))]


def test_somebody_subscribes_and_is_asked_to_confirm(program: Program) -> None:
    wanted = ASHA | {"newsletters": ["gp-alert"], "regions": ["West Africa"], "name": "Asha"}
    answer = program.post("/subscribers", wanted)

    assert (answer.status_code, answer.json()["result"]) == (201, "added")
    SubscriberShape.model_validate(answer.json())
    assert answer.json()["state"] == "unconfirmed"
    number = answer.json()["id"]
    assert program.site.queue.enqueued == [(Task.SEND_CONFIRMATION, (number,), Queue.TRANSACTIONAL)]
    found = program.post("/subscribers/find", {"email": "ASHA@example.org"}).json()
    assert [one["regions"] for one in found["subscriptions"]] == [["West Africa"]]
    assert program.get(f"/subscribers/{number}") == found
    assert program.post("/subscribers/find", {"email": "b@example.org"}).status_code == 404


def test_nobody_is_mailed_over_and_over(program: Program) -> None:
    answers = [program.post("/subscribers", ASHA) for _ in range(4)]
    assert [one.status_code for one in answers] == [201, 200, 200, 429]
    assert "nothing was changed" in answers[3].json()["detail"]
    assert answers[3].headers["Retry-After"] == "3600"
    assert len(program.site.queue.enqueued) == 3
    assert program.post("/subscribers", {"email": "b@example.org"}).status_code == 201


def test_readers_are_exported_as_csv(program: Program) -> None:
    program.site.subscribe("gp-alert")
    answer = program.ask("GET", "/subscribers/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "subscribers.csv" in answer.headers["content-disposition"]
    assert "RateLimit" in answer.headers
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "email,name,newsletters,frequency,regions,time_zone,status"
    assert lines[1] == "asha@example.org,,gp-alert,immediate,,,confirmed"
    assert [one.act for one in entries(program)] == ["subscribers.exported"]


def test_somebody_is_confirmed_only_on_a_basis(program: Program) -> None:
    answer = program.post("/subscribers", ASHA | {"confirmed": True})
    assert answer.status_code == 422
    assert "say on what basis" in answer.json()["detail"]
    said = ASHA | {"confirmed": True, "consent": "signed a card at the fair"}
    assert program.post("/subscribers", said).json()["state"] == "confirmed"
    assert program.site.queue.enqueued == []


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"email": "asha"}, 422, "asha"),
        (ASHA | {"newsletters": ["nope"]}, 422, "there is no newsletter 'nope'"),
        (ASHA | {"regions": ["Atlantis"]}, 422, "Atlantis"),
        (ASHA | {"time_zone": "Mars/Olympus"}, 422, "Mars/Olympus"),
        (ASHA | {"frequency": "hourly"}, 422, "frequency: "),
    ],
)
def test_a_wish_that_cannot_be_kept_is_told(
    program: Program, wanted: dict[str, object], status: int, said: str
) -> None:
    answer = program.post("/subscribers", wanted)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_somebody_leaves_one_newsletter_then_all(program: Program) -> None:
    number = program.site.subscribe("gp-alert", "africa-this-week").id
    one = program.post(f"/subscribers/{number}/unsubscribe", {"newsletter": "gp-alert"}).json()
    assert [each["newsletter"] for each in one["subscriptions"]] == ["africa-this-week"]
    assert one["state"] == "confirmed"
    assert program.post(f"/subscribers/{number}/unsubscribe").json()["state"] == "unsubscribed"
    assert program.post(f"/subscribers/{number}/unsubscribe").status_code == 200
    assert [one.act for one in entries(program)] == ["subscriber.unsubscribed"] * 2


def test_a_persons_data_is_given_out_and_erased(program: Program) -> None:
    number = program.post("/subscribers", ASHA, Idempotency_Key="k").json()["id"]
    PersonalData.model_validate(program.get(f"/subscribers/{number}/data"))
    assert program.ask("DELETE", f"/subscribers/{number}").status_code == 204
    assert program.ask("GET", f"/subscribers/{number}").status_code == 404
    back = program.post("/subscribers", ASHA)
    assert (back.status_code, "suppressed" in back.json()["detail"]) == (409, True)
    # Neither the log nor the answers kept by their keys name the person.
    acts = [one.act for one in entries(program)]
    assert acts == ["subscriber.added", "subscriber.exported", "subscriber.erased"]
    with program.site.runtime.database.read() as session:
        assert session.scalars(select(KeptAnswer)).all() == []
    assert all("asha" not in str(one.details) for one in entries(program))


def test_an_address_is_suppressed_and_lifted_with_reasons(program: Program) -> None:
    program.site.subscribe("gp-alert")
    assert program.post("/suppressions/check", ASHA).json()["reason"] is None
    suppressed = program.post("/suppressions", ASHA | {"reason": "asked by phone"}).json()
    assert suppressed["reason"] == "asked by phone"
    assert program.post("/subscribers/find", ASHA).json()["state"] == "suppressed"
    assert program.post("/suppressions/lift", ASHA).status_code == 422
    lifted = program.post("/suppressions/lift", ASHA | {"reason": "asked again"}).json()
    assert (lifted["reason"], lifted["was"]) == (None, "asked by phone")
    assert [one["action"] for one in lifted["changes"]] == ["added", "lifted"]
    assert program.post("/suppressions/lift", ASHA | {"reason": "x"}).status_code == 404
    acts = entries(program)
    assert [one.act for one in acts] == ["address.suppressed", "address.lifted"]
    assert all("asha" not in one.subject_id for one in acts)


def test_a_domain_is_blocked_and_unblocked(program: Program) -> None:
    program.site.subscribe("gp-alert")
    block = {"domain": "example.org", "reason": "a spam trap"}
    assert program.post("/suppressions/domains", block).json()["subscribers"] == 1
    assert program.post("/suppressions/domains", block).status_code == 409
    assert program.get("/suppressions/domains")["items"][0]["domain"] == "example.org"
    path = "/suppressions/domains/example.org/unblock"
    assert program.post(path, {"reason": "mended"}).json()["subscribers"] == 1
    assert program.post(path, {"reason": "mended"}).status_code == 404


def test_segments_are_saved_counted_changed_and_forgotten(program: Program) -> None:
    program.site.subscribe("gp-alert")
    saved = program.post("/segments", {"slug": "all", "query": "State is confirmed"})
    assert (saved.status_code, saved.json()["query"]) == (201, "state is confirmed")
    assert (
        program.post("/segments", {"slug": "all", "query": "state is confirmed"}).status_code == 409
    )
    found = program.get("/segments/all")
    assert (found["matching"], found["reachable"]) == (1, 1)
    counted = program.post("/segments/count", {"query": "state is unconfirmed"}).json()
    assert counted == {"query": "state is unconfirmed", "matching": 0, "reachable": 0}
    wrong = program.post("/segments/count", {"query": "colour is red"})
    assert wrong.status_code == 422
    changed = program.ask("PATCH", "/segments/all", {"name": "Everybody"})
    assert changed.json()["name"] == "Everybody"
    assert program.ask("DELETE", "/segments/all").status_code == 204
    assert program.ask("GET", "/segments/all").status_code == 404


def test_growth_is_shown_by_day(program: Program) -> None:
    program.site.subscribe("gp-alert")
    (day,) = program.get("/reports/growth?newsletter=gp-alert")["items"]
    assert day == {
        "day": "2026-11-23",
        "newsletter": "gp-alert",
        "signed_up": 1,
        "confirmed": 1,
        "departed": 0,
    }
    assert program.ask("GET", "/reports/growth?since=1900-01-01").status_code == 422
