"""The link in the confirmation mail: a page with one button, so that no link scanner confirms."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.service import confirm
from alerts.tokens import BadToken
from alerts.web.failures import BadLink
from alerts.web.headers import PERSONAL
from alerts.web.public.readers import enqueue_welcomes, expected, reader_of
from alerts.web.site import CurrentSite, Origin, Site

WAY = "confirmation link"
router = APIRouter(prefix="/confirm")


@router.get("/{token}")
def ask(site: CurrentSite, token: str) -> Response:
    """Show what will be confirmed, with the button; changes nothing."""
    with _stale_links(), site.runtime.database.read() as session:
        subscriber = reader_of(session, site.links.read_confirm(token))
        page = "confirm_done" if subscriber.state is SubscriberState.CONFIRMED else "confirm"
        return _page(site, session, subscriber, f"{page}.html")


@router.post("/{token}")
def confirmed(site: CurrentSite, origin: Origin, token: str) -> Response:
    """Confirm, and say what will arrive and when; doing it twice changes nothing."""
    with _stale_links():
        public_id = site.links.read_confirm(token)
        with site.runtime.database.transaction() as session:
            reader_of(session, public_id)
            subscriber = confirm(
                session, public_id, way=WAY, origin=origin, clock=site.runtime.clock
            )
        enqueue_welcomes(site, subscriber)
        with site.runtime.database.read() as session:
            return _page(site, session, reader_of(session, public_id), "confirm_done.html")


@contextmanager
def _stale_links() -> Iterator[None]:
    try:
        yield
    except BadToken as error:
        raise BadLink from error


def _page(site: Site, session: Session, subscriber: Subscriber, name: str) -> Response:
    entries = site.catalogue.entries(session, site.runtime.clock.now())
    context = {
        "email": subscriber.email,
        "expected": expected(subscriber, entries),
        "preferences_url": site.links.preferences_url(subscriber.public_id),
    }
    return site.pages.page(name, context, headers=PERSONAL)
