"""An SPF record read into its terms, and the macros in them (RFC 7208). Pure."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_VERSION = "v=spf1"
# Section 4.6.4: these ask DNS, and count.
ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})
_NEEDS_DOMAIN = frozenset({"include", "exists"})
_MECHANISM = re.compile(
    r"([+?~-]?)([A-Za-z][A-Za-z0-9]*)(?::([^/]*))?((?:/\d{1,3})?(?://\d{1,3})?)"
)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
_IP = re.compile(r"([+?~-]?)ip([46]):(.+)", re.IGNORECASE)
_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([-.+,/_=]*)\}|([%_-])|)", re.IGNORECASE)
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_LONGEST_NAME = 253


class BadSpf(Exception):
    """The record is not as RFC 7208 wants it; receivers take it for a lasting error."""


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism: qualifier (`+ - ~ ?`), name in small letters, domain or network, prefixes."""

    qualifier: str
    name: str
    domain: str = ""
    network: Network | None = None
    prefixes: tuple[int, int] = (32, 128)


@dataclass(frozen=True, slots=True)
class Spf:
    """A record: its mechanisms in order, and where it redirects to, if it does."""

    terms: tuple[Term, ...]
    redirect: str = ""

    @property
    def last(self) -> Term | None:
        """The mechanism `all`, which ends a record; None where there is none."""
        return next((term for term in self.terms if term.name == "all"), None)


def is_spf(text: str) -> bool:
    """Tell whether a TXT record is an SPF record (section 4.5)."""
    return text.partition(" ")[0].lower() == _VERSION


def read_spf(text: str) -> Spf:
    """Read a record; raises BadSpf with the word that is wrong."""
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word))
            continue
        name = modifier[1].lower()
        if name in modifiers and name in {"redirect", "exp"}:
            raise BadSpf(f"{name}= stands there twice")
        if name == "redirect" and not modifier[2]:
            raise BadSpf("redirect= names no domain")
        modifiers[name] = modifier[2]
    redirect = "" if any(term.name == "all" for term in terms) else modifiers.get("redirect", "")
    return Spf(tuple(terms), redirect)


def _term(word: str) -> Term:
    numbered = _IP.fullmatch(word)
    if numbered:
        return Term(numbered[1] or "+", f"ip{numbered[2]}", network=_network(word, numbered))
    match = _MECHANISM.fullmatch(word)
    name = match[2].lower() if match else ""
    if match is None or name not in ASKING | {"all"}:
        raise BadSpf(f"{word!r} is no mechanism")
    domain, prefixes = match[3], match[4]
    takes_prefix = name in {"a", "mx"}
    no_domain = domain == "" or (domain is None and name in _NEEDS_DOMAIN)
    if no_domain or (prefixes and not takes_prefix) or (name == "all" and domain is not None):
        raise BadSpf(f"{word!r} is not written as it must be")
    return Term(match[1] or "+", name, domain or "", prefixes=_prefixes(word, prefixes))


def _network(word: str, match: re.Match[str]) -> Network:
    kind = ipaddress.IPv4Network if match[2] == "4" else ipaddress.IPv6Network
    try:
        return kind(match[3], strict=False)
    except ValueError as error:
        raise BadSpf(f"{word!r} holds no IPv{match[2]} network") from error


def _prefixes(word: str, text: str) -> tuple[int, int]:
    four, _, six = text.partition("//")
    try:
        found = int(four.removeprefix("/") or 32), int(six or 128)
    except ValueError:
        found = (-1, -1)
    if not 0 <= found[0] <= 32 or not 0 <= found[1] <= 128:  # noqa: PLR2004 - bits of an address
        raise BadSpf(f"{word!r} has a prefix of no network")
    return found


def expand(text: str, *, domain: str, address: Address, sender: str) -> str:
    """Fill in the macros of a domain (section 7); a macro that is none raises BadSpf."""
    local, _, of = sender.rpartition("@")
    values = {
        "s": sender,
        "l": local or "postmaster",
        "o": of,
        "d": domain,
        "i": _dotted(address),
        # Finding it out is not worth its questions (section 5.5).
        "p": "unknown",
        "h": of,
        "v": "in-addr" if address.version == 4 else "ip6",  # noqa: PLR2004 - IPv4
    }
    whole = _MACRO.sub(lambda match: _expanded(match, values), text)
    while len(whole) > _LONGEST_NAME and "." in whole:
        whole = whole.partition(".")[2]
    return whole


def _expanded(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match[5]:
        return _ESCAPES[match[5]]
    if not match[1] or match[1].lower() not in values:
        raise BadSpf("a % stands there that begins no macro")
    parts: Sequence[str] = re.split(f"[{re.escape(match[4] or '.')}]", values[match[1].lower()])
    if match[3]:
        parts = parts[::-1]
    if match[2]:
        if int(match[2]) == 0:
            raise BadSpf("a macro keeps none of its parts")
        parts = parts[-int(match[2]) :]
    found = ".".join(parts)
    return quote(found, safe="") if match[1].isupper() else found


def _dotted(address: Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return ".".join(address.exploded.replace(":", ""))
