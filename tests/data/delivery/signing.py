"""Keys, the records that would stand in DNS for them, and what dkimpy makes of a signature."""

import re
from base64 import b64encode
from datetime import UTC, datetime
from email import message_from_bytes

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from alerts.clock import FixedClock
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.dkim.keys import SigningKey

# Before today, whenever that is: a signature made in the future holds before nobody.
SIGNED_AT = datetime(2025, 11, 23, 6, 0, tzinfo=UTC)
RSA = generate_private_key(65537, 2048)
SHORT_RSA = generate_private_key(65537, 1024)  # noqa: S505 - as short as is still accepted
ED25519 = Ed25519PrivateKey.generate()


def a_signer(**keys: SigningKey) -> DkimSigner:
    return DkimSigner("example.org", tuple(keys.items()), FixedClock(SIGNED_AT))


def records() -> dict[str, str]:
    """Return what stands in DNS: a record for each selector."""
    rsa = {"rsa": RSA, "short": SHORT_RSA}
    return {
        **{name: f"v=DKIM1; k=rsa; p={spki(key)}" for name, key in rsa.items()},
        "ed": f"v=DKIM1; k=ed25519; p={raw_public(ED25519)}",
    }


def spki(key: RSAPrivateKey) -> str:
    return b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()


def raw_public(key: Ed25519PrivateKey) -> str:
    return b64encode(key.public_key().public_bytes_raw()).decode()


def holds(raw: bytes, number: int = 0) -> bool:
    """Tell what dkimpy makes of one of a message's signatures."""

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        selector, _, domain = name.decode().partition("._domainkey.")
        assert domain == "example.org."
        return records()[selector].encode()

    try:
        return bool(dkim.DKIM(raw).verify(number, dnsfunc=look_up))
    except dkim.ValidationError:
        return False


def signatures(raw: bytes) -> list[str]:
    return list(message_from_bytes(raw).get_all("DKIM-Signature", []))


def tags(signature: str) -> dict[str, str]:
    parts = re.sub(r"\s", "", signature).split(";")
    return dict(part.split("=", 1) for part in parts)
