"""The mailboxes of the settings: their rows, which are due, and how each stands."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.inbound.models import Mailbox
from alerts.mailbox_urls import MailboxUrl


def claim_due_mailboxes(
    session: Session, urls: Iterable[MailboxUrl], *, usual: timedelta, clock: Clock
) -> list[int]:
    """Return the mailboxes to look into now, each to one caller alone, and set their next time.

    One that the settings name for the first time gets its row.
    """
    by_key = {url.key: url for url in urls}
    if not by_key:
        return []
    now = clock.now()
    enter_mailboxes(session, by_key.values(), clock=clock)
    due = session.scalars(
        select(Mailbox)
        .where(Mailbox.key.in_(list(by_key)), Mailbox.next_at <= now, Mailbox.is_free(now))
        .order_by(Mailbox.id)
        .with_for_update(skip_locked=True)
    ).all()
    for mailbox in due:
        # A task that is lost on its way costs one pause.
        mailbox.next_at = now + (by_key[mailbox.key].every or usual)
    return [mailbox.id for mailbox in due]


def mailboxes_of(session: Session, urls: Iterable[MailboxUrl]) -> Sequence[Mailbox]:
    """Return how the mailboxes of the settings stand, those that were ever looked into."""
    keys = [url.key for url in urls]
    return session.scalars(select(Mailbox).where(Mailbox.key.in_(keys)).order_by(Mailbox.id)).all()


def failing_mailboxes(session: Session, urls: Iterable[MailboxUrl]) -> Sequence[Mailbox]:
    """Return the mailboxes of the settings that could not be looked into the last time."""
    return [one for one in mailboxes_of(session, urls) if one.failing_since is not None]


def mailbox_json(mailbox: Mailbox) -> dict[str, Any]:
    """Return a mailbox in the form that scripts read, without its password."""
    return {
        "id": mailbox.id,
        "url": mailbox.shown,
        "taken": mailbox.taken,
        "next_at": rfc3339(mailbox.next_at),
        "last_success_at": rfc3339(mailbox.last_success_at),
        "failing_since": rfc3339(mailbox.failing_since),
        "last_error": mailbox.last_error,
    }


def enter_mailboxes(session: Session, urls: Iterable[MailboxUrl], *, clock: Clock) -> None:
    """Give each mailbox of the settings its row."""
    known = set(session.scalars(select(Mailbox.key)))
    for url in urls:
        if url.key in known:
            continue
        row = {"key": url.key, "shown": url.shown, "next_at": clock.now()}
        row |= {"fence": 0, "place": "", "position": 0, "taken": 0, "failures": 0}
        try:
            with session.begin_nested():
                session.execute(insert(Mailbox).values(row))
        except IntegrityError:
            # Another tick entered it at this moment.
            continue
