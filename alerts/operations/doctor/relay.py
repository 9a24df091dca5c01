"""What a relay lets see of itself, and what that means for the mail it is to take. Pure."""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime

from alerts.delivery.transports.smtp import SmtpServer
from alerts.operations.doctor.certificates import Certificate, check_certificate
from alerts.operations.doctor.findings import Check, Finding, shown

# An issue with all its sections is some 100 kB.
_TOO_SMALL, _RATHER_SMALL = 256 * 1024, 2 * 1024 * 1024
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A relay as it showed itself; nothing but `trouble` where it could not be reached.

    `announced` is the name in its answer to EHLO, `offers` the extensions there with their
    parameters, `tls` the version spoken, empty without TLS. `login` is empty where the login
    worked, a reason where it did not, None where none is wanted.
    """

    trouble: str = ""
    greeting: str = ""
    announced: str = ""
    offers: dict[str, str] = field(default_factory=dict)
    tls: str = ""
    certificate: Certificate | None = None
    login: str | None = None


def check_relay(server: SmtpServer, seen: Seen, *, now: datetime) -> list[Finding]:
    """Judge a relay: reachable, TLS, certificate, login, limits."""
    if seen.trouble:
        what = f"{server.name} cannot be reached: {shown(seen.trouble)}"
        mend = (
            "See whether host and port in ALERTS_MAIL_URL are right, the server runs, and no"
            " firewall is between; many hosts close port 25: use 587."
        )
        return [Finding.error(Check.RELAY, what, mend)]
    findings = [Finding.ok(Check.RELAY, f"{server.name} answers")]
    findings.append(_tls(server, seen))
    if seen.certificate is not None:
        findings.append(
            check_certificate(
                Check.RELAY_CERTIFICATE,
                server.name,
                seen.certificate,
                now=now,
                needed=_has_to_know(server),
            )
        )
    return [*findings, _login(server, seen), *_limits(server, seen)]


def _has_to_know(server: SmtpServer) -> bool:
    """Tell whether mail leaves only to a server whose certificate is good."""
    asked_for = server.tls in {"required", "implicit"}
    return asked_for or (server.tls == "offered" and server.username is not None)


def _tls(server: SmtpServer, seen: Seen) -> Finding:
    check = Check.RELAY_TLS
    if seen.tls:
        return Finding.ok(check, f"{server.name} speaks {shown(seen.tls)}")
    if server.tls == "off" and "starttls" in seen.offers:
        what = f"{server.name} offers TLS, and tls=off forgoes it"
        return _unless_near(server, what, "Write tls=required in ALERTS_MAIL_URL.")
    what = f"{server.name} offers no TLS"
    mend = "Give it a certificate (postfix: smtpd_tls_cert_file), or use another relay."
    if _has_to_know(server):
        return Finding.error(check, f"{what}; by ALERTS_MAIL_URL no mail goes there without", mend)
    return _unless_near(server, what, mend)


def _unless_near(server: SmtpServer, what: str, mend: str) -> Finding:
    """Return a warning; a note for a relay on this machine, where nobody listens in between."""
    if is_here(server.host):
        return Finding.note(Check.RELAY_TLS, f"{what}; it is on this machine")
    return Finding.warning(Check.RELAY_TLS, f"{what}; readers' addresses go there in clear", mend)


def _login(server: SmtpServer, seen: Seen) -> Finding:
    check = Check.RELAY_LOGIN
    if seen.login is None:
        return Finding.unknown(check, f"{server.name}: no user name is set, so none was tried")
    if seen.login:
        what = f"{server.name}: the login failed: {shown(seen.login)}"
        mend = "Correct user name and password (or token_file=) in ALERTS_MAIL_URL."
        return Finding.error(check, what, mend)
    if server.tls == "off" and not is_here(server.host):
        what = f"{server.name}: the login works, and the password goes there in clear"
        return Finding.warning(check, what, "Remove tls=off from ALERTS_MAIL_URL.")
    return Finding.ok(check, f"{server.name}: the login works")


def _limits(server: SmtpServer, seen: Seen) -> list[Finding]:
    check = Check.RELAY_LIMITS
    text = seen.offers.get("size", "").strip()
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - digits of 64 bits
    mend = "Raise it (postfix: message_size_limit), or use another relay."
    if size and size < _RATHER_SMALL:
        what = f"{server.name} takes messages of {size // 1024} KiB at the most"
        return [(Finding.error if size < _TOO_SMALL else Finding.warning)(check, what, mend)]
    told = f"up to {size / _MEBIBYTE:.0f} MiB" if size else "of any size, as far as it tells"
    if "limits" in seen.offers:
        told += f", with limits {shown(seen.offers['limits'])}"
    findings = [Finding.ok(check, f"{server.name} takes messages {told}")]
    if "pipelining" not in seen.offers:
        what = f"{server.name} offers no PIPELINING: each message costs several round trips"
        findings.append(Finding.note(check, what))
    return findings


def is_here(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
