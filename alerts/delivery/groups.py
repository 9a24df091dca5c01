"""A group of deliveries that went through a transport, and writing down what came of it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from alerts.delivery import ledger
from alerts.delivery.counting import OutcomeClass, count_outcomes
from alerts.delivery.handing_over import Trouble
from alerts.delivery.leases import Lease
from alerts.delivery.ledger import Claimed
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.settling import settle


@dataclass
class Group:
    """Deliveries that were claimed together, and what kept the rest of them back, if anything."""

    claimed: Sequence[Claimed]
    trouble: Trouble | None = None

    def among(self, numbers: AbstractSet[int]) -> "Group":
        """Return the part of it that is among deliveries with these numbers."""
        part = [each for each in self.claimed if each.delivery_id in numbers]
        return replace(self, claimed=part)


def write_down(
    session: Session,
    lease: Lease,
    messages: IssueMessages,
    group: Group,
    outcomes: Mapping[int, Outcome],
    *,
    now: datetime,
) -> None:
    """Write down what came of a group, and give back the rest; the caller holds the lease."""
    judge = partial(messages.judge, now=now)
    left = settle(session, lease.issue_id, group.claimed, outcomes, judge=judge, now=now)
    trouble = group.trouble or Trouble()
    if trouble.reason and now > messages.give_up_at:
        ledger.expire(session, lease.issue_id, left, reason=trouble.reason, now=now)
    else:
        ledger.give_back(session, left, why=trouble.said)


def write_down_late(
    session: Session, lease: Lease, group: Group, outcomes: Mapping[int, Outcome], *, now: datetime
) -> None:
    """Write down who got a group's messages all the same, where the lease is lost."""
    numbers = [each.delivery_id for each in group.claimed]
    fates = {number: outcomes[number].fate for number in numbers if number in outcomes}
    taken = [number for number, fate in fates.items() if fate is Fate.ACCEPTED]
    news = ledger.record_accepted(session, lease.issue_id, taken, now=now)
    came_to = [(one.email, OutcomeClass.SENT) for one in group.claimed if one.delivery_id in news]
    count_outcomes(session, lease.issue_id, came_to, now=now)
