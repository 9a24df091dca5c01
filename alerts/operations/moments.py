"""Which moments a clock that is set back leaves too far ahead, and how far each can lie.

Not among them are those of which nobody can tell: when something is to be tried again may lie hours
ahead on purpose. That comes as much later as the clock was set back (`docs/clocks.md`).
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from sqlalchemy import and_

from alerts.articles.sources.models import Source
from alerts.claims import LEASE
from alerts.delivery.models import Batch, BatchState
from alerts.inbound.models import IS_NEW, InboundMail, Mailbox
from alerts.newsletters.models import Run, RunOutcome
from alerts.operations.alarms.beats import BEATS
from alerts.operations.models import PruningRound
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint
from alerts.rendering.reviewing.models import LinkCheck
from alerts.set_back import Moment
from alerts.subscribers.models import Subscriber, Subscription
from alerts.subscribers.uploads.models import SubscriberUpload


def clocked(*, leases: Iterable[timedelta]) -> Iterator[Moment]:
    """Return them all; `leases` are how long batches stay with workers that are silent."""
    # Who holds something.
    for lease in leases:
        lasts_as_long = Batch.lease_seconds == lease.total_seconds()
        is_leased = Batch.state == BatchState.LEASED
        yield Moment(Batch.lease_until, lease, and_(is_leased, lasts_as_long))
    yield Moment(Source.claimed_until, LEASE)
    yield Moment(Mailbox.claimed_until, LEASE)
    yield Moment(LinkCheck.claimed_until, LEASE)
    yield Moment(SubscriberUpload.claimed_until, LEASE)
    yield Moment(WebhookEndpoint.claimed_until, LEASE)
    # A mail on its way is put off for so long.
    yield Moment(Subscriber.confirmation_due_at, LEASE)
    yield Moment(Subscription.welcome_due_at, LEASE)
    # When work was handed out that may have been lost since.
    yield Moment(Batch.enqueued_at, where=Batch.state == BatchState.READY)
    yield Moment(SubscriberUpload.enqueued_at)
    yield Moment(Run.started_at, where=Run.outcome == RunOutcome.CLAIMED)
    yield Moment(PruningRound.seen_at, where=PruningRound.ended_at.is_(None))
    yield Moment(InboundMail.enqueued_at, where=IS_NEW)
    yield Moment(InboundMail.enqueued_at, where=InboundMail.owed_at.is_not(None))
    # When something became due.
    yield Moment(LinkCheck.due_at)
    yield Moment(
        WebhookDelivery.not_before,
        where=(WebhookDelivery.state == DeliveryEnd.PENDING) & (WebhookDelivery.attempts == 0),
    )
    # What was looked at, and is to be again after a pause that differs from one to the other.
    yield Moment(
        Source.last_success_at, where=Source.failing_since.is_(None), also=Source.next_poll_at
    )
    yield Moment(
        Mailbox.last_success_at, where=Mailbox.failing_since.is_(None), also=Mailbox.next_at
    )
    yield from BEATS
