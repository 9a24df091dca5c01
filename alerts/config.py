"""Settings, read once from the environment or a `.env` file; an empty environment works."""

import ipaddress
import os
import re
import secrets
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import DotEnvSettingsSource, NoDecode, SettingsConfigDict

from alerts.config_inbound import InboundSettings
from alerts.config_operations import OperationsSettings
from alerts.config_sending import SendingSettings, check_mailbox, is_host_name
from alerts.durations import parse_duration
from alerts.errors import Invalid

# Between two looks into a mailbox.
_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(days=1)
_SHORTEST_SESSION, _LONGEST_SESSION = timedelta(minutes=5), timedelta(days=90)

_LONGEST_KEPT = timedelta(days=36_525)

# Settings whose values are shown to nobody; of others, addresses that hold a password.
_HIDDEN = ("SECRET", "MAIL", "TOKEN", "INBOUND_URL", "WEBHOOK")
_PREFIX = "ALERTS_"
SECRET_FILE = "secret-key"  # noqa: S105 - the name of a file


class Settings(SendingSettings, InboundSettings, OperationsSettings):
    """Every setting of the program; the environment variable is `ALERTS_` and the name in capitals.

    `secret_key` holds all valid keys, oldest first, the way itsdangerous rotates them:
    the last one signs, every one verifies. `fetch_hosts` are names inside the operator's network
    that pages may be fetched from; all others inside are refused. Whoever holds one of the
    `push_tokens` may hand in articles. After `lease_seconds` another one
    takes up the batch of one that died. A log-in at the desk ends when nothing was done for
    `session_idle`, and `session_longest` after it began. `keep_unconfirmed`, `keep_departed` and
    `keep_networks` say after what time `alerts prune` removes sign-ups that nobody confirmed,
    people who left, and the network addresses of consents. `dns_server` is whom `alerts doctor`
    asks, else the system's.
    Whoever holds the `metrics_token` sees `/metrics` from elsewhere than this machine.
    `templates_dir` holds the folders of email templates that
    newsletters bring themselves; without it they lie in the data folder, in `templates/email`.
    A token of the API may ask `api_rate` times a minute.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Path("var")
    # What holds a password or a key is shown in no traceback and no log.
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    base_url: str = "http://127.0.0.1:8000"
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
    session_idle: timedelta = timedelta(hours=12)
    session_longest: timedelta = timedelta(days=14)
    dns_server: str = ""
    metrics_token: str = Field(default="", repr=False)
    templates_dir: Path | None = None

    @field_validator("secret_key", "fetch_hosts", "push_tokens", mode="before")
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
        "keep_log",
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
            span = parse_duration(value)
        except Invalid as error:
            raise ValueError(f"{error}, or for ever") from error
        if span > _LONGEST_KEPT:
            # The calendar does not reach back that far.
            raise ValueError("100 years at most would be right, or for ever")
        return span

    @field_validator("data_dir", "templates_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else None

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        # It stands at the head of every link that is mailed: no password, nothing behind it.
        strange = "@" in parts.netloc or parts.query or parts.fragment or not value.isprintable()
        if parts.scheme not in {"http", "https"} or strange or not _has_a_place(parts):
            raise ValueError("an address such as https://alerts.example.org is needed")
        return value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        parts = urlsplit(value)
        at_a_host = parts.scheme in {"redis", "rediss"} and _has_a_place(parts)
        numbered = re.fullmatch(r"(?:/[0-9]{0,5})?", parts.path) is not None
        at_a_socket = parts.scheme == "unix" and parts.path.startswith("/")
        if value and not (at_a_host and numbered) and not at_a_socket:
            raise ValueError("redis://host:6379/0, rediss://… or unix:///path is needed")
        return value

    @field_validator("fetch_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            # An address of IP version 6 is no name, and may stand there all the same.
            if not is_host_name(host.replace(":", "")):
                raise ValueError(f"{host!r} is no host's name such as wiki.example.org")
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
    def lost_after(self) -> timedelta:
        """How long a batch may lie in the broker before it counts as lost: two leases."""
        return timedelta(seconds=2 * self.lease_seconds)


def _has_a_place(parts: SplitResult) -> bool:
    """Tell whether a URL names a host, and a port only where there is such a one."""
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


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


def load_settings() -> Settings:
    """Read the settings, and make the data folder and the secret key where they are missing.

    Raises Invalid with the name, the value and what would be right.
    """
    _refuse_misspelt()
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + "_".join(str(part) for part in first["loc"][:1]).upper()
        # As it was written: what a later look finds wrong is no text any more.
        shown = repr(_written(name) or first["input"] or "")
        if any(word in name for word in _HIDDEN) or (name.endswith("_URL") and "@" in shown):
            shown = "(hidden)"
        reason = first["msg"].removeprefix("Value error, ")
        raise Invalid(f"setting {name}={shown} is wrong: {reason}") from error
    try:
        # Readers' addresses lie in there: nobody else on the machine may look in.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.secret_key:
            return settings
        return settings.model_copy(update={"secret_key": (_kept_secret(settings.data_dir),)})
    except OSError as error:
        raise Invalid(
            f"setting ALERTS_DATA_DIR={settings.data_dir} is wrong: {error.strerror};"
            " name a folder that can be written to"
        ) from error


def _written(name: str) -> str | None:
    """Return a variable as it stands in the environment, or else in the `.env` file."""
    kept = DotEnvSettingsSource(Settings).env_vars
    return os.environ.get(name) or kept.get(name.lower())


def _refuse_misspelt() -> None:
    """Raise Invalid for a variable that is none of ours and nearly one: it would be let lie.

    Whatever else begins like ours, some other program may want.
    """
    known = {name.upper(): f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in [*os.environ, *DotEnvSettingsSource(Settings).env_vars]:
        head, word = name[: len(_PREFIX)].upper(), name[len(_PREFIX) :].upper()
        if head == _PREFIX and word not in known:
            [*near] = get_close_matches(word, known, n=1, cutoff=0.75)
            if near:
                raise Invalid(
                    f"there is no setting {_PREFIX}{word}: {known[near[0]]} is probably meant"
                )


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
