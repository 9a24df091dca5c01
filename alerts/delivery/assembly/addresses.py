"""Addresses as the wire wants them: in ASCII wherever that can be."""

from email.utils import parseaddr

import idna


def ascii_domain(domain: str) -> str | None:
    """Return a domain in IDNA form (RFC 5891), or None when it has none."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return None


def ascii_address(address: str) -> str | None:
    """Return the address with its domain in IDNA form, or None when only SMTPUTF8 could carry it.

    RFC 6531: an address with a local part beyond ASCII goes to servers that offer SMTPUTF8 only.
    """
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    encoded = ascii_domain(domain)
    return f"{local}@{encoded}" if local.isascii() and encoded is not None else None


def address_of(sender: str) -> str:
    """Return the bare address of an RFC 5322 mailbox, its domain in IDNA form where it has one."""
    address = parseaddr(sender)[1]
    return ascii_address(address) or address
