"""Domains that look mistyped: a suggestion, never a refusal. Pure."""

from difflib import get_close_matches

_COMMON = (
    *("gmail.com", "yahoo.com", "yahoo.co.in", "yahoo.co.uk", "yahoo.fr", "hotmail.com"),
    *("hotmail.co.uk", "hotmail.fr", "outlook.com", "live.com", "msn.com", "icloud.com"),
    *("aol.com", "rediffmail.com", "protonmail.com", "proton.me", "gmx.de", "gmx.net", "web.de"),
    *("orange.fr", "wanadoo.fr", "mail.com", "yandex.ru", "mail.ru", "qq.com", "163.com"),
)
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "cim": "com", "vom": "com"}
_LIKENESS = 0.85


def suggested_address(address: str) -> str | None:
    """Return the address with a usual domain where its own is nearly one, else None.

    `ama@gmial.com` becomes `ama@gmail.com`. A domain that is itself in common use is left alone.
    """
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if not local or domain in _COMMON:
        return None
    name, _, ending = domain.rpartition(".")
    mended = f"{name}.{_ENDINGS[ending]}" if ending in _ENDINGS else domain
    close = get_close_matches(mended, _COMMON, n=1, cutoff=_LIKENESS)
    if close and close[0] != domain:
        return f"{local}@{close[0]}"
    return f"{local}@{mended}" if mended != domain else None
