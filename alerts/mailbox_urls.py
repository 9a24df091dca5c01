"""Mailboxes to fetch mail from, as their URLs name them. Pure.

`imaps://user:pass@host/INBOX?every=1m&then=delete`, `pop3s://user:pass@host`, `maildir:///path`,
`mbox:///path`. A password is shown to nobody: no message holds more of a URL than its place.
"""

import enum
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from alerts.durations import parse_duration
from alerts.errors import Invalid

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(days=1)
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_OPTIONS = frozenset({"every", "then", "ca", "tls"})
_MOVE = "move:"


class Protocol(enum.StrEnum):
    """How a mailbox is looked into."""

    IMAPS = "imaps"
    IMAP = "imap"
    POP3S = "pop3s"
    POP3 = "pop3"
    MAILDIR = "maildir"
    MBOX = "mbox"


_PORTS = {Protocol.IMAPS: 993, Protocol.IMAP: 143, Protocol.POP3S: 995, Protocol.POP3: 110}
_FILES = frozenset({Protocol.MAILDIR, Protocol.MBOX})


class Then(enum.StrEnum):
    """What becomes of a mail in the mailbox once it is stored here."""

    FLAG = "flag"
    DELETE = "delete"
    MOVE = "move"


# POP3 knows nothing but deleting; elsewhere nothing is lost that somebody did not ask to lose.
_AFTERWARDS = {
    Protocol.POP3S: (Then.DELETE,),
    Protocol.POP3: (Then.DELETE,),
    Protocol.MBOX: (Then.FLAG, Then.DELETE),
    Protocol.MAILDIR: (Then.FLAG, Then.DELETE),
    Protocol.IMAPS: (Then.FLAG, Then.DELETE, Then.MOVE),
    Protocol.IMAP: (Then.FLAG, Then.DELETE, Then.MOVE),
}


@dataclass(frozen=True, slots=True)
class MailboxUrl:
    """A mailbox, what becomes of its mails, and how often it is looked into (None: as usual).

    `place` is its folder on an IMAP server, or its path. `ca_file` holds certificates to trust
    instead of the system's; with `plain` nothing is encrypted.
    """

    protocol: Protocol
    place: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    then: Then = Then.FLAG
    move_to: str = ""
    every: timedelta | None = None
    ca_file: Path | None = None
    plain: bool = False

    @property
    def shown(self) -> str:
        """The mailbox as people may see it: without its password."""
        if self.protocol in _FILES:
            return f"{self.protocol}://{self.place}"
        folder = f"/{self.place}" if self.place else ""
        return f"{self.protocol}://{self.user}@{self.host}:{self.port}{folder}"

    @property
    def key(self) -> str:
        """By what it is known, whatever its password and options are."""
        return hashlib.sha256(self.shown.encode()).hexdigest()


def parse_mailbox_url(url: str) -> MailboxUrl:
    """Read a URL; raises Invalid, without showing what may be a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        protocol = Protocol(parts.scheme)
    except ValueError as error:
        raise Invalid(
            "it is none such as imaps://user:pass@host/INBOX, pop3s://user:pass@host,"
            " maildir:///path or mbox:///path"
        ) from error
    options = _options(parts.query)
    then, move_to = _then(protocol, options.get("then", ""))
    every = _every(options.get("every", ""))
    if protocol in _FILES:
        if parts.netloc or not parts.path.strip("/"):
            raise Invalid(f"the path is needed, as in {protocol}:///var/mail/bounces")
        return MailboxUrl(protocol, unquote(parts.path).rstrip("/"), then=then, every=every)
    if not parts.hostname or not parts.username or parts.password is None:
        raise Invalid(
            f"a user, a password and a host are needed, as in {protocol}://user:pass@host"
        )
    ca_file = options.get("ca")
    return MailboxUrl(
        protocol,
        _folder(protocol, parts),
        host=parts.hostname,
        port=port or _PORTS[protocol],
        user=unquote(parts.username),
        password=unquote(parts.password),
        ca_file=Path(ca_file).expanduser() if ca_file else None,
        plain=_is_plain(protocol, parts.hostname, options.get("tls", "")),
        then=then,
        move_to=move_to,
        every=every,
    )


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        known = ", ".join(sorted(_OPTIONS))
        raise Invalid(f"there is no option {unknown[0][:20]!r}; known are {known}")
    return options


def _folder(protocol: Protocol, parts: SplitResult) -> str:
    folder = unquote(parts.path).strip("/")
    if protocol in {Protocol.POP3, Protocol.POP3S}:
        if folder:
            raise Invalid("POP3 has no folders: nothing may stand after the host")
        return ""
    return folder or "INBOX"


def _then(protocol: Protocol, text: str) -> tuple[Then, str]:
    allowed = _AFTERWARDS[protocol]
    if not text:
        return allowed[0], ""
    folder = text.removeprefix(_MOVE) if text.startswith(_MOVE) else ""
    try:
        then = Then.MOVE if folder else Then(text)
    except ValueError:
        then = None
    if then not in allowed or (then is Then.MOVE and not folder):
        known = ", ".join("move:FOLDER" if one is Then.MOVE else str(one) for one in allowed)
        raise Invalid(f"then={text[:40]!r} is not possible with {protocol}; known are {known}")
    return then, folder


def _every(text: str) -> timedelta | None:
    if not text:
        return None
    pause = parse_duration(text)
    if not SHORTEST_PAUSE <= pause <= LONGEST_PAUSE:
        raise Invalid("every= is between 10 seconds and a day, such as 1m")
    return pause


def _is_plain(protocol: Protocol, host: str, tls: str) -> bool:
    """Tell whether nothing is encrypted: on this machine, or where somebody says so."""
    if tls not in {"", "required", "off"}:
        raise Invalid("tls= is required or off")
    if protocol in {Protocol.IMAPS, Protocol.POP3S}:
        if tls == "off":
            raise Invalid(f"{protocol} always speaks TLS; without, it is {protocol[:-1]}")
        return False
    return tls == "off" or (not tls and host in _LOCAL_HOSTS)
