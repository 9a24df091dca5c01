"""Working on mails that were stored: each is read, and has its effect, in one transaction.

Nothing is mailed here: what is to be mailed is written down as owed, and sent by a task of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parseaddr

import structlog
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, defer

from alerts.clock import Clock
from alerts.delivery.canaries import note_arrival
from alerts.delivery.returned import count_what_returned, counted_last
from alerts.errors import AlertsError, Invalid
from alerts.inbound.forwarding import FORWARDED
from alerts.inbound.incoming import Desk, Effect, Incoming, is_among, our_addresses
from alerts.inbound.models import LONGEST_NOTE, InboundMail, MailState, Owed
from alerts.inbound.providers.service import read_event
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.parts import LARGEST, read_parts
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Kind, Reading
from alerts.inbound.reports import came_back, told_to_leave
from alerts.inbound.storing import owes
from alerts.inbound.tracing import Whose
from alerts.inbound.wishes import Wish, fulfil
from alerts.newsletters.service import definition_of, list_newsletters
from alerts.request_limits import MAILS_PER_ADDRESS
from alerts.subscribers.addresses import parse_address
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

_MOST_ATTEMPTS = 5
_HEAD = 256 * 1024
_ONLY_THE_BEGINNING = f" (of the mail the first {LARGEST // 2**20} MB were read)"
_MOST_OCTETS_AT_ONCE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ToDo:
    """A mail to send, as a task with its ids."""

    task: Task
    ids: tuple[int, ...]
    queue: Queue = Queue.TRANSACTIONAL


@dataclass(frozen=True, slots=True)
class _Taken:
    """A mail that is to be worked on, as it was stored; `attempts` counts this one."""

    id: int
    raw: bytes
    way: str
    envelope_from: str | None
    envelope_to: str
    attempts: int


def work_off(desk: Desk, *mail_ids: int) -> list[ToDo]:
    """Read stored mails and let each have its effect; returns what is to be enqueued.

    Those that nobody has tried before share a transaction; one that was tried, and may be what a
    worker died over, has its own. Safe to call twice, and at the same time. A mail over which it
    fails five times is left to a person: `alerts inbound again`. Raises what the database raises.
    """
    done: list[ToDo] = []
    for portion in _portions(desk, mail_ids):
        taken = _take(desk, portion)
        first = [one for one in taken if one.attempts == 1]
        again = [[one] for one in taken if one.attempts > 1]
        for some in (first, *again):
            done += _work_off(desk, some) if some else []
    return done


def _portions(desk: Desk, mail_ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield as many mails at a time as may be in memory together."""
    with desk.database.read() as session:
        sizes = session.execute(
            select(InboundMail.id, InboundMail.size)
            .where(InboundMail.id.in_(mail_ids))
            .order_by(InboundMail.id)
        ).all()
    portion, octets = list[int](), 0
    for mail_id, size in sizes:
        if portion and octets + size > _MOST_OCTETS_AT_ONCE:
            yield portion
            portion, octets = [], 0
        portion.append(mail_id)
        octets += size
    if portion:
        yield portion


def _take(desk: Desk, mail_ids: Sequence[int]) -> list[_Taken]:
    """Count an attempt for each, before anything can go wrong; what is done is left out."""
    taken = []
    with desk.database.transaction() as session:
        for mail_id in mail_ids:
            mail = session.get(InboundMail, mail_id)
            if mail is None or mail.state is not MailState.NEW:
                continue
            if mail.attempts >= _MOST_ATTEMPTS:
                # A worker died over it each time.
                _fail(mail, f"given up after {mail.attempts} attempts; {mail.note}")
                continue
            mail.attempts += 1
            sent_to = mail.envelope_to or ""
            taken.append(
                _Taken(mail.id, mail.raw, mail.way, mail.envelope_from, sent_to, mail.attempts)
            )
    return taken


def _work_off(desk: Desk, some: Sequence[_Taken]) -> list[ToDo]:
    with desk.database.read() as session:
        ours = our_addresses(session, desk.settings)
    failed: list[tuple[int, Exception]] = []
    mails: list[tuple[Incoming, bool]] = []
    for taken in some:
        with _failing(taken.id, failed):
            mail = _understood(taken, ours)
            # Counted outside of the transaction: the counts may be in the same database.
            mails.append((mail, _may_answer(desk, mail, ours)))
    done: list[ToDo] = []
    with desk.database.transaction() as session:
        for mail, may_answer in mails:
            with _failing(mail.id, failed), session.begin_nested(), counted_last(session):
                done += _let_take_effect(session, desk, mail, may_answer=may_answer)
        count_what_returned(session)
    for mail_id, error in failed:
        _note_failure(desk, mail_id, error)
    return done


@contextmanager
def _failing(mail_id: int, failed: list[tuple[int, Exception]]) -> Iterator[None]:
    """Note what goes wrong with one mail, so that the others go on; the database's is raised."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("mail_not_worked_off", mail=mail_id)
        failed.append((mail_id, error))


def _understood(taken: _Taken, ours: Sequence[str]) -> Incoming:
    event = read_event(taken.way, taken.raw)
    reading = read_mail(taken.raw, ours=ours) if event is None else event
    return Incoming(
        id=taken.id,
        reading=reading,
        headers=Headers() if event else read_parts(taken.raw[:_HEAD]).headers,
        envelope_from=taken.envelope_from,
        recipients=(*taken.envelope_to.split(), *reading.written_to),
    )


def _let_take_effect(
    session: Session, desk: Desk, mail: Incoming, *, may_answer: bool
) -> list[ToDo]:
    row = session.get_one(
        InboundMail, mail.id, with_for_update=True, options=[defer(InboundMail.raw)]
    )
    if row.state is not MailState.NEW:
        return []
    effect = _effect(session, desk, mail, may_answer=may_answer)
    _settle(row, mail.reading, effect, clock=desk.clock)
    session.flush()
    log.info("mail_read", mail=mail.id, kind=mail.reading.kind.value)
    return _to_do(mail.id, effect)


def _to_do(mail_id: int, effect: Effect) -> list[ToDo]:
    found = []
    if effect.owed is not None:
        found.append(ToDo(Task.ANSWER_MAIL, (mail_id,)))
    if effect.confirm is not None:
        found.append(ToDo(Task.SEND_CONFIRMATION, (effect.confirm, mail_id)))
    return found


def _settle(row: InboundMail, reading: Reading, effect: Effect, *, clock: Clock) -> None:
    row.state = MailState.DONE
    row.kind = reading.kind.value
    row.bounce = None if reading.bounce is None else reading.bounce.value
    row.note = _one_line(f"{effect.note}{_ONLY_THE_BEGINNING if reading.truncated else ''}")
    row.subscriber_id = effect.subscriber_id
    row.enqueued_at = clock.now()
    owes(row, effect.owed, effect.owed_to, clock=clock)


def _effect(session: Session, desk: Desk, mail: Incoming, *, may_answer: bool) -> Effect:
    canary, name = desk.settings.canary, mail.headers.get("message-id")
    if note_arrival(session, canary, name, mail.recipients, now=desk.clock.now()):
        return Effect("a canary's copy: it has arrived")
    match mail.reading.kind:
        case Kind.BOUNCE | Kind.COMPLAINT:
            return came_back(session, desk, mail)
        case Kind.DELAY:
            return Effect("the server goes on trying: nothing to do")
        case Kind.COMMAND:
            return _commanded(session, desk, mail, may_answer=may_answer)
        case Kind.REPLY:
            return _replied(session, desk, mail)
        case _:
            return Effect("nothing to do")


def _commanded(session: Session, desk: Desk, mail: Incoming, *, may_answer: bool) -> Effect:
    reading = mail.reading
    if reading.readers:
        return told_to_leave(session, desk, mail)
    if reading.command is None or reading.sender is None or not mail.may_be_answered:
        return Effect("a command without a sender: nothing was changed")
    wish = Wish(reading.command, reading.sender, mail.recipients, mail.headers.get("subject")[:500])
    try:
        done = fulfil(
            session,
            wish,
            may_answer=may_answer,
            keys=desk.settings.secret_key,
            clock=desk.clock,
        )
    except Invalid as error:
        return Effect(f"{reading.command}: {error}; nothing was changed")
    owed_to = wish.sender if done.answer else None
    return Effect(done.note, done.subscriber_id, done.confirm, done.answer, owed_to)


def _replied(session: Session, desk: Desk, mail: Incoming) -> Effect:
    """Owe a reply to whoever reads them: the newsletter's reply-to, or else the house's."""
    if FORWARDED.lower() in mail.headers:
        return Effect("a reply that we forwarded ourselves: not forwarded again")
    found = mail.message_of(session, desk)
    whose = found if isinstance(found, Whose) else None
    target = _reply_to(session, whose) or desk.settings.replies_to
    if not target:
        return Effect("a reply, and nobody to forward it to: set ALERTS_REPLIES_TO")
    address = parseaddr(target)[1]
    if is_among(address, mail.recipients):
        return Effect(f"a reply that came from where it would go, {address}: not forwarded")
    return Effect(f"a reply: forwarded to {address}", owed=Owed.FORWARD, owed_to=address)


def _reply_to(session: Session, whose: Whose | None) -> str:
    if whose is None or whose.newsletter is None:
        return ""
    known = {one.slug: one for one in list_newsletters(session)}
    return definition_of(known[whose.newsletter]).reply_to


def _may_answer(desk: Desk, mail: Incoming, ours: Sequence[str]) -> bool:
    """Tell whether the sender of a command may get one more mail; each time counts."""
    reading = mail.reading
    if reading.kind is not Kind.COMMAND or reading.sender is None or not mail.may_be_answered:
        return False
    if is_among(reading.sender, ours):
        return False
    try:
        key = parse_address(reading.sender).key
    except Invalid:
        return False
    return desk.limits.allows(key, MAILS_PER_ADDRESS)


def _note_failure(desk: Desk, mail_id: int, error: Exception) -> None:
    with desk.database.transaction() as session:
        mail = session.get(InboundMail, mail_id)
        if mail is None or mail.state is not MailState.NEW:
            return
        said = str(error) if isinstance(error, AlertsError) else f"{type(error).__name__}: {error}"
        if mail.attempts >= _MOST_ATTEMPTS:
            _fail(mail, said)
        else:
            mail.note = _one_line(f"attempt {mail.attempts}: {said}")


def _fail(mail: InboundMail, why: str) -> None:
    mail.state = MailState.FAILED
    mail.note = _one_line(why)
    log.error("mail_given_up", mail=mail.id, why=mail.note)


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:LONGEST_NOTE]
