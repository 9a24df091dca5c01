"""What came in lately, for people: by the page, with whose it was found to be."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.reading.record import Kind
from alerts.subscribers.models import Subscriber

_PAGE = 50


@dataclass(frozen=True, slots=True)
class Came:
    """A page of what came in, the newest first; `older` is the `before` of the page after."""

    mails: Sequence[Row[*tuple[object, ...]]]
    older: int | None


def came_in(
    session: Session,
    *,
    kind: Kind | None = None,
    state: MailState | None = None,
    before: int | None = None,
) -> Came:
    """Return a page of mails and events, each with its reader's address where one was found.

    Failed and waiting ones are few, and lie at the end of the table or in an index of their own.
    """
    query = (
        select(
            InboundMail.id,
            InboundMail.received_at,
            InboundMail.way,
            InboundMail.kind,
            InboundMail.bounce,
            InboundMail.state,
            InboundMail.note,
            Subscriber.email,
        )
        .outerjoin(Subscriber, Subscriber.id == InboundMail.subscriber_id)
        .order_by(InboundMail.id.desc())
        .limit(_PAGE + 1)
    )
    if kind is not None:
        query = query.where(InboundMail.kind == kind.value)
    if state is not None:
        query = query.where(InboundMail.state == state)
    if before is not None:
        query = query.where(InboundMail.id < before)
    rows = session.execute(query).all()
    return Came(rows[:_PAGE], rows[_PAGE - 1].id if len(rows) > _PAGE else None)
