"""The second factor: codes by the clock (TOTP, RFC 6238), and recovery codes. Pure but for dice."""

import re
import secrets
from datetime import datetime

import pyotp
import segno

from alerts.staff.opaque import digest, same

RECOVERY_CODES = 10
_INTERVAL_SECONDS = 30
# A device's clock may be off by half a minute; a code is good for a minute and a half.
_STEPS = (-1, 0, 1)
_CODE = re.compile(r"[0-9]{6}")
# No letter or digit that is taken for another; 16 of them are 79 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4


def new_totp_secret() -> str:
    """Return 160 random bits in base32 (RFC 4226 section 4), as a person may have to type them."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, *, email: str, issuer: str) -> str:
    """Return the `otpauth:` address that tells a device what to show codes for, and whose."""
    # A colon parts the issuer from the name there.
    return pyotp.TOTP(secret).provisioning_uri(
        name=email.replace(":", " "), issuer_name=issuer.replace(":", " ")
    )


def qr_svg(uri: str, *, title: str) -> str:
    """Return the QR code of an address as an SVG element that can stand in a page."""
    return segno.make_qr(uri, error="m").svg_inline(
        scale=5, border=4, light="#fff", dark="#000", title=title, svgclass=None, lineclass=None
    )


def looks_like_totp(code: str) -> bool:
    """Tell whether what was typed can be a code of the device; else it is a recovery code."""
    return _CODE.fullmatch(_joined(code)) is not None


def matching_counter(secret: str, code: str, now: datetime, *, after: int | None) -> int | None:
    """Return the interval that a code belongs to, None when it is wrong.

    It has to be later than `after`, the interval of the last code used (RFC 6238 section 5.2):
    whoever looked over a shoulder cannot use the same again.
    """
    typed, hotp = _joined(code), pyotp.HOTP(secret)
    current = int(now.timestamp()) // _INTERVAL_SECONDS
    counters = [current + step for step in _STEPS if current + step >= 0]
    # All are compared, so that the time tells nothing of which one fits.
    fitting = [counter for counter in counters if same(hotp.at(counter), typed)]
    return next((counter for counter in fitting if after is None or counter > after), None)


def new_recovery_codes() -> tuple[str, ...]:
    """Return ten codes such as `k3rm-t8wz-…`, each for one log-in without the device."""
    return tuple(
        "-".join(
            "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
        )
        for _ in range(RECOVERY_CODES)
    )


def recovery_digest(code: str) -> str:
    """Return what is kept of a recovery code, however it was typed."""
    return digest(_joined(code).lower())


def _joined(code: str) -> str:
    return "".join(character for character in code[:100] if character.isalnum())
