"""The audit log: who did what, on what, when, from where; it only grows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.staff.models import ActorKind, ApiToken, AuditEntry, StaffAccount

# A noun and a verb in the past: `issue.approved`, `subscriber.erased`.
_ACT = re.compile(r"[a-z]{1,30}(?:[._][a-z]{1,30}){1,4}")
_LONGEST_TEXT = 500
_LONGEST_ID = 200
_MOST_DETAILS = 20
LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from which network; `account_id` also for a token: its owner."""

    kind: ActorKind
    account_id: int | None = None
    token_id: int | None = None
    network: str | None = None


COMMAND_LINE = Actor(ActorKind.COMMAND_LINE)
PROGRAM = Actor(ActorKind.PROGRAM)


@dataclass(frozen=True, slots=True)
class Subject:
    """On what somebody acts: `Subject("issue", 12)`; never a person's address."""

    kind: str
    id: int | str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry with what its actor is called now; `token` is the name of the token used."""

    entry: AuditEntry
    account: str | None
    token: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first; `next` is the `before` of the page after, None for the last."""

    lines: Sequence[AuditLine]
    next: int | None


def record(
    session: Session, actor: Actor, act: str, subject: Subject, *, clock: Clock, **details: object
) -> AuditEntry:
    """Write down one act, in the transaction of the act itself: both are kept, or neither.

    `act` is a dotted verb in the past (`issue.approved`). Details are few and short: numbers,
    texts (cut at 500 characters), moments and sequences of these.
    """
    if not _ACT.fullmatch(act):
        raise ValueError(f"{act!r} is no dotted verb such as issue.approved")
    if len(details) > _MOST_DETAILS:
        raise ValueError(f"{len(details)} details are too many for one entry")
    entry = AuditEntry(
        at=clock.now(),
        actor=actor.kind,
        account_id=actor.account_id,
        token_id=actor.token_id,
        act=act,
        subject_kind=subject.kind,
        subject_id=str(subject.id)[:_LONGEST_ID],
        network=actor.network,
        details=_small(details),
    )
    session.add(entry)
    return entry


def audit_page(
    session: Session,
    *,
    subject: Subject | None = None,
    subject_kind: str | None = None,
    account_id: int | None = None,
    actor: ActorKind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> AuditPage:
    """Return entries that fit all that is asked, the newest first, by the page.

    `since` is included, `until` is not; both in any zone. A page's `next` goes on where it ended,
    whatever was written in between.
    """
    size = max(1, min(limit, LARGEST_PAGE))
    query = (
        select(AuditEntry, StaffAccount, ApiToken.name)
        .outerjoin(StaffAccount, StaffAccount.id == AuditEntry.account_id)
        .outerjoin(ApiToken, ApiToken.id == AuditEntry.token_id)
        .order_by(AuditEntry.id.desc())
        .limit(size + 1)
    )
    if subject is not None:
        query = query.where(
            AuditEntry.subject_kind == subject.kind, AuditEntry.subject_id == str(subject.id)
        )
    for column, value in (
        (AuditEntry.subject_kind, subject_kind),
        (AuditEntry.account_id, account_id),
        (AuditEntry.actor, actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    rows = session.execute(query).all()
    lines = [AuditLine(entry, _shown(account), token) for entry, account, token in rows[:size]]
    return AuditPage(lines, lines[-1].entry.id if len(rows) > size else None)


def _shown(account: StaffAccount | None) -> str | None:
    return None if account is None else account.shown


def _small(details: Mapping[str, object]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in details.items()}


def _plain(value: object) -> object:
    """Return a detail as JSON has it; a text or a sequence that is too long is cut, and says so."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, datetime):
        return value.replace(microsecond=0).isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        kept = sorted(map(str, value)) if isinstance(value, set | frozenset) else list(value)
        more = [f"and {len(kept) - _MOST_DETAILS} more"] if len(kept) > _MOST_DETAILS else []
        return [_plain(one) for one in kept[:_MOST_DETAILS]] + more
    # Neither a NUL nor half a character is anything that every database keeps.
    text = str(value).replace("\0", "").encode(errors="replace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
