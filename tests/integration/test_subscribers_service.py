"""Signing up, confirming, leaving: on the record, and safe to repeat."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.service import ensure_built_in, offers
from alerts.subscribers import exclusion, service
from alerts.subscribers.erasure import erase
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import ConsentAction, ConsentRecord, Subscriber, SubscriberState
from alerts.subscribers.preferences import set_preferences
from alerts.subscribers.queries import by_public_id, find_subscriber, list_subscribers
from alerts.subscribers.serialise import subscriber_json
from alerts.subscribers.wishes import Offer, Wish
from alerts.tokens import Tokens

EMAIL = "Ama@example.org"
KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)


@pytest.fixture
def offered(session: Session, clock: FixedClock) -> dict[str, Offer]:
    ensure_built_in(session, clock=clock)
    session.flush()
    return offers(session)


class People:
    """The use cases, for one person."""

    def __init__(self, session: Session, offered: dict[str, Offer], clock: FixedClock) -> None:
        self.session, self.offered, self.clock = session, offered, clock

    def add(self, email: str = EMAIL, **changes: object) -> service.AddResult:
        arguments = {"offers": list(self.offered.values()), "way": "test"} | changes
        return service.add_subscriber(self.session, email=email, clock=self.clock, **arguments)  # type: ignore[arg-type]  # the changes a test makes

    def one(self) -> Subscriber:
        self.session.expire_all()
        return find_subscriber(self.session, EMAIL)

    def actions(self) -> list[ConsentAction]:
        query = select(ConsentRecord.action).order_by(ConsentRecord.id)
        return list(self.session.scalars(query))

    def subscribed(self) -> list[str]:
        return [s.newsletter for s in self.one().subscriptions if s.ended_at is None]


@pytest.fixture
def people(session: Session, offered: dict[str, Offer], clock: FixedClock) -> People:
    return People(session, offered, clock)


def test_a_sign_up_waits_for_its_confirmation(people: People) -> None:
    first = people.add()
    assert (first.kind, first.subscriber.state) == ("added", SubscriberState.UNCONFIRMED)
    assert first.subscriber.confirmation_due_at == people.clock.now()
    public_id = first.subscriber.public_id
    for _ in range(2):
        service.confirm(people.session, public_id, way="link", clock=people.clock)
    assert people.one().state is SubscriberState.CONFIRMED
    assert people.one().confirmation_due_at is None
    assert people.actions() == [
        ConsentAction.REQUESTED,
        ConsentAction.REQUESTED,
        ConsentAction.CONFIRMED,
    ]


def test_adding_again_changes_nothing_and_says_so(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    assert people.add("ama@EXAMPLE.org", confirmed=True, consent="on paper").kind == "unchanged"
    assert people.add(name="Ama").kind == "updated"
    assert people.add(regions=["Africa"]).kind == "updated"
    assert people.session.scalar(select(func.count()).select_from(Subscriber)) == 1
    assert people.one().email == EMAIL


def test_leaving_one_newsletter_keeps_the_other(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    for changed in (True, False):
        assert changed is service.unsubscribe(
            people.session, people.one(), newsletter="gp-alert", way="link", clock=people.clock
        )
    assert people.subscribed() == ["africa-this-week"]
    assert people.one().state is SubscriberState.CONFIRMED
    assert service.unsubscribe(people.session, people.one(), way="link", clock=people.clock)
    assert people.one().state is SubscriberState.UNSUBSCRIBED
    assert people.actions().count(ConsentAction.WITHDRAWN) == 2


def test_who_left_comes_back_only_by_confirming(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    service.unsubscribe(people.session, people.one(), way="link", clock=people.clock)
    people.clock.advance(timedelta(days=1))
    people.add()
    assert people.one().state is SubscriberState.UNSUBSCRIBED
    assert people.one().confirmation_due_at == people.clock.now()
    with pytest.raises(Refused, match="unsubscribed; say on what basis"):
        people.add(confirmed=True)
    service.confirm(people.session, people.one().public_id, way="link", clock=people.clock)
    assert people.one().state is SubscriberState.CONFIRMED


def test_preferences_replace_what_was_asked_for(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    wishes = {"gp-alert": Wish(None, ("West Africa", "africa"))}
    for changed in (True, False):
        assert changed is set_preferences(
            people.session,
            people.one(),
            wishes,
            offers=people.offered,
            way="link",
            clock=people.clock,
        )
    assert people.subscribed() == ["gp-alert"]
    assert people.one().subscriptions[-1].wish == "africa"


def test_a_suppressed_address_stays_out(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    exclusion.suppress(people.session, EMAIL, reason="complaint", keys=KEYS, clock=people.clock)
    assert people.one().state is SubscriberState.SUPPRESSED
    with pytest.raises(Refused, match="suppressed"):
        people.add()
    with pytest.raises(Refused, match=r"suppressed \(complaint\)"):
        exclusion.refuse_suppressed(people.session, "AMA@example.org", keys=(*KEYS, "x" * 40))
    exclusion.refuse_suppressed(people.session, "li@example.org", keys=KEYS)


def test_erasing_leaves_nothing_personal_and_keeps_the_address_out(people: People) -> None:
    people.add(confirmed=True, consent="on paper", name="Ama")
    erase(people.session, people.one(), keys=KEYS, clock=people.clock)
    for table in (Subscriber, ConsentRecord):
        assert people.session.scalar(select(func.count()).select_from(table)) == 0
    with pytest.raises(NotFound, match="nobody has subscribed"):
        people.one()
    with pytest.raises(Refused, match="erased"):
        exclusion.refuse_suppressed(people.session, EMAIL, keys=KEYS)


def test_wrong_wishes_are_refused_before_anything_is_written(people: People) -> None:
    for wrong in ({"regions": ["Atlantis"]}, {"frequency": "hourly"}, {"time_zone": "Mars"}):
        with pytest.raises(Invalid):
            people.add(**wrong)
    assert people.session.scalar(select(func.count()).select_from(Subscriber)) == 0


def test_lists_are_narrowed_by_state_and_newsletter(people: People) -> None:
    people.add(confirmed=True, consent="on paper")
    people.add("li@example.org", offers=[people.offered["gp-alert"]])
    emails = [s.email for s in list_subscribers(people.session)]
    assert emails == ["li@example.org", EMAIL]
    confirmed = list_subscribers(people.session, state=SubscriberState.CONFIRMED)
    assert [s.email for s in confirmed] == [EMAIL]
    weekly = list_subscribers(people.session, newsletter="africa-this-week")
    assert [s.email for s in weekly] == [EMAIL]


def test_the_fields_for_scripts(people: People, tokens: Tokens) -> None:
    people.add(regions=["Africa"], confirmed=True, consent="on paper")
    document = subscriber_json(people.one(), SubscriberLinks(tokens, "https://alerts.example.org"))
    assert (document["email"], document["state"]) == (EMAIL, "confirmed")
    assert [(s["newsletter"], s["regions"]) for s in document["subscriptions"]] == [
        ("africa-this-week", ["Africa"]),
        ("gp-alert", ["Africa"]),
    ]
    assert document["unsubscribe_url"].startswith("https://alerts.example.org/unsubscribe/")
    assert by_public_id(people.session, people.one().public_id) is not None
