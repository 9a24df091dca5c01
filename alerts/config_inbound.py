"""The settings of mail that comes back; part of `alerts.config.Settings`."""

import base64
import re
from datetime import timedelta
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from alerts.errors import Invalid
from alerts.mailbox_urls import MailboxUrl, parse_mailbox_url

# What a bounce domain, or an address at one, may look like.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_BOUNCE_ADDRESS = re.compile(rf"[A-Za-z0-9._-]{{1,24}}@{_LABEL}(?:\.{_LABEL})*")
_LOCAL = "bounces"
_PEM_LINE = re.compile(r"-{3,}[A-Z ]{1,40}-{3,}|\s")
_SHORTEST_SECRET = 24


class InboundSettings(BaseSettings):
    """How mail comes back, and what is kept of it.

    `bounce_domain` is a domain, or an address, whose mail comes back to this program: every
    message then has an envelope sender of its own there; it is held as an address. Empty, bounces
    go to the newsletter's sender. Replies to an issue go to its newsletter's reply-to, or else to
    `replies_to`.
    `inbound_port` and `inbound_lmtp_port` are where `alerts inbound serve` listens, 0 for nowhere;
    `inbound_url` are mailboxes to fetch mail from (`alerts.mailbox_urls`), looked into each
    `inbound_every` where a URL does not say otherwise. Mails are removed after `keep_inbound`. The
    `webhook_…` settings hold what providers' calls are checked with; empty, that provider may not
    call.
    """

    bounce_domain: str = ""
    replies_to: str = ""
    inbound_host: str = "127.0.0.1"
    inbound_port: int = Field(default=0, ge=0, le=65535)
    inbound_lmtp_port: int = Field(default=0, ge=0, le=65535)
    inbound_url: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    inbound_every: timedelta = timedelta(minutes=1)
    keep_inbound: timedelta | None = timedelta(days=30)
    webhook_ses_topic: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_mailgun_key: str = Field(default="", repr=False)
    webhook_postmark_secret: str = Field(default="", repr=False)
    webhook_sendgrid_key: str = Field(default="", repr=False)

    @field_validator("inbound_url", "webhook_ses_topic", mode="before")
    @classmethod
    def _inbound_words(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("webhook_postmark_secret")
    @classmethod
    def _hard_to_guess_secret(cls, value: str) -> str:
        if value and len(value) < _SHORTEST_SECRET:
            raise ValueError(f"at least {_SHORTEST_SECRET} characters are needed")
        return value

    @field_validator("webhook_sendgrid_key")
    @classmethod
    def _verification_key(cls, value: str) -> str:
        if value:
            verification_key(value)
        return value

    @field_validator("bounce_domain")
    @classmethod
    def _bounce_address(cls, value: str) -> str:
        if not value:
            return ""
        address = value if "@" in value else f"{_LOCAL}@{value}"
        if not _BOUNCE_ADDRESS.fullmatch(address):
            raise ValueError(
                "a domain such as bounce.example.org, or an address at one such as"
                " returns@bounce.example.org, is needed"
            )
        return address.lower()

    @field_validator("inbound_url")
    @classmethod
    def _mailboxes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        keys = set[str]()
        for position, url in enumerate(value, start=1):
            try:
                mailbox = parse_mailbox_url(url)
            except Invalid as error:
                # Whatever stands there may be a password: it is not shown.
                raise ValueError(f"URL {position}: {error}") from error
            if mailbox.key in keys:
                raise ValueError(f"URL {position}: the same mailbox stands there twice")
            keys.add(mailbox.key)
        return value

    @property
    def mailboxes(self) -> tuple[MailboxUrl, ...]:
        """The mailboxes that mail is fetched from."""
        return tuple(parse_mailbox_url(url) for url in self.inbound_url)


def verification_key(text: str) -> EllipticCurvePublicKey:
    """Return SendGrid's public key: base64 of its DER form, with or without PEM's lines.

    Raises ValueError.
    """
    try:
        key = load_der_public_key(base64.b64decode(_PEM_LINE.sub("", text), validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "the verification key that SendGrid shows for a signed event webhook is needed"
        ) from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("SendGrid's keys are elliptic curves; this one is not")  # noqa: TRY004 - pydantic wants ValueError
    return key
