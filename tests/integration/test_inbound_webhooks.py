"""Webhooks of mail providers, to the really served application: checked, stored, worked on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.messages import IssueMessages
from alerts.delivery.returned import Returned
from alerts.inbound.models import InboundMail
from alerts.inbound.storing import again
from alerts.inbound.working import work_off
from alerts.subscribers.models import SubscriberState
from alerts.task_queue import Queue, Task
from tests.data.inbound.callers import (
    CERTIFICATE_URL,
    POSTMARK_SECRET,
    SETTINGS,
    SUBSCRIBE_URL,
    TOPIC,
    Amazon,
    mailgun,
    mailgun_event,
    postmark_bounce,
    postmark_change,
    sendgrid_event,
    sendgrid_headers,
    ses_bounce,
    ses_complaint,
    sns,
)
from tests.data.inbound.room import Room
from tests.data.web.running import RunningSite, running_site
from tests.factories import SETTINGS as HOUSE

BASIC = ("postmark", POSTMARK_SECRET)


@dataclass
class World:
    """A house whose providers may call."""

    room: Room
    site: RunningSite
    amazon: Amazon

    @property
    def now(self) -> datetime:
        return self.room.clock.now()

    def post(self, provider: str, document: object, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Call with a document, or with bytes as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.site.client.post(f"/inbound/webhooks/{provider}", content=body, **options)

    def postmark(self, document: object) -> httpx.Response:
        return self.post("postmark", document, auth=BASIC)

    def sendgrid(self, *events: dict[str, Any]) -> httpx.Response:
        body = json.dumps(list(events)).encode()
        return self.post("sendgrid", body, headers=sendgrid_headers(body, now=self.now))

    def mails(self) -> list[InboundMail]:
        with self.room.database.read() as session:
            return list(session.scalars(select(InboundMail).order_by(InboundMail.id)))

    def work(self) -> list[str]:
        """Work everything off; return what came of it."""
        for mail in self.mails():
            work_off(self.room.desk, mail.id)
        return [mail.note for mail in self.mails()]

    def message_id(self, name: str) -> str:
        with self.room.database.read() as session:
            messages = IssueMessages.load(session, self.room.house.issue_id, sender=HOUSE.sender)
        return messages.message_id(self.room.delivery(name).id)

    def state(self, name: str) -> SubscriberState:
        return self.room.reader(name).state


@pytest.fixture
def world(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[World]:
    amazon = Amazon()
    site = running_site(database, clock, tmp_path, webhooks=SETTINGS, fetch=amazon.fetch)
    with site as running:
        yield World(Room(database, clock, tmp_path), running, amazon)


def test_a_bounce_of_each_provider_suppresses_whom_its_message_was_for(world: World) -> None:
    room = world.room
    room.send_to("ama", "kofi", "esi", "yaw")
    elsewhere = "moved@elsewhere.example"
    answers = [
        world.post("ses", sns(ses_bounce(elsewhere, world.message_id("ama")), now=world.now)),
        world.post(
            "mailgun",
            mailgun(mailgun_event("failed", elsewhere, world.message_id("kofi")), now=world.now),
        ),
        world.postmark(postmark_bounce(elsewhere, world.message_id("esi"))),
        world.sendgrid(
            sendgrid_event(
                "bounce",
                elsewhere,
                world.message_id("yaw"),
                status="5.1.1",
                reason="550 5.1.1 no such user",
                type="bounce",
            )
        ),
    ]
    assert [(a.status_code, a.json()) for a in answers] == [(200, {"stored": 1, "known": 0})] * 4
    assert [mail.way for mail in world.mails()] == ["ses", "mailgun", "postmark", "sendgrid"]
    queued = [(task, queue) for task, _, queue in world.site.queue.enqueued]
    assert queued == [(Task.READ_MAIL, Queue.INBOUND)] * 4

    notes = world.work()

    assert notes == ["hard bounce 5.1.1: suppressed (by its Message-ID)"] * 4
    states = {world.state(name) for name in ("ama", "kofi", "esi", "yaw")}
    assert states == {SubscriberState.SUPPRESSED}
    assert {(one.kind, one.code, one.domain) for one in room.events()} == {
        (Returned.HARD, "5.1.1", "elsewhere.example")
    }


def test_what_comes_twice_is_stored_once_and_answered_the_same(world: World) -> None:
    world.room.send_to("ama")
    bounced = sns(ses_bounce("ama@example.org"), now=world.now)
    failed = mailgun(mailgun_event("failed", "ama@example.org"), now=world.now)
    dropped = sendgrid_event("spamreport", "ama@example.org")
    for _ in range(3):
        assert world.post("ses", bounced).status_code == 200
        assert world.post("mailgun", failed).status_code == 200
        assert world.postmark(postmark_bounce("ama@example.org")).status_code == 200
        # In another call, beside others: SendGrid's events have numbers of their own.
        assert world.sendgrid(dropped, dropped).status_code == 200
    assert len(world.mails()) == 4
    # Whoever saw a call of Mailgun's may put another event to its signature: the token is spent.
    other = failed | {"event-data": mailgun_event("complained", "kofi@example.org")}
    assert world.post("mailgun", other).json() == {"stored": 0, "known": 1}
    assert len(world.mails()) == 4


def test_complaints_and_wishes_to_leave_are_heard(world: World) -> None:
    room = world.room
    room.send_to("ama", "kofi", "esi", "yaw", "efua")
    world.post("ses", sns(ses_complaint("x@x.example", world.message_id("ama")), now=world.now))
    world.post("mailgun", mailgun(mailgun_event("complained", "kofi@example.org"), now=world.now))
    world.postmark(postmark_change("esi@example.org", reason="ManualSuppression"))
    world.sendgrid(
        sendgrid_event("unsubscribe", "yaw@example.org", world.message_id("yaw")),
        sendgrid_event("unsubscribe", "nobody@example.org", serial=2),
        sendgrid_event("spamreport", "efua@example.org", serial=3),
    )
    notes = world.work()
    assert notes[0] == "complaint: suppressed (by its Message-ID)"
    assert notes[1:3] == [
        "complaint: suppressed (by its address)",
        "unsubscribed from everything (by its address)",
    ]
    # What one call brought is in no particular order.
    assert sorted(notes[3:]) == [
        "complaint: suppressed (by its address)",
        "unsubscribe: it names no delivery and no reader of ours; nothing was changed",
        "unsubscribed from everything (by its Message-ID)",
    ]
    suppressed = {name for name in ("ama", "kofi", "efua") if world.state(name) == "suppressed"}
    assert suppressed == {"ama", "kofi", "efua"}
    assert {world.state("esi"), world.state("yaw")} == {SubscriberState.UNSUBSCRIBED}


@pytest.mark.parametrize(
    ("provider", "document", "expected"),
    [
        ("ses", ses_bounce("a@b.example", kind="Transient", status="5.2.2", said=""), "soft"),
        ("ses", ses_bounce("a@b.example", kind="Transient", subtype="ContentRejected",
                           status="5.6.0", said=""), "policy"),
        ("ses", ses_bounce("a@b.example", subtype="Suppressed", status="5.7.1", said="listed"),
         "hard"),
        ("ses", ses_bounce("a@b.example", status="5.7.1", said="550 5.7.1 blocked: spam"),
         "policy"),
        ("mailgun", mailgun_event("failed", "a@b.example", reason="suppress-bounce", code=605,
                                  said="Not delivering to previously bounced address"), "hard"),
        ("mailgun", mailgun_event("failed", "a@b.example", reason="espblock", code=550,
                                  said="5.7.1 blocked by reputation"), "policy"),
        ("mailgun", mailgun_event("failed", "a@b.example", reason="old", code=498,
                                  said="Too old"), "soft"),
        ("postmark", postmark_bounce("a@b.example", kind="SoftBounce"), "soft"),
        ("postmark", postmark_bounce("a@b.example", kind="SpamNotification"), "policy"),
        ("sendgrid", sendgrid_event("bounce", "a@b.example", type="blocked",
                                    reason="550 5.7.1 rejected for reputation"), "policy"),
        ("sendgrid", sendgrid_event("dropped", "a@b.example", reason="Bounced Address"), "hard"),
        ("sendgrid", sendgrid_event("bounce", "a@b.example", type="blocked",
                                    reason="unable to get mx info"), "soft"),
        ("sendgrid", sendgrid_event("bounce", "a@b.example", type="bounce", reason="no reason",
                                    bounce_classification="Invalid Address"), "hard"),
    ],
)  # fmt: skip
def test_the_class_of_a_bounce_is_what_the_server_said_or_else_the_provider(
    provider: str, document: dict[str, Any], expected: str
) -> None:
    from alerts.inbound.providers.service import read_event

    raw = json.dumps({"Message": json.dumps(document)} if provider == "ses" else document)
    reading = read_event(provider, raw.encode())
    assert reading is not None
    assert (reading.kind, reading.bounce) == ("bounce", expected)
    assert reading.recipients == ("a@b.example",)


def test_what_is_late_or_away_suppresses_nobody(world: World) -> None:
    world.room.send_to("ama")
    delayed = {"delayedRecipients": [{"emailAddress": "ama@example.org"}]}
    late = {"eventType": "DeliveryDelay", "mail": {}, "deliveryDelay": delayed}
    world.post("ses", sns(late, now=world.now))
    temporary = mailgun_event("failed", "ama@example.org", severity="temporary", code=452)
    world.post("mailgun", mailgun(temporary, now=world.now))
    world.postmark(postmark_bounce("ama@example.org", kind="AutoResponder"))
    world.sendgrid(sendgrid_event("deferred", "ama@example.org", response="450 later"))
    assert [mail.way for mail in world.mails()] == ["ses", "mailgun", "postmark", "sendgrid"]
    assert set(world.work()) == {"the server goes on trying: nothing to do", "nothing to do"}
    assert world.state("ama") is SubscriberState.CONFIRMED
    # What was opened or delivered is no news: a row for each message would be a second ledger.
    assert world.sendgrid(sendgrid_event("delivered", "ama@example.org")).json()["stored"] == 0
    opened = mailgun(mailgun_event("opened", "ama@example.org"), now=world.now, token="2" * 32)
    assert world.post("mailgun", opened).json()["stored"] == 0
    assert len(world.mails()) == 4


def test_a_call_that_is_forged_old_or_for_another_is_refused(world: World) -> None:
    old, bounced = world.now - timedelta(days=2), ses_bounce("ama@example.org")
    good = sns(bounced, now=world.now)
    forged = [
        good | {"Message": json.dumps(ses_bounce("kofi@example.org"))},
        good | {"SigningCertURL": "https://evil.example/SimpleNotificationService-0a.pem"},
        good | {"SigningCertURL": "https://bucket.s3.amazonaws.com/SimpleNotificationService-0.pem"},
        good | {"SigningCertURL": CERTIFICATE_URL.replace("https", "http")},
        good | {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem"},
        good | {"SigningCertURL": CERTIFICATE_URL.replace("/Simple", "/other/Simple")},
        good | {"SignatureVersion": "3"},
        good | {"Signature": "?"},
        sns(bounced, now=old),
        sns(bounced, now=world.now, TopicArn=f"{TOPIC}-of-somebody-else"),
        sns("x", now=world.now, Type="SubscriptionConfirmation", SubscribeURL="https://evil.example/"),
    ]  # fmt: skip
    for message in forged:
        assert world.post("ses", message).status_code == 403, message
    assert set(world.amazon.asked) <= {CERTIFICATE_URL}
    event = mailgun_event("failed", "ama@example.org")
    assert world.post("mailgun", mailgun(event, now=old)).status_code == 403
    wrong = mailgun(event, now=world.now)
    wrong["signature"]["token"] = "0" * 32
    assert world.post("mailgun", wrong).status_code == 403
    for auth in (None, ("postmark", "guess"), ("postmark", "")):
        assert world.post("postmark", postmark_bounce("a@b.example"), auth=auth).status_code == 403
    body = json.dumps([sendgrid_event("bounce", "ama@example.org")]).encode()
    for headers in (
        {},
        sendgrid_headers(body, now=old),
        sendgrid_headers(body + b" ", now=world.now),
        sendgrid_headers(body, now=world.now)
        | {"X-Twilio-Email-Event-Webhook-Timestamp": str(int(world.now.timestamp()) + 1)},
    ):
        assert world.post("sendgrid", body, headers=headers).status_code == 403
    assert world.mails() == []


def test_a_subscription_of_a_known_topic_is_confirmed_at_amazon(world: World) -> None:
    asked = sns("You have chosen", now=world.now, Type="SubscriptionConfirmation")
    assert world.post("ses", asked).json() == {"stored": 0, "known": 0}
    assert world.amazon.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    # The certificate is kept; the older way to sign is Amazon's default for a topic.
    first = sns(ses_bounce("a@b.example"), now=world.now, SignatureVersion="1", Subject="x")
    assert world.post("ses", first).json()["stored"] == 1
    assert world.amazon.asked.count(CERTIFICATE_URL) == 1
    test = sns("Successfully validated SNS topic", now=world.now, MessageId="other")
    assert world.post("ses", test).json() == {"stored": 0, "known": 0}


def test_the_secret_may_stand_in_the_url_where_a_provider_knows_no_password(world: World) -> None:
    answer = world.post(f"postmark/{POSTMARK_SECRET}", postmark_bounce("a@b.example"))
    assert (answer.status_code, answer.json()["stored"]) == (200, 1)
    assert world.post("postmark/wrong", postmark_bounce("a@b.example")).status_code == 403


def test_bad_input_is_answered_in_one_line_and_never_by_an_error_of_ours(world: World) -> None:
    deep = b"[" * 100_000
    for body in (b"", b"\xff\xfe", deep, b'{"a": ' + b"9" * 5_000 + b"}", b"null", b"[1, {}]"):
        for provider in ("ses", "mailgun", "postmark", "sendgrid"):
            headers = sendgrid_headers(body, now=world.now) if provider == "sendgrid" else {}
            answer = world.post(
                provider, body, headers=headers, auth=BASIC if provider == "postmark" else None
            )
            assert answer.status_code in {200, 400, 403}, (provider, body[:20], answer.text)
            assert answer.status_code == 200 or answer.json()["detail"]
    assert world.post("ses", b"x" * (5 * 1024 * 1024)).status_code == 413
    assert world.post("hotmail", b"{}").status_code == 404
    assert world.site.client.get("/inbound/webhooks/ses").status_code == 405
    odd = sendgrid_event("bounce", "a\0\ud800@b.example", reason="\0" * 9_000, status=["5"])  # type: ignore[arg-type]
    odd |= {"envelope": {"a": 1}, "type": None, "sg_event_id": True}
    assert world.sendgrid(odd).json()["stored"] == 1
    assert world.work() == ["soft: it names no delivery and no reader of ours; nothing was changed"]


def test_an_event_can_be_worked_on_again_and_counts_once(world: World) -> None:
    world.room.send_to("ama")
    world.postmark(postmark_bounce("ama@example.org", world.message_id("ama")))
    world.work()
    with world.room.database.transaction() as session:
        again(session, world.mails()[0].id, clock=world.room.clock)
    assert world.work() == ["hard bounce 5.1.1: suppressed already (by its Message-ID)"]
    assert len(world.room.events()) == 1


def test_a_provider_that_is_not_set_up_may_not_call(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path) as site:
        answer = site.client.post("/inbound/webhooks/ses", json={})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no provider of this name may call; known here: none"
