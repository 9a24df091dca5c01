"""Amazon SNS: whether a message is signed by it, and the one click that lets a topic write to us.

The certificate's address stands in the message itself, so it counts only where Amazon alone can put
files: at a host of SNS, under the name that its certificates have. It is fetched through the
guarded fetcher, over TLS, and kept for a day.
"""

import base64
import binascii
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificate

from alerts.clock import Clock
from alerts.inbound.providers.calls import NotTheirs, check_recent
from alerts.inbound.providers.documents import Document, text

Fetch = Callable[[str], bytes]

_HOST: Final = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?")
_FILE: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,80}\.pem")
# What is signed, in this order, by what a message is.
_OF_NOTIFICATIONS: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_CONFIRMATIONS: Final = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
_HASHES: Final[dict[str, type[HashAlgorithm]]] = {"1": SHA1, "2": SHA256}
_KEPT_FOR: Final = timedelta(days=1)
_MOST_KEPT: Final = 16


class Sns:
    """Checks messages; `fetch` returns what stands at a URL, and raises Refused."""

    def __init__(self, fetch: Fetch, *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, Certificate]] = {}

    def check(self, message: Document) -> None:
        """Raise NotTheirs unless Amazon signed the message lately; Refused when it is away."""
        hashed = _HASHES.get(text(message, "SignatureVersion"))
        if hashed is None:
            raise NotTheirs("it is signed in no way that is known (SignatureVersion)")
        certificate = self._certificate(text(message, "SigningCertURL"))
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise NotTheirs("its certificate is none of SNS")
        try:
            signature = base64.b64decode(text(message, "Signature"), validate=True)
            # SHA-1 is what SNS signs with unless a topic is told otherwise (SignatureVersion 1).
            key.verify(signature, _signed(message), PKCS1v15(), hashed())
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotTheirs("its signature is not Amazon's") from error
        check_recent(_moment(text(message, "Timestamp")), clock=self._clock)

    def confirm(self, message: Document) -> None:
        """Visit the link that lets the topic write to us; raises NotTheirs and Refused."""
        url = text(message, "SubscribeURL")
        if not _is_of_sns(url):
            raise NotTheirs("its SubscribeURL leads elsewhere than to SNS")
        self._fetch(url)

    def _certificate(self, url: str) -> Certificate:
        if not _is_of_sns(url) or not _FILE.fullmatch(urlsplit(url).path):
            raise NotTheirs("its certificate is not at SNS")
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get(url)
        if kept is not None and now - kept[0] < _KEPT_FOR:
            certificate = kept[1]
        else:
            certificate = _parsed(self._fetch(url))
            with self._lock:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[url] = (now, certificate)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise NotTheirs("its certificate is not valid now")
        return certificate


def _is_of_sns(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and port in {None, 443}
        and parts.username is None
        and _HOST.fullmatch(parts.hostname or "") is not None
    )


def _parsed(pem: bytes) -> Certificate:
    try:
        return load_pem_x509_certificate(pem)
    except ValueError as error:
        raise NotTheirs("what stands at its SigningCertURL is no certificate") from error


def _signed(message: Document) -> bytes:
    is_notification = text(message, "Type") == "Notification"
    names = _OF_NOTIFICATIONS if is_notification else _OF_CONFIRMATIONS
    # A field that is not there is left out; the words are taken as they are, to the last blank.
    told = ((name, message.get(name)) for name in names)
    lines = (f"{name}\n{value}\n" for name, value in told if isinstance(value, str))
    return "".join(lines).encode("utf-8", errors="replace")


def _moment(stamp: str) -> datetime:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise NotTheirs("its Timestamp is none") from error
    if moment.tzinfo is None:
        raise NotTheirs("its Timestamp has no zone")
    return moment
