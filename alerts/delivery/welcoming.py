"""The welcome to a new reader: what will come and when, and the latest issue; once."""

import secrets
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.messages import welcome_envelope
from alerts.delivery.outcome import Fate
from alerts.delivery.sweeper import Due
from alerts.delivery.transactional import attempt
from alerts.delivery.transports.base import Transport
from alerts.errors import Refused
from alerts.holding import is_held, not_held
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue, IssueState, Newsletter
from alerts.newsletters.service import definition_of, get_newsletter, next_moment
from alerts.rendering.plain import join_names
from alerts.rendering.service import Renderer, archive_url_of
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

_OFTEN = {
    Frequency.IMMEDIATE: "as soon as an article is published",
    Frequency.DAILY: "once a day",
    Frequency.WEEKLY: "once a week",
    Frequency.MONTHLY: "once a month",
}
_MOST_PIECES = 12
_LOST_AFTER = timedelta(minutes=2)
_GIVEN_UP_AFTER = timedelta(days=1)
# A mail is under way for seconds; a worker that dies over it leaves it owed from then on.
_UNDER_WAY = timedelta(minutes=5)
_CLOCKS_DIFFER = timedelta(minutes=1)


async def send_welcome(
    database: Database,
    subscription_id: int,
    *,
    settings: Settings,
    renderer: Renderer,
    links: SubscriberLinks,
    transport: Transport,
    clock: Clock,
    signer: DkimSigner | None,
) -> bool:
    """Mail a welcome if it is still owed; True when it was sent.

    Whoever presses a button twice has two tasks enqueued: the first takes the debt for itself. A
    crash between mail and record sends it twice; a server that is away keeps it owed for a day.
    """
    with database.read() as session:
        found = session.get(Subscription, subscription_id)
        if found is None or not _is_owed(found, clock) or is_held(session):
            return False
        subscriber = session.get_one(Subscriber, found.subscriber_id)
        newsletter = get_newsletter(session, found.newsletter)
        definition = definition_of(newsletter)
        wanted = (
            definition.welcome
            and found.ended_at is None
            and subscriber.state is SubscriberState.CONFIRMED
        )
        context = _context(session, subscriber, found, newsletter, settings, clock)
    if not wanted:
        _settle(database, found, found.welcome_due_at, welcomed=False, clock=clock)
        return False
    claim = _claim(database, found, clock)
    if claim is None:
        return False
    rendered = renderer.render_message("welcome", context)
    envelope = welcome_envelope(definition, sender=settings.sender, date=clock.now())
    compiled = CompiledMessage(
        envelope,
        rendered.subject,
        rendered.html,
        rendered.text,
        signer=signer_for(signer, envelope.sender),
    )
    reader = Reader(
        name=subscriber.name,
        email=subscriber.email,
        message_id=f"welcome.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url=links.unsubscribe_url(subscriber.public_id, newsletter=found.newsletter),
        preferences_url=links.preferences_url(subscriber.public_id),
    )
    try:
        outcome = await attempt(transport, compiled, reader, sender=envelope.sender)
    except Refused as error:
        log.warning("welcome_not_sent", subscription=subscription_id, reason=str(error))
        _give_back(database, found, claim)
        return False
    if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
        log.warning("welcome_deferred", subscription=subscription_id, reason=outcome.reason)
        _give_back(database, found, claim)
        return False
    _settle(database, found, claim, welcomed=True, clock=clock)
    return outcome.fate is not Fate.PERMANENT


def owed_welcomes(session: Session, *, clock: Clock) -> list[Due]:
    """Return the welcomes that got lost on their way to a worker, for the sweeper."""
    now = clock.now()
    owed = session.scalars(
        select(Subscription.id)
        .where(Subscription.welcome_due_at <= now - _LOST_AFTER)
        .where(Subscription.welcome_due_at > now - _GIVEN_UP_AFTER, not_held())
        .order_by(Subscription.welcome_due_at)
        .limit(500)
    )
    return [Due(Task.SEND_WELCOME, number, Queue.TRANSACTIONAL) for number in owed]


def _context(
    session: Session,
    subscriber: Subscriber,
    subscription: Subscription,
    newsletter: Newsletter,
    settings: Settings,
    clock: Clock,
) -> dict[str, object]:
    definition = definition_of(newsletter)
    return {
        "email": subscriber.email,
        "newsletter": newsletter.title,
        "often": _OFTEN[subscription.frequency],
        "next_words": _next_words(newsletter, subscription.frequency, clock),
        "latest": _latest(session, subscription, settings),
        "publisher": definition.publisher or newsletter.title,
        "publisher_address": definition.publisher_address,
        "home_url": settings.base_url,
    }


def _next_words(newsletter: Newsletter, frequency: Frequency, clock: Clock) -> str:
    if frequency is Frequency.IMMEDIATE:
        return ""
    schedules = (s for s in newsletter.schedules if s.frequency == frequency and not s.paused)
    coming = (next_moment(one.rule, clock.now()) for one in schedules)
    at = min((moment for moment in coming if moment), default=None)
    return f"{at:%A} {at.day} {at:%B}" if at else ""


def _latest(
    session: Session, subscription: Subscription, settings: Settings
) -> dict[str, object] | None:
    """Return the newest issue that went out at the reader's pace, with the pieces they want."""
    issue = session.scalars(
        select(Issue)
        .where(
            Issue.newsletter == subscription.newsletter,
            Issue.frequency == subscription.frequency,
            Issue.state == IssueState.SENT,
            Issue.number.is_not(None),
        )
        .order_by(Issue.id.desc())
        .limit(1)
    ).first()
    if issue is None or not issue.content:
        return None
    interests = subscription.interests
    pieces = [
        {
            "title": item.title,
            "url": item.url,
            "byline": join_names(item.authors) or item.team or "",
        }
        for item in IssueContent.from_json(issue.content).items
        if interests.wants(
            regions=item.regions,
            countries=item.countries,
            topics=item.topics,
            series=item.series,
        )
    ]
    if not pieces:
        return None
    url = archive_url_of(session, issue, settings.base_url)
    return {"subject": issue.subject or "", "url": url, "pieces": pieces[:_MOST_PIECES]}


def _is_owed(subscription: Subscription, clock: Clock) -> bool:
    due = subscription.welcome_due_at
    return due is not None and due <= clock.now() + _CLOCKS_DIFFER


def _claim(database: Database, subscription: Subscription, clock: Clock) -> datetime | None:
    """Put the debt off while its mail is under way, and return until when; None for who is late."""
    until = clock.now() + _UNDER_WAY
    with database.transaction() as session:
        taken = session.scalars(
            _of_debt(subscription.id, subscription.welcome_due_at)
            .values(welcome_due_at=until)
            .returning(Subscription.id)
        )
        return until if taken.all() else None


def _give_back(database: Database, subscription: Subscription, claim: datetime) -> None:
    """Have it owed since the same moment as before: the sweeper asks again."""
    with database.transaction() as session:
        owed_since = subscription.welcome_due_at
        session.execute(_of_debt(subscription.id, claim).values(welcome_due_at=owed_since))


def _settle(
    database: Database,
    subscription: Subscription,
    debt: datetime | None,
    *,
    welcomed: bool,
    clock: Clock,
) -> None:
    with database.transaction() as session:
        session.execute(
            _of_debt(subscription.id, debt).values(
                welcome_due_at=None, welcomed_at=clock.now() if welcomed else None
            )
        )


def _of_debt(subscription_id: int, debt: datetime | None) -> Update:
    """Return the update of a subscription whose debt is still the one that was seen."""
    return (
        update(Subscription)
        .where(Subscription.id == subscription_id, Subscription.welcome_due_at == debt)
        .execution_options(synchronize_session=False)
    )
