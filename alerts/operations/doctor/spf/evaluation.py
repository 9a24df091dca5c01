"""An SPF record followed to its end: what it costs, and whether an address passes (RFC 7208)."""

import enum
import ipaddress
from dataclasses import dataclass, field

from alerts.operations.doctor.names import Names, asked
from alerts.operations.doctor.spf.record import (
    ASKING,
    Address,
    BadSpf,
    Spf,
    Term,
    expand,
    is_spf,
    read_spf,
)

# Section 4.6.4.
MOST_LOOKUPS = 10
MOST_VOID_LOOKUPS = 2
_MOST_EXCHANGERS = 10
# Beyond this nothing is followed: the record is broken anyway, or made to keep us busy.
_STOP_AT = 40


class Result(enum.StrEnum):
    """What a receiver finds (section 2.6); a temporary error is `CouldNotAsk` instead."""

    PASS = "pass"  # noqa: S105 - a word of the RFC
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"


_RESULTS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


def spf_records(names: Names, domain: str) -> list[str]:
    """Return a domain's SPF records; there should be one. Raises CouldNotAsk."""
    return [text for text in asked(names.texts, domain) if is_spf(text)]


@dataclass
class Cost:
    """The questions that a record and all it includes may make a receiver ask, at the most.

    `broken` are domains that are included and have no record of use, with the reason.
    """

    lookups: int = 0
    void: int = 0
    pointers: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def more_than_followed(self) -> bool:
        """Whether counting was given up."""
        return self.lookups >= _STOP_AT


def cost_of(names: Names, domain: str, record: Spf) -> Cost:
    """Count the questions; raises CouldNotAsk when DNS is silent on the way."""
    cost = Cost()
    _count(names, domain, record, cost)
    return cost


def _count(names: Names, domain: str, record: Spf, cost: Cost) -> None:
    for term in record.terms:
        if term.name == "all":
            return
        if term.name not in ASKING:
            continue
        if cost.more_than_followed:
            return
        cost.lookups += 1
        cost.pointers += term.name == "ptr"
        if term.name == "include":
            _count_behind(names, term.domain, cost)
        elif term.name in {"a", "mx"} and "%" not in term.domain:
            cost.void += _is_void(names, term.name, term.domain or domain)
    if record.redirect and not cost.more_than_followed:
        cost.lookups += 1
        _count_behind(names, record.redirect, cost)


def _count_behind(names: Names, domain: str, cost: Cost) -> None:
    if "%" in domain:
        return
    try:
        inner = _record(names, domain)
    except BadSpf as error:
        cost.broken.append(f"{domain}: {error}")
        return
    if inner is None:
        cost.broken.append(f"{domain}: no SPF record")
        return
    _count(names, domain, inner, cost)


def _is_void(names: Names, kind: str, domain: str) -> bool:
    return not asked(names.addresses if kind == "a" else names.exchangers, domain)


def _record(names: Names, domain: str) -> Spf | None:
    found = spf_records(names, domain)
    if len(found) > 1:
        raise BadSpf("several SPF records")
    return read_spf(found[0]) if found else None


class Evaluation:
    """Tells for one address and one envelope sender what receivers will find."""

    def __init__(self, names: Names, address: str, *, sender: str) -> None:
        self._names = names
        self._address: Address = ipaddress.ip_address(address)
        self._sender = sender
        self._lookups = 0

    def result(self, domain: str) -> Result:
        """Follow a domain's record (section 4); raises CouldNotAsk."""
        try:
            return self._check(domain)
        except BadSpf:
            return Result.PERMERROR

    def _check(self, domain: str) -> Result:
        record = _record(self._names, domain)
        if record is None:
            return Result.NONE
        for term in record.terms:
            if self._matches(term, domain):
                return _RESULTS[term.qualifier]
        if not record.redirect:
            return Result.NEUTRAL
        self._spend()
        found = self._check(self._target(record.redirect, domain))
        return Result.PERMERROR if found is Result.NONE else found

    def _matches(self, term: Term, domain: str) -> bool:
        if term.network is not None:
            return self._address in term.network
        if term.name == "all":
            return True
        self._spend()
        target = self._target(term.domain, domain) if term.domain else domain
        if term.name == "include":
            return self._includes(target)
        if term.name == "exists":
            return any("." in one for one in asked(self._names.addresses, target))
        if term.name == "ptr":
            return self._is_named_under(target)
        return self._is_of(self._hosts(term, target), term)

    def _includes(self, target: str) -> bool:
        found = self._check(target)
        if found in {Result.NONE, Result.PERMERROR}:
            raise BadSpf(f"{target} has no record")
        return found is Result.PASS

    def _hosts(self, term: Term, target: str) -> list[str]:
        if term.name == "a":
            return [target]
        hosts = [host for _, host in asked(self._names.exchangers, target)]
        if len(hosts) > _MOST_EXCHANGERS:
            raise BadSpf(f"{target} has more than {_MOST_EXCHANGERS} MX records")
        return hosts

    def _is_of(self, hosts: list[str], term: Term) -> bool:
        bits = term.prefixes[self._address.version == 6]  # noqa: PLR2004 - IPv6
        network = ipaddress.ip_network(f"{self._address}/{bits}", strict=False)
        found = [one for host in hosts for one in asked(self._names.addresses, host)]
        return any(ipaddress.ip_address(one) in network for one in found)

    def _is_named_under(self, target: str) -> bool:
        # Section 5.5: only names that lead back count, and no more than ten are looked at.
        for name in self._names.pointers(str(self._address))[:_MOST_EXCHANGERS]:
            under = name == target.lower() or name.endswith(f".{target.lower()}")
            if under and str(self._address) in asked(self._names.addresses, name):
                return True
        return False

    def _target(self, text: str, domain: str) -> str:
        return expand(text, domain=domain, address=self._address, sender=self._sender)

    def _spend(self) -> None:
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise BadSpf(f"more than {MOST_LOOKUPS} questions to DNS")
