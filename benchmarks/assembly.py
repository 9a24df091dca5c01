"""Assembling and signing one reader's message, against EmailMessage and dkimpy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from hashlib import sha256
from itertools import cycle

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from typing_extensions import override

from alerts.clock import SystemClock
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.dkim.keys import Ed25519Key, RsaKey, SigningKey
from benchmarks.measure import seconds_each, show

_SENDER = "GP Alerts <alerts@example.org>"
_DATE = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
_PARAGRAPH = (
    "<p>What the council decided in Bamako on Monday, and what it left to the spring.</p>\n"
)
_HTML = _PARAGRAPH * 330 + '<a href="@@UNSUBSCRIBE_URL@@">Unsubscribe</a>'
_HINDI = "<p>भारत के गाँवों में बदलती दुनिया और लोगों का जीवन।</p>\n"
_TEXT = "What the council decided.\n" * 60 + "@@UNSUBSCRIBE_URL@@\n"
_ENVELOPE = Envelope(_SENDER, _SENDER, "gp-alert.example.org", "GP Alert", _DATE)
_SUBJECT = "Mali: what next?"
_READER = Reader(
    name="Ama Boateng",
    email="ama@example.org",
    message_id="k3.7.42@example.org",
    unsubscribe_url="https://example.org/unsubscribe/" + "x" * 60,
    preferences_url="https://example.org/preferences/" + "x" * 60,
)
# No two alike: what is kept from one message to the next must not count.
_READERS = [
    _READER._replace(
        email=f"ama{number}@example.org",
        message_id=f"k3.7.{number}@example.org",
        unsubscribe_url=f"https://example.org/unsubscribe/{number:060}",
        preferences_url=f"https://example.org/preferences/{number:060}",
    )
    for number in range(1000)
]


def run() -> None:
    """Print all of it, for a message of about 30 KB."""
    _assembly()
    _signing()


def _assembly() -> None:
    compiled = CompiledMessage(_ENVELOPE, _SUBJECT, _HTML, _TEXT)
    in_hindi = CompiledMessage(_ENVELOPE, _SUBJECT, _HINDI * 180, _TEXT)
    print(f"  {len(compiled.fill(_READER)) / 1024:.0f} KB a message")
    reference = seconds_each(_with_the_standard_library, times=20)
    show("EmailMessage (reference)", reference)
    for label, work in (
        ("filled slots", _each(compiled)),
        ("filled slots, 8 bits", _each(compiled, eight_bit=True)),
        ("filled slots, base64", _each(in_hindi)),
    ):
        show(label, seconds_each(work, times=2_000), reference=reference)


def _signing() -> None:
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    raw = CompiledMessage(_ENVELOPE, _SUBJECT, _HTML, _TEXT).fill(_READER)
    reference = seconds_each(_with_dkimpy(raw, rsa), times=5)
    show("dkimpy, RSA 2048, signing alone (reference)", reference)
    for label, keys in (
        ("filled and signed, RSA 2048", [RsaKey(rsa)]),
        ("filled and signed, Ed25519", [Ed25519Key(ed25519)]),
        ("filled and signed, both", [RsaKey(rsa), Ed25519Key(ed25519)]),
        ("filled and signed, but for the key's part", [_NoKey()]),
    ):
        show(label, seconds_each(_each(_signed(*keys)), times=500), reference=reference)
    show("the key's part alone, RSA 2048", seconds_each(_alone(RsaKey(rsa)), times=500))
    show("the key's part alone, Ed25519", seconds_each(_alone(Ed25519Key(ed25519)), times=500))
    show("SHA-256 of such a message alone", seconds_each(partial(sha256, raw), times=500))


@dataclass(frozen=True)
class _NoKey(SigningKey):
    """Signs for nothing: what is left is our own work."""

    algorithm: str = "rsa-sha256"

    @override
    def sign(self, digest: bytes) -> bytes:
        return digest * 8


def _alone(key: SigningKey) -> Callable[[], bytes]:
    return partial(key.sign, b"x" * 32)


def _each(compiled: CompiledMessage, *, eight_bit: bool = False) -> Callable[[], bytes]:
    """Return what fills the message for one reader after the other."""
    readers = cycle(_READERS)
    return lambda: compiled.fill(next(readers), eight_bit=eight_bit)


def _signed(*keys: SigningKey) -> CompiledMessage:
    selectors = tuple((f"s{number}", key) for number, key in enumerate(keys))
    signer = DkimSigner("example.org", selectors, SystemClock())
    return CompiledMessage(_ENVELOPE, _SUBJECT, _HTML, _TEXT, signer=signer)


def _with_dkimpy(raw: bytes, key: RSAPrivateKey) -> Callable[[], bytes]:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )

    def sign() -> bytes:
        signature = dkim.sign(raw, b"s", b"example.org", pem, canonicalize=(b"relaxed", b"simple"))
        return bytes(signature) + raw

    return sign


def _with_the_standard_library() -> bytes:
    message = EmailMessage()
    message["From"] = _SENDER
    message["To"] = _READER.email
    message["Subject"] = _SUBJECT
    message["Date"] = format_datetime(_DATE)
    message["Message-ID"] = f"<{_READER.message_id}>"
    message["List-Unsubscribe"] = f"<{_READER.unsubscribe_url}>"
    message.set_content(_TEXT.replace("@@UNSUBSCRIBE_URL@@", _READER.unsubscribe_url))
    message.add_alternative(
        _HTML.replace("@@UNSUBSCRIBE_URL@@", _READER.unsubscribe_url), subtype="html"
    )
    return message.as_bytes()
