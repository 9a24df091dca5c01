"""Webhooks, to a real server: signed, tried again, paused, and never to the inside."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.service import withdraw_article
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Invalid, Refused
from alerts.holding import put_on_hold
from alerts.inbound.erasing import erase_person
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import ensure_built_in, offers
from alerts.operations.pruning import prune
from alerts.outbox.models import DeliveryEnd, WebhookEvent
from alerts.subscribers.queries import find_subscriber
from alerts.subscribers.service import add_subscriber, confirm, unsubscribe
from alerts.webhooks import endpoints
from alerts.webhooks.queries import owed_endpoints, redeliver
from alerts.webhooks.signing import address_hash
from tests.factories import an_article, approved_issue
from tests.staff_world import KEYS
from tests.webhooks_world import SEAL, Post, a_post

ISSUES = ("issue.drafted", "issue.approved", "issue.sending", "issue.cancelled")


@pytest.fixture
def post(database: Database, clock: FixedClock) -> Iterator[Post]:
    with a_post(database, clock) as post:
        yield post


def owed(post: Post) -> list[int]:
    with post.database.read() as session:
        return owed_endpoints(session, clock=post.clock)


def happen(post: Post) -> int:
    """Let an issue be drafted, approved and begun."""
    return approved_issue(post.database, post.clock)


def test_an_issues_way_is_told_in_order_and_signed(post: Post) -> None:
    number, secret = post.add(*ISSUES)
    issue = happen(post)
    assert owed(post) == [number]

    assert post.deliverer.work_off(number) is False

    assert post.receiver.kinds == ["issue.drafted", "issue.approved", "issue.sending"]
    first = post.receiver.received[0]
    assert first.is_signed_with(secret)
    assert not first.is_signed_with("whsec_" + "A" * 44)
    assert first.headers["webhook-timestamp"] == str(int(post.clock.now().timestamp()))
    assert first.document["timestamp"] == "2026-11-23T06:00:00Z"
    data = first.document["data"]
    assert (data["id"], data["newsletter"], data["state"]) == (issue, "gp-alert", "draft")
    assert len({one.headers["webhook-id"] for one in post.receiver.received}) == 3
    assert {one.state for one in post.deliveries(number)} == {DeliveryEnd.DELIVERED}
    assert owed(post) == []


def test_only_what_was_asked_for_is_written_down(post: Post) -> None:
    number, _ = post.add("issue.sending")
    happen(post)
    post.deliverer.work_off(number)
    assert post.receiver.kinds == ["issue.sending"]
    with post.database.read() as session:
        assert session.scalar(select(func.count()).select_from(WebhookEvent)) == 1


def test_what_is_rolled_back_was_never_told(post: Post) -> None:
    number, _ = post.add("issue.cancelled")
    issue = happen(post)
    with Session(post.database.engine) as session:
        move(session, issue, Event.CANCEL, clock=post.clock)
        session.rollback()
    assert owed(post) == []
    assert post.deliveries(number) == []


def test_articles_are_told(post: Post) -> None:
    number, _ = post.add("article.withdrawn")
    with post.database.transaction() as session:
        article = an_article(session, post.clock)
        withdraw_article(session, article.id, reason="a slip", clock=post.clock)
    post.deliverer.work_off(number)
    data = post.receiver.received[0].document["data"]
    assert (data["id"], data["because"]) == (article.id, "a slip")


@pytest.mark.parametrize("addresses", [False, True])
def test_readers_are_told_by_a_hash_unless_asked(post: Post, addresses: bool) -> None:
    number, secret = post.add("subscriber.confirmed", addresses=addresses)
    with post.database.transaction() as session:
        ensure_built_in(session, clock=post.clock)
        offered = offers(session)
        asha = add_subscriber(
            session,
            email="Asha@Example.org",
            offers=[offered["gp-alert"]],
            way="test",
            clock=post.clock,
        ).subscriber
        confirm(session, asha.public_id, way="test", clock=post.clock)
    post.deliverer.work_off(number)
    (told,) = post.receiver.received
    if addresses:
        assert told.document["data"] == {"id": asha.id, "email": "Asha@example.org"}
    else:
        assert b"sha@" not in told.body
        hashed = address_hash(secret, "asha@example.org")
        assert told.document["data"] == {"id": asha.id, "address_hash": hashed}
    with post.database.read() as session:
        assert "asha" not in str(session.scalars(select(WebhookEvent.data)).all()).lower()


def test_who_was_erased_is_but_a_number(post: Post) -> None:
    number, _ = post.add("subscriber.unsubscribed", addresses=True)
    with post.database.transaction() as session:
        ensure_built_in(session, clock=post.clock)
        asha = add_subscriber(
            session,
            email="asha@example.org",
            offers=list(offers(session).values()),
            confirmed=True,
            consent="a card",
            way="test",
            clock=post.clock,
        ).subscriber
    with post.database.transaction() as session:
        found = find_subscriber(session, "asha@example.org")
        unsubscribe(session, found, way="test", clock=post.clock)
        unsubscribe(session, found, way="test", clock=post.clock)
        erase_person(session, found, keys=KEYS, way="test", clock=post.clock)
    post.deliverer.work_off(number)
    assert [one.document["data"] for one in post.receiver.received] == [
        {"id": asha.id, "email": None}
    ]


def test_a_failure_is_tried_again_later_and_later(post: Post) -> None:
    number, _ = post.add("issue.drafted", "issue.approved")
    happen(post)
    post.receiver.answer(503, 500, 204, body=b"not now")

    post.deliverer.work_off(number)

    # The endpoint is in trouble: what else is due waits as well.
    assert post.receiver.kinds == ["issue.drafted"]
    first = post.deliveries(number)[0]
    assert (first.attempts, first.last_status, first.last_answer) == (1, 503, "not now")
    assert post.endpoint(number).failing_since == post.clock.now()
    assert owed(post) == []
    post.clock.advance(timedelta(seconds=5))
    assert owed(post) == [number]
    post.deliverer.work_off(number)
    post.clock.advance(timedelta(seconds=29))
    assert owed(post) == []
    post.clock.advance(timedelta(seconds=1))
    post.deliverer.work_off(number)

    assert post.receiver.kinds == ["issue.drafted"] * 3 + ["issue.approved"]
    ids = [one.headers["webhook-id"] for one in post.receiver.received]
    assert len(set(ids[:3])) == 1
    assert post.endpoint(number).failing_since is None
    assert {one.state for one in post.deliveries(number)} == {DeliveryEnd.DELIVERED}


def test_one_event_that_is_refused_holds_up_no_other(post: Post) -> None:
    number, _ = post.add("issue.drafted", "issue.approved")
    happen(post)
    post.receiver.answer(422, 204)
    post.deliverer.work_off(number)
    assert post.receiver.kinds == ["issue.drafted", "issue.approved"]
    assert [one.state for one in post.deliveries(number)] == ["pending", "delivered"]


def test_the_receiver_may_ask_for_time(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    post.receiver.answer(429, 204, Retry_After="3600")
    post.deliverer.work_off(number)
    post.clock.advance(timedelta(minutes=59))
    assert owed(post) == []
    post.clock.advance(timedelta(minutes=1))
    assert owed(post) == [number]


def test_after_three_days_it_is_dead_the_endpoint_paused_and_both_come_back_by_hand(
    post: Post,
) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    post.receiver.answer(500, body=b"<h1>Oops</h1>")
    for _ in range(60):
        post.deliverer.work_off(number)
        post.clock.advance(timedelta(hours=2))

    endpoint = post.endpoint(number)
    assert endpoint.paused_at is not None
    assert (
        endpoint.paused_because
        == "nothing got through for two days; last: status 500 <h1>Oops</h1>"
    )
    (dead,) = post.deliveries(number)
    assert (dead.state, dead.last_status) == (DeliveryEnd.DEAD, 500)
    assert 10 <= dead.attempts <= 20
    post.receiver.answer(200)
    with post.database.transaction() as session:
        endpoints.resume_endpoint(session, number)
        redeliver(session, number, dead.id, clock=post.clock)
    post.deliverer.work_off(number)
    assert [one.state for one in post.deliveries(number)] == ["delivered"]
    assert len({one.headers["webhook-id"] for one in post.receiver.received}) == 1


def test_gone_is_taken_at_its_word(post: Post) -> None:
    number, _ = post.add("issue.drafted", "issue.approved")
    happen(post)
    post.receiver.answer(410)
    post.deliverer.work_off(number)
    assert len(post.receiver.received) == 1
    assert "410 Gone" in (post.endpoint(number).paused_because or "")


def test_what_happens_in_a_pause_is_told_after_it(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    with post.database.transaction() as session:
        endpoints.pause_endpoint(session, number, clock=post.clock)
        with pytest.raises(Refused):
            endpoints.pause_endpoint(session, number, clock=post.clock)
    happen(post)
    assert owed(post) == []
    assert post.deliverer.work_off(number) is False
    with post.database.transaction() as session:
        endpoints.resume_endpoint(session, number)
    post.deliverer.work_off(number)
    assert post.receiver.kinds == ["issue.drafted"]


def test_a_redirect_is_not_followed(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    post.receiver.answer(307, 204, Location=post.receiver.url)
    post.deliverer.work_off(number)
    assert len(post.receiver.received) == 1
    assert post.deliveries(number)[0].last_status == 307


def test_of_a_long_answer_the_beginning_is_kept(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    post.receiver.answer(400, body=b"\x00\xffno " * 1_000_000)
    post.deliverer.work_off(number)
    answer = post.deliveries(number)[0].last_answer or ""
    assert len(answer) == 500
    assert answer.isprintable()


def test_both_secrets_sign_for_a_day(post: Post) -> None:
    number, old = post.add("issue.drafted", "issue.approved")
    with post.database.transaction() as session:
        new = endpoints.rotate_secret(session, number, seal=SEAL, clock=post.clock)
    happen(post)
    post.deliverer.work_off(number)
    assert all(one.is_signed_with(key) for one in post.receiver.received for key in (old, new))
    post.clock.advance(timedelta(hours=25))
    happen(post)
    post.deliverer.work_off(number)
    late = post.receiver.received[-1]
    assert late.is_signed_with(new)
    assert not late.is_signed_with(old)
    stored = str(post.endpoint(number).secrets)
    assert old not in stored
    assert new not in stored


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.org/", "only https://"),
        ("https://user:pass@hooks.example.org/", "name or password"),
        ("https://hooks.example.org:6379/", "no web server's"),
        ("https://[::1]/", "inside this network"),
        ("https://[::ffff:10.0.0.1]/", "inside this network"),
        ("https://169.254.169.254/", "inside this network"),
        ("ftp://hooks.example.org/", "no web address"),
        ("hooks", "no web address"),
    ],
)
def test_an_address_that_is_not_posted_to_is_refused(post: Post, url: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        post.add("issue.sent", url=url)


def test_an_event_that_there_is_not_is_refused(post: Post) -> None:
    with pytest.raises(Invalid, match=r"'issue\.eaten' is no event"):
        post.add("issue.eaten")
    with pytest.raises(Invalid, match="name an event"):
        post.add()


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1"])
def test_nothing_inside_is_reached(post: Post, host: str) -> None:
    number, _ = post.add("issue.drafted", url=f"https://{host}/")
    happen(post)
    post.deliverer.work_off(number)
    (tried,) = post.deliveries(number)
    assert tried.last_status is None
    assert "inside this network" in (tried.last_answer or "")


def test_two_workers_tell_nothing_twice(post: Post) -> None:
    number, _ = post.add(*ISSUES)
    for _ in range(4):
        happen(post)
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        post.worker().work_off(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [one.headers["webhook-id"] for one in post.receiver.received]
    assert len(ids) == len(set(ids)) == 12


def test_a_worker_that_died_is_followed_by_another(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    assert post.deliverer._claim(number) is not None
    assert owed(post) == []
    post.clock.advance(timedelta(minutes=3))
    assert owed(post) == [number]
    post.deliverer.work_off(number)
    assert post.receiver.kinds == ["issue.drafted"]


def test_a_restored_system_tells_nobody(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    happen(post)
    with post.database.transaction() as session:
        now = post.clock.now()
        put_on_hold(session, since=now, backup_of=now)
    assert owed(post) == []
    post.deliverer.work_off(number)
    assert post.receiver.received == []


def test_old_events_are_forgotten(post: Post) -> None:
    number, _ = post.add("issue.drafted")
    with post.database.transaction() as session:
        ensure_built_in(session, clock=post.clock)
        an_article(session, post.clock)
        draft_issue(session, "gp-alert", clock=post.clock)
    post.clock.advance(timedelta(days=31))
    prune(post.database, Settings(), clock=post.clock)
    assert post.deliveries(number) == []
