"""One look into a mailbox: what is new is stored, and only then marked or removed there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog

from alerts.claims import Claim, claim_row
from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Conflict
from alerts.inbound.fetching.claims import (
    enter_mailboxes,
    mailbox_json,
    mailboxes_of,
)
from alerts.inbound.fetching.files import visit_maildir, visit_mbox
from alerts.inbound.fetching.imap import visit_imap
from alerts.inbound.fetching.pop3 import visit_pop3
from alerts.inbound.fetching.visits import MOST_IN_A_VISIT, Unreachable, Visit
from alerts.inbound.models import Mailbox
from alerts.inbound.service import hand_over
from alerts.inbound.storing import Arrival, store_mails
from alerts.mailbox_urls import MailboxUrl, Protocol
from alerts.task_queue import TaskQueue

log = structlog.get_logger(__name__)

_VISITS: Mapping[Protocol, Callable[[MailboxUrl, Visit], int]] = MappingProxyType(
    {
        Protocol.IMAPS: visit_imap,
        Protocol.IMAP: visit_imap,
        Protocol.POP3S: visit_pop3,
        Protocol.POP3: visit_pop3,
        Protocol.MAILDIR: visit_maildir,
        Protocol.MBOX: visit_mbox,
    }
)
# A server that is away is asked less and less often, up to each half hour.
_MOST_DOUBLINGS, _LONGEST_WAIT = 6, timedelta(minutes=30)


def look_into(
    database: Database, mailbox_id: int, *, settings: Settings, queue: TaskQueue, clock: Clock
) -> int:
    """Fetch what is new in a mailbox; returns how many mails there were.

    Safe to call twice, and at the same time: one looks, and a mail that was stored before is the
    same one. What is wrong with the mailbox is kept with it, for `alerts status`.
    """
    claim = claim_row(database, Mailbox, mailbox_id, clock=clock)
    if claim is None:
        return 0
    url = next((one for one in settings.mailboxes if one.key == claim.row.key), None)
    if url is None:
        return 0
    try:
        found = _VISITS[url.protocol](url, _visit(claim, url, settings, queue))
    except Conflict as error:
        log.info("mailbox_taken_over", mailbox=mailbox_id, why=str(error))
        return 0
    except Unreachable as error:
        _note(claim, str(error), usual=url.every or settings.inbound_every)
        return 0
    except Exception as error:
        # A defect, or a server beyond all rules: the mailbox is let go of, and tried again.
        log.exception("mailbox_not_read", mailbox=mailbox_id)
        why = f"a defect: {type(error).__name__}"
        _note(claim, why, usual=url.every or settings.inbound_every)
        return 0
    _note(claim, None, usual=timedelta(), more=found >= MOST_IN_A_VISIT)
    if found:
        log.info("mailbox_read", mailbox=mailbox_id, mails=found)
    return found


def look_into_all(
    database: Database, *, settings: Settings, queue: TaskQueue, clock: Clock
) -> list[dict[str, Any]]:
    """Look into every mailbox of the settings now; returns how each stands, as JSON."""
    with database.transaction() as session:
        enter_mailboxes(session, settings.mailboxes, clock=clock)
    with database.read() as session:
        numbers = [mailbox.id for mailbox in mailboxes_of(session, settings.mailboxes)]
    for number in numbers:
        look_into(database, number, settings=settings, queue=queue, clock=clock)
    with database.read() as session:
        return [mailbox_json(one) for one in mailboxes_of(session, settings.mailboxes)]


def _visit(claim: Claim[Mailbox], url: MailboxUrl, settings: Settings, queue: TaskQueue) -> Visit:
    ended: dict[str, int] = {}

    def take(raws: Sequence[bytes]) -> None:
        arrivals = [Arrival(raw, url.protocol.value) for raw in raws]
        with claim.transaction() as (session, mailbox):
            stored = store_mails(session, arrivals, keep=settings.keep_inbound, clock=claim.clock)
            mailbox.taken += sum(one.is_new for one in stored)
            for place, position in ended.items():
                mailbox.place, mailbox.position = place, position
        hand_over(stored, queue)

    def remember(place: str, position: int) -> None:
        ended.clear()
        ended[place] = position

    return Visit(take, remember, claim.row.place, claim.row.position)


def _note(
    claim: Claim[Mailbox], error: str | None, *, usual: timedelta, more: bool = False
) -> None:
    """Write down how a look ended, and let the mailbox go."""
    now = claim.clock.now()
    try:
        with claim.transaction() as (_, mailbox):
            mailbox.claimed_until = None
            if error is None:
                mailbox.last_success_at = now
                mailbox.failing_since, mailbox.last_error, mailbox.failures = None, None, 0
                if more:
                    mailbox.next_at = now
                return
            mailbox.failing_since = mailbox.failing_since or now
            mailbox.failures += 1
            mailbox.last_error = error.replace("\0", "")[:500]
            doublings = min(mailbox.failures - 1, _MOST_DOUBLINGS)
            mailbox.next_at = now + max(usual, min(usual * 2**doublings, _LONGEST_WAIT))
    except Conflict:
        return
    if error is not None:
        log.warning("mailbox_unreachable", mailbox=claim.row.id, why=error)
