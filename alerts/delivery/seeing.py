"""What one reader gets of an issue, or why none: asked before it goes out, by the same rules."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.delivery.audience import ALREADY_HAD, NO_OVERLAP, NOTHING_MATCHING, PAUSED
from alerts.delivery.editions import keys_for
from alerts.delivery.models import Delivery
from alerts.delivery.repeats import overlap_of, pieces_had, without
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.frame import Frame
from alerts.rendering.models import Edition
from alerts.rendering.service import USUAL_FRAME, RenderedEdition
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

_WORDS = {
    NOTHING_MATCHING: "nothing in this issue is what they follow",
    ALREADY_HAD: "they had every piece of it in another newsletter already",
    PAUSED: "they paused their mail",
}
_NOT_MAILED = {
    SubscriberState.UNCONFIRMED: "they have not confirmed their address yet",
    SubscriberState.UNSUBSCRIBED: "they have unsubscribed",
    SubscriberState.SUPPRESSED: "their address is suppressed, and nothing is mailed to it",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """The pieces that a reader gets, by their keys, and how they are dressed; or why none.

    `stored` is the edition that the ledger names for them, where their place in it is taken.
    """

    keys: tuple[str, ...] = ()
    frame: Frame = USUAL_FRAME
    why_not: str = ""
    stored: RenderedEdition | None = None


def seen_by_wish(content: IssueContent, interests: Interests) -> Seen:
    """Return what somebody with these interests gets who had none of it before."""
    keys = keys_for(interests, content)
    frame = Frame(interests.language, interests.plain)
    return Seen(keys, frame, "" if keys else _WORDS[NOTHING_MATCHING])


def seen_by_reader(
    session: Session, issue: Issue, content: IssueContent, subscriber: Subscriber, *, now: datetime
) -> Seen:
    """Return what a subscriber gets of an issue; `now` (UTC) is when it would go out.

    Where the issue's audience was taken, it is what the ledger says.
    """
    row = session.execute(
        select(Delivery.reason, Edition)
        .outerjoin(Edition, Edition.id == Delivery.edition_id)
        .where(Delivery.issue_id == issue.id, Delivery.subscriber_id == subscriber.id)
    ).one_or_none()
    if row is not None:
        return _recorded(row[1], row[0])
    subscription = next(
        (s for s in subscriber.subscriptions if s.newsletter == issue.newsletter), None
    )
    why_not = _kept_out(session, issue, subscriber, subscription, now)
    if why_not or subscription is None:
        return Seen(why_not=why_not)
    seen = seen_by_wish(content, subscription.interests)
    keys = tuple(without(seen.keys, _had(session, issue, subscriber)))
    if seen.keys and not keys:
        return Seen(frame=seen.frame, why_not=_WORDS[ALREADY_HAD])
    return Seen(keys, seen.frame, seen.why_not)


def _recorded(edition: Edition | None, reason: str | None) -> Seen:
    if edition is None:
        why = reason or "the ledger skipped them"
        return Seen(why_not=_WORDS.get(why, why))
    stored = RenderedEdition(edition.subject, edition.html, edition.text)
    return Seen(tuple(edition.item_keys), Frame(plain=not edition.html), stored=stored)


def _kept_out(
    session: Session,
    issue: Issue,
    subscriber: Subscriber,
    subscription: Subscription | None,
    now: datetime,
) -> str:
    """Return why a subscriber would not be in the audience at all, or nothing."""
    title = get_newsletter(session, issue.newsletter).title
    if subscriber.state is not SubscriberState.CONFIRMED:
        return _NOT_MAILED[subscriber.state]
    if subscription is None:
        return f"they do not subscribe to {title}"
    if subscription.ended_at is not None:
        return f"they ended their subscription to {title}"
    if subscription.frequency is not issue.frequency:
        return (
            f"they get {title} at another frequency ({subscription.frequency}; this issue is"
            f" {issue.frequency})"
        )
    if subscriber.paused_until is not None and subscriber.paused_until > now:
        day = subscriber.paused_until
        return f"{_WORDS[PAUSED]} until {day.day} {day:%B %Y}"
    return ""


def _had(session: Session, issue: Issue, subscriber: Subscriber) -> list[list[str]]:
    """Return the pieces that a subscriber got in other issues that hold some of the same."""
    repeats = definition_of(get_newsletter(session, issue.newsletter)).repeats
    overlap = NO_OVERLAP if repeats else overlap_of(session, issue)
    readers = overlap.readers(subscriber.id - 1, subscriber.id)
    if readers is None:
        return []
    return pieces_had(session, session.execute(select(readers.c.had)).scalar_one_or_none() or "")
