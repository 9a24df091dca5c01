"""Settings, read once from the environment or a `.env` file; an empty environment works."""

import ipaddress
import os
import re
import secrets
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import idna
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from alerts.config_inbound import InboundSettings
from alerts.config_operations import OperationsSettings
from alerts.durations import parse_duration
from alerts.errors import Invalid
from alerts.rates import parse_domain_limits

# Letters, digits and hyphens (RFC 1123 section 2.1), which selectors follow as well.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_DOMAIN = 253

# Between two looks into a mailbox.
_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(days=1)
_SHORTEST_SESSION, _LONGEST_SESSION = timedelta(minutes=5), timedelta(days=90)

# Settings whose values are shown to nobody.
_HIDDEN = ("SECRET", "MAIL", "TOKEN", "INBOUND_URL", "WEBHOOK")
SECRET_FILE = "secret-key"  # noqa: S105 - the name of a file
# What a mail URL may start with: each has a maker in `delivery/transports/factory.py`.
MAIL_SCHEMES = ("catcher", "smtp", "smtps", "ses", "mailgun", "postmark", "sendgrid")


class Settings(InboundSettings, OperationsSettings):
    """Every setting of the program; the environment variable is `ALERTS_` and the name in capitals.

    `secret_key` holds all valid keys, oldest first, the way itsdangerous rotates them:
    the last one signs, every one verifies. `domain_limits` are what recipients' providers take, a
    word each (`gmail.com=20/s *=10/s`). `fetch_hosts` are names inside the operator's network
    that pages may be fetched from; all others inside are refused. Whoever holds one of the
    `push_tokens` may hand in articles. After `lease_seconds` another
    worker takes up the batch of one that died. `dkim_key_file` and `dkim_selector` go in pairs;
    each pair signs every mail in the name of `dkim_domain`. A log-in at the desk ends when nothing
    was done for `session_idle`, and `session_longest` after it began.
    `keep_unconfirmed`, `keep_departed` and `keep_networks` say after what time `alerts prune`
    removes sign-ups that nobody confirmed, people who left, and the network addresses of consents.
    `dns_server` is whom `alerts doctor`
    asks, else the system's; `sending_addresses` are the IP addresses from which mail goes out to
    the world, which it looks up there. Whoever holds the `metrics_token` sees `/metrics` from
    elsewhere than this machine. `templates_dir` holds the folders of email templates that
    newsletters bring themselves; without it they lie in the data folder, in `templates/email`.
    A token of the API may ask `api_rate` times a minute.
    """

    model_config = SettingsConfigDict(
        env_prefix="ALERTS_", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Path("var")
    # What holds a password or a key is shown in no traceback and no log.
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    mail_url: Annotated[tuple[str, ...], NoDecode] = Field(default=("catcher://",), repr=False)
    domain_limits: Annotated[tuple[str, ...], NoDecode] = ()
    base_url: str = "http://127.0.0.1:8000"
    sender: str = "GP Alerts <alerts@localhost>"
    secret_key: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    push_tokens: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    lease_seconds: int = Field(default=60, ge=2, le=3600)
    api_rate: int = Field(default=600, ge=1, le=1_000_000)
    worker_processes: int = Field(default=2, ge=1, le=256)
    catcher_port: int = Field(default=1025, ge=0, le=65535)
    keep_unconfirmed: timedelta | None = timedelta(days=30)
    keep_departed: timedelta | None = timedelta(days=730)
    keep_networks: timedelta | None = timedelta(days=365)
    dkim_key_file: Annotated[tuple[Path, ...], NoDecode] = ()
    dkim_selector: Annotated[tuple[str, ...], NoDecode] = Field(default=(), validate_default=True)
    dkim_domain: str = Field(default="", validate_default=True)
    session_idle: timedelta = timedelta(hours=12)
    session_longest: timedelta = timedelta(days=14)
    dns_server: str = ""
    metrics_token: str = Field(default="", repr=False)
    sending_addresses: Annotated[tuple[str, ...], NoDecode] = ()
    templates_dir: Path | None = None

    @field_validator(
        "mail_url",
        "domain_limits",
        "secret_key",
        "fetch_hosts",
        "push_tokens",
        "dkim_key_file",
        "dkim_selector",
        "sending_addresses",
        mode="before",
    )
    @classmethod
    def _words(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator(
        "keep_unconfirmed",
        "keep_departed",
        "keep_networks",
        "keep_inbound",
        "keep_ledger",
        "keep_alarms",
        mode="before",
    )
    @classmethod
    def _kept_for(cls, value: object) -> object:
        """Read `30 days`; `for ever` keeps, as 0 would be too easily meant otherwise."""
        if not isinstance(value, str):
            return value
        if value.strip().lower() in {"for ever", "forever"}:
            return None
        try:
            return parse_duration(value)
        except Invalid as error:
            raise ValueError(f"{error}, or for ever") from error

    @field_validator("data_dir", "templates_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else None

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("an address such as https://alerts.example.org is needed")
        return value.rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _mail_schemes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ", ".join(f"{scheme}://" for scheme in MAIL_SCHEMES)
        for position, url in enumerate(value, start=1):
            scheme, mark, _ = url.partition("://")
            if scheme.lower() not in MAIL_SCHEMES or not mark:
                # Whatever stands there may be a key: it is not shown.
                raise ValueError(f"URL {position} is no {known}")
        return value or ("catcher://",)

    @field_validator("domain_limits")
    @classmethod
    def _understood(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_domain_limits(value)
        except Invalid as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("redis://host:6379/0, rediss://… or unix:///path is needed")
        return value

    @field_validator("sender")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        check_mailbox(value)
        return value

    @field_validator("replies_to")
    @classmethod
    def _mailbox_or_none(cls, value: str) -> str:
        if value:
            check_mailbox(value)
        return value

    @field_validator("inbound_every", mode="before")
    @classmethod
    def _pause(cls, value: object) -> object:
        try:
            pause = parse_duration(value) if isinstance(value, str) else value
        except Invalid as error:
            raise ValueError(str(error)) from error
        if isinstance(pause, timedelta) and not _SHORTEST_PAUSE <= pause <= _LONGEST_PAUSE:
            raise ValueError("between 10 seconds and a day would be right, such as 1 minute")
        return pause

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(key) < 32 for key in value):  # noqa: PLR2004 - 32 characters, 128 bits in hex
            raise ValueError("each key needs at least 32 characters")
        return value

    @field_validator("push_tokens")
    @classmethod
    def _hard_to_guess(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(token) < 24 for token in value):  # noqa: PLR2004 - 24 characters of base64, 144 bits
            raise ValueError("each token needs at least 24 characters")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _metrics_token_long_enough(cls, value: str) -> str:
        if value and (len(value) < 24 or not value.isprintable() or " " in value):  # noqa: PLR2004 - as above
            raise ValueError("at least 24 characters without a space are needed")
        return value

    @field_validator("dkim_key_file")
    @classmethod
    def _at_home(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        try:
            return tuple(path.expanduser().absolute() for path in value)
        except RuntimeError as error:
            raise ValueError(
                "there is no such home folder; name the file by its full path"
            ) from error

    @field_validator("dkim_selector")
    @classmethod
    def _one_for_each_key(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        keys = len(info.data.get("dkim_key_file", ()))
        if value and not keys:
            raise ValueError("there is no key to sign with; set ALERTS_DKIM_KEY_FILE too")
        if len(value) != keys:
            raise ValueError(
                f"ALERTS_DKIM_KEY_FILE names {keys} key(s), so {keys} selector(s) are needed, in"
                " the same order, separated by spaces"
            )
        for selector in value:
            if not _DOMAIN_NAME.fullmatch(selector):
                raise ValueError(f"{selector!r} is no name in DNS such as alerts2026")
        if len({selector.lower() for selector in value}) < keys:
            raise ValueError(
                "the same selector stands there twice; each key has a record of its own"
            )
        return value

    @field_validator("dkim_domain")
    @classmethod
    def _aligned(cls, value: str, info: ValidationInfo) -> str:
        selectors, sender = info.data.get("dkim_selector"), info.data.get("sender")
        if not value and not selectors:
            return value
        if not selectors:
            raise ValueError("there is no key to sign with; set ALERTS_DKIM_KEY_FILE too")
        domain = _dns_name(value)
        longest = max(len(f"{selector}._domainkey.{domain}") for selector in selectors)
        if not _DOMAIN_NAME.fullmatch(domain) or longest > _LONGEST_DOMAIN:
            raise ValueError("the domain to sign for is needed, such as example.org")
        from_domain = _dns_name(parseaddr(sender or "")[1].rpartition("@")[2])
        if sender and not dkim_covers(domain, from_domain):
            raise ValueError(
                f"DMARC alignment asks for the domain of ALERTS_SENDER, {from_domain}, or the one"
                " above it"
            )
        return domain

    @field_validator("session_idle", "session_longest", mode="before")
    @classmethod
    def _span(cls, value: object) -> object:
        try:
            span = parse_duration(value) if isinstance(value, str) else value
        except Invalid as error:
            raise ValueError(str(error)) from error
        if isinstance(span, timedelta) and not _SHORTEST_SESSION <= span <= _LONGEST_SESSION:
            raise ValueError("between 5 minutes and 90 days would be right, such as 12h")
        return span

    @field_validator("dns_server")
    @classmethod
    def _name_server(cls, value: str) -> str:
        if value:
            host_and_port(value)
        return value

    @field_validator("sending_addresses")
    @classmethod
    def _ip_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_address(text)) for text in value)
        except ValueError as error:
            raise ValueError(
                f"{error}; addresses such as 192.0.2.25 and 2001:db8::25 are needed, separated by"
                " spaces"
            ) from error

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL: as configured, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'alerts.db'}"

    @property
    def own_templates(self) -> Path:
        """The folder of the email templates that newsletters bring themselves, there or not."""
        return self.templates_dir or self.data_dir / "templates" / "email"

    @property
    def uses_embedded_redis(self) -> bool:
        """Whether the program starts a Redis server of its own."""
        return not self.redis_url

    @property
    def uses_catcher(self) -> bool:
        """Whether mail goes to the built-in catcher and nothing leaves the machine."""
        return all(url.startswith("catcher:") for url in self.mail_url)

    @property
    def lost_after(self) -> timedelta:
        """How long a batch may lie in the broker before it counts as lost: two leases."""
        return timedelta(seconds=2 * self.lease_seconds)

    @property
    def sender_domain(self) -> str:
        """The domain of the default sender, the one that List-Id and Message-ID stand under."""
        return parseaddr(self.sender)[1].rpartition("@")[2]


def host_and_port(text: str, *, port: int = 53) -> tuple[str, int]:
    """Read an IP address with or without a port (`192.0.2.53:53`, `[2001:db8::53]:53`).

    Raises ValueError.
    """
    host, colon, number = text.rpartition(":")
    if not colon or (":" in host and not text.startswith("[")) or text.endswith("]"):
        host, number = text, str(port)
    right = number.isascii() and number.isdecimal() and len(number) <= len("65535")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        right = False
    if not right or not 1 <= int(number) <= 65_535:  # noqa: PLR2004 - the highest port
        raise ValueError("the IP address of a name server is needed, such as 192.0.2.53:53")
    return str(address), int(number)


def dkim_covers(dkim_domain: str, sender_domain: str) -> bool:
    """Tell whether a signature for a domain is aligned with a From domain (RFC 7489 section 3.1.1).

    It is for the very domain, and for those below it; both in IDNA form and lower case.
    """
    return sender_domain == dkim_domain or (
        "." in dkim_domain and sender_domain.endswith(f".{dkim_domain}")
    )


def _dns_name(domain: str) -> str:
    """Return a domain in IDNA form and lower case; one that has none as it is."""
    try:
        return idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except UnicodeError:
        return domain


def check_mailbox(value: str) -> Address:
    """Return the RFC 5322 mailbox, or raise ValueError that says what would be right."""
    name, spec = parseaddr(value)
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain or any(c in value for c in "\r\n\0"):
        raise ValueError(f"{value!r} is no sender such as GP Alerts <alerts@example.org>")
    return Address(display_name=name, username=local, domain=domain)


def load_settings() -> Settings:
    """Read the settings, and make the data folder and the secret key where they are missing.

    Raises Invalid with the name, the value and what would be right.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "ALERTS_" + "_".join(str(part) for part in first["loc"][:1]).upper()
        shown = "(hidden)" if any(word in name for word in _HIDDEN) else repr(first["input"] or "")
        reason = first["msg"].removeprefix("Value error, ")
        raise Invalid(f"setting {name}={shown} is wrong: {reason}") from error
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(
            f"setting ALERTS_DATA_DIR={settings.data_dir} is wrong: {error.strerror};"
            " name a folder that can be written to"
        ) from error
    if settings.secret_key:
        return settings
    return settings.model_copy(update={"secret_key": (_kept_secret(settings.data_dir),)})


def _kept_secret(data_dir: Path) -> str:
    """Return the key kept in the data folder; made once, whichever process comes first."""
    path = data_dir / SECRET_FILE
    if not path.exists():
        draft = data_dir / f".{SECRET_FILE}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            # A hard link is made by one process only, and never shows a half-written key.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
