"""The sender's domain, the way back for bounces, and the names of the host that sends."""

import ipaddress
from collections.abc import Iterable

from alerts.operations.doctor.domains import is_free_mail, is_public
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.names import CouldNotAsk, Names, NoSuchName, asked
from alerts.operations.doctor.spf.checks import Outlets

_NO_MAIL = "."


def check_sender(names: Names, domain: str) -> Finding:
    """Judge the domain of a From: one in the world's DNS, and one's own."""
    check = Check.SENDER
    mend = "Set ALERTS_SENDER (or the newsletter's sender) to an address at your own domain."
    if not is_public(domain):
        return Finding.error(check, f"{domain} is no domain in the world's DNS", mend)
    if is_free_mail(domain):
        what = f"{domain} belongs to a mailbox provider; DMARC refuses its mail from elsewhere"
        return Finding.error(check, what, mend)
    try:
        names.exchangers(domain)
    except NoSuchName as error:
        return Finding.error(check, f"the sender's domain: {error}", mend)
    except CouldNotAsk as error:
        return Finding.unknown(check, f"{domain}: could not ask whether it exists: {error}")
    return Finding.ok(check, f"{domain} exists and is no mailbox provider's")


def check_mx(names: Names, domain: str) -> Finding:
    """Judge whether bounces find their way back to the envelope's domain (RFC 5321 section 5.1)."""
    check = Check.MX
    mend = f"Add an MX record at {domain} that names the host which takes its mail."
    try:
        hosts = [host for _, host in asked(names.exchangers, domain)]
        if hosts == [_NO_MAIL]:
            what = f"{domain} says that it takes no mail (MX 0 .); bounces are lost"
            return Finding.error(check, what, mend)
        if not hosts:
            return _without_mx(names, domain, mend)
        lost = [host for host in hosts if not _leads_somewhere(asked(names.addresses, host))]
    except CouldNotAsk as error:
        return Finding.unknown(check, f"{domain}: could not ask for its MX records: {error}")
    if len(lost) == len(hosts):
        said = f"{shown(', '.join(lost))}, its MX, has no address on the net; bounces are lost"
        what = f"{domain}: {said}"
        return Finding.error(check, what, "Give the host an A or AAAA record, or name another.")
    if lost:
        what = f"{domain}: the MX {shown(', '.join(lost))} has no address"
        return Finding.warning(check, what, "Remove it from the MX records.")
    return Finding.ok(check, f"{domain}: bounces go to {shown(', '.join(hosts))}")


def _leads_somewhere(addresses: Iterable[str]) -> bool:
    """Tell whether there is an address that is not each machine's own (127.0.0.1, 0.0.0.0)."""
    found = [ipaddress.ip_address(address) for address in addresses]
    return any(not (one.is_loopback or one.is_unspecified or one.is_link_local) for one in found)


def _without_mx(names: Names, domain: str, mend: str) -> Finding:
    if asked(names.addresses, domain):
        what = f"{domain} has no MX record; bounces go to its web address, if mail is taken there"
        return Finding.warning(Check.MX, what, mend)
    what = f"{domain} has neither MX nor address; bounces are lost, and many refuse its mail"
    return Finding.error(Check.MX, what, mend)


def check_ptr(names: Names, outlets: Outlets) -> list[Finding]:
    """Judge the names of the addresses that mail comes from: each leads there and back."""
    if not outlets.addresses:
        what = "the addresses that mail leaves from are not known here"
        mend = "If the relay is your own, name them in ALERTS_SENDING_ADDRESSES."
        return [Finding.unknown(Check.PTR, what, mend)]
    return [_pointer(names, address, certain=outlets.certain) for address in outlets.addresses]


def _pointer(names: Names, address: str, *, certain: bool) -> Finding:
    check = Check.PTR
    try:
        found = names.pointers(address)
        back = [name for name in found[:10] if address in asked(names.addresses, name)]
    except CouldNotAsk as error:
        return Finding.unknown(check, f"{address}: could not ask for its name: {error}")
    if back:
        return Finding.ok(check, f"{address} is {shown(back[0])}, and the name leads back")
    if found:
        what = f"{address} is called {shown(found[0])}, but that name does not lead back"
        mend = "Give that name an A or AAAA record with this address."
    else:
        what = f"{address} has no name in DNS (PTR); Gmail and others refuse its mail"
        mend = "Ask whoever gave you the address to set a PTR record to the relay's name."
    make = Finding.error if certain else Finding.warning
    return make(check, what, mend)


def check_host_name(names: Names, announced: str, outlets: Outlets) -> Finding:
    """Judge the name by which the relay greets (RFC 5321 section 2.3.5): whole, and leading to it.

    Of a relay that sends from other addresses than ours, any name with an address will do.
    """
    check = Check.HOST_NAME
    mend = "Set the relay's host name (postfix: myhostname) to a whole name that leads to it."
    name = shown(announced).rstrip(".").lower()
    if not is_public(name) or any(not (c.isalnum() or c in ".-") for c in name):
        what = f"the relay calls itself {name or 'nothing'}, no whole name in DNS"
        return Finding.warning(check, what, mend)
    try:
        found = asked(names.addresses, name)
    except CouldNotAsk as error:
        return Finding.unknown(check, f"{name}: could not ask for its address: {error}")
    if not found:
        what = f"the relay calls itself {name}, which has no address"
        return Finding.warning(check, what, mend)
    if outlets.certain and not set(found) & set(outlets.addresses):
        what = f"the relay calls itself {name}, which leads to none of the sending addresses"
        return Finding.note(check, what, mend)
    return Finding.ok(check, f"the relay calls itself {name}, which has an address")
