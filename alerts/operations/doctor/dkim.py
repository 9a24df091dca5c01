"""Whether the keys in DNS are those that mail is signed with (RFC 6376, RFC 8301, RFC 8463)."""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from alerts.config import Settings
from alerts.delivery.dkim.keys import ADVISED_RSA, RsaKey, read_key
from alerts.errors import Invalid
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.names import CouldNotAsk, Names, asked
from alerts.operations.doctor.tags import BadTags, read_tags

_DKIM = Check.DKIM
_VERSION = "DKIM1"
PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Published:
    """A key record: its key, None where it is revoked, and whether it is on trial (`t=y`)."""

    key: PublicKey | None
    on_trial: bool = False


class BadKeyRecord(Exception):
    """The record in DNS is of no use to a receiver."""


def check_dkim(names: Names, settings: Settings) -> list[Finding]:
    """Hold each key of the settings against its record; none where nothing is signed here."""
    pairs = zip(settings.dkim_key_file, settings.dkim_selector, strict=True)
    return [
        finding
        for path, selector in pairs
        for finding in _pair(names, path, f"{selector}._domainkey.{settings.dkim_domain}")
    ]


def _pair(names: Names, path: Path, name: str) -> list[Finding]:
    try:
        private = read_key(path)
    except Invalid as error:
        mend = "Make a key of 2048 bits with `openssl genrsa`, where this program may read it."
        return [Finding.error(_DKIM, str(error), mend)]
    findings = []
    if isinstance(private, RsaKey) and private.weak:
        what = f"{path}: a key of {private.key.key_size} bits, {ADVISED_RSA} are advised"
        mend = f"Make a key of {ADVISED_RSA} bits, and publish it under a new selector."
        findings.append(Finding.warning(_DKIM, what, mend))
    try:
        findings.append(_held_against(names, name, private.key.public_key()))
    except CouldNotAsk as error:
        findings.append(Finding.unknown(_DKIM, f"{name}: could not ask for the key: {error}"))
    return findings


def _held_against(names: Names, name: str, own: PublicKey) -> Finding:
    texts = [text for text in asked(names.texts, name) if "p=" in text.replace(" ", "")]
    if not texts:
        what = f"{name} has no key, so that no signature of ours can be checked"
        return Finding.error(_DKIM, what, f"Add there the TXT record: {record_of(own)}")
    if len(texts) > 1:
        what = f"{name} has {len(texts)} keys; receivers take any of them"
        return Finding.error(_DKIM, what, "Keep one TXT record there; give other keys selectors.")
    return _compared(name, texts[0], own)


def _compared(name: str, text: str, own: PublicKey) -> Finding:
    try:
        published = read_key_record(text)
    except BadKeyRecord as error:
        mend = f"Write there: {record_of(own)}"
        return Finding.error(_DKIM, f"{name}: the key is not well written: {shown(error)}", mend)
    if published.key is None:
        what = f"{name}: the key is revoked (p= is empty)"
        return Finding.error(_DKIM, what, "Sign with another key, under a new selector.")
    if published.key != own:
        what = f"{name} has another key than the one mail is signed with"
        return Finding.error(_DKIM, what, f"Replace the TXT record there: {record_of(own)}")
    if published.on_trial:
        what = f"{name}: t=y says that the key is on trial; receivers may pass over it"
        return Finding.warning(_DKIM, what, "Remove t=y from the record.")
    return Finding.ok(_DKIM, f"{name} has the key that mail is signed with")


def read_key_record(text: str) -> Published:
    """Read a key record (RFC 6376 section 3.6.1); raises BadKeyRecord."""
    try:
        tags = read_tags(text)
    except BadTags as error:
        raise BadKeyRecord(str(error)) from error
    if tags.get("v", _VERSION) != _VERSION or ("v" in tags and next(iter(tags)) != "v"):
        raise BadKeyRecord("v=DKIM1 belongs at its beginning")
    hashes = tags.get("h", "sha256").replace(" ", "").lower().split(":")
    if "sha256" not in hashes:
        raise BadKeyRecord("h= leaves out sha256, with which mail is signed")
    services = tags.get("s", "*").replace(" ", "").lower().split(":")
    if not {"*", "email"} & set(services):
        raise BadKeyRecord("s= leaves out email")
    flags = tags.get("t", "").replace(" ", "").lower().split(":")
    return Published(_key(tags.get("k", "rsa").lower(), tags.get("p", "")), "y" in flags)


def _key(kind: str, text: str) -> PublicKey | None:
    if not text:
        return None
    try:
        octets = b64decode("".join(text.split()), validate=True)
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(octets)
        key = load_der_public_key(octets) if kind == "rsa" else None
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise BadKeyRecord("p= is no key; it may have been cut on its way into DNS") from error
    if not isinstance(key, RSAPublicKey):
        raise BadKeyRecord(f"k={shown(kind)} does not fit its key")
    return key


def record_of(key: PublicKey) -> str:
    """Return the TXT record for a key."""
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={b64encode(raw).decode()}"
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"
