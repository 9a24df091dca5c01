"""A mail in light, dark, or without pictures, whatever the editor's own system is set to. Pure."""

import enum
import re

from alerts.web.headers import MAIL_POLICY

_DARK_RULE = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_DECLARED = re.compile(r"(color-schemes?\s*:\s*)[^;}]+", re.IGNORECASE)
_META = re.compile(
    r"(<meta\s+name=\"(?:supported-)?color-schemes?\"\s+content=\")[^\"]*", re.IGNORECASE
)
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.IGNORECASE | re.DOTALL)
_PICTURES = "img-src data: https: http:"


class Scheme(enum.StrEnum):
    """How a mail program shows a mail: on white, or in the dark."""

    LIGHT = "light"
    DARK = "dark"


def in_scheme(html: str, scheme: Scheme) -> str:
    """Return a mail whose rules for dark mode hold always, or never.

    A browser asks its own system; here the media rule itself is rewritten: what asks for the
    scheme that is shown asks for what every screen has, and the other for what none has.
    """

    def answered(found: re.Match[str]) -> str:
        return "(min-width: 0)" if found[1].lower() == scheme else "(max-width: 0)"

    def restyled(found: re.Match[str]) -> str:
        rules = _DARK_RULE.sub(answered, found[2])
        return found[1] + _DECLARED.sub(rf"\g<1>{scheme}", rules) + found[3]

    return _META.sub(rf"\g<1>{scheme}", _STYLE.sub(restyled, html))


def mail_policy(*, pictures: bool) -> str:
    """Return the policy under which a mail is shown; without pictures none is fetched."""
    return MAIL_POLICY if pictures else MAIL_POLICY.replace(_PICTURES, "img-src 'none'")
