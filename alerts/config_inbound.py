"""The settings of mail that comes back; part of `alerts.config.Settings`."""

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

# What a bounce domain, or an address at one, may look like.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_BOUNCE_ADDRESS = re.compile(rf"[A-Za-z0-9._-]{{1,24}}@{_LABEL}(?:\.{_LABEL})*")
_LOCAL = "bounces"
# Where mail is fetched from: two protocols, each over TLS or, on the same machine, without.
INBOUND_SCHEMES = ("imaps", "imap", "pop3s", "pop3", "maildir")


class InboundSettings(BaseSettings):
    """How mail comes back, and what is kept of it.

    `bounce_domain` is a domain, or an address, whose mail comes back to this program: every
    message then has an envelope sender of its own there; it is held as an address. Empty, bounces
    go to the newsletter's sender. Replies to an issue go to its newsletter's reply-to, or else to
    `replies_to`.
    `inbound_port` and `inbound_lmtp_port` are where `alerts inbound serve` listens, 0 for nowhere;
    `inbound_url` are mailboxes to fetch mail from, looked at each `inbound_every`. Mails are
    removed after `keep_inbound`. The `webhook_…` settings hold what providers' calls are checked
    with; empty, that provider may not call.
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
        for position, url in enumerate(value, start=1):
            parts = urlsplit(url)
            right = parts.scheme in INBOUND_SCHEMES and (
                parts.path.startswith("/") if parts.scheme == "maildir" else parts.hostname
            )
            if not right:
                # Whatever stands there may be a password: it is not shown.
                raise ValueError(
                    f"URL {position} is none such as imaps://user:pass@host/INBOX,"
                    " pop3s://user:pass@host or maildir:///path"
                )
        return value
