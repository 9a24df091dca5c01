"""A relay that refuses us: no login, a wrong one, mail that it does not carry. One that is sick.

The first answers so to everybody, so all wait in the ledger with what it said, until somebody mends
it; a look into a few batches of an issue that does not move tells. Of the second nothing is seen in
the ledger: another relay of the pool stands in for it.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import WAITS
from alerts.delivery.strangers import REFUSES
from alerts.delivery.transports.suspicion import Relays, sick_of
from alerts.newsletters.models import IssueState
from alerts.operations.alarms.kinds import REFUSED_AFTER, SICK_FOR, Kind, Trouble, at
from alerts.operations.situation import IssueUnderWay, Situation

_BATCHES_LOOKED_INTO = 20


def refusing_relays(session: Session, situation: Situation) -> Iterator[Trouble]:
    """Return the issues of which nothing goes out because a relay refuses us."""
    for issue in situation.issues:
        still = situation.now - issue.since > REFUSED_AFTER
        said = _said(session, issue) if still and issue.state is IssueState.SENDING else None
        if said:
            what = f"issue {issue.id} of {issue.newsletter} does not go out: {said}"
            mend = (
                "Mend ALERTS_MAIL_URL and start the workers anew; the issue then goes on by itself,"
                " and nobody was refused for it. `alerts doctor` tries the login."
            )
            yield Trouble(Kind.RELAY_REFUSES, f"issue:{issue.id}", what, mend)


def sick_relays(relays: Relays) -> Iterator[Trouble]:
    """Return the relays of a pool that were sick for long, and still when they were tried last."""
    for one, stands_in in sick_of(relays):
        if one.tried - one.since >= SICK_FOR:
            tried = f"since {at(one.since)}, tried last {at(one.tried)}"
            mend = (
                "Look whether that server runs and takes our login, which stands in its part of"
                " ALERTS_MAIL_URL; `alerts doctor` tries it. Every few minutes it is given one"
                " message; once it takes one, it is used again by itself."
            )
            what = f"mail server {one.words} ({tried}); {stands_in}"
            yield Trouble(Kind.RELAY_SICK, _subject(one.name), what, mend)


def maybe_sick(relays: Relays) -> frozenset[tuple[Kind, str]]:
    """Return about which relays no alarm is over, were it open: those that nobody saw well since.

    Where Redis was emptied one is sick since a moment ago, or nothing is known of it.
    """
    names = relays.unknown | relays.sick.keys()
    return frozenset((Kind.RELAY_SICK, _subject(name)) for name in names)


def _subject(name: str) -> str:
    return f"relay:{name}"


def _said(session: Session, issue: IssueUnderWay) -> str | None:
    """Return what the relay said to one of those who wait for it; None where nobody does."""
    batches = (
        select(Batch.id)
        .where(Batch.issue_id == issue.id, Batch.state != BatchState.DONE)
        .order_by(Batch.id)
        .limit(_BATCHES_LOOKED_INTO)
    )
    reason = session.scalar(
        select(Delivery.reason)
        .where(Delivery.batch_id.in_(session.scalars(batches).all()))
        .where(Delivery.state == DeliveryState.PENDING)
        .where(Delivery.reason.like(f"{WAITS}%: {REFUSES}%"))
        .limit(1)
    )
    # `mx.example.org:587: refuses our login` becomes part of a sentence.
    return reason.removeprefix(WAITS).replace(f": {REFUSES}", f" {REFUSES}", 1) if reason else None
