"""The signer: one per process, made from the settings."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog
from typing_extensions import override

from alerts.clock import Clock
from alerts.config import Settings
from alerts.config_sending import dkim_covers
from alerts.delivery.assembly.addresses import address_of
from alerts.delivery.assembly.fields import Field
from alerts.delivery.assembly.signing import MessageSigner, Signer
from alerts.delivery.dkim.keys import ADVISED_RSA, Ed25519Key, RsaKey, SigningKey, read_key
from alerts.delivery.dkim.signatures import Stub, base64_text, relaxed_lines, signed_fields

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DkimSigner(Signer):
    """Signs for one domain with one or several keys, by their selectors; each signs every message.

    Two keys at once are one of RSA, which all know, and one of Ed25519, which is to follow it.
    """

    domain: str
    keys: tuple[tuple[str, SigningKey], ...]
    clock: Clock
    _told: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Clock) -> Self | None:
        """Return the signer that the settings ask for, or None; raises Invalid for a wrong key."""
        if not settings.dkim_key_file:
            return None
        keys = tuple(
            (selector, key)
            for selector, (_, key) in zip(settings.dkim_selector, _read(settings), strict=True)
        )
        return cls(settings.dkim_domain, keys, clock)

    def covers(self, sender: str) -> bool:
        """Tell whether mail from this mailbox is to be signed; logs each domain that is not, once.

        A signature of another domain would help nobody: DMARC wants it aligned with From.
        """
        domain = address_of(sender).rpartition("@")[2].lower()
        if dkim_covers(self.domain, domain):
            return True
        if domain not in self._told:
            self._told.add(domain)
            log.warning("dkim_does_not_cover_sender", sender=domain, dkim_domain=self.domain)
        return False

    @override
    def begin(self, fields: Sequence[Field], body_start: bytes) -> MessageSigner:
        return _EditionSigner(self, signed_fields(fields), body_start)


def check_signing(settings: Settings) -> None:
    """Read the keys before anything is started: raises Invalid, logs a key that is rather short.

    A worker that found out at its first message would have taken up work it cannot do.
    """
    for path, key in _read(settings):
        if isinstance(key, RsaKey) and key.weak:
            log.warning(
                "dkim_key_is_short", file=str(path), bits=key.key.key_size, advised=ADVISED_RSA
            )


def _read(settings: Settings) -> list[tuple[Path, RsaKey | Ed25519Key]]:
    return [(path, read_key(path)) for path in settings.dkim_key_file]


def signer_for(signer: DkimSigner | None, sender: str) -> DkimSigner | None:
    """Return the signer for mail from this mailbox, or None where it goes unsigned."""
    return signer if signer and signer.covers(sender) else None


class _EditionSigner(MessageSigner):
    """Holds the hashes of what an edition's messages begin with, and its signatures' stubs."""

    def __init__(self, signer: DkimSigner, constant: tuple[Field, ...], body_start: bytes) -> None:
        self._signer = signer
        self._names = tuple(name for name, _ in constant)
        self._header = hashlib.sha256(relaxed_lines(constant))
        self._body = hashlib.sha256(body_start)
        self._stubs: dict[tuple[str, ...], list[tuple[SigningKey, Stub]]] = {}

    @override
    def sign(self, fields: Sequence[Field], rest: Iterable[bytes]) -> bytes:
        personal = signed_fields(fields)
        body, header = self._body.copy(), self._header.copy()
        for piece in rest:
            body.update(piece)
        body_hash = base64_text(body.digest())
        header.update(relaxed_lines(personal))
        seconds = int(self._signer.clock.now().timestamp())
        signatures = []
        for key, stub in self._stubs_for(tuple([name for name, _ in personal])):
            whole = header.copy()
            whole.update(stub.to_sign(seconds=seconds, body_hash=body_hash))
            signature = key.sign(whole.digest())
            signatures.append(
                stub.finished(seconds=seconds, body_hash=body_hash, signature=signature)
            )
        return b"".join(signatures)

    def _stubs_for(self, personal: tuple[str, ...]) -> list[tuple[SigningKey, Stub]]:
        """Return the keys with their signatures' stubs, made once for each choice of fields."""
        stubs = self._stubs.get(personal)
        if stubs is None:
            names = (*self._names, *personal)
            stubs = self._stubs[personal] = [
                (
                    key,
                    Stub.of(
                        algorithm=key.algorithm,
                        domain=self._signer.domain,
                        selector=selector,
                        names=names,
                    ),
                )
                for selector, key in self._signer.keys
            ]
        return stubs
