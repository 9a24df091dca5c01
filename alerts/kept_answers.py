"""What was answered to a request with an `Idempotency-Key`: the same key, the same answer, a day.

The row is written in the transaction of the act itself: both are kept, or neither. Of two requests
with one key at the same moment the second waits at the UNIQUE key for the first, and then finds
its answer (draft-ietf-httpapi-idempotency-key-header).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, Text, delete, false, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.clock import Clock
from alerts.database import Base, JsonColumn, UtcDateTime
from alerts.errors import Conflict, Invalid

KEY = re.compile(r"[\x21-\x7e]{1,200}")
KEPT = timedelta(days=1)


class KeptAnswer(Base):
    """The answer to a caller's request with a key; `status` is NULL while it is being worked on.

    That is seen by others only where an act is more than one transaction, such as a test mail.
    """

    __tablename__ = "kept_answers"

    caller: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    body: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class KeyUsedTwice(Invalid):
    """The same Idempotency-Key came with another request."""


class StillUnderWay(Conflict):
    """The first request with this key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with a key: who sent it, and the digest of what it asks for."""

    caller: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it went out; `body` is JSON."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def check_key(key: str) -> None:
    """Raise Invalid for a text that cannot be a key."""
    if not KEY.fullmatch(key):
        raise Invalid("an Idempotency-Key has 1 to 200 visible ASCII characters")


def kept_answer(session: Session, keyed: Keyed, *, clock: Clock) -> Answer | None:
    """Return the answer that was given to this request before, if there is one.

    Raises KeyUsedTwice when the key came with another request, StillUnderWay before the first one
    was answered.
    """
    row = session.scalars(
        select(KeptAnswer).where(
            KeptAnswer.caller == keyed.caller,
            KeptAnswer.key == keyed.key,
            KeptAnswer.at >= clock.now() - KEPT,
        )
    ).first()
    if row is None:
        return None
    if row.digest != keyed.digest:
        raise KeyUsedTwice(
            f"Idempotency-Key {keyed.key!r} was used for another request; each needs its own"
        )
    if row.status is None:
        raise StillUnderWay(
            f"the first request with Idempotency-Key {keyed.key!r} is not answered yet; if it was"
            " cut off, look whether it had its effect, and take another key"
        )
    return Answer(row.status, row.body, dict(row.headers))


def take_key(session: Session, keyed: Keyed, *, clock: Clock) -> Answer | None:
    """Take a key for the act of this transaction; return the answer when somebody was first.

    Waits for a transaction that took it at the same moment.
    """
    _prune_answers(session, keyed.caller, now=clock.now())
    row = KeptAnswer(
        caller=keyed.caller,
        key=keyed.key,
        digest=keyed.digest,
        status=None,
        headers={},
        body="",
        at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return kept_answer(session, keyed, clock=clock)
    return None


def keep_answer(session: Session, keyed: Keyed, answer: Answer) -> None:
    """Write down what is answered under a key that was taken."""
    row = session.get_one(KeptAnswer, (keyed.caller, keyed.key))
    row.status, row.headers, row.body = answer.status, answer.headers, answer.body
    session.flush()


def give_back_key(session: Session, keyed: Keyed) -> None:
    """Let a key be used again: what it was taken for has not been done."""
    session.execute(
        delete(KeptAnswer).where(
            KeptAnswer.caller == keyed.caller,
            KeptAnswer.key == keyed.key,
            KeptAnswer.status.is_(None),
        )
    )


def forget_answers_about(session: Session, *addresses: str) -> None:
    """Forget the answers of the last day in which an address stands: its owner is erased."""
    stands = [KeptAnswer.body.contains(address, autoescape=True) for address in addresses]
    session.execute(
        delete(KeptAnswer).where(or_(false(), *stands)).execution_options(synchronize_session=False)
    )


def _prune_answers(session: Session, caller: str, *, now: datetime) -> None:
    """Forget the answers to one caller that are a day old; the nightly prune takes all."""
    old = delete(KeptAnswer).where(KeptAnswer.at < now - KEPT, KeptAnswer.caller == caller)
    session.execute(old.execution_options(synchronize_session=False))
