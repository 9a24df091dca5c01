"""A reader's own page: which newsletters, how often, which regions; or none any more."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.preferences import Habits, set_preferences
from alerts.subscribers.service import unsubscribe
from alerts.tokens import BadToken
from alerts.web.failures import BadLink
from alerts.web.forms import Fields, PostedFields
from alerts.web.headers import PERSONAL
from alerts.web.public.catalogue import Entry
from alerts.web.public.choices import Choice, kept, posted, wishes_of
from alerts.web.public.habits import LONGEST_PAUSE, HabitsForm, stored
from alerts.web.public.habits import posted as posted_habits
from alerts.web.public.readers import (
    enqueue_welcomes,
    expected,
    paused_in_words,
    reader_of,
    running,
)
from alerts.web.site import CurrentSite, Origin, Site

WAY = "preferences page"
_CHANGED_MEANWHILE = (
    "Your preferences were changed elsewhere while this page was open. "
    "Below is what you have just chosen; save once more if that is what you want."
)
router = APIRouter(prefix="/preferences")


@dataclass(frozen=True, slots=True)
class _Form:
    """The page's form as it stands."""

    choices: list[Choice]
    habits: HabitsForm


@router.get("/{token}")
def show(site: CurrentSite, token: str, saved: Annotated[bool, Query()] = False) -> Response:
    """Show what the reader gets, and the form to change it."""
    with site.runtime.database.glance() as session:
        subscriber = reader_of(session, _read(site, token))
        entries = site.catalogue.entries(session, site.runtime.clock.now())
    subscriptions = {one.newsletter: one for one in subscriber.subscriptions}
    choices = kept(entries.values(), subscriptions)
    habits = stored(subscriber, site.runtime.clock.now())
    return _page(site, subscriber, entries, _Form(choices, habits), is_saved=saved)


@router.post("/{token}")
def save(site: CurrentSite, origin: Origin, fields: PostedFields, token: str) -> Response:
    """Save the form, or leave everything by its other button; then show the page again."""
    with site.runtime.database.transaction() as session:
        subscriber = reader_of(session, _read(site, token))
        entries = site.catalogue.entries(session, site.runtime.clock.now())
        clock = site.runtime.clock
        if fields.one("action") == "leave":
            unsubscribe(session, subscriber, way=WAY, origin=origin, clock=clock)
        else:
            habits_form, habits = posted_habits(fields, clock.now())
            form = _Form(posted(entries.values(), fields), habits_form)
            problem, status = _problem(subscriber, form, fields)
            if problem:
                return _page(site, subscriber, entries, form, problem=problem, status=status)
            set_preferences(
                session,
                subscriber,
                wishes_of(form.choices),
                offers={slug: entry.offer for slug, entry in entries.items()},
                habits=habits,
                way=WAY,
                origin=origin,
                clock=clock,
            )
    enqueue_welcomes(site, subscriber)
    return RedirectResponse(
        f"/preferences/{token}?saved=true", HTTPStatus.SEE_OTHER, headers=PERSONAL
    )


def _read(site: Site, token: str) -> str:
    try:
        return site.links.read_preferences(token)
    except BadToken as error:
        raise BadLink from error


def _problem(subscriber: Subscriber, form: _Form, fields: Fields) -> tuple[str, HTTPStatus]:
    if form.habits.problems or any(one.chosen and one.problem for one in form.choices):
        return "Please look at the marked choices below.", HTTPStatus.UNPROCESSABLE_ENTITY
    if fields.one("seen") != _fingerprint(subscriber):
        return _CHANGED_MEANWHILE, HTTPStatus.CONFLICT
    return "", HTTPStatus.OK


def _fingerprint(subscriber: Subscriber) -> str:
    """Return a short digest of the stored wishes, by which a stale page is told."""
    lines = sorted(f"{one.newsletter} {one.frequency} {one.wish}" for one in running(subscriber))
    lines.append(Habits.of(subscriber).words())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _page(
    site: Site,
    subscriber: Subscriber,
    entries: dict[str, Entry],
    form: _Form,
    *,
    is_saved: bool = False,
    problem: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    now = site.runtime.clock.now()
    context = {
        "email": subscriber.email,
        "own_path": urlsplit(site.links.preferences_url(subscriber.public_id)).path,
        "expected": expected(subscriber, entries),
        "paused": paused_in_words(subscriber, now),
        # Somebody may have signed up this address again after its reader had left.
        "is_waiting": subscriber.state is not SubscriberState.CONFIRMED
        and bool(running(subscriber)),
        "is_suppressed": subscriber.state is SubscriberState.SUPPRESSED,
        "choices": form.choices,
        "habits": form.habits,
        "topics": tuple(site.topics.thresholds),
        "at_hour": [entry.offer.title for entry in entries.values() if entry.readers_hour],
        "first_day": (now + timedelta(days=1)).date().isoformat(),
        "last_day": (now + LONGEST_PAUSE).date().isoformat(),
        "seen": _fingerprint(subscriber),
        "is_saved": is_saved,
        "problem": problem,
    }
    return site.pages.page("preferences.html", context, status=status, headers=PERSONAL)
