"""Readers who change how often they get a newsletter miss no article and get none twice.

Months of a newsroom are replayed: articles come, issues at three frequencies are drafted, wait for
approval, are sent or dropped, and readers change as they please.
"""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from alerts.database import Database
from alerts.delivery.models import Batch, Delivery
from alerts.rendering.service import Renderer
from alerts.rendering.slots import Slot
from alerts.subscribers.models import (
    Frequency,
    PaceChange,
    Subscriber,
    Subscription,
)
from tests.data.delivery.newsroom import NAMES, PACES, SLUG, Newsroom, reader_named
from tests.factories import add_readers, counted_queries


@pytest.fixture
def renderer(tmp_path: Path) -> Renderer:
    """Return a renderer of mails that say next to nothing: what they look like is not asked."""
    folder = tmp_path / "templates"
    (folder / "_base").mkdir(parents=True)
    (folder / SLUG).mkdir()
    slots = " ".join(slot.value for slot in Slot)
    (folder / SLUG / "subject.txt").write_text("{{ issue.subject }}")
    (folder / SLUG / "body.txt").write_text(slots)
    (folder / SLUG / "body.html").write_text(f"<html><head></head><body>{slots}</body></html>")
    return Renderer(folder)


@pytest.fixture
def newsroom(database: Database, renderer: Renderer) -> Newsroom:
    room = Newsroom(database, renderer)
    room.open()
    return room


def everybody_has_everything_once(room: Newsroom) -> None:
    articles = room.articles()
    for name, counted in room.got().items():
        assert set(counted) == articles, f"{name} missed {articles - set(counted)}"
        again = {key: times for key, times in counted.items() if times > 1}
        assert not again, f"{name} got twice: {again}"


def test_from_weekly_to_daily_nothing_of_the_week_is_missed(newsroom: Newsroom) -> None:
    for _ in range(2):
        newsroom.publish()
        newsroom.clock.advance(timedelta(days=1))
        newsroom.issue(Frequency.DAILY)
    # chi gets it weekly: the two dailies have brought what she has not had.
    newsroom.change("chi", Frequency.DAILY)
    assert newsroom.got()["chi"] == Counter()
    newsroom.publish()
    newsroom.clock.advance(timedelta(days=1))
    newsroom.issue(Frequency.DAILY)
    third = max(newsroom.articles(), key=int)
    assert newsroom.got()["chi"] == {third: 1}
    newsroom.clock.advance(timedelta(days=1))
    newsroom.issue(Frequency.WEEKLY)
    assert newsroom.got()["chi"] == Counter(newsroom.articles())
    # Once only: the next weekly issue is not hers.
    newsroom.publish()
    newsroom.clock.advance(timedelta(days=7))
    newsroom.issue(Frequency.WEEKLY)
    assert sum(newsroom.got()["chi"].values()) == 3
    newsroom.settle()
    everybody_has_everything_once(newsroom)


def test_from_daily_to_weekly_nothing_comes_twice(newsroom: Newsroom) -> None:
    newsroom.publish()
    newsroom.clock.advance(timedelta(days=1))
    newsroom.issue(Frequency.DAILY)
    newsroom.change("bo", Frequency.WEEKLY)
    newsroom.publish()
    newsroom.clock.advance(timedelta(days=1))
    newsroom.issue(Frequency.DAILY)
    # What the weekly will bring is not brought by the daily any more.
    assert sum(newsroom.got()["bo"].values()) == 1
    newsroom.issue(Frequency.WEEKLY)
    assert newsroom.got()["bo"] == Counter(newsroom.articles())
    newsroom.settle()
    everybody_has_everything_once(newsroom)


def test_a_change_there_and_back_before_anything_came(newsroom: Newsroom) -> None:
    newsroom.publish()
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.issue(Frequency.DAILY)
    newsroom.change("chi", Frequency.DAILY)
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.change("chi", Frequency.WEEKLY)
    newsroom.settle()
    everybody_has_everything_once(newsroom)


def test_a_change_while_the_issue_waits_for_its_editor(newsroom: Newsroom) -> None:
    newsroom.publish()
    newsroom.draft(Frequency.WEEKLY)
    newsroom.clock.advance(timedelta(hours=1))
    # Noticed after the weekly's cut-off, brought by the daily before the change.
    newsroom.publish()
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.draft(Frequency.DAILY)
    newsroom.send()
    newsroom.change("chi", Frequency.DAILY)
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.send()
    newsroom.publish()
    newsroom.settle()
    everybody_has_everything_once(newsroom)


def test_who_is_on_holiday_or_gone_is_owed_nothing(newsroom: Newsroom) -> None:
    newsroom.publish()
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.issue(Frequency.DAILY)
    newsroom.change("chi", Frequency.DAILY)
    with newsroom.database.transaction() as session:
        session.execute(
            update(Subscriber).values(paused_until=newsroom.clock.now() + timedelta(days=9))
        )
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.issue(Frequency.WEEKLY)
    assert newsroom.got()["chi"] == Counter()
    with newsroom.database.read() as session:
        assert session.scalars(select(PaceChange)).all() == []


def test_what_a_reader_is_owed_waits_for_their_hour(newsroom: Newsroom) -> None:
    newsroom.publish()
    newsroom.clock.advance(timedelta(hours=1))
    newsroom.issue(Frequency.DAILY)
    newsroom.change("chi", Frequency.DAILY)
    with newsroom.database.transaction() as session:
        reader = reader_named(session, "chi")
        reader.time_zone, reader.send_hour = "Africa/Accra", 20
    newsroom.issue(Frequency.WEEKLY)
    with newsroom.database.read() as session:
        found = session.scalars(
            select(Batch.not_before)
            .join(Delivery, Delivery.batch_id == Batch.id)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Subscriber.name == "Chi")
        ).all()
    assert [at.hour if at else None for at in found] == [20]


STEP = st.one_of(
    st.tuples(st.just("publish"), st.just(0), st.just(0)),
    st.tuples(st.just("change"), st.integers(0, len(NAMES) - 1), st.integers(0, 2)),
    st.tuples(st.just("issue"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("draft"), st.integers(0, 2), st.just(0)),
    st.tuples(st.sampled_from(["send", "drop"]), st.integers(0, 3), st.just(0)),
)
Steps = Sequence[tuple[str, int, int]]


def replay(room: Newsroom, steps: Steps) -> None:
    for what, first, second in steps:
        room.clock.advance(timedelta(hours=3))
        match what:
            case "publish":
                room.publish()
            case "change":
                room.change(NAMES[first], PACES[second])
            case "issue":
                room.draft(PACES[first])
                room.send()
            case "draft":
                room.draft(PACES[first])
            case "send":
                room.send(first)
            case _:
                room.drop(first)
    room.settle()
    everybody_has_everything_once(room)


def test_a_change_while_two_issues_wait_and_the_later_one_leaves_first(newsroom: Newsroom) -> None:
    steps = [("publish", 0, 0), ("issue", 1, 0), ("change", 2, 1), ("draft", 2, 0)]
    replay(newsroom, [*steps, ("publish", 0, 0), ("issue", 2, 0)])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEP, min_size=4, max_size=30))
def test_whatever_happens_in_whichever_order(
    database: Database, renderer: Renderer, steps: Steps
) -> None:
    room = Newsroom(database, renderer)
    room.open()
    try:
        replay(room, steps)
    finally:
        room.close()


@pytest.mark.parametrize("seed", [1])
def test_ten_weeks_of_a_newsroom(newsroom: Newsroom, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a walk that can be repeated
    for day in range(70):
        for hour in range(0, 24, 8):
            newsroom.clock.advance(timedelta(hours=8))
            if dice.random() < 0.5:
                newsroom.publish()
            if dice.random() < 0.2:
                newsroom.change(dice.choice(NAMES), dice.choice(PACES))
            newsroom.issue(Frequency.IMMEDIATE)
            if hour == 16:
                newsroom.issue(Frequency.DAILY)
        if day % 7 == 4:
            newsroom.draft(Frequency.WEEKLY)
            if dice.random() < 0.5:
                # An editor takes a day to approve it.
                newsroom.clock.advance(timedelta(hours=1))
                newsroom.change(dice.choice(NAMES), dice.choice(PACES))
            newsroom.send()
    newsroom.settle()
    everybody_has_everything_once(newsroom)


def test_many_who_changed_cost_the_queries_of_one(newsroom: Newsroom) -> None:
    def cost(count: int) -> tuple[int, int]:
        with newsroom.database.transaction() as session:
            names = [f"more{count}-{number}" for number in range(count)]
            now = newsroom.clock.now()
            ids = add_readers(session, names, now=now, frequency=Frequency.DAILY)
        newsroom.publish()
        newsroom.clock.advance(timedelta(hours=1))
        newsroom.issue(Frequency.WEEKLY)
        with newsroom.database.transaction() as session:
            # As a file moves them, in one go.
            session.execute(
                update(Subscription)
                .where(Subscription.subscriber_id.in_(ids))
                .values(frequency=Frequency.WEEKLY)
            )
            session.execute(
                insert(PaceChange),
                [
                    {
                        "subscriber_id": number,
                        "newsletter": SLUG,
                        "former": Frequency.DAILY,
                        "changed_at": newsroom.clock.now(),
                    }
                    for number in ids
                ],
            )
        with counted_queries(newsroom.database.engine) as statements:
            newsroom.issue(Frequency.DAILY)
        with newsroom.database.read() as session:
            got = select(func.count()).select_from(Delivery).where(Delivery.subscriber_id.in_(ids))
            return session.scalar(got) or 0, len(statements)

    assert cost(1)[0] == 1
    few = cost(3)
    many = cost(1_500)
    assert (few[0], many[0]) == (3, 1_500)
    # A batch more, for every thousand of them.
    assert many[1] - few[1] <= 6
