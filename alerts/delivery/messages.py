"""The messages of one issue: what all share, and its editions compiled as they are needed."""

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session, defer, lazyload

from alerts.database import Database
from alerts.delivery.assembly import CompiledMessage, Envelope, address_of, ascii_domain
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Outcome, Verdict, judge
from alerts.delivery.transports.base import Lane
from alerts.delivery.unsendable import making
from alerts.errors import Refused
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.models import Issue, Newsletter
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.models import Edition
from alerts.rendering.service import RenderedEdition
from alerts.subscribers.models import Frequency

# Compiled editions kept for readers to come; a few megabytes.
_KEPT_EDITIONS = 64
# The parts of a sender's identifier in Feedback-ID, in characters.
_READABLE, _CHECKSUM = 9, 6
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


# All that messages follow from, beside the settings; asked for each batch, so put together once.
_ROWS = (
    select(
        Issue.newsletter,
        Issue.message_domain,
        Issue.created_at,
        Issue.started_at,
        Issue.retried_at,
        Issue.until,
        Issue.frequency,
        Newsletter.definition,
    )
    .join(Newsletter, Newsletter.slug == Issue.newsletter)
    .where(Issue.id == bindparam("of_issue"))
)


@dataclass
class IssueMessages:
    """Everything about an issue that its messages need; compiled editions are kept.

    `stamp` tells the Message-IDs of two installations under one domain apart; `via` and `via_only`
    say which transport its newsletter chose. `signer` signs them, where it signs for their sender.
    """

    issue_id: int
    newsletter: str
    domain: str
    stamp: str
    envelope: Envelope
    give_up_at: datetime
    hold_uncertain: bool
    lane: Lane
    via: str = ""
    via_only: bool = False
    signer: DkimSigner | None = None
    # The rows that all of it was read from.
    _read_from: Row[Any] | None = None
    _compiled: dict[int, CompiledMessage] = field(default_factory=dict)

    @classmethod
    def load(
        cls, session: Session, issue_id: int, *, sender: str, signer: DkimSigner | None = None
    ) -> Self:
        """Read an approved issue; `sender` is the mailbox used when its newsletter has none.

        Raises Unsendable for what cannot be understood.
        """
        with making(issue_id):
            return cls._load(session, issue_id, sender=sender, signer=signer)

    def again(self, session: Session, issue_id: int) -> Self | None:
        """Return them as of now, with what was compiled, for another batch at the same moment.

        None where anything that was read has changed since, or it is another issue's.
        """
        if issue_id != self.issue_id or _rows_of(session, issue_id) != self._read_from:
            return None
        # A copy: two batches at work forget editions at different times.
        return replace(self, _compiled=dict(self._compiled))

    @classmethod
    def _load(
        cls, session: Session, issue_id: int, *, sender: str, signer: DkimSigner | None
    ) -> Self:
        # Looked at first: what changes after it is read again for the next batch.
        rows = _rows_of(session, issue_id)
        # Its articles are of no interest here: the editions hold all that is sent.
        unread = [lazyload(Issue.items), defer(Issue.content)]
        issue = session.get_one(Issue, issue_id, options=unread)
        if issue.message_domain is None:
            raise Refused(f"issue {issue_id} was not approved; approve it first")
        definition = definition_of(get_newsletter(session, issue.newsletter))
        started = issue.started_at or issue.until
        envelope = envelope_of(issue, definition, sender=sender, date=started)
        return cls(
            issue_id=issue_id,
            newsletter=issue.newsletter,
            domain=ascii_domain(issue.message_domain) or issue.message_domain,
            stamp=stamp_of(issue),
            envelope=envelope,
            give_up_at=(issue.retried_at or started) + definition.worth_sending_at(issue.frequency),
            hold_uncertain=definition.uncertain == "hold",
            lane=lane_of(issue.frequency),
            via=definition.transport,
            via_only=bool(definition.transport) and definition.transport_fallback == "wait",
            signer=signer_for(signer, envelope.sender),
            _read_from=rows,
        )

    def message_id(self, delivery_id: int) -> str:
        """Return the Message-ID (RFC 5322, without brackets) of a delivery.

        It follows from stored rows alone, so it stands before the first try, and every later
        try, on any machine, carries the same.
        """
        return f"{self.stamp}.{self.issue_id}.{delivery_id}@{self.domain}"

    def compile(self, database: Database, edition_ids: AbstractSet[int]) -> None:
        """Have these editions of the issue ready, and of the others only the latest ones.

        Raises Unsendable where one cannot be compiled, or is not as it was stored.
        """
        missing = edition_ids - self._compiled.keys()
        if missing:
            with database.read() as session:
                editions = session.scalars(select(Edition).where(Edition.id.in_(missing))).all()
            for edition in editions:
                with making(self.issue_id):
                    _check(edition)
                    self._compiled[edition.id] = compile_edition(
                        self.envelope, edition, signer=self.signer
                    )
        for number in list(self._compiled)[:-_KEPT_EDITIONS]:
            if number not in edition_ids:
                del self._compiled[number]

    def compiled(self, edition_id: int) -> CompiledMessage:
        """Return an edition that was compiled before."""
        return self._compiled[edition_id]

    def judge(self, outcome: Outcome, *, attempts: int, now: datetime) -> Verdict:
        """Decide by this issue's rules what an outcome means for its delivery."""
        return judge(
            outcome,
            attempts=attempts,
            now=now,
            give_up_at=self.give_up_at,
            hold_uncertain=self.hold_uncertain,
        )


def _rows_of(session: Session, issue_id: int) -> Row[Any] | None:
    return session.execute(_ROWS, {"of_issue": issue_id}).one_or_none()


def stamp_of(issue: Issue) -> str:
    """Return what tells an issue's Message-IDs from those of another installation."""
    return _base36(int(issue.created_at.timestamp() * 1000))


def lane_of(frequency: Frequency) -> Lane:
    """Return how urgent an issue is: alerts overtake digests."""
    return Lane.ALERT if frequency is Frequency.IMMEDIATE else Lane.DIGEST


def envelope_of(
    issue: Issue, definition: NewsletterDefinition, *, sender: str, date: datetime
) -> Envelope:
    """Return what all messages of an issue share; `sender` serves where its newsletter has none.

    A draft has no domain of its own yet: it shows that of the sender it would go out under.
    """
    return _envelope(
        definition, str(issue.id), domain=issue.message_domain, sender=sender, date=date
    )


def welcome_envelope(definition: NewsletterDefinition, *, sender: str, date: datetime) -> Envelope:
    """Return what a newsletter's welcomes share with its issues, so that filters find both."""
    return _envelope(definition, "welcome", domain=None, sender=sender, date=date)


def _envelope(
    definition: NewsletterDefinition, mail: str, *, domain: str | None, sender: str, date: datetime
) -> Envelope:
    mailbox = definition.sender or sender
    domain = domain or address_of(mailbox).rpartition("@")[2]
    installation = address_of(sender).rpartition("@")[2]
    return Envelope(
        sender=mailbox,
        reply_to=definition.reply_to or "",
        list_id=f"{definition.list_id or definition.slug}.{ascii_domain(domain) or domain}",
        list_title=definition.title,
        date=date,
        feedback_id=f"{mail}:{definition.slug}:alerts:{_sender_id(installation)}",
    )


def compile_edition(
    envelope: Envelope, edition: Edition, *, signer: DkimSigner | None = None
) -> CompiledMessage:
    """Return an edition as bytes with slots."""
    return CompiledMessage(envelope, edition.subject, edition.html, edition.text, signer=signer)


def _check(edition: Edition) -> None:
    """Raise Refused unless an edition's texts are those that were stored: only they are sent."""
    rendered = RenderedEdition(edition.subject, edition.html, edition.text)
    if rendered.checksum() != edition.checksum:
        raise Refused(
            f"edition {edition.id} was changed since it was stored: its checksum does not hold;"
            " put its texts back from a backup"
        )


def _sender_id(domain: str) -> str:
    """Return what stands for an installation in Feedback-ID: 5 to 15 characters, the same for ever.

    Readable, and with a checksum, so that two domains that begin alike differ.
    """
    readable = "".join(c for c in domain.lower() if c.isascii() and c.isalnum())
    return readable[:_READABLE] + hashlib.sha256(domain.lower().encode()).hexdigest()[:_CHECKSUM]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits or "0"
