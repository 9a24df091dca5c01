"""The settings of sending; part of `alerts.config.Settings`."""

import ipaddress
import re
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated

import idna
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode

from alerts.errors import Invalid
from alerts.rates import parse_domain_limits

# Letters, digits and hyphens (RFC 1123 section 2.1), which selectors follow as well.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_DOMAIN = 253
# What stands in an address only within quotes.
_NO_ATOM = '()<>[]:;@\\,"'

# What a mail URL may start with: each has a maker in `delivery/transports/factory.py`.
MAIL_SCHEMES = ("catcher", "smtp", "smtps", "ses", "mailgun", "postmark", "sendgrid")


class SendingSettings(BaseSettings):
    """How mail goes out, in whose name, and how it is signed.

    `domain_limits` are what recipients' providers take, a word each (`gmail.com=20/s *=10/s`).
    `dkim_key_file` and `dkim_selector` go in pairs; each pair signs every mail in the name of
    `dkim_domain`. `sending_addresses` are the IP addresses from which mail goes out to the world,
    which `alerts doctor` looks up.
    """

    mail_url: Annotated[tuple[str, ...], NoDecode] = Field(default=("catcher://",), repr=False)
    domain_limits: Annotated[tuple[str, ...], NoDecode] = ()
    sender: str = "GP Alerts <alerts@localhost>"
    dkim_key_file: Annotated[tuple[Path, ...], NoDecode] = ()
    dkim_selector: Annotated[tuple[str, ...], NoDecode] = Field(default=(), validate_default=True)
    dkim_domain: str = Field(default="", validate_default=True)
    sending_addresses: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator(
        "mail_url",
        "domain_limits",
        "dkim_key_file",
        "dkim_selector",
        "sending_addresses",
        mode="before",
    )
    @classmethod
    def _sending_words(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("mail_url")
    @classmethod
    def _mail_schemes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ", ".join(f"{scheme}://" for scheme in MAIL_SCHEMES)
        for position, url in enumerate(value, start=1):
            scheme, mark, _ = url.partition("://")
            if scheme.lower() not in MAIL_SCHEMES or not mark:
                # Whatever stands there may be a key: it is not shown.
                raise ValueError(f"URL {position} is no {known}")
        return value or ("catcher://",)

    @field_validator("domain_limits")
    @classmethod
    def _understood(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_domain_limits(value)
        except Invalid as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("sender")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        check_mailbox(value)
        return value

    @field_validator("dkim_key_file")
    @classmethod
    def _at_home(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        try:
            return tuple(path.expanduser().absolute() for path in value)
        except RuntimeError as error:
            raise ValueError(
                "there is no such home folder; name the file by its full path"
            ) from error

    @field_validator("dkim_selector")
    @classmethod
    def _one_for_each_key(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        keys = len(info.data.get("dkim_key_file", ()))
        if value and not keys:
            raise ValueError("there is no key to sign with; set ALERTS_DKIM_KEY_FILE too")
        if len(value) != keys:
            raise ValueError(
                f"ALERTS_DKIM_KEY_FILE names {keys} key(s), so {keys} selector(s) are needed, in"
                " the same order, separated by spaces"
            )
        for selector in value:
            if not _DOMAIN_NAME.fullmatch(selector):
                raise ValueError(f"{selector!r} is no name in DNS such as alerts2026")
        if len({selector.lower() for selector in value}) < keys:
            raise ValueError(
                "the same selector stands there twice; each key has a record of its own"
            )
        return value

    @field_validator("dkim_domain")
    @classmethod
    def _aligned(cls, value: str, info: ValidationInfo) -> str:
        selectors, sender = info.data.get("dkim_selector"), info.data.get("sender")
        if not value and not selectors:
            return value
        if not selectors:
            raise ValueError("there is no key to sign with; set ALERTS_DKIM_KEY_FILE too")
        domain = _dns_name(value)
        longest = max(len(f"{selector}._domainkey.{domain}") for selector in selectors)
        if not _DOMAIN_NAME.fullmatch(domain) or longest > _LONGEST_DOMAIN:
            raise ValueError("the domain to sign for is needed, such as example.org")
        from_domain = _dns_name(parseaddr(sender or "")[1].rpartition("@")[2])
        if sender and not dkim_covers(domain, from_domain):
            raise ValueError(
                f"DMARC alignment asks for the domain of ALERTS_SENDER, {from_domain}, or the one"
                " above it"
            )
        return domain

    @field_validator("sending_addresses")
    @classmethod
    def _ip_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_address(text)) for text in value)
        except ValueError as error:
            raise ValueError(
                f"{error}; addresses such as 192.0.2.25 and 2001:db8::25 are needed, separated by"
                " spaces"
            ) from error

    @property
    def uses_catcher(self) -> bool:
        """Whether mail goes to the built-in catcher and nothing leaves the machine."""
        return all(url.startswith("catcher:") for url in self.mail_url)

    @property
    def sender_domain(self) -> str:
        """The domain of the default sender, the one that List-Id and Message-ID stand under."""
        return parseaddr(self.sender)[1].rpartition("@")[2]


def dkim_covers(dkim_domain: str, sender_domain: str) -> bool:
    """Tell whether a signature for a domain is aligned with a From domain (RFC 7489 section 3.1.1).

    It is for the very domain, and for those below it; both in IDNA form and lower case.
    """
    return sender_domain == dkim_domain or (
        "." in dkim_domain and sender_domain.endswith(f".{dkim_domain}")
    )


def _dns_name(domain: str) -> str:
    """Return a domain in IDNA form and lower case; one that has none as it is."""
    try:
        return idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except UnicodeError:
        return domain


def is_host_name(name: str) -> bool:
    """Tell whether a name may stand in DNS, in IDNA form if it has to."""
    known = _dns_name(name)
    return len(known) <= _LONGEST_DOMAIN and _DOMAIN_NAME.fullmatch(known) is not None


def is_local_part(text: str) -> bool:
    """Tell whether text may stand before the @ of an address, without quotes (RFC 5322 atoms)."""
    return bool(text) and not any(mark in _NO_ATOM or mark.isspace() for mark in text)


def check_mailbox(value: str) -> Address:
    """Return the RFC 5322 mailbox, or raise ValueError that says what would be right."""
    try:
        name, spec = parseaddr(value)
    except RecursionError:
        # It goes into brackets in brackets without end.
        name, spec = "", ""
    local, at, domain = spec.rpartition("@")
    # parseaddr finds an address in the middle of a URL as well.
    whole = value.strip() == spec or value.strip().endswith(f"<{spec}>")
    known = at and is_local_part(local) and is_host_name(domain)
    if not (whole and known and value.isprintable()):
        raise ValueError(f"{value!r} is no sender such as GP Alerts <alerts@example.org>")
    return Address(display_name=name, username=local, domain=domain)
