"""What an account is known by: an email address, a person's name, a network. Pure."""

import ipaddress
import unicodedata

from email_validator import EmailNotValidError, validate_email

from alerts.errors import Invalid

_LONGEST_EMAIL = 320
_LONGEST_NAME = 300
_LONGEST_BROWSER = 200
# Whoever has one IPv6 address has the whole network of it (RFC 6177), and changes within it.
_IPV6_PREFIX = 64


def parse_email(text: str) -> tuple[str, str]:
    """Return an address as it is shown, and in its form for comparison; raises Invalid.

    Whatever the case, and in Unicode's composed form; the domain in IDNA form.
    """
    candidate = text.strip()
    if len(candidate) > _LONGEST_EMAIL or not candidate.isprintable():
        raise Invalid(f"{_shown(candidate)} is no email address")
    try:
        checked = validate_email(candidate, check_deliverability=False)
    except EmailNotValidError as error:
        raise Invalid(f"{_shown(candidate)} is no email address: {error}") from error
    local = unicodedata.normalize("NFC", checked.local_part).casefold()
    return checked.normalized, f"{local}@{checked.ascii_domain.lower()}"


def typed_key(text: str) -> str:
    """Return the form for comparison of whatever was typed where an address belongs."""
    try:
        return parse_email(text)[1]
    except Invalid:
        # No database keeps a NUL or half a character, so none is asked for one.
        typed = text.strip()[:_LONGEST_EMAIL].casefold()
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in typed)


def clean_name(text: str | None) -> str | None:
    """Return a person's name on one line, None for none; raises Invalid when it is too long."""
    visible = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character
        for character in text or ""
    )
    name = " ".join(visible.split())
    if len(name) > _LONGEST_NAME:
        raise Invalid(f"a name has at most {_LONGEST_NAME} characters, this has {len(name)}")
    return name or None


def clean_browser(text: str | None) -> str | None:
    """Return what a browser says of itself, cut, without what does not print."""
    line = "".join(c for c in (text or "")[: 2 * _LONGEST_BROWSER] if c.isprintable())
    return line.strip()[:_LONGEST_BROWSER] or None


def network_of(address: str | None) -> str | None:
    """Return the network that a host's address counts for: an IPv4 address, an IPv6 /64.

    None for no address or one that is none, such as a socket's path.
    """
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    if found.version == 4:  # noqa: PLR2004 - the version of the protocol
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _IPV6_PREFIX), strict=False))


def _shown(text: str) -> str:
    cut = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:80])
    return repr(f"{cut}\N{HORIZONTAL ELLIPSIS}" if len(text) > len(cut) else cut)
