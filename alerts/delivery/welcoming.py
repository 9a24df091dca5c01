"""The welcome to a new reader: what will come and when, and the latest issue; once."""

import asyncio
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.messages import welcome_envelope
from alerts.delivery.owed import Owing
from alerts.delivery.sweeper import Due
from alerts.delivery.transports.base import Transport
from alerts.holding import is_held
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue, IssueState, Newsletter
from alerts.newsletters.service import definition_of, get_newsletter, next_moment
from alerts.rendering.plain import join_names
from alerts.rendering.service import Renderer, archive_url_of
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription
from alerts.task_queue import Queue, Task

_WELCOME = Owing(
    "welcome", Subscription.id, Subscription.welcome_due_at, under_way=timedelta(minutes=5)
)
_OFTEN = {
    Frequency.IMMEDIATE: "as soon as an article is published",
    Frequency.DAILY: "once a day",
    Frequency.WEEKLY: "once a week",
    Frequency.MONTHLY: "once a month",
}
_MOST_PIECES = 12


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
        since = found.welcome_due_at if found else None
        if found is None or since is None or is_held(session):
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
    taking = {subscription_id: since}
    debts = await asyncio.to_thread(_WELCOME.take, database, taking, clock=clock)
    if not debts.since:
        return False
    if not wanted:
        await asyncio.to_thread(debts.end)
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
    sent = await debts.mail(
        transport,
        {subscription_id: (compiled, reader)},
        sender=envelope.sender,
        settled={"welcomed_at": clock.now()},
    )
    return bool(sent)


def owed_welcomes(session: Session, *, clock: Clock) -> list[Due]:
    """Return the welcomes that got lost on their way to a worker, for the sweeper."""
    owed = session.scalars(
        select(Subscription.id)
        .where(*_WELCOME.lost(clock.now()))
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
