"""A server's certificate: for its name, trusted here, and not about to expire. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.x509 import load_der_x509_certificate

from alerts.operations.doctor.findings import Check, Finding, shown

_SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server showed; `distrust` says why this machine does not take it, or is empty."""

    expires: datetime
    distrust: str = ""

    @classmethod
    def of(cls, der: bytes, distrust: str = "") -> "Certificate | None":
        """Read a certificate in DER; None for octets that are none."""
        try:
            return cls(load_der_x509_certificate(der).not_valid_after_utc, distrust)
        except ValueError:
            return None


def check_certificate(
    check: Check, host: str, shown_one: Certificate, *, now: datetime, needed: bool
) -> Finding:
    """Judge a certificate; where nothing depends on it (`needed`), distrust is a warning."""
    until = f"{shown_one.expires:%Y-%m-%d %H:%M} UTC"
    if shown_one.expires <= now:
        what = f"{host}: the certificate expired on {until}"
        return _bad(check, what, "Renew it, and load it into the server.", needed=needed)
    if shown_one.distrust:
        what = f"{host}: the certificate is not to be trusted: {shown(shown_one.distrust)}"
        mend = "Install one for this very name, with its intermediate ones, from a known authority."
        return _bad(check, what, mend, needed=needed)
    if shown_one.expires - now < _SOON:
        what = f"{host}: the certificate expires on {until}"
        return Finding.warning(check, what, "Renew it now, and see why that did not go by itself.")
    return Finding.ok(check, f"{host}: the certificate is valid until {until}")


def _bad(check: Check, what: str, mend: str, *, needed: bool) -> Finding:
    return (Finding.error if needed else Finding.warning)(check, what, mend)
