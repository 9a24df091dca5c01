"""Links are looked at in the background: asked for, worked off host by host, told when asked."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from alerts.articles.fetching.fetcher import Fetcher
from alerts.clock import Clock
from alerts.database import Database, insert_into
from alerts.rendering.lint.known import LinkState, LinkVerdict
from alerts.rendering.reviewing.asking import Answer, ask
from alerts.rendering.reviewing.models import LinkCheck

# How long an answer holds. Who mends a page wants to see it soon.
_GOOD_FOR, _BAD_FOR = timedelta(days=1), timedelta(minutes=30)
# Longer than the slowest server takes, twice.
_LEASE = timedelta(minutes=4)
# One task goes on for so long, in seconds; then others have their turn, and it comes again.
_TURN = 10.0
# A task that was lost is sent again after this.
_LOST_AFTER = timedelta(minutes=3)
_MOST_HOSTS = 20
# An answer that nobody asked for in so long is forgotten.
_KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a mail's links came to; `to_do` are the checks to be enqueued, one for each host."""

    states: Mapping[str, LinkCheck]
    to_do: Sequence[int]

    @property
    def waiting(self) -> int:
        """How many have no answer yet."""
        return sum(check.checked_at is None for check in self.states.values())


def states_of(session: Session, urls: Collection[str]) -> dict[str, LinkCheck]:
    """Return what is known of addresses, by address; what nobody asked for is not there."""
    digests = [_digest(url) for url in urls]
    found = session.scalars(
        select(LinkCheck).where(LinkCheck.digest.in_(digests)).order_by(LinkCheck.id)
    ).all()
    return {check.url: check for check in found}


def known_links(checks: Mapping[str, LinkCheck]) -> dict[str, LinkState]:
    """Return the answers among checks as the lint takes them."""
    return {
        url: LinkState(check.verdict, check.words, check.moved_to, check.size)
        for url, check in checks.items()
        if check.verdict is not None
    }


def ask_for(session: Session, urls: Sequence[str], *, again: bool = False, clock: Clock) -> Asked:
    """Have addresses looked at that were not of late; `again` those that were, too.

    Write the rows, commit, then enqueue what is `to_do`. Two who ask at once make one row.
    """
    now = clock.now()
    states = states_of(session, urls)
    missing = [url for url in dict.fromkeys(urls) if url not in states]
    if missing:
        _add(session, missing, now)
        states = states_of(session, urls)
    due: dict[str, int] = {}
    for check in states.values():
        if now - check.asked_at > _GOOD_FOR:
            check.asked_at = now
        if check.due_at is None and (again or _is_stale(check, now)):
            check.due_at = now
        if check.due_at == now:
            due.setdefault(check.host, check.id)
    session.flush()
    return Asked(states, sorted(due.values()))


def check_links(
    database: Database,
    check_id: int,
    *,
    fetcher: Fetcher,
    clock: Clock,
    monotonic: Callable[[], float] = time.monotonic,
) -> int | None:
    """Look at the due links of the host of one of them, for a while.

    Returns the next one where some are left, to be enqueued. Safe to run twice and at once: each
    link is claimed before it is asked for, and no transaction is open meanwhile.
    """
    with database.read() as session:
        first = session.get(LinkCheck, check_id)
        host = first.host if first else None
    ends = monotonic() + _TURN
    while host is not None and (claimed := _claim(database, host, clock.now())) is not None:
        number, url = claimed
        _record(database, number, ask(fetcher, url), clock.now())
        if monotonic() >= ends:
            return _next(database, host, clock.now())
    return None


def owed_link_checks(session: Session, *, clock: Clock) -> list[int]:
    """Return a check for each host that is due and that no task seems to work on."""
    now = clock.now()
    other = aliased(LinkCheck)
    worked_on = exists().where(other.host == LinkCheck.host, other.claimed_until > now)
    due = (
        select(func.min(LinkCheck.id))
        .where(LinkCheck.due_at <= now - _LOST_AFTER, ~worked_on)
        .group_by(LinkCheck.host)
        .limit(_MOST_HOSTS)
    )
    return sorted(session.scalars(due))


def forgotten_link_checks(now: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody asked about an address for long."""
    return LinkCheck.asked_at < now - _KEPT_FOR


def _add(session: Session, urls: Sequence[str], now: datetime) -> None:
    rows = [
        {
            "digest": _digest(url),
            "url": url,
            "host": (urlsplit(url).hostname or "")[:255],
            "asked_at": now,
            "due_at": now,
            "words": "",
            "moved_to": "",
        }
        for url in urls
    ]
    session.execute(insert_into(session, LinkCheck).on_conflict_do_nothing(), rows)


def _is_stale(check: LinkCheck, now: datetime) -> bool:
    if check.checked_at is None:
        return True
    is_good = check.verdict in {LinkVerdict.FINE, LinkVerdict.MOVED}
    return now - check.checked_at > (_GOOD_FOR if is_good else _BAD_FOR)


def _claim(database: Database, host: str, now: datetime) -> tuple[int, str] | None:
    with database.transaction() as session:
        free = or_(LinkCheck.claimed_until.is_(None), LinkCheck.claimed_until < now)
        due = (
            select(LinkCheck.id, LinkCheck.url)
            .where(LinkCheck.host == host, LinkCheck.due_at <= now, free)
            .order_by(LinkCheck.due_at, LinkCheck.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        # Locked first, then written: in one statement PostgreSQL may look for the row twice.
        row = session.execute(due).one_or_none()
        if row is None:
            return None
        claimed = session.scalar(
            update(LinkCheck)
            .where(LinkCheck.id == row[0], free)
            .values(claimed_until=now + _LEASE)
            .returning(LinkCheck.id)
            .execution_options(synchronize_session=False)
        )
        return None if claimed is None else (row[0], row[1])


def _record(database: Database, number: int, answer: Answer, now: datetime) -> None:
    with database.transaction() as session:
        session.execute(
            update(LinkCheck)
            .where(LinkCheck.id == number)
            .values(
                due_at=None,
                claimed_until=None,
                checked_at=now,
                verdict=answer.verdict,
                status=answer.status,
                words=answer.words,
                moved_to=answer.moved_to,
                size=answer.size,
            )
            .execution_options(synchronize_session=False)
        )


def _next(database: Database, host: str, now: datetime) -> int | None:
    with database.read() as session:
        return session.scalar(
            select(func.min(LinkCheck.id)).where(LinkCheck.host == host, LinkCheck.due_at <= now)
        )


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
