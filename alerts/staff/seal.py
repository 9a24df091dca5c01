"""What is kept under the program's key: secrets that must be read again, and keyed digests."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alerts.errors import Refused
from alerts.staff.opaque import keyed_digest

_SEALING = b"alerts.staff.seal"
_TYPED = b"alerts.staff.typed"


class Seal:
    """Seals and opens with keys derived (HKDF, RFC 5869) from the secret keys, oldest first.

    The last one seals, every one opens, as with the signatures of `alerts.tokens`.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        newest_first = [Fernet(_derived(key, _SEALING)) for key in reversed(keys)]
        self._fernet = MultiFernet(newest_first)
        self._typed = _derived(keys[-1], _TYPED).decode()

    def close(self, secret: str) -> str:
        """Return a secret in the form in which it may lie in the database."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was sealed; raises Refused when none of the keys opens it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Refused(
                "the second factor was sealed with a key that is no longer in ALERTS_SECRET_KEY;"
                " add that key again, or let an admin take the second factor off"
            ) from error

    def digest(self, typed: str) -> str:
        """Return the keyed digest of what somebody typed where an address belongs."""
        return keyed_digest(self._typed, typed)


def _derived(key: str, purpose: bytes) -> bytes:
    octets = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
    return base64.urlsafe_b64encode(octets)
