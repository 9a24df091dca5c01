"""What a reader would get is what they do get: the look asks by the rules of the audience."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Delivery
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.seeing import Seen, seen_by_reader, seen_by_wish
from alerts.newsletters.issues import build_content, draft_issue, get_issue
from alerts.newsletters.models import Issue
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.models import Edition
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.factories import RENDERER, SETTINGS, add_readers, an_article, approved_issue


def drafted(session: Session, clock: FixedClock) -> Issue:
    ensure_built_in(session, clock=clock)
    an_article(session, clock, title="Mali")
    an_article(session, clock, title="Japan", regions=["east-asia", "asia"], countries=["JP"])
    return draft_issue(session, "gp-alert", clock=clock)


def seen(session: Session, issue: Issue, subscriber_id: int) -> Seen:
    subscriber = session.get_one(Subscriber, subscriber_id)
    return seen_by_reader(session, issue, build_content(session, issue), subscriber, now=NOW)


def test_a_wish_leaves_the_pieces_it_is_about(session: Session, clock: FixedClock) -> None:
    content = build_content(session, drafted(session, clock))
    mali = next(item.key for item in content.items if item.title == "Mali")
    assert seen_by_wish(content, Interests.of(regions=["West Africa"])).keys == (mali,)
    assert len(seen_by_wish(content, Interests.of()).keys) == 2
    nothing = seen_by_wish(content, Interests.of(regions=["Oceania"]))
    assert (nothing.keys, nothing.why_not) == ((), "nothing in this issue is what they follow")
    plain = seen_by_wish(content, Interests.of(language="fr", plain=True))
    assert (plain.frame.language, plain.frame.plain) == ("fr", True)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SubscriberState.UNCONFIRMED, "they have not confirmed their address yet"),
        (SubscriberState.UNSUBSCRIBED, "they have unsubscribed"),
        (SubscriberState.SUPPRESSED, "their address is suppressed, and nothing is mailed to it"),
    ],
)
def test_who_is_not_mailed_is_told_so(
    session: Session, clock: FixedClock, state: SubscriberState, reason: str
) -> None:
    issue = drafted(session, clock)
    [reader] = add_readers(session, ["ama"], now=NOW, state=state)
    assert seen(session, issue, reader) == Seen(why_not=reason)


def test_a_subscription_that_is_not_for_this_issue(session: Session, clock: FixedClock) -> None:
    issue = drafted(session, clock)
    [weekly] = add_readers(session, ["weekly"], now=NOW, frequency=Frequency.WEEKLY)
    assert "at another frequency (weekly; this issue is" in seen(session, issue, weekly).why_not
    [other] = add_readers(session, ["other"], now=NOW, newsletter="africa-this-week")
    assert seen(session, issue, other).why_not == "they do not subscribe to GP Alert"
    [gone] = add_readers(session, ["gone"], now=NOW, frequency=issue.frequency)
    subscriber = session.get_one(Subscriber, gone)
    subscriber.subscriptions[0].ended_at = NOW
    assert seen(session, issue, gone).why_not == "they ended their subscription to GP Alert"
    subscriber.subscriptions[0].ended_at = None
    subscriber.paused_until = NOW + timedelta(days=9)
    assert seen(session, issue, gone).why_not == "they paused their mail until 2 December 2026"
    subscriber.paused_until = NOW
    assert len(seen(session, issue, gone).keys) == 2


def test_what_the_look_says_is_what_the_ledger_says_later(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        wishes = {"all": "", "west": "west-africa", "far": "oceania"}
        readers = {
            name: add_readers(session, [name], now=NOW, wish=wish)[0]
            for name, wish in wishes.items()
        }
    articles: list[dict[str, Any]] = [{"title": "Mali"}, {"regions": ["asia"], "countries": ["JP"]}]
    issue_id = approved_issue(database, clock, articles=articles)
    with database.read() as session:
        issue = get_issue(session, issue_id)
        before = {name: seen(session, issue, number) for name, number in readers.items()}
    prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    with database.read() as session:
        issue = get_issue(session, issue_id)
        for name, number in readers.items():
            row = session.scalars(select(Delivery).where(Delivery.subscriber_id == number)).one()
            edition = session.get(Edition, row.edition_id) if row.edition_id else None
            assert before[name].keys == tuple(edition.item_keys if edition else ())
            after = seen(session, issue, number)
            assert (after.keys, after.why_not) == (before[name].keys, before[name].why_not)
            assert (after.stored is None) == (edition is None)
    assert [len(before[name].keys) for name in ("all", "west", "far")] == [2, 1, 0]


def test_whoever_had_it_all_in_another_newsletter_gets_none(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        [reader] = add_readers(session, ["ama"], now=NOW)
    first = approved_issue(database, clock)
    prepare_issue(
        database,
        first,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    with database.transaction() as session:
        articles = [item.article_id for item in get_issue(session, first).items]
        issue = draft_issue(session, "gp-alert", article_ids=articles, clock=clock)
        told = seen(session, issue, reader)
        assert told.why_not == "they had every piece of it in another newsletter already"
        assert told.keys == ()
