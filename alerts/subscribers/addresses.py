"""Email addresses: checked, compared in one canonical form, shown as the person writes them."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from alerts.errors import Invalid
from alerts.subscribers.details import printable

_LONGEST = 320


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
    if len(candidate) > _LONGEST or any(unicodedata.category(c) == "Cc" for c in candidate):
        raise Invalid(f"{_shown(candidate)} is no email address")
    try:
        checked = validate_email(candidate, check_deliverability=False)
    except EmailNotValidError as error:
        raise Invalid(f"{_shown(candidate)} is no email address: {error}") from error
    local = unicodedata.normalize("NFC", checked.local_part).casefold()
    return EmailAddress(checked.normalized, f"{local}@{checked.ascii_domain.lower()}")


def _shown(text: str) -> str:
    return repr(printable(text, 80))
