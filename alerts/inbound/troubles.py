"""What ops should hear of about mail that comes back, for whoever rings alarms.

Nothing here is kept by itself: it follows from the counts, the mailboxes and the mails there are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.config import Settings
from alerts.delivery.counting import OutcomeClass, outcome_totals
from alerts.delivery.returned import Returned, ReturnedCount
from alerts.delivery.rising import rising_issues
from alerts.inbound.fetching.claims import failing_mailboxes
from alerts.inbound.models import InboundMail, MailState
from alerts.newsletters.models import Issue

_A_DAY = timedelta(days=1)
# A worker takes a mail up within seconds.
_WAITS_TOO_LONG = timedelta(minutes=15)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that wants a person: a word to know it by again, and what it is in one line."""

    key: str
    words: str


def troubles(session: Session, settings: Settings, *, now: datetime) -> list[Trouble]:
    """Return what is wrong at this moment; empty when nothing is. Names no reader."""
    return [
        *_rises(session),
        *_policy(session, now),
        *_mailboxes(session, settings),
        *_waiting(session, now),
    ]


def _rises(session: Session) -> list[Trouble]:
    return [
        Trouble(
            f"bounces of issue {rise.issue_id}",
            session.get_one(Issue, rise.issue_id).attention or "paused: too much came back",
        )
        for rise in rising_issues(session)
    ]


def _policy(session: Session, now: datetime) -> list[Trouble]:
    """Tell of servers that refuse us by policy: since yesterday, at the door or afterwards."""
    refused = sum(
        count
        for (_, outcome), count in outcome_totals(session, since=now - _A_DAY).items()
        if outcome == OutcomeClass.POLICY
    )
    total = func.sum(ReturnedCount.count)
    returned = session.execute(
        select(ReturnedCount.domain, total)
        .where(
            ReturnedCount.day >= (now - _A_DAY).date(), ReturnedCount.kind == Returned.POLICY.value
        )
        .group_by(ReturnedCount.domain)
        .order_by(total.desc(), ReturnedCount.domain)
    ).all()
    later = sum(int(count) for _, count in returned)
    if not refused and not later:
        return []
    most = ", ".join(f"{domain} {count}" for domain, count in returned[:_SHOWN])
    return [
        Trouble(
            "refused by policy",
            f"since yesterday {refused + later} messages were refused by policy, {later} of them"
            f" after they were taken{f' ({most})' if most else ''}: look at `alerts doctor` and at"
            " the lists of blocked senders; no reader was suppressed for it",
        )
    ]


def _mailboxes(session: Session, settings: Settings) -> list[Trouble]:
    return [
        Trouble(
            f"mailbox {mailbox.id}",
            f"no mail can be fetched from {mailbox.shown}: {mailbox.last_error}",
        )
        for mailbox in failing_mailboxes(session, settings.mailboxes)
    ]


def _waiting(session: Session, now: datetime) -> list[Trouble]:
    waiting = session.scalar(
        select(func.count())
        .select_from(InboundMail)
        .where(InboundMail.state == MailState.NEW, InboundMail.received_at < now - _WAITS_TOO_LONG)
    )
    if not waiting:
        return []
    minutes = int(_WAITS_TOO_LONG.total_seconds() // 60)
    words = f"{waiting} inbound mails wait for more than {minutes} minutes: is a worker running?"
    return [Trouble("inbound mail waits", words)]
