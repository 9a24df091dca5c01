"""Private keys for DKIM, read from PEM files and checked before anything is signed with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typing_extensions import override

from alerts.errors import Invalid

# RFC 8301 section 3.2: under 1024 bits nobody accepts a key, and above 4096 nobody has to.
_SMALLEST_RSA, _LARGEST_RSA = 1024, 4096
ADVISED_RSA = 2048
# Far beyond any key: a device or a log named by mistake is not read to its end.
_MOST_BYTES = 64 * 1024
_PADDING, _DIGEST = PKCS1v15(), Prehashed(SHA256())


class SigningKey(Protocol):
    """A private key with the name of its algorithm in a signature's `a=` tag."""

    algorithm: str

    def sign(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest."""
        ...


@dataclass(frozen=True, slots=True)
class RsaKey(SigningKey):
    """RSA with SHA-256 (RFC 6376 section 3.3.1), which every verifier knows."""

    key: RSAPrivateKey
    algorithm: str = "rsa-sha256"

    @override
    def sign(self, digest: bytes) -> bytes:
        return self.key.sign(digest, _PADDING, _DIGEST)

    @property
    def weak(self) -> bool:
        """Whether the key is shorter than what RFC 8301 advises."""
        return self.key.key_size < ADVISED_RSA


@dataclass(frozen=True, slots=True)
class Ed25519Key(SigningKey):
    """Ed25519 over the SHA-256 digest (RFC 8463 section 3): short, and not known everywhere."""

    key: Ed25519PrivateKey
    algorithm: str = "ed25519-sha256"

    @override
    def sign(self, digest: bytes) -> bytes:
        return self.key.sign(digest)


def read_key(path: Path) -> RsaKey | Ed25519Key:
    """Return the key in a PEM file; raises Invalid with what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _wrong(path, f"{reason}; name a file that this program may read") from error
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError as error:
        raise _wrong(
            path, "the key is locked; `openssl pkey` writes it without a pass phrase"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(path, "no private key in PEM form; `openssl genrsa 2048` makes one") from error
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Key(key)
    if not isinstance(key, RSAPrivateKey):
        raise _wrong(path, "DKIM knows RSA and Ed25519 keys, this one is of another kind")
    if not _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
        raise _wrong(
            path,
            f"a key of {key.key_size} bits is not accepted everywhere; take one of"
            f" {ADVISED_RSA}, or of {_SMALLEST_RSA} to {_LARGEST_RSA}",
        )
    return RsaKey(key)


def _wrong(path: Path, reason: str) -> Invalid:
    return Invalid(f"setting ALERTS_DKIM_KEY_FILE: {path}: {reason}")
