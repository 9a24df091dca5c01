"""Which domains of readers are served by one provider, and so are counted together. Pure."""

import re
from functools import lru_cache

import idna

# A provider's name here is the domain most people know it by.
_DOMAINS = {
    "gmail.com": ("gmail.com", "googlemail.com"),
    "outlook.com": ("msn.com", "windowslive.com", "passport.com"),
    "yahoo.com": ("ymail.com", "rocketmail.com", "myyahoo.com", "aol.com", "aim.com"),
    "icloud.com": ("icloud.com", "me.com", "mac.com"),
    "gmx.net": ("gmx.net", "gmx.de", "gmx.com", "gmx.at", "gmx.ch", "web.de"),
    "proton.me": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
}
_PROVIDERS = {domain: provider for provider, domains in _DOMAINS.items() for domain in domains}
# These have a domain in each country: hotmail.fr, live.co.uk, yahoo.com.br.
_COUNTRY = r"\.(?:com|[a-z]{2}|com?\.[a-z]{2})"
_FAMILIES = (
    (re.compile(rf"(?:outlook|hotmail|live){_COUNTRY}"), "outlook.com"),
    (re.compile(rf"yahoo{_COUNTRY}"), "yahoo.com"),
)
_LARGE = frozenset(_DOMAINS)
# Another company runs mail in Japan under Yahoo's name.
_STRANGERS = frozenset({"yahoo.co.jp", "yahoo.ne.jp"})
_LONGEST = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def normal_domain(text: str) -> str:
    """Return a domain in lower case and in IDNA form (RFC 5891); raise ValueError for no domain."""
    domain = text.strip().rstrip(".").lower()
    if not domain.isascii():
        # idna's errors are ValueErrors (UnicodeError is one).
        domain = idna.encode(domain, uts46=True).decode("ascii").lower()
    if len(domain) > _LONGEST or not _HOST.fullmatch(domain):
        raise ValueError(f"{text!r} is no domain")
    return domain


@lru_cache(4096)
def large_provider_of(domain: str) -> str:
    """Return the provider if it is one that many readers have, else `other`: for counting."""
    provider = provider_of(domain)
    return provider if provider in _LARGE else "other"


@lru_cache(4096)
def provider_of(domain: str) -> str:
    """Return the provider that serves a reader's domain: for most domains, the domain itself.

    What cannot be a domain counts by itself, cut to a domain's length: it is refused elsewhere.
    """
    try:
        normal = normal_domain(domain)
    except ValueError:
        return domain.lower()[:_LONGEST]
    if normal in _STRANGERS:
        return normal
    for family, provider in _FAMILIES:
        if family.fullmatch(normal):
            return provider
    return _PROVIDERS.get(normal, normal)
