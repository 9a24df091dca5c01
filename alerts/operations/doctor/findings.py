"""What a check finds: how bad it is, what it is, and how to mend it. No I/O."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

# One section for each check; its heading makes the anchor.
PAGE = "docs/deliverability.md"
_LONGEST = 200


class Level(enum.StrEnum):
    """How bad a finding is, from good to bad."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """The place in that order, from 0."""
        return list(Level).index(self)


class Check(enum.StrEnum):
    """Every check; the value is also the anchor of its section in the documentation."""

    SENDER = "sender"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    ALIGNMENT = "alignment"
    PTR = "ptr"
    MX = "mx"
    HOST_NAME = "host-name"
    RELAY = "relay"
    RELAY_TLS = "relay-tls"
    RELAY_CERTIFICATE = "relay-certificate"
    RELAY_LOGIN = "relay-login"
    RELAY_LIMITS = "relay-limits"
    BASE_URL = "base-url"
    BASE_URL_CERTIFICATE = "base-url-certificate"
    HEALTH = "health"
    UNSUBSCRIBE_LINK = "unsubscribe-link"
    CLOCK = "clock"
    REDIS = "redis"
    REDIS_PERSISTENCE = "redis-persistence"
    REDIS_EVICTION = "redis-eviction"
    REDIS_MEMORY = "redis-memory"
    DATABASE = "database"
    SCHEMA = "schema"
    ENCODING = "encoding"
    HOLD = "hold"
    DISK = "disk"
    REMOVAL = "removal"
    SECRET_KEY = "secret-key"  # noqa: S105 - the name of a check
    DEFAULT_SECRETS = "default-secrets"
    SECRET_FILES = "secret-files"  # noqa: S105 - the same
    ENV_FILE = "env-file"


GROUPS: dict[str, tuple[Check, ...]] = {
    "DNS": (
        *(Check.SENDER, Check.SPF, Check.DKIM, Check.DMARC),
        *(Check.ALIGNMENT, Check.PTR, Check.MX, Check.HOST_NAME),
    ),
    "Relay": (
        *(Check.RELAY, Check.RELAY_TLS, Check.RELAY_CERTIFICATE),
        *(Check.RELAY_LOGIN, Check.RELAY_LIMITS),
    ),
    "One-click links": (
        *(Check.BASE_URL, Check.BASE_URL_CERTIFICATE, Check.HEALTH, Check.UNSUBSCRIBE_LINK),
    ),
    "This machine": (
        *(Check.CLOCK, Check.REDIS, Check.REDIS_PERSISTENCE, Check.REDIS_EVICTION),
        *(Check.REDIS_MEMORY, Check.DATABASE, Check.SCHEMA, Check.ENCODING, Check.HOLD),
        *(Check.DISK, Check.REMOVAL),
        *(Check.SECRET_KEY, Check.DEFAULT_SECRETS, Check.SECRET_FILES, Check.ENV_FILE),
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of one check; a check may have several, one for each domain or server.

    `known` is False where the question could not be asked, or does not arise here: such a finding
    is a note and speaks neither for nor against.
    """

    check: Check
    level: Level
    what: str
    mend: str = ""
    known: bool = True

    @property
    def link(self) -> str:
        """Where the documentation says more."""
        return f"{PAGE}#{self.check}"

    @classmethod
    def ok(cls, check: Check, what: str) -> Self:
        """Return a finding that all is well."""
        return cls(check, Level.OK, what)

    @classmethod
    def note(cls, check: Check, what: str, mend: str = "") -> Self:
        """Return a finding that is worth knowing."""
        return cls(check, Level.NOTE, what, mend)

    @classmethod
    def warning(cls, check: Check, what: str, mend: str) -> Self:
        """Return a finding that costs some mail, or will some day."""
        return cls(check, Level.WARNING, what, mend)

    @classmethod
    def error(cls, check: Check, what: str, mend: str) -> Self:
        """Return a finding that keeps mail from arriving, or the house from working."""
        return cls(check, Level.ERROR, what, mend)

    @classmethod
    def unknown(cls, check: Check, what: str, mend: str = "") -> Self:
        """Return a note that the question could not be asked, or does not arise."""
        return cls(check, Level.NOTE, what, mend, known=False)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as it stands in `--json`."""
        return {
            "check": self.check.value,
            "level": self.level.value,
            "what": self.what,
            "mend": self.mend or None,
            "link": self.link,
            "known": self.known,
        }


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among findings; `ok` where there are none."""
    return max(
        (finding.level for finding in findings), key=lambda one: one.weight, default=Level.OK
    )


def shown(text: object) -> str:
    """Return what another machine said, fit for one line: printable, and not long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
