"""A mail URL, read and checked. Nothing here does I/O, and no error shows what may be a secret."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from alerts.config import Settings
from alerts.errors import Invalid

# What a transport may be called, as in a newsletter's definition; a host's name is one as well.
TRANSPORT_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
_OPTION_NAME = re.compile(r"[a-z_-]{1,20}\Z")
_ENCODE = "within a key or password / is written %2F, : %3A, @ %40, # %23 and ? %3F"
_MOST_CONNECTIONS = 200
_LARGEST_WEIGHT = 1000
# Schemes whose key stands where others have the host: it must never serve as a name.
_KEY_AS_HOST = frozenset({"postmark", "sendgrid"})


@dataclass(frozen=True)
class MailUrl:
    """One of the URLs in `ALERTS_MAIL_URL`; `position` counts from 1, of `total`.

    `host` is in small letters; user name and password are percent-decoded. Of `postmark://` and
    `sendgrid://` the `username` is the key and there is no host.
    """

    scheme: str
    host: str
    port: int | None
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)
    options: dict[str, str] = field(repr=False)
    position: int = 1
    total: int = 1

    def wrong(self, reason: str) -> Invalid:
        """Return the error for a mistake in this URL; `reason` must hold no secret."""
        return _wrong(reason, self.position, self.total)

    @property
    def name(self) -> str:
        """What newsletters call the transport: its option `name`, else its host or its scheme."""
        name = self.options.get("name", "")
        if not name and "name" not in self.options:
            return self.host if self.scheme in {"smtp", "smtps"} else self.scheme
        if not TRANSPORT_NAME.match(name):
            raise self.wrong("name= takes small letters, digits, dots and hyphens, at most 63")
        return name

    @property
    def weight(self) -> int:
        """The transport's share of the messages; 0 means only when the others are sick."""
        return self.number("weight", default=1, least=0, most=_LARGEST_WEIGHT)

    def connections(self, *, default: int) -> int:
        """How many connections are open at once."""
        return self.number("connections", default=default, least=1, most=_MOST_CONNECTIONS)

    def number(self, option: str, *, default: int, least: int, most: int) -> int:
        """Return an option that is a whole number; raises Invalid."""
        text = self.options.get(option, str(default))
        digits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        if not digits or not least <= int(text) <= most:
            raise self.wrong(f"{option}={text[:20]} is no number from {least} to {most}")
        return int(text)

    def choice(self, option: str, known: tuple[str, ...]) -> str:
        """Return an option that is one of a few words, the first by default; raises Invalid."""
        text = self.options.get(option, known[0])
        if text not in known:
            right = " or ".join(f"{option}={word}" for word in known)
            raise self.wrong(f"{option}={text[:20]} is unknown; {right} would be right")
        return text

    def allow(self, options: frozenset[str]) -> None:
        """Raise Invalid when the URL has an option that is not among these."""
        unknown = sorted(self.options.keys() - options)
        if unknown:
            # A ? within a password makes an option of its end: only what looks like one is shown.
            shown = repr(unknown[0]) if _OPTION_NAME.match(unknown[0]) else "(hidden)"
            known = ", ".join(sorted(options))
            raise self.wrong(f"option {shown} is unknown; known are {known} ({_ENCODE})")


def read_mail_url(text: str, *, position: int = 1, total: int = 1) -> MailUrl:
    """Read a mail URL; raises Invalid with one line that shows nothing secret."""
    scheme = text.partition("://")[0].lower()
    try:
        parts = urlsplit(text)
        port = None if scheme in _KEY_AS_HOST else parts.port
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        # Python's own text may quote the URL.
        raise _wrong(
            f"the host or the port is not understood, a number from 1 to 65535; {_ENCODE}",
            position,
            total,
        ) from None
    if parts.path not in {"", "/"} or parts.fragment:
        raise _wrong(
            f"something follows the host that is no option; {_ENCODE}",
            position,
            total,
        )
    options = dict(pairs)
    if len(options) < len(pairs):
        raise _wrong("an option stands there twice", position, total)
    host, username, password = _who(parts, scheme)
    return MailUrl(scheme, host, port, username, password, options, position, total)


def transport_names(settings: Settings) -> frozenset[str]:
    """Return the names that newsletters may choose; raises Invalid for a wrong mail URL."""
    urls = read_mail_urls(settings)
    return frozenset(url.name for url in urls)


def read_mail_urls(settings: Settings) -> list[MailUrl]:
    """Return the URLs of `ALERTS_MAIL_URL`, in their order; raises Invalid."""
    total = len(settings.mail_url)
    urls = [
        read_mail_url(text, position=position, total=total)
        for position, text in enumerate(settings.mail_url, start=1)
    ]
    seen: set[str] = set()
    for url in urls:
        if url.name in seen:
            raise url.wrong(f"two transports are named {url.name}; give each a name= of its own")
        seen.add(url.name)
    return urls


def _who(parts: SplitResult, scheme: str) -> tuple[str, str | None, str | None]:
    """Return the host, the user name and the password."""
    if scheme in _KEY_AS_HOST and "@" not in parts.netloc:
        return "", unquote(parts.netloc), None
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return parts.hostname or "", username, password


def _wrong(reason: str, position: int, total: int) -> Invalid:
    place = f"URL {position}: " if total > 1 else ""
    return Invalid(f"setting ALERTS_MAIL_URL=(hidden) is wrong: {place}{reason}")
