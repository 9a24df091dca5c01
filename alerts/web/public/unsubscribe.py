"""Leaving: the link in every mail, and the one-click request of RFC 8058 to the same address.

A GET changes nothing, since programs follow every link in a mail. Any POST under a valid token
that is no form of ours is taken for the one-click request: somebody asked to be left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import PlainTextResponse, Response

from alerts.newsletters.service import offers
from alerts.subscribers.interests import Interests
from alerts.subscribers.links import UnsubscribeRequest
from alerts.subscribers.models import Frequency, Subscriber, Subscription
from alerts.subscribers.preferences import set_preferences
from alerts.subscribers.service import unsubscribe
from alerts.subscribers.wishes import Wish
from alerts.tokens import BadToken
from alerts.web.failures import BadLink
from alerts.web.forms import AT_ONCE, PostedFields, form_token, read_form_token
from alerts.web.headers import PERSONAL
from alerts.web.public.catalogue import Entry
from alerts.web.public.readers import reader_of, running
from alerts.web.site import CurrentSite, Origin, Site
from alerts.web.words import HOW_OFTEN

ONE_CLICK = "one-click"
LINK = "link"
UNDO = "undo"
_PACES = list(Frequency)
router = APIRouter(prefix="/unsubscribe")
_NO_SUCH_LINK = "This unsubscribe link is not valid.\n"


@router.get("/{token}")
def ask(site: CurrentSite, token: str) -> Response:
    """Show what will end, with the button; changes nothing."""
    request = _read(site, token)
    with site.runtime.database.glance() as session:
        subscriber = reader_of(session, request.public_id)
        context = _context(site, session, subscriber, request)
        context["is_running"] = bool(_concerned(subscriber, request))
    return site.pages.page("unsubscribe.html", context, headers=PERSONAL)


@router.post("/{token}")
def leave(site: CurrentSite, origin: Origin, fields: PostedFields, token: str) -> Response:
    """End one subscription or all: by the page's button, or by a mail provider's one click."""
    by_button = fields.has("button") and not fields.is_one_click
    try:
        request = _read(site, token)
        with site.runtime.database.transaction() as session:
            subscriber = reader_of(session, request.public_id)
            ended = _concerned(subscriber, request)
            undo_token = _undo_token(site, subscriber, ended) if by_button and ended else ""
            unsubscribe(
                session,
                subscriber,
                newsletter=request.newsletter,
                way=LINK if by_button else ONE_CLICK,
                origin=origin,
                issue_id=request.issue_id,
                clock=site.runtime.clock,
            )
    except BadLink:
        if by_button:
            raise
        return PlainTextResponse(_NO_SUCH_LINK, HTTPStatus.NOT_FOUND, headers=PERSONAL)
    if not by_button:
        return PlainTextResponse("You are unsubscribed.\n", headers=PERSONAL)
    with site.runtime.database.glance() as session:
        context = _context(site, session, subscriber, request)
        context["slower"] = _slower_in_words(
            site.catalogue.entries(session, site.runtime.clock.now()), ended
        )
    context["undo_token"] = undo_token
    context["undo_path"] = f"/unsubscribe/{token}/undo"
    return site.pages.page("unsubscribe_done.html", context, headers=PERSONAL)


@router.post("/{token}/undo")
def undo(site: CurrentSite, origin: Origin, fields: PostedFields, token: str) -> Response:
    """Take back a leaving of the same day, with the wishes as they were."""
    request = _read(site, token)
    wishes = _read_undo(site, request, fields.one("undo_token"))
    if fields.has("slower"):
        with site.runtime.database.glance() as session:
            entries = site.catalogue.entries(session, site.runtime.clock.now())
        wishes = {slug: _slower(entries.get(slug), wish) for slug, wish in wishes.items()}
    with site.runtime.database.transaction() as session:
        subscriber = reader_of(session, request.public_id)
        current = {one.newsletter: _wish(one) for one in running(subscriber)}
        set_preferences(
            session,
            subscriber,
            wishes | current,
            offers=offers(session),
            way=UNDO,
            origin=origin,
            clock=site.runtime.clock,
        )
    with site.runtime.database.glance() as session:
        context = _context(site, session, reader_of(session, request.public_id), request)
    return site.pages.page("unsubscribe_undone.html", context, headers=PERSONAL)


def _read(site: Site, token: str) -> UnsubscribeRequest:
    try:
        return site.links.read_unsubscribe(token)
    except BadToken as error:
        raise BadLink from error


def _concerned(subscriber: Subscriber, request: UnsubscribeRequest) -> list[Subscription]:
    """Return the running subscriptions that a link ends."""
    return [one for one in running(subscriber) if request.newsletter in {None, one.newsletter}]


def _context(
    site: Site, session: Session, subscriber: Subscriber, request: UnsubscribeRequest
) -> dict[str, object]:
    entries = site.catalogue.entries(session, site.runtime.clock.now())
    titles = [
        entry.offer.title
        for slug, entry in entries.items()
        if request.newsletter in {None, slug}
        and any(one.newsletter == slug for one in subscriber.subscriptions)
    ]
    return {
        "email": subscriber.email,
        "titles": titles or ["this newsletter"],
        "is_all": request.newsletter is None,
        "others": [
            entries[one.newsletter].offer.title
            for one in running(subscriber)
            if one.newsletter in entries and request.newsletter not in {None, one.newsletter}
        ],
        "preferences_url": site.links.preferences_url(subscriber.public_id),
    }


def _wish(subscription: Subscription) -> Wish:
    return Wish.of(subscription.frequency, subscription.interests)


def _slowest(entry: Entry | None) -> Frequency | None:
    return max(entry.offer.frequencies, key=_PACES.index) if entry else None


def _slower(entry: Entry | None, wish: Wish) -> Wish:
    return replace(wish, frequency=_slowest(entry) or wish.frequency)


def _slower_in_words(entries: Mapping[str, Entry], ended: Sequence[Subscription]) -> str:
    """Return how seldom at most what ended could come instead; empty where it is that already."""
    found = {
        slowest
        for one in ended
        if (slowest := _slowest(entries.get(one.newsletter))) not in {None, one.frequency}
    }
    return HOW_OFTEN[max((one for one in found if one), key=_PACES.index)] if found else ""


def _undo_token(site: Site, subscriber: Subscriber, ended: list[Subscription]) -> str:
    """Return a note, signed and good for a day, of what just ended.

    Only whoever ended a subscription gets it; an old link in a mail passed on brings nobody back.
    """
    notes = (f"{one.newsletter}={one.frequency}={one.wish}" for one in ended)
    return form_token(site.runtime.tokens, site.runtime.clock, UNDO, subscriber.public_id, *notes)


def _read_undo(site: Site, request: UnsubscribeRequest, token: str) -> dict[str, Wish]:
    try:
        about = read_form_token(site.runtime.tokens, site.runtime.clock, token, fastest=AT_ONCE)
    except BadToken as error:
        raise BadLink from error
    if about[:2] != (UNDO, request.public_id):
        raise BadLink
    notes = [note.split("=", 2) for note in about[2:]]
    return {
        slug: Wish.of(Frequency(frequency), Interests.read(wish)) for slug, frequency, wish in notes
    }
