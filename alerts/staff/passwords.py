"""Passwords: which are good enough (NIST SP 800-63B-4 section 3.1.1), and their argon2id hashes."""

import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from alerts.errors import Invalid, Refused

SHORTEST = 12
LONGEST = 1000
# How many hashes are worked on at a time: each takes 64 MiB. And how many log-ins may be under way,
# those that wait included, of the 40 threads of the web part: readers' pages need theirs.
_AT_A_TIME, _AT_MOST = 2, 10
# The commonest of public collections, and what this program's own name suggests. The short ones
# are no password by themselves; many write them several times, or with a number behind.
_COMMON = frozenset(
    """
    password passw0rd p@ssw0rd passwort motdepasse contrasena senha qwerty qwertyuiop qwertz azerty
    asdfgh asdfghjkl zxcvbn zxcvbnm 1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx qazwsx qazwsxedc abc abcd
    abcdef abcdefgh abc123 iloveyou letmein welcome admin administrator root login master monkey
    dragon football baseball basketball sunshine princess superman batman shadow michael jennifer
    trustno1 starwars whatever freedom secret hello test testing guest changeme default internet
    computer samsung google newsletter newsletters alert alerts gpalert gpalerts newsroom editor
    qwertyuiop[] qwertyuiopas qwerty12345678 1234qwerasdf q1w2e3r4t5y6 1q2w3e4r5t6y
    correcthorsebatterystaple thisisapassword thisismypassword mypassword yourpassword
    opensesame abracadabra unbelievable
    """.split()  # noqa: SIM905 - a list of ninety quoted words is no easier to read
)
_NUMBER_BEHIND = re.compile(r"[0-9]{1,8}$")


def normal_form(password: str) -> str:
    """Return a password as it is hashed: the same however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, *, email: str) -> None:
    """Raise Invalid, saying why, for a password that is too short, too long or easily guessed.

    Nothing is asked of which characters it is made of.
    """
    if len(password) > LONGEST:
        raise Invalid(f"the password is too long: at most {LONGEST} characters")
    text = normal_form(password)
    if len(text) < SHORTEST:
        raise Invalid(f"the password is too short: at least {SHORTEST} characters are needed")
    plain = text.casefold().strip()
    address = email.casefold()
    if plain in {address, address.partition("@")[0]}:
        raise Invalid("the password is the email address; choose another")
    if _common(plain):
        raise Invalid("the password is one of the first that are tried; choose another")


def _common(plain: str) -> bool:
    """Tell whether it is one of the commonest, that with a number, repeated, or a count."""
    letters = "".join(character for character in plain if character.isalnum()) or plain
    unit = _repeated(letters)
    words = {plain, letters, unit, _NUMBER_BEHIND.sub("", letters)}
    return len(unit) == 1 or _in_a_row(unit) or not words.isdisjoint(_COMMON)


def _repeated(text: str) -> str:
    """Return the shortest part that a text is made of by repeating it; most often the text."""
    return text[: (text + text).find(text, 1)]


def _in_a_row(text: str) -> bool:
    """Tell whether each character follows the one before it, up or down; 9 and 0 are neighbours."""
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}


class Busy(Refused):
    """More log-ins at once than this process works on; nothing was tried."""

    def __init__(self) -> None:
        super().__init__("too many people log in at this moment; try again in a few seconds")


class Passwords:
    """Makes and checks argon2id hashes (RFC 9106) with the parameters of a hasher.

    One object serves all threads. `hasher` is for tests, which want cheap hashes.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(_AT_A_TIME)
        self._places = threading.BoundedSemaphore(_AT_MOST)
        # What the passwords of unknown accounts are checked against, for the same work.
        self._nobodys = self._hasher.hash("nobody has this password")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the few places for log-ins; raises Busy at once when none is free."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._places.release()

    def hash(self, password: str) -> str:
        """Return the hash of a password that `check_password` let pass."""
        with self._turns:
            return self._hasher.hash(_octets(password))

    def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether a password is the one of a hash; as much work when there is no hash."""
        fits = len(password) <= LONGEST
        tried = _octets(password if fits else "")
        with self._turns:
            try:
                self._hasher.verify(kept or self._nobodys, tried)
            except (VerificationError, InvalidHashError):
                return False
        return fits and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _octets(password: str) -> bytes:
    return normal_form(password).encode(errors="surrogatepass")
