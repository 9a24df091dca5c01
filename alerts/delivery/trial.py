"""Test mails: a copy of an issue to a person, to a newsletter's test group, or to a segment."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.delivery.assembly import Envelope
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.received import received
from alerts.delivery.transactional import send_test
from alerts.delivery.transports.factory import make_transport
from alerts.errors import Invalid, Refused
from alerts.newsletters.definitions import LARGEST_TEST_GROUP, NewsletterDefinition
from alerts.rendering.service import RenderedEdition
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.service import Segments

# What stands for the newsletter's own group where a segment could be named.
TEST_GROUP = "test group"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one test mail; `problem` is empty where it was sent."""

    address: str
    problem: str = ""


def one_address(text: str) -> list[str]:
    """Return the address that somebody typed; raises Invalid."""
    return [parse_address(text).display]


def addresses_of(
    session: Session, definition: NewsletterDefinition, group: str, *, clock: Clock
) -> list[str]:
    """Return the addresses of a group: the newsletter's own, or a segment by its slug.

    Of a segment only readers who may be mailed get a test mail. Raises Invalid for a group that is
    empty or too large, NotFound for a segment that is none.
    """
    if group == TEST_GROUP:
        found = list(definition.test_group)
        empty = f"{definition.slug} has no test group; its definition names one as test_group"
    else:
        segments = Segments(session, clock=clock, received=received)
        wanted = segments.condition(segments.query_of(segments.get(group).slug), paging=True)
        found = list(
            session.scalars(
                select(Subscriber.email)
                .where(Subscriber.state == SubscriberState.CONFIRMED, wanted)
                .order_by(Subscriber.id)
                .limit(LARGEST_TEST_GROUP + 1)
            )
        )
        empty = f"nobody in the segment {group} can be mailed"
    if not found:
        raise Invalid(empty)
    if len(found) > LARGEST_TEST_GROUP:
        raise Invalid(
            f"the segment {group} has more than {LARGEST_TEST_GROUP} readers: too many for a test"
        )
    return found


async def send_trials(
    rendered: RenderedEdition,
    addresses: Sequence[str],
    *,
    envelope: Envelope,
    settings: Settings,
    redis_url: str,
    clock: Clock,
) -> list[Trial]:
    """Send a test copy to each address, one after the other; what is refused stops no other.

    They are signed as the issue will be; raises Invalid for a wrong key. It takes no session: no
    transaction is to be open while a server is spoken to.
    """
    signer = DkimSigner.from_settings(settings, clock=clock)
    transport = make_transport(settings, redis_url=redis_url)
    trials = []
    try:
        for address in addresses:
            try:
                await send_test(
                    rendered,
                    address,
                    envelope=envelope,
                    settings=settings,
                    transport=transport,
                    signer=signer,
                )
            except Refused as error:
                trials.append(Trial(address, str(error)))
            else:
                trials.append(Trial(address))
    finally:
        await transport.close()
    return trials


async def send_test_copy(
    rendered: RenderedEdition,
    address: str,
    *,
    envelope: Envelope,
    settings: Settings,
    redis_url: str,
    clock: Clock,
) -> None:
    """Send a test copy to one address, as `send_trials` does; raises Refused with the answer."""
    [trial] = await send_trials(
        rendered,
        [address],
        envelope=envelope,
        settings=settings,
        redis_url=redis_url,
        clock=clock,
    )
    if trial.problem:
        raise Refused(trial.problem)
