"""Sending what is owed because of a mail: an answer to who wrote, or their reply to an editor."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

import structlog
from sqlalchemy import func, update

from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, address_of
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transactional import attempt, hand_over
from alerts.delivery.transports.base import Transport
from alerts.errors import Refused
from alerts.inbound.forwarding import forwarded
from alerts.inbound.incoming import Desk
from alerts.inbound.models import LONGEST_NOTE, InboundMail, Owed
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.parts import read_parts
from alerts.inbound.reading.read import read_mail
from alerts.newsletters.service import definition_of, list_newsletters
from alerts.rendering.service import Renderer

log = structlog.get_logger(__name__)

_HEAD = 256 * 1024
_LONGEST_SUBJECT = 200
_LONGEST_IDENTIFIER = 250


@dataclass(frozen=True, slots=True)
class _Debt:
    """What is owed because of a mail, and when that began."""

    mail_id: int
    raw: bytes
    what: Owed
    to: str
    since: datetime


async def answer_mail(
    desk: Desk,
    mail_id: int,
    *,
    renderer: Renderer,
    transport: Transport,
    signer: DkimSigner | None,
) -> bool:
    """Send what is owed because of a mail, if it still is; True when it was sent.

    The debt is taken off after the mail went: a crash between the two sends it twice, which does
    no harm, and never not at all. What is refused for now the sweeper brings up again for a day.
    """
    debt = _debt(desk.database, mail_id)
    if debt is None:
        return False
    try:
        if debt.what is Owed.HELP:
            outcome = await _send_help(desk, debt, renderer, transport, signer)
        else:
            outcome = await _forward(desk, debt, transport, signer)
    except Refused as error:
        log.warning("answer_not_sent", mail=mail_id, reason=str(error))
        return False
    if outcome.fate in {Fate.TEMPORARY, Fate.POSTPONED}:
        log.warning("answer_deferred", mail=mail_id, reason=outcome.reason)
        return False
    refused = outcome.fate is Fate.PERMANENT
    _settle(desk.database, debt, f"; it was refused: {outcome.reason}" if refused else "")
    if refused:
        log.warning("answer_refused", mail=mail_id, reason=outcome.reason)
    return not refused


def answered_id(database: Database, mail_id: int) -> str:
    """Return the Message-ID of a mail, for what answers it; empty when it has none or is gone."""
    with database.read() as session:
        mail = session.get(InboundMail, mail_id)
    return "" if mail is None else _message_id(read_parts(mail.raw[:_HEAD]).headers)


def _message_id(headers: Headers) -> str:
    identifier = headers.get("message-id").strip().removeprefix("<").removesuffix(">")
    right = identifier.isascii() and identifier.isprintable() and " " not in identifier
    return identifier if right and len(identifier) <= _LONGEST_IDENTIFIER else ""


async def _send_help(
    desk: Desk,
    debt: _Debt,
    renderer: Renderer,
    transport: Transport,
    signer: DkimSigner | None,
) -> Outcome:
    settings = desk.settings
    name, address = parseaddr(settings.sender)
    with desk.database.read() as session:
        titles = [definition_of(one).title for one in list_newsletters(session)]
    rendered = renderer.render_message(
        "help",
        {
            "address": address,
            "titles": titles,
            "publisher": name or settings.sender_domain,
            "publisher_address": "",
            "home_url": settings.base_url,
        },
    )
    answers = _message_id(read_parts(debt.raw[:_HEAD]).headers)
    envelope = Envelope(settings.sender, "", "", "", desk.clock.now(), answers=answers)
    compiled = CompiledMessage(
        envelope,
        rendered.subject,
        rendered.html,
        rendered.text,
        signer=signer_for(signer, envelope.sender),
    )
    reader = Reader(None, debt.to, _new_id("help", settings.sender_domain), "", "")
    return await attempt(transport, compiled, reader, sender=settings.sender)


async def _forward(
    desk: Desk, debt: _Debt, transport: Transport, signer: DkimSigner | None
) -> Outcome:
    settings = desk.settings
    reading = read_mail(debt.raw)
    content = forwarded(
        debt.raw,
        sender=settings.sender,
        to=debt.to,
        reader=reading.sender or "",
        subject=read_parts(debt.raw[:_HEAD]).headers.get("subject")[:_LONGEST_SUBJECT],
        message_id=_new_id("forward", settings.sender_domain),
        mail_id=debt.mail_id,
        now=desk.clock.now(),
        signer=signer_for(signer, settings.sender),
    )
    return await hand_over(
        transport, lambda _: content, sender=address_of(settings.sender), recipient=debt.to
    )


def _new_id(purpose: str, domain: str) -> str:
    return f"{purpose}.{secrets.token_hex(12)}@{domain}"


def _debt(database: Database, mail_id: int) -> _Debt | None:
    with database.read() as session:
        mail = session.get(InboundMail, mail_id)
        if mail is None or mail.owed is None or mail.owed_to is None or mail.owed_at is None:
            return None
        return _Debt(mail.id, mail.raw, mail.owed, mail.owed_to, mail.owed_at)


def _settle(database: Database, debt: _Debt, why_not: str) -> None:
    """Clear the debt that was read, unless the mail was worked on once more since.

    That it was not taken stands with the mail, for whoever looks at the desk.
    """
    with database.transaction() as session:
        session.execute(
            update(InboundMail)
            .where(InboundMail.id == debt.mail_id, InboundMail.owed_at == debt.since)
            .values(
                owed=None,
                owed_at=None,
                note=func.substr(InboundMail.note + why_not, 1, LONGEST_NOTE),
            )
            .execution_options(synchronize_session=False)
        )
