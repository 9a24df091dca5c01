"""Segments: saved, changed, counted and read in pages; by indexes, however many readers."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.received import received
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.service import ensure_built_in, offers
from alerts.subscribers.exclusion import suppress
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.segments.form import fields
from alerts.subscribers.segments.parser import parse
from alerts.subscribers.segments.service import Count, Segments
from alerts.subscribers.segments.terms import Field
from tests.conftest import NOW
from tests.factories import add_readers, counted_queries

QUERY = "newsletter is gp-alert"


@pytest.fixture
def segments(session: Session, clock: FixedClock) -> Segments:
    ensure_built_in(session, clock=clock)
    session.flush()
    return Segments(session, clock=clock, newsletters=offers(session), received=received)


def test_saved_changed_removed(segments: Segments, clock: FixedClock) -> None:
    saved = segments.create("alert-readers", "NEWSLETTER is  gp-alert", description="a\x1b b\nc")
    assert (saved.name, saved.query, saved.description) == ("alert-readers", QUERY, "a b\nc")
    assert saved.created_at == saved.updated_at == clock.now()
    clock.advance(timedelta(hours=1))
    assert not segments.change("alert-readers", query=f"({QUERY})")
    assert saved.updated_at < clock.now()
    assert segments.change("alert-readers", query="way is web", name="Web", description="new")
    assert (saved.name, saved.query, saved.description) == ("Web", 'way is "web form"', "new")
    assert saved.updated_at == clock.now() > saved.created_at
    assert [segment.slug for segment in segments.all()] == ["alert-readers"]
    segments.remove("alert-readers")
    assert segments.all() == []
    with pytest.raises(NotFound, match=r'no segment "alert-readers"; .*list'):
        segments.remove("alert-readers")


def test_what_cannot_be_saved(segments: Segments) -> None:
    segments.create("one", QUERY)
    with pytest.raises(Refused, match="segment 'one' already"):
        segments.create("one", QUERY)
    for slug in ("", "Two", "a b", "-a", "a--b", "x" * 65, "a\n"):
        with pytest.raises(Invalid, match="cannot name a segment"):
            segments.create(slug, QUERY)
    with pytest.raises(Invalid, match='did you mean "gp-alert"'):
        segments.create("two", "newsletter is gp-alerts")
    with pytest.raises(Invalid, match="at most 200 characters"):
        segments.create("two", QUERY, name="x" * 201)
    with pytest.raises(Invalid, match="at most 2,000 characters"):
        segments.change("one", description="x" * 2001)
    assert [segment.slug for segment in segments.all()] == ["one"]


def test_a_word_is_a_slug_and_several_are_a_query(segments: Segments) -> None:
    segments.create("one", QUERY)
    assert segments.query_of(" one ") == segments.query_of(QUERY) == parse(QUERY)
    with pytest.raises(NotFound, match='no segment "two"'):
        segments.query_of("two")
    with pytest.raises(Invalid, match='"two" is no field at character 1'):
        segments.query_of("two three")


def test_only_the_confirmed_are_reachable(
    session: Session, segments: Segments, clock: FixedClock
) -> None:
    add_readers(session, ["ama", "li", "bo"], now=NOW)
    add_readers(session, ["new"], now=NOW, state=SubscriberState.UNCONFIRMED)
    add_readers(session, ["other"], now=NOW, newsletter="africa-this-week")
    suppress(session, "li@example.org", reason="complaint", keys=("k" * 40,), clock=clock)
    assert segments.count(parse(QUERY)) == Count(matching=4, reachable=2)
    assert segments.count(parse("state is suppressed")) == Count(matching=1, reachable=0)
    assert segments.count(parse("domain is example.com")) == Count(matching=0, reachable=0)


def test_pages_hold_everybody_once(
    session: Session, segments: Segments, database: Database
) -> None:
    ids = add_readers(session, [f"reader{n}" for n in range(7)], now=NOW)
    add_readers(session, ["other"], now=NOW, newsletter="africa-this-week")
    query = parse(QUERY)
    with counted_queries(database.engine) as statements:
        assert list(segments.pages(query, size=3)) == [ids[:3], ids[3:6], ids[6:]]
    assert len(statements) == 4
    assert segments.ids(query, after=ids[4]) == ids[5:]
    assert segments.ids(query, after=ids[-1]) == []
    assert [one.id for one in segments.members(query, after=ids[4], limit=1)] == [ids[5]]
    assert [one.id for one in segments.sample(query, limit=2)] == [ids[6], ids[5]]


def test_a_page_has_ten_thousand_at_most(
    session: Session, segments: Segments, database: Database
) -> None:
    limits: list[object] = []

    def note(_conn: object, _cursor: object, _statement: str, given: Any, *_: object) -> None:  # noqa: ANN401 - the driver's own
        limits.extend(given.values() if isinstance(given, dict) else given)

    event.listen(database.engine, "before_cursor_execute", note)
    assert segments.ids(parse("state is confirmed"), limit=10**6) == []
    assert 10_000 in limits
    assert 10**6 not in limits


def test_the_form_names_what_the_language_knows(session: Session, segments: Segments) -> None:
    forms = {form.field: form for form in fields(offers(session))}
    assert list(forms) == [field.value for field in Field]
    newsletters = forms["newsletter"].choices
    assert newsletters is not None
    assert [choice.value for choice in newsletters] == ["africa-this-week", "gp-alert"]
    assert forms["email"].choices is None
    assert {choice["value"] for choice in forms["state"].to_json()["choices"]} == {
        state.value for state in SubscriberState
    }


EXAMPLES = {
    "value": '"{}"',
    "values": '("{}")',
    "day": "2026-01-31",
    "span": "3 weeks",
    "number": "7",
    "nothing": "",
}


def test_what_the_form_offers_can_be_asked(session: Session, segments: Segments) -> None:
    for form in fields(offers(session)):
        texts = [choice.value for choice in form.choices or ()][:30]
        texts = texts or ["ama@example.org" if form.field == "email" else "example.org"]
        for operator in form.operators:
            for value in texts if operator.takes.startswith("value") else texts[:1]:
                example = EXAMPLES[operator.takes].format(value)
                count = segments.count(parse(f"{form.field} {operator.words} {example}"))
                assert count == Count(0, 0)
