"""A mail in hand: what working on it takes, what is known of it, and what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.return_paths import ReturnPaths
from alerts.inbound.models import Owed
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.record import Reading
from alerts.inbound.tracing import Nobody, Whose, by_message_id, by_return_path
from alerts.newsletters.service import definition_of, list_newsletters
from alerts.request_limits import RequestLimits


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What working on mail takes; one per process."""

    database: Database
    settings: Settings
    clock: Clock
    limits: RequestLimits

    @property
    def return_paths(self) -> ReturnPaths | None:
        """The addresses by which bounces say whose they are; None where they are not in use."""
        return ReturnPaths.of(self.settings.secret_key, self.settings.bounce_domain)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail in hand, read; `recipients` are those of its envelope and of its header."""

    id: int
    reading: Reading
    headers: Headers
    envelope_from: str | None
    recipients: tuple[str, ...]

    @property
    def may_be_answered(self) -> bool:
        """Whether a machine may answer it (RFC 3834 section 2): never mail without a sender."""
        return self.envelope_from != "" and "list-id" not in self.headers

    def message_of(self, session: Session, desk: Desk) -> Whose | Nobody | None:
        """Return which message of ours it is about, by its return path or the Message-ID in it."""
        found = by_return_path(session, desk.return_paths, self.recipients)
        return found or by_message_id(session, self.reading.message_ids)


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of a mail, in words; whom to mail their link, and what else is to be mailed."""

    note: str
    subscriber_id: int | None = None
    confirm: int | None = None
    owed: Owed | None = None
    owed_to: str | None = None


def our_addresses(session: Session, settings: Settings) -> tuple[str, ...]:
    """Return the addresses that are never a reader's: ours, and our newsletters'."""
    mailboxes = [settings.sender, settings.replies_to, settings.bounce_domain]
    for newsletter in list_newsletters(session):
        definition = definition_of(newsletter)
        mailboxes += [definition.sender, definition.reply_to]
    return tuple(dict.fromkeys(parseaddr(mailbox)[1] for mailbox in mailboxes if mailbox))


def is_among(address: str, others: Sequence[str]) -> bool:
    """Tell whether an address is one of these, whatever the case."""
    return address.lower() in {other.lower() for other in others}
