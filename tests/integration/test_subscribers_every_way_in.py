"""Whichever way somebody signs up, the same begins: one mail with a link, and nothing before it."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from alerts.cli.whole import app
from alerts.delivery.catcher import CatcherStore
from alerts.inbound.reading.record import Command
from alerts.inbound.wishes import Wish, fulfil
from alerts.newsletters.service import offers
from alerts.staff.permissions import Permission, Role
from alerts.subscribers.models import ConsentAction, SubscriberState
from alerts.subscribers.uploads.service import (
    get_upload,
    keep_upload,
    order_check,
    order_import,
    waiting_to_confirm,
)
from alerts.subscribers.uploads.working import take_upload
from alerts.task_queue import Queue, Task
from tests.api_world import Program, a_token
from tests.data.web.running import EMAIL, KEY, RunningSite, send_owed_confirmations
from tests.desk_world import at_the_desk, token_in

_TEN_SECONDS = timedelta(seconds=10)
Way = Callable[[RunningSite], None]


def by_web_page(site: RunningSite) -> None:
    form = {"form_token": site.form_token(), "email": EMAIL, "newsletter": "gp-alert"}
    assert site.client.post("/subscribe", data=form).status_code == 200


def by_embedded_form(site: RunningSite) -> None:
    """Send the form as another site has it: without a token, which our own page then adds."""
    form = {"email": EMAIL, "newsletter": "gp-alert", "website": ""}
    page = site.client.post("/subscribe", data=form)
    assert not site.queue.enqueued
    again = {"form_token": token_in(page.text)} | form
    site.clock.advance(_TEN_SECONDS)
    assert site.client.post("/subscribe", data=again).status_code == 200


def by_desk(site: RunningSite) -> None:
    with at_the_desk(site, Role.EDITOR) as editor:
        page = editor.post(
            "/desk/subscribers/add", {"email": EMAIL, "newsletter": "gp-alert", "how": "asked"}
        )
    assert "asks them to confirm" in page.text


def by_import(site: RunningSite) -> None:
    runtime = site.runtime
    file = io.BytesIO(f"email\n{EMAIL}\n".encode())
    number = keep_upload(runtime.database, file, name="a.csv", by="Ama", clock=site.clock).id
    for step in ("check", "import"):
        with runtime.database.transaction() as session:
            upload = get_upload(session, number)
            if step == "check":
                order_check(
                    upload,
                    mapping={"email": "email"},
                    newsletters=["gp-alert"],
                    confirmed=False,
                    consent="asked for it in Accra",
                    clock=site.clock,
                )
            else:
                order_import(upload, clock=site.clock)
            offered = offers(session)
        take_upload(
            runtime.database, number, offers=offered, suppression_keys=(KEY,), clock=site.clock
        )
    with runtime.database.read() as session:
        for subscriber_id in waiting_to_confirm(session, number, limit=10):
            site.queue.enqueue(Task.SEND_CONFIRMATION, subscriber_id, queue=Queue.DIGESTS)


def by_api(site: RunningSite) -> None:
    program = Program(site, a_token(site, scopes=(Permission.SUBSCRIBERS_WRITE,)))
    done = program.post("/subscribers", {"email": EMAIL, "newsletters": ["gp-alert"]})
    assert (done.status_code, done.json()["state"]) == (201, "unconfirmed")


def by_command_line(site: RunningSite) -> None:
    settings = {
        "ALERTS_DATABASE_URL": site.runtime.database.url.render_as_string(hide_password=False),
        "ALERTS_DATA_DIR": str(site.runtime.settings.data_dir),
        "ALERTS_SECRET_KEY": KEY,
    }
    done = CliRunner().invoke(
        app, ["subscriber", "add", EMAIL, "--newsletter", "gp-alert"], env=settings
    )
    assert done.exit_code == 0, done.output
    # Nobody listens where the command put its task: the sweeper finds it, and this queue is asked.
    site.queue.enqueue(Task.SEND_CONFIRMATION, site.subscriber().id, queue=Queue.TRANSACTIONAL)


def by_mail(site: RunningSite) -> None:
    wish = Wish(Command.SUBSCRIBE, EMAIL, ("gp-alert-subscribe@news.example.org",), "")
    with site.runtime.database.transaction() as session:
        done = fulfil(session, wish, may_answer=True, keys=(KEY,), clock=site.clock)
    assert done.confirm
    site.queue.enqueue(Task.SEND_CONFIRMATION, done.confirm, queue=Queue.TRANSACTIONAL)


@pytest.mark.parametrize(
    "way",
    [by_web_page, by_embedded_form, by_api, by_desk, by_import, by_mail, by_command_line],
)
def test_every_way_in_begins_with_the_same_mail(site: RunningSite, way: Way) -> None:
    way(site)
    waiting = site.subscriber()
    assert waiting.state is SubscriberState.UNCONFIRMED
    assert waiting.confirmation_due_at is not None
    assert list(site.subscriptions()) == ["gp-alert"]
    assert [task for task, _, _ in site.queue.enqueued] == [Task.SEND_CONFIRMATION]
    assert [one.action for one in site.consents()] == [ConsentAction.REQUESTED]
    assert site.consents()[0].wording

    send_owed_confirmations(site)
    store = CatcherStore(site.runtime.settings.data_dir)
    (mail,) = store.newest(limit=10)
    store.close()
    assert mail.subject.startswith("Please confirm")
    assert mail.recipient == EMAIL
    assert site.subscriber().confirmation_due_at is None

    assert site.client.post(site.links.confirm_url(waiting.public_id)).status_code == 200
    assert site.subscriber().state is SubscriberState.CONFIRMED
    confirmed = site.consents()[-1]
    assert confirmed.action is ConsentAction.CONFIRMED
    assert confirmed.wording == "Yes, confirm: gp-alert, immediate."
