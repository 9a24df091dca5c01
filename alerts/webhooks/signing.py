"""Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body. Pure but for dice.

A secret is `whsec_` and the base64 of its octets. A request carries a signature for each secret in
force, so that a receiver may change over while both are.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_OCTETS = 32


def new_secret() -> str:
    """Return a secret that nobody had before."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_OCTETS)).decode()


def signed_headers(
    keys: Sequence[str], *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the headers of a request; `timestamp` is in seconds since 1970, the time of sending.

    It is the time of the attempt: receivers turn away what is more than minutes old, for replays.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.digest(_octets(key), signed, hashlib.sha256) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def address_hash(key: str, address_key: str) -> str:
    """Return by what a receiver, and nobody else, knows an address that it has (hex)."""
    return hmac.digest(_octets(key), address_key.encode(), hashlib.sha256).hex()


def _octets(key: str) -> bytes:
    return base64.b64decode(key.removeprefix(PREFIX))
