"""Secrets that are random and long: made here, kept as digests only. Pure but for the dice.

A digest without salt or work is enough for 256 bits that nobody chose; passwords are another matter
(`passwords.py`).
"""

import hashlib
import hmac
import secrets

_OCTETS = 32
# A secret that comes from outside is hashed, so it may not be endless.
_LONGEST = 200


def new_secret() -> str:
    """Return 256 random bits in the alphabet of addresses (RFC 4648 section 5)."""
    return secrets.token_urlsafe(_OCTETS)


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hex, which is all that is ever kept of it."""
    return hashlib.sha256(secret[:_LONGEST].encode(errors="surrogatepass")).hexdigest()


def keyed_digest(key: str, text: str) -> str:
    """Return the HMAC-SHA256 in hex of what could be guessed, such as an address."""
    return hmac.new(key.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two digests, or two codes, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
