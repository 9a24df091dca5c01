"""Links of an issue that are counted, where its newsletter asks for that.

A counted link stands for an address and an issue, never for a reader: it is the same in every
mail. It carries the number of a row and a signature, and no address: whoever follows it gets where
the issue led, and nobody can make it lead anywhere else.
"""

import hashlib
import html
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.database import Base, BigKey
from alerts.rendering.hygiene import web_address
from alerts.tokens import CLICK, BadToken, Tokens

PATH = "/c/"
_ANCHOR = re.compile(r'(<a\s(?:[^<>]*?\s)?href=")([^"<>]*)(")', re.IGNORECASE)


class IssueLink(Base):
    """An address that an issue leads to; `digest` is the SHA-256 of the address, in hex."""

    __tablename__ = "issue_links"
    __table_args__ = (UniqueConstraint("issue_id", "digest"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(Text)


class CountedLinks:
    """Makes and reads counted links, under the program's key."""

    def __init__(self, tokens: Tokens, base_url: str) -> None:
        self._tokens = tokens
        self._base_url = base_url
        self._host = urlsplit(base_url).netloc.lower()

    def url(self, link_id: int) -> str:
        """Return the address that stands in the mail for a link."""
        return f"{self._base_url}{PATH}{self._tokens.lasting(CLICK, str(link_id))}"

    def read(self, token: str) -> int:
        """Return the number of the link that a token stands for; raises BadToken."""
        parts = self._tokens.read_lasting(CLICK, token)
        if len(parts) != 1 or not parts[0].isdecimal():
            raise BadToken
        return int(parts[0])

    def is_counted(self, address: str) -> bool:
        """Tell whether an address leads away from us; ours are the reader's own, and no news."""
        return bool(web_address(address)) and urlsplit(address).netloc.lower() != self._host

    def rewriter(self, session: Session, issue_id: int) -> Callable[[str], str]:
        """Return what gives an issue's HTML counted links, each of which has a row by then."""
        known: dict[str, str] = {}

        def counted(address: str) -> str:
            if address not in known:
                known[address] = self.url(_link_of(session, issue_id, address))
            return known[address]

        def replaced(match: re.Match[str]) -> str:
            before, written, after = match.groups()
            address = html.unescape(written)
            return f"{before}{counted(address) if self.is_counted(address) else written}{after}"

        return lambda document: _ANCHOR.sub(replaced, document)

    def without(self, session: Session, issue_id: int, document: str) -> str:
        """Return HTML of an issue with the addresses themselves, as a page for everybody has it."""
        begin = f"{self._base_url}{PATH}"
        if begin not in document:
            return document
        links = session.execute(
            select(IssueLink.id, IssueLink.url).where(IssueLink.issue_id == issue_id)
        )
        for number, url in links:
            document = document.replace(f'"{self.url(number)}"', f'"{html.escape(url)}"')
        return document


def _link_of(session: Session, issue_id: int, address: str) -> int:
    digest = hashlib.sha256(address.encode()).hexdigest()
    wanted = select(IssueLink.id).where(IssueLink.issue_id == issue_id, IssueLink.digest == digest)
    found = session.scalar(wanted)
    if found is not None:
        return found
    link = IssueLink(issue_id=issue_id, digest=digest, url=address)
    try:
        with session.begin_nested():
            session.add(link)
    except IntegrityError:
        # Another worker renders the same issue at this moment.
        return session.scalars(wanted).one()
    return link.id
