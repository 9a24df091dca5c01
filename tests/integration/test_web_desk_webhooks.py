"""The webhooks' room at the desk, and the same on the command line."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alerts.cli.webhooks import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.task_queue import Queue, Task
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.webhooks_world import Receiver, a_receiver

HERE = "/desk/webhooks"
EVENTS = ["issue.sent", "issue.paused"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        yield receiver


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path, fetch_hosts=("127.0.0.1",)) as site:
        yield site


def form_of(url: str, name: str, *events: str) -> dict[str, str | list[str]]:
    return {"url": url, "name": name, "event": list(events)}


def add(ops: Browser, receiver: Receiver, **changes: str | list[str]) -> str:
    form: dict[str, str | list[str]] = {"url": receiver.url, "name": "Chat", "event": EVENTS}
    page = ops.post(HERE, form | changes, page=HERE)
    assert page.status_code == 200, page.text
    found = re.search(r'class="once">(whsec_[^<]+)<', page.text)
    assert found, page.text
    return found[1]


def acts(site: RunningSite) -> list[str]:
    with site.runtime.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [one.act for one in entries if one.subject_kind == "webhook"]


def test_one_is_added_tested_changed_and_removed(site: RunningSite, receiver: Receiver) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        secret = add(ops, receiver)
        assert secret not in ops.get(f"{HERE}/1").text
        tested = ops.post(f"{HERE}/1/test", page=HERE)
        assert "It answered 204: it works." in tested.text
        assert receiver.received[0].is_signed_with(secret)
        assert receiver.kinds == ["webhook.test"]
        receiver.answer(500, body=b"<script>alert(1)</script>")
        failed = ops.post(f"{HERE}/1/test", page=HERE)
        assert "It did not take the test: 500 &lt;script&gt;" in failed.text
        assert "<script>alert" not in failed.text
        changed: dict[str, str | list[str]] = {
            "url": receiver.url,
            "name": "Talk",
            "event": ["issue.sent"],
        }
        assert "The webhook is changed." in ops.post(f"{HERE}/1", changed, page=HERE).text
        listed = ops.get(HERE).text
        assert "Talk" in listed
        assert "issue.paused</td>" not in listed
        assert "is removed" in ops.post(f"{HERE}/1/remove", page=HERE).text
        assert "No program is told anything yet." in ops.get(HERE).text
    assert acts(site) == [
        f"webhook.{word}" for word in ("added", "tested", "tested", "changed", "removed")
    ]


def test_what_is_wrong_is_told_and_what_was_typed_is_kept(site: RunningSite) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        form: dict[str, str | list[str]] = {
            "url": "http://hooks.example.org/x",
            "name": "Chat",
            "event": EVENTS,
        }
        page = ops.post(HERE, form, page=HERE)
        assert page.status_code == 422
        assert "only https:// is posted to" in page.text
        assert 'value="http://hooks.example.org/x"' in page.text
        assert page.text.count(" checked") == 2
        none = ops.post(HERE, {"url": "https://hooks.example.org/"}, page=HERE)
        assert "Name an event at least" in none.text


def test_it_is_paused_resumed_and_given_a_new_secret(site: RunningSite, receiver: Receiver) -> None:
    with at_the_desk(site, Role.ADMIN) as admin:
        first = add(admin, receiver)
        assert "Paused since" in admin.post(f"{HERE}/1/pause", page=HERE).text
        again = admin.post(f"{HERE}/1/pause", page=HERE)
        assert (again.status_code, "is paused already" in again.text) == (409, True)
        assert "It goes on." in admin.post(f"{HERE}/1/resume", page=HERE).text
        assert (Task.TELL_WEBHOOK, (1,), Queue.WEBHOOKS) in site.queue.enqueued
        page = admin.post(f"{HERE}/1/rotate", page=HERE).text
        assert "whsec_" in page
        assert first not in page


def test_what_was_given_up_is_told_again(site: RunningSite, receiver: Receiver) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        add(ops, receiver)
        receiver.answer(400, body=b"no such channel")
        ops.post(f"{HERE}/1/test", page=HERE)
        page = ops.get(f"{HERE}/1").text
        assert "given up" in page
        assert "400 no such channel" in page
        assert "some were given up" in ops.get(HERE).text
        told = ops.post(f"{HERE}/1/redeliver", {"delivery": "1"}, page=HERE)
        assert "It is told again" in told.text
        assert ops.post(f"{HERE}/1/redeliver", {"delivery": "77"}, page=HERE).status_code == 404
        assert ops.post(f"{HERE}/1/redeliver", {"delivery": "x"}, page=HERE).status_code == 422
    with site.runtime.database.read() as session:
        assert session.get_one(WebhookDelivery, 1).state is DeliveryEnd.PENDING


def test_one_that_was_given_up_is_seen_on_the_first_page(
    site: RunningSite, receiver: Receiver
) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        add(ops, receiver)
        assert "is paused:" not in ops.get("/desk/").text
        with site.runtime.database.transaction() as session:
            endpoint = session.get_one(WebhookEndpoint, 1)
            endpoint.paused_at = endpoint.failing_since = site.clock.now()
            endpoint.paused_because = "nothing got through for two days"
        overview = ops.get("/desk/").text
        assert "is paused: nothing got through for two days" in overview
        assert f'href="{HERE}/1"' in overview


def test_older_ones_are_on_the_next_page(site: RunningSite, receiver: Receiver) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        add(ops, receiver)
        for _ in range(26):
            ops.post(f"{HERE}/1/test", page=HERE)
        first = ops.get(f"{HERE}/1").text
        assert first.count("webhook.test</td>") == 25
        found = re.search(r'href="([^"]+before=\d+)"', first)
        assert found
        assert ops.get(found[1]).text.count("webhook.test</td>") == 1


def test_editors_have_no_business_there(site: RunningSite) -> None:
    with at_the_desk(site, Role.EDITOR) as editor:
        assert editor.get(HERE).status_code == 403
        assert "Webhooks" not in editor.get("/desk/").text
        assert editor.post(HERE, {"url": "https://hooks.example.org/"}).status_code == 403


Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return what runs a command against the test's database."""
    monkeypatch.setenv("ALERTS_FETCH_HOSTS", "127.0.0.1")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def document(result: Result) -> Any:  # noqa: ANN401 - whatever the document is
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_same_on_the_command_line(command: Command, receiver: Receiver) -> None:
    added = document(command("add", receiver.url, "--event", "issue.sent", "--json"))
    assert (added["state"], added["events"]) == ("active", ["issue.sent"])
    number = str(added["id"])
    tested = document(command("test", number, "--json"))
    assert (tested["delivered"], tested["status"]) == (True, 204)
    assert receiver.received[0].is_signed_with(added["secret"])
    receiver.answer(404, body=b"nobody here")
    refused = command("test", number)
    assert "did not take it: 404 nobody here" in str(refused.exception)
    dead, done = document(command("deliveries", number, "--json"))
    assert (dead["state"], dead["answer"], done["state"]) == ("dead", "nobody here", "delivered")
    again = document(command("deliveries", number, "--redeliver", str(dead["id"]), "--json"))
    assert again[0]["state"] == "pending"
    assert command("pause", number).exit_code == 0
    assert document(command("list", "--json"))[0]["state"] == "paused"
    assert command("resume", number).exit_code == 0
    assert document(command("rotate", number, "--json"))["secret"] != added["secret"]
    assert "secret" not in document(command("list", "--json"))[0]
    assert command("remove", number).exit_code == 0
    assert document(command("list", "--json")) == []
    assert "there is no webhook 1" in str(command("test", "1").exception)
    assert "is no event" in str(command("add", receiver.url, "--event", "x").exception)
