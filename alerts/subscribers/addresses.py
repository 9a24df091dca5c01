"""Email addresses: checked, compared in one canonical form, shown as the person writes them."""

import re
import unicodedata
from dataclasses import dataclass

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES, EMAIL_MAX_LENGTH

from alerts.errors import Invalid
from alerts.subscribers.details import printable

_LONGEST = 320
# What nearly all addresses are: ASCII without quotes, of a domain that needs no IDNA. Labels have
# 63 characters at most, no hyphen at either end, and the last one ends with a letter.
_ATEXT = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST_LABEL = r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,61})?[A-Za-z]"
_PLAIN = re.compile(rf"({_ATEXT}(?:\.{_ATEXT})*)@((?:{_LABEL}\.)+{_LAST_LABEL})\Z")
_ODD_ENDS = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)
_CASELESS = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address as it is shown and mailed (`display`), and as it is compared (`key`)."""

    display: str
    key: str


def parse_address(text: str) -> EmailAddress:
    """Check an address (RFC 5321, RFC 6531) without asking any name server; raises Invalid.

    Two addresses are the same when their domains agree in IDNA form and their local parts agree
    in Unicode's composed form whatever the case: no mail system in use tells them apart by case.
    Tags after a plus sign are part of the address.
    """
    candidate = text.strip()
    if plain := plain_address(candidate):
        return plain
    if len(candidate) > _LONGEST or any(unicodedata.category(c) == "Cc" for c in candidate):
        raise Invalid(f"{_shown(candidate)} is no email address")
    try:
        checked = validate_email(candidate, check_deliverability=False)
    except EmailNotValidError as error:
        raise Invalid(f"{_shown(candidate)} is no email address: {error}") from error
    local = unicodedata.normalize("NFC", checked.local_part).casefold()
    return EmailAddress(checked.normalized, f"{local}@{checked.ascii_domain.lower()}")


def plain_address(text: str) -> EmailAddress | None:
    """Return an address of the usual form, thirty times as fast; None for any other text.

    What is None may well be an address, or not: the library decides. What is not None is exactly
    what the library would make of it.
    """
    found = _PLAIN.match(text)
    if found is None or len(text) > EMAIL_MAX_LENGTH:
        return None
    local, domain = found[1], found[2].lower()
    if "--" in domain or domain.endswith(_ODD_ENDS):
        return None
    folded = local.lower()
    if folded in _CASELESS:
        local = folded
    return EmailAddress(f"{local}@{domain}", f"{folded}@{domain}")


def _shown(text: str) -> str:
    return repr(printable(text, 80))
