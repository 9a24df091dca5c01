"""Telling of alarms: by mail, on the way of single mails, and by a signed webhook.

A note is taken in hand before it is sent, so that two processes do not send it both; what became of
it is written down afterwards. A crash between the two tells twice, which does no harm.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, Protocol

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from alerts.articles.fetching.posting import post
from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate
from alerts.delivery.transactional import attempt
from alerts.delivery.transports.base import Transport
from alerts.errors import AlertsError, Refused
from alerts.holding import is_held
from alerts.operations.alarms.books import WEBHOOK, about_of, alarm_json, title_of
from alerts.operations.alarms.kinds import TRIAL, at
from alerts.operations.models import LONGEST_WORDS, Alarm, AlarmNote, Occasion
from alerts.rendering.service import Renderer

log = structlog.get_logger(__name__)

_IN_HAND = timedelta(minutes=2)
_AGAIN_MINUTES = (2, 5, 15, 30)
_GIVEN_UP_AFTER = timedelta(days=1)
_MOST_AT_ONCE = 50
_OF = {Occasion.OPENED: "Alarm", Occasion.REMINDER: "Still", Occasion.OVER: "Over"}


class Post(Protocol):
    """Posts bytes to an address; raises FetchFailed."""

    def __call__(
        self, url: str, content: bytes, headers: dict[str, str], *, allowed_hosts: tuple[str, ...]
    ) -> int:
        """Return the status of a success."""
        ...


@dataclass(frozen=True)
class Means:
    """What telling takes; `transport` and `renderer` are made when they are first needed.

    `redis_url` is where processes share what they know; empty where there is none.
    """

    database: Database
    settings: Settings
    clock: Clock
    transport: Callable[[], Transport]
    renderer: Callable[[], Renderer]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    signer: DkimSigner | None = None
    post: Post = post
    redis_url: str = ""


def targets_of(settings: Settings) -> tuple[str, ...]:
    """Return whom alarms are told: addresses, and the webhook by its name."""
    return (*settings.alarm_to, *((WEBHOOK,) if settings.alarm_webhook else ()))


def owes_notes(session: Session, *, now: datetime) -> bool:
    """Tell whether a note is due; one look by an index."""
    due = exists().where(
        AlarmNote.sent_at.is_(None),
        AlarmNote.not_before <= now,
        AlarmNote.made_at > now - _GIVEN_UP_AFTER,
    )
    return bool(session.scalar(select(due)))


def tell_owed(means: Means, *, waited: timedelta = timedelta(0)) -> int:
    """Send the notes that have been due for so long; returns how many went out.

    A system that was restored and is held back tells nothing: its original does.
    """
    sent = 0
    for note_id in _take_in_hand(means, waited):
        with means.database.read() as session:
            note = session.get(AlarmNote, note_id)
            alarm = session.get(Alarm, note.alarm_id) if note else None
        if note is None or alarm is None:
            continue
        try:
            send_note(means, note, alarm)
        except AlertsError as error:
            _note_failure(means, note, str(error))
        except Exception as error:  # a defect in one way keeps nobody from hearing by another
            log.exception("alarm_not_told", note=note_id)
            _note_failure(means, note, type(error).__name__)
        else:
            _note_sent(means, note)
            sent += 1
    return sent


def _take_in_hand(means: Means, waited: timedelta) -> list[int]:
    now = means.clock.now()
    with means.database.transaction() as session:
        if is_held(session):
            return []
        due = (
            select(AlarmNote.id)
            .where(
                AlarmNote.sent_at.is_(None),
                AlarmNote.not_before <= now - waited,
                AlarmNote.made_at > now - _GIVEN_UP_AFTER,
                AlarmNote.target.in_(targets_of(means.settings)),
            )
            .order_by(AlarmNote.id)
            .limit(_MOST_AT_ONCE)
        )
        taken = session.scalars(
            update(AlarmNote)
            .where(AlarmNote.id.in_(due), AlarmNote.not_before <= now - waited)
            .values(not_before=now + _IN_HAND, attempts=AlarmNote.attempts + 1)
            .returning(AlarmNote.id)
            .execution_options(synchronize_session=False)
        )
        return sorted(taken.all())


def send_note(means: Means, note: AlarmNote, alarm: Alarm) -> None:
    """Send one note by its way; raises Refused with one line."""
    if note.target == WEBHOOK:
        _post(means, note, alarm)
    else:
        _mail(means, note, alarm)


def _mail(means: Means, note: AlarmNote, alarm: Alarm) -> None:
    settings, now = means.settings, means.clock.now()
    rendered = means.renderer().render_message(
        "alarm",
        {
            "occasion": note.occasion.value,
            "word": "Trial" if alarm.kind == TRIAL else _OF[note.occasion],
            "title": title_of(alarm),
            "about": about_of(alarm),
            "what": _sentence(alarm.what),
            "mend": alarm.mend,
            "opened": at(alarm.opened_at),
            "closed": at(alarm.closed_at),
            "desk_url": f"{settings.base_url}/desk/operations",
            "publisher": parseaddr(settings.sender)[0] or settings.sender_domain,
            "publisher_address": "",
            "home_url": settings.base_url,
        },
    )
    envelope = Envelope(settings.sender, "", "", "", now)
    compiled = CompiledMessage(
        envelope,
        rendered.subject,
        rendered.html,
        rendered.text,
        signer=signer_for(means.signer, envelope.sender),
    )
    message_id = f"alarm.{alarm.id}.{secrets.token_hex(8)}@{settings.sender_domain}"
    reader = Reader(None, note.target, message_id, "", "")
    sending = attempt(means.transport(), compiled, reader, sender=settings.sender)
    outcome = means.run(sending)
    # An unknown fate counts as sent: a reminder follows.
    if outcome.fate not in {Fate.ACCEPTED, Fate.UNKNOWN}:
        raise Refused(f"the mail server refused: {outcome.code} {outcome.answer}")


def _post(means: Means, note: AlarmNote, alarm: Alarm) -> None:
    settings, now = means.settings, means.clock.now()
    document = alarm_json(alarm) | {"occasion": note.occasion.value, "system": settings.base_url}
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = signed_headers(f"note-{note.id}", body, secret=settings.alarm_webhook_secret, now=now)
    means.post(settings.alarm_webhook, body, headers, allowed_hosts=settings.fetch_hosts)


def signed_headers(identifier: str, body: bytes, *, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers of a signed call, in the form of standardwebhooks.com.

    What is signed is the call's identifier, the moment in seconds and the body, with points in
    between: an old call cannot be played again as a new one.
    """
    moment = str(int(now.timestamp()))
    signed = b".".join((identifier.encode(), moment.encode(), body))
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "Webhook-Id": identifier,
        "Webhook-Timestamp": moment,
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _note_sent(means: Means, note: AlarmNote) -> None:
    now = means.clock.now()
    with means.database.transaction() as session:
        session.execute(
            update(AlarmNote).where(AlarmNote.id == note.id).values(sent_at=now, failure="")
        )
        session.execute(update(Alarm).where(Alarm.id == note.alarm_id).values(told_at=now))
    log.warning("alarm_told", alarm=note.alarm_id, occasion=note.occasion.value)


def _note_failure(means: Means, note: AlarmNote, why: str) -> None:
    minutes = _AGAIN_MINUTES[min(note.attempts, len(_AGAIN_MINUTES)) - 1]
    again = means.clock.now() + timedelta(minutes=minutes)
    with means.database.transaction() as session:
        session.execute(
            update(AlarmNote)
            .where(AlarmNote.id == note.id)
            .values(not_before=again, failure=" ".join(why.split())[:LONGEST_WORDS])
        )
    log.error("alarm_not_told", alarm=note.alarm_id, reason=why)


def _sentence(line: str) -> str:
    ends = line.endswith((".", "…", "!", "?"))
    return line[:1].upper() + line[1:] + ("" if ends else ".")
