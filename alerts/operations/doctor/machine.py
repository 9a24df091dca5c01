"""This machine: room on the disk, secrets that can be guessed, files that others can read."""

import math
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from alerts.config import Settings
from alerts.delivery.transports.urls import read_mail_urls
from alerts.errors import Invalid
from alerts.operations.doctor.findings import Check, Finding

_GIBIBYTE = 1024**3
_LEAST_FREE, _LITTLE_SHARE = _GIBIBYTE, 0.1
# Bits that a key holds at most, by how its characters vary: 32 random hex digits have some 115.
_WEAK_BITS, _ADVISED_BITS = 64, 96
_PLACEHOLDERS = ("change-me", "changeme", "change_me", "replace", "your-secret", "placeholder")
_GUESSED = frozenset(
    {
        *("password", "passwd", "secret", "admin", "root", "test", "postgres", "alerts", "guest"),
        *("changeme", "change-me", "redis", "mail", "smtp", "user", "123456", "12345678", "qwerty"),
    }
)


@dataclass(frozen=True, slots=True)
class Space:
    """Room on a disk, in bytes."""

    total: int
    free: int


def check_disk(folder: Path, space: Space) -> Finding:
    """Judge the room on the data folder's disk: under 1 GiB is an error, under 10 % a warning."""
    check = Check.DISK
    share = space.free / space.total if space.total else 0.0
    what = f"{folder} has {space.free / _GIBIBYTE:.1f} GiB free, {share:.0%} of its disk"
    mend = "Make room, or move ALERTS_DATA_DIR to a larger disk."
    if space.free < _LEAST_FREE:
        return Finding.error(check, what, mend)
    if share < _LITTLE_SHARE:
        return Finding.warning(check, what, mend)
    return Finding.ok(check, what)


def check_secret_keys(keys: Iterable[str]) -> Finding:
    """Judge the keys that sign links and sessions, by their variety; none is ever shown."""
    check = Check.SECRET_KEY
    mend = "Put a new one, from `openssl rand -base64 48`, at the end of ALERTS_SECRET_KEY."
    weakest = min((_bits(key) for key in keys), default=0.0)
    if weakest < _WEAK_BITS:
        what = "a key in ALERTS_SECRET_KEY can be guessed; whoever does forges links of readers"
        return Finding.error(check, what, f"{mend} Remove the weak one when no mail has its links.")
    if weakest <= _ADVISED_BITS:
        return Finding.warning(check, "a key in ALERTS_SECRET_KEY has little variety", mend)
    return Finding.ok(check, "the secret keys are long and varied")


def _bits(key: str) -> float:
    if any(word in key.lower() for word in _PLACEHOLDERS):
        return 0.0
    counts = Counter(key).values()
    return -sum(count * math.log2(count / len(key)) for count in counts)


def check_default_secrets(settings: Settings) -> Finding:
    """Look for passwords that anybody would try first; none is ever shown."""
    check = Check.DEFAULT_SECRETS
    places = [place for place, user, secret in _passwords(settings) if _is_guessed(user, secret)]
    if not places:
        return Finding.ok(check, "no password is one that anybody would try first")
    what = f"{', '.join(dict.fromkeys(places))} has a password that anybody would try first"
    return Finding.error(check, what, "Set another, from `openssl rand -hex 24`, there and here.")


def _passwords(settings: Settings) -> Iterable[tuple[str, str, str]]:
    """Yield where a password stands, whose it is, and the password."""
    try:
        url = make_url(settings.database)
        yield "ALERTS_DATABASE_URL", url.username or "", str(url.password or "")
    except ArgumentError:
        pass
    parts = urlsplit(settings.redis_url)
    yield "ALERTS_REDIS_URL", parts.username or "", unquote(parts.password or "")
    try:
        for mail in read_mail_urls(settings):
            yield "ALERTS_MAIL_URL", mail.username or "", mail.password or ""
    except Invalid:
        pass
    for token in settings.push_tokens:
        weak = _bits(token) < _WEAK_BITS
        yield "ALERTS_PUSH_TOKENS", "", "changeme" if weak else token


def _is_guessed(user: str, secret: str) -> bool:
    return bool(secret) and (secret.lower() in _GUESSED or secret.lower() == user.lower())


def secret_files(settings: Settings) -> list[Path]:
    """Return the files that hold secrets: the key kept in the data folder, keys, tokens."""
    found = [settings.data_dir / "secret-key", *settings.dkim_key_file]
    try:
        tokens = [url.options.get("token_file") for url in read_mail_urls(settings)]
    except Invalid:
        tokens = []
    return [path for path in (*found, *(Path(name) for name in tokens if name)) if path.exists()]


def check_secret_files(files: Iterable[Path]) -> list[Finding]:
    """Judge who may read the files that hold secrets."""
    findings = [_readers(Check.SECRET_FILES, path) for path in files]
    if not findings:
        return [Finding.ok(Check.SECRET_FILES, "no secret is kept in a file")]
    return findings


def check_env_file(path: Path) -> Finding:
    """Judge who may read the `.env` file, which holds keys and passwords."""
    if not path.exists():
        return Finding.ok(Check.ENV_FILE, "there is no .env file here")
    return _readers(Check.ENV_FILE, path)


def _readers(check: Check, path: Path) -> Finding:
    try:
        mode = path.stat().st_mode
        open_way = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)
    except OSError as error:
        return Finding.unknown(check, f"{path}: who may read it is not known: {error.strerror}")
    mend = f"chmod 600 {path}"
    if mode & (stat.S_IRWXO) and open_way:
        what = f"{path} is open to everybody on this machine"
        return Finding.error(check, what, f"{mend}; then change the secrets in it.")
    if mode & stat.S_IRWXG:
        return Finding.note(check, f"{path} is open to its group", f"If nobody needs that: {mend}")
    if mode & stat.S_IRWXO:
        return Finding.note(check, f"{path} is kept from others by its folder alone", mend)
    return Finding.ok(check, f"{path} is its owner's alone")
