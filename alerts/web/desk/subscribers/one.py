"""One subscriber: what they wish, what they agreed to, what they were sent, why not."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.articles.countries import country_name
from alerts.errors import NotFound
from alerts.newsletters.service import offers
from alerts.staff.audit import Subject, audit_page
from alerts.staff.permissions import Permission
from alerts.subscribers.exclusion import changes_of
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription
from alerts.subscribers.preferences import Habits
from alerts.subscribers.suppression import suppressed
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.subscribers.queries import consents_of, returned_from, sent_to
from alerts.web.words import HOW_OFTEN, regions_in_words

Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


def get_subscriber(session: Session, subscriber_id: int) -> Subscriber:
    """Return a subscriber by number; raises NotFound."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        raise NotFound("nobody stands here; perhaps they were erased")
    return subscriber


@router.get("/{subscriber_id}")
def show(desk: Reading, subscriber_id: int) -> Response:
    """Show a subscriber with everything on record."""
    return person_page(desk, subscriber_id)


def person_page(
    desk: Desk, subscriber_id: int, *, problem: str = "", at: str = "", status: int = 200
) -> Response:
    """Render the page of a subscriber; `problem` is what is wrong with the form `at`."""
    keys = desk.site.runtime.settings.secret_key
    with desk.site.runtime.database.read() as session:
        subscriber = get_subscriber(session, subscriber_id)
        titles = {slug: offer.title for slug, offer in offers(session).items()}
        why = suppressed(session, [subscriber.email_key], keys=keys).get(subscriber.email_key)
        context = {
            "person": subscriber,
            "wishes": [_wish(one, titles) for one in subscriber.subscriptions],
            "habits": Habits.of(subscriber).words(),
            "why_suppressed": why,
            "is_suppressed": subscriber.state is SubscriberState.SUPPRESSED,
            "reads": any(one.ended_at is None for one in subscriber.subscriptions),
            "consents": consents_of(session, subscriber_id),
            "suppressions": changes_of(session, subscriber.email, keys=keys),
            "sent": sent_to(session, subscriber_id),
            "returned": returned_from(session, subscriber_id),
            "titles": titles,
            "acts": audit_page(session, subject=Subject("subscriber", subscriber_id)).lines,
            "links": desk.site.links if desk.may(Permission.SUBSCRIBERS_WRITE) else None,
            "problem": problem,
            "problem_at": at,
        }
    return desk.page("subscriber/one.html", context, status=status)


def _wish(one: Subscription, titles: dict[str, str]) -> dict[str, object]:
    interests = one.interests
    narrowed = [*interests.topics, *interests.series]
    places = [*interests.regions, *(country_name(code) for code in interests.countries)]
    return {
        "slug": one.newsletter,
        "title": titles.get(one.newsletter, one.newsletter),
        "often": HOW_OFTEN[one.frequency],
        "places": regions_in_words(places),
        "narrowed": narrowed,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
    }
