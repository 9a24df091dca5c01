"""The way mail takes: relays and providers, and what DNS says of the senders."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import NamedTuple

from alerts.config import Settings
from alerts.config_sending import dkim_covers
from alerts.delivery.assembly.addresses import ascii_domain
from alerts.delivery.transports.factory import endpoint_of, make_transport, smtp_server
from alerts.delivery.transports.urls import MailUrl, read_mail_urls
from alerts.errors import Invalid
from alerts.operations.doctor.certificates import check_certificate
from alerts.operations.doctor.dkim import check_dkim
from alerts.operations.doctor.dmarc import Sending, check_alignment, check_dmarc
from alerts.operations.doctor.domains import is_public
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.hosts import check_host_name, check_mx, check_ptr, check_sender
from alerts.operations.doctor.moments import Reading, in_greeting
from alerts.operations.doctor.ports import Ports
from alerts.operations.doctor.relay import check_relay
from alerts.operations.doctor.spf.checks import Outlets, check_spf
from alerts.operations.doctor.web import Unreachable

_SMTP = frozenset({"smtp", "smtps"})
# A relay's name may lead to many; a few tell enough.
_MOST_ADDRESSES = 4


class Reached(NamedTuple):
    """What a relay or provider let see: findings, its clock, and the name it calls itself."""

    findings: list[Finding]
    readings: list[Reading]
    announced: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """The mail URLs of the settings, by kind; `trouble` where they cannot be read."""

    smtp: tuple[MailUrl, ...] = ()
    providers: tuple[MailUrl, ...] = ()
    trouble: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Ways":
        """Sort the mail URLs; the catcher is no way out."""
        try:
            urls = [url for url in read_mail_urls(settings) if url.scheme != "catcher"]
            if urls:
                # Made as workers make it, to learn whether it can be; it connects to nobody.
                make_transport(settings, redis_url=settings.redis_url or "redis://localhost")
        except Invalid as error:
            return cls(trouble=str(error))
        return cls(
            tuple(url for url in urls if url.scheme in _SMTP),
            tuple(url for url in urls if url.scheme not in _SMTP),
        )

    @property
    def leaves(self) -> bool:
        """Whether any mail leaves this machine."""
        return bool(self.smtp or self.providers or self.trouble)


def look_at_ways(ways: Ways, ports: Ports) -> list[Reached]:
    """Look at each relay and provider; no mail is sent."""
    if ways.trouble:
        finding = Finding.error(Check.RELAY, ways.trouble, "Correct ALERTS_MAIL_URL.")
        return [Reached([finding], [])]
    if not ways.leaves:
        what = "mail stays on this machine, in the catcher"
        mend = "To send, set ALERTS_MAIL_URL: see docs/transports.md."
        return [Reached([Finding.unknown(Check.RELAY, what, mend)], [])]
    reached = [_smtp(url, ports) for url in ways.smtp]
    return reached + [_provider(url, ports) for url in ways.providers]


def _smtp(url: MailUrl, ports: Ports) -> Reached:
    server = smtp_server(url)
    begun = ports.clock.now()
    seen = ports.relay(server)
    findings = check_relay(server, seen, now=begun)
    told = in_greeting(seen.greeting)
    readings = [Reading(server.name, told, begun)] if told else []
    return Reached(findings, readings, seen.announced)


def _provider(url: MailUrl, ports: Ports) -> Reached:
    """Ask a provider's API anything at all; only sending would try the key."""
    endpoint = endpoint_of(url)
    try:
        answer = ports.web.ask(endpoint)
    except Unreachable as error:
        what = f"{url.name}: {endpoint} does not answer: {shown(error)}"
        mend = "See whether a firewall is between, and what the provider's status page says."
        return Reached([Finding.error(Check.RELAY, what, mend)], [])
    findings = [Finding.ok(Check.RELAY, f"{url.name}: {endpoint} answers")]
    certificate = ports.web.certificate(endpoint) if endpoint.startswith("https") else None
    if certificate is not None:
        judged = check_certificate(
            Check.RELAY_CERTIFICATE, url.name, certificate, now=ports.clock.now(), needed=True
        )
        findings.append(judged)
    what = f"{url.name}: its key is tried by sending alone"
    mend = "`alerts issue test ID --to ADDRESS` does."
    findings.append(Finding.unknown(Check.RELAY_LOGIN, what, mend))
    return Reached(
        findings, [Reading(url.name, answer.date, answer.asked_at)] if answer.date else []
    )


def look_at_dns(
    settings: Settings, ways: Ways, senders: Iterable[str], announced: Sequence[str], ports: Ports
) -> list[Finding]:
    """Judge what DNS says of each sender's domain, of the way back, and of the sending host."""
    if not ways.leaves:
        return [Finding.unknown(Check.SENDER, "while mail stays here, DNS is not looked at")]
    outlets = _outlets(settings, ways, ports)
    findings: list[Finding] = []
    for domain in dict.fromkeys(_domain(sender) for sender in senders):
        findings += _of_domain(settings, ways, domain, outlets, ports)
    findings += check_dkim(ports.names, settings) or [_unsigned(ways)]
    if ways.smtp:
        findings += check_ptr(ports.names, outlets)
        named = dict.fromkeys(name for name in announced if name)
        findings += [check_host_name(ports.names, name, outlets) for name in named]
    else:
        what = "the provider's own addresses send; their names are its affair"
        findings.append(Finding.unknown(Check.PTR, what))
    return findings


def _of_domain(
    settings: Settings, ways: Ways, domain: str, outlets: Outlets, ports: Ports
) -> list[Finding]:
    sender = check_sender(ports.names, domain)
    if not is_public(domain):
        return [sender]
    sending = sending_of(settings, ways, domain)
    policy_findings, policy = check_dmarc(ports.names, domain)
    findings = [sender, *policy_findings, check_alignment(sending, policy)]
    envelope = sending.envelope_domain
    if envelope is None:
        what = f"{domain}: the provider's domain stands in the envelope, with its SPF and MX"
        findings += [Finding.unknown(check, what) for check in (Check.SPF, Check.MX)]
        return findings
    findings += check_spf(ports.names, envelope, outlets)
    if envelope != domain:
        findings += check_spf(ports.names, domain, Outlets(), in_envelope=False)
    return [*findings, check_mx(ports.names, envelope)]


def sending_of(settings: Settings, ways: Ways, domain: str) -> Sending:
    """Return how mail of a From domain goes out.

    Over SMTP the envelope's sender is at ALERTS_BOUNCE_DOMAIN, else that of From.
    """
    if not ways.smtp:
        return Sending(domain, None, None)
    envelope = _domain(settings.bounce_domain) if settings.bounce_domain else domain
    signed = bool(settings.dkim_key_file) and dkim_covers(settings.dkim_domain, domain)
    return Sending(domain, envelope, settings.dkim_domain if signed else "")


def _unsigned(ways: Ways) -> Finding:
    if not ways.smtp:
        return Finding.unknown(Check.DKIM, "the provider signs; its console shows the records")
    what = "mail is not signed here; whether the relay signs cannot be seen"
    mend = "Set ALERTS_DKIM_KEY_FILE (docs/signing-mail.md), or see that the relay signs."
    finding = Finding.warning(Check.DKIM, what, mend)
    return Finding(finding.check, finding.level, finding.what, finding.mend, known=False)


def _outlets(settings: Settings, ways: Ways, ports: Ports) -> Outlets:
    """Return the addresses mail leaves from: as set, else the public ones of the relays' names."""
    if settings.sending_addresses:
        return Outlets(settings.sending_addresses, certain=True)
    found = [address for url in ways.smtp for address in ports.addresses(url.host)]
    public = [one for one in dict.fromkeys(found) if ipaddress.ip_address(one).is_global]
    return Outlets(tuple(public[:_MOST_ADDRESSES]))


def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return (ascii_domain(domain) or domain).lower()
