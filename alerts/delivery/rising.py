"""A sudden rise of bounces: the issue is paused, with the reason, before it harms our name.

What counts is what mailbox providers hold against a sender: messages that came back after they were
taken, and those that servers refused as policy when they were handed over. A person who resumes the
issue, or has the refused tried again, has seen what was; only what comes after may pause it again.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery.bounces import Bounce, bounce_of
from alerts.delivery.counting import BOUNCED, OutcomeClass, outcomes_by_issue
from alerts.delivery.failed import failed_for
from alerts.delivery.models import Delivery
from alerts.delivery.returned import BounceRise, bounced_in, worst_domains
from alerts.delivery.status_codes import unnamed
from alerts.errors import Refused
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rates import parse_share, share_text

log = structlog.get_logger(__name__)

_LONGEST_SAID = 120


@dataclass(frozen=True, slots=True)
class Sum:
    """What an issue came to so far: messages that servers answered for good, and what came back.

    `refused` are those that were refused by policy when they were handed over, `returned` those
    that came back later.
    """

    messages: int
    refused: int
    returned: int

    @property
    def bounces(self) -> int:
        """What counts against the sender."""
        return self.refused + self.returned


def is_rise(found: Sum, *, seen_messages: int, seen_bounces: int, share: float, least: int) -> bool:
    """Tell whether too much came back since somebody looked; of `least` messages or more."""
    messages, bounces = found.messages - seen_messages, found.bounces - seen_bounces
    return messages >= least and bounces > 0 and bounces >= share * messages


def pause_if_rising(database: Database, issue_id: int, *, clock: Clock) -> bool:
    """Pause an issue under way when too much of it comes back; True when it was paused now."""
    with database.read() as session:
        wanted = _wants(session, issue_id)
    if wanted is None:
        return False
    with database.transaction() as session:
        return _settle(session, issue_id, clock=clock)


def pause_all_rising(session: Session, *, clock: Clock) -> None:
    """Pause whichever issue needs it of those being sent, also while its messages wait."""
    sending = select(Issue.id).where(Issue.state == IssueState.SENDING)
    for issue_id in session.scalars(sending).all():
        _settle(session, issue_id, clock=clock)


def note_seen(session: Session, issue_id: int, *, clock: Clock) -> None:
    """Remember that somebody saw what came back so far: whoever has the refused tried again did."""
    found = sum_of(session, issue_id)
    if not found.bounces:
        return
    rise = session.get(BounceRise, issue_id, with_for_update=True)
    if rise is None:
        rise = BounceRise(issue_id=issue_id, paused_at=clock.now(), waits=False)
        session.add(rise)
    rise.messages, rise.bounces = found.messages, found.bounces


def sum_of(session: Session, issue_id: int) -> Sum:
    """Return what an issue came to so far."""
    outcomes = outcomes_by_issue(session, [issue_id]).get(issue_id)
    counts = outcomes.counts if outcomes else {}
    messages = sum(counts.get(one.value, 0) for one in (OutcomeClass.SENT, *BOUNCED))
    return Sum(messages, counts.get(OutcomeClass.POLICY.value, 0), bounced_in(session, issue_id))


def _wants(session: Session, issue_id: int) -> bool | None:
    """Return whether to pause (True) or to note that somebody looked (False); else None."""
    # Its text and its pieces are of no interest to one who looks every second.
    about = select(Issue.state, Issue.newsletter).where(Issue.id == issue_id)
    issue = session.execute(about).one_or_none()
    if issue is None or issue.state is not IssueState.SENDING:
        return None
    rise = session.get(BounceRise, issue_id)
    if rise is not None and rise.waits:
        return False
    found = sum_of(session, issue_id)
    seen_bounces = rise.bounces if rise else 0
    if found.bounces <= seen_bounces:
        return None
    definition = definition_of(get_newsletter(session, issue.newsletter))
    if not definition.pause_at_bounces:
        return None
    rising = is_rise(
        found,
        seen_messages=rise.messages if rise else 0,
        seen_bounces=seen_bounces,
        share=parse_share(definition.pause_at_bounces),
        least=definition.pause_after,
    )
    return True if rising else None


def _settle(session: Session, issue_id: int, *, clock: Clock) -> bool:
    # Looked at once more, in the transaction that writes: another may have paused it meanwhile.
    wanted = _wants(session, issue_id)
    if wanted is None:
        return False
    found = sum_of(session, issue_id)
    rise = session.get(BounceRise, issue_id, with_for_update=True)
    if not wanted:
        if rise is not None:
            rise.messages, rise.bounces, rise.waits = found.messages, found.bounces, False
        return False
    try:
        issue = move(session, issue_id, Event.PAUSE, clock=clock)
    except Refused:
        return False
    if rise is None:
        rise = BounceRise(issue_id=issue_id)
        session.add(rise)
    rise.messages, rise.bounces = found.messages, found.bounces
    rise.paused_at, rise.waits = clock.now(), True
    issue.attention = _why(session, issue, found)
    log.error("issue_paused_for_bounces", issue=issue_id, why=issue.attention)
    return True


def _why(session: Session, issue: Issue, found: Sum) -> str:
    definition = definition_of(get_newsletter(session, issue.newsletter))
    most = ", ".join(f"{name} {count}" for name, count in worst_domains(session, issue.id))
    where = f", most at {most}" if most else ""
    share = share_text(round(found.bounces / found.messages, 3)) if found.messages else "all"
    said = _said(session, issue.id) if found.refused else ""
    again = f", and `alerts issue retry {issue.id} --reason policy` takes up the refused"
    return (
        f"paused: {found.bounces} of {found.messages} messages came back ({share}; this newsletter"
        f" pauses at {definition.pause_at_bounces}): {found.refused} refused by policy{said},"
        f" {found.returned} returned{where}; see `alerts issue report {issue.id}`, then"
        f" `alerts issue resume {issue.id}` goes on{again if found.refused else ''}"
    )


def _said(session: Session, issue_id: int) -> str:
    """Return what was said to most of those who were refused by policy, in brackets."""
    for reason, _, first in failed_for(session, issue_id):
        if bounce_of(reason) is Bounce.POLICY:
            answer = session.scalar(select(Delivery.last_answer).where(Delivery.id == first))
            # Without the address that it names: this goes to the log, and out with alarms.
            said = unnamed(answer or reason)[:_LONGEST_SAID]
            return f" (most were told: {said})"
    return ""
