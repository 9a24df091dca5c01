"""What is not mailed whoever asks: addresses, kept as keyed hashes, and whole domains."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import bindparam, delete, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.subscribers.models import BlockedDomain, Suppression, SuppressionChange

ADDED, LIFTED = "added", "lifted"
# Made once: whoever signs up waits for them.
_IS_BLOCKED = BlockedDomain.domain.in_(bindparam("domains", expanding=True))
_BLOCKED = select(BlockedDomain.domain, BlockedDomain.reason).where(_IS_BLOCKED)
_SUPPRESSED = (
    select(literal("address"), Suppression.address_hash, Suppression.reason)
    .where(Suppression.address_hash.in_(bindparam("hashes", expanding=True)))
    .union_all(select(literal("domain"), *_BLOCKED.selected_columns).where(_IS_BLOCKED))
)


def address_hash(key: str, address_key: str) -> str:
    """Return the keyed hash (HMAC-SHA256, hex) of an address in its canonical form."""
    return hmac.digest(key.encode(), address_key.encode(), hashlib.sha256).hex()


def suppress_address(
    session: Session,
    address_key: str,
    *,
    reason: str,
    keys: Sequence[str],
    way: str = "program",
    clock: Clock,
) -> None:
    """Put an address on the list; once is enough. The last of the keys writes."""
    hashes = [address_hash(key, address_key) for key in keys]
    if session.scalar(select(Suppression.id).where(Suppression.address_hash.in_(hashes))):
        return
    row = Suppression(address_hash=hashes[-1], reason=reason, at=clock.now())
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # Put there at the same moment, by a bounce or another editor.
        return
    note_change(session, hashes[-1], ADDED, reason=reason, way=way, clock=clock)


def lift_address(
    session: Session, address_key: str, *, reason: str, keys: Sequence[str], way: str, clock: Clock
) -> str | None:
    """Take an address off the list; return why it stood there, None when it did not."""
    hashes = [address_hash(key, address_key) for key in keys]
    found = session.scalars(
        delete(Suppression)
        .where(Suppression.address_hash.in_(hashes))
        .returning(Suppression.reason)
        .execution_options(synchronize_session=False)
    ).all()
    if not found:
        return None
    note_change(session, hashes[-1], LIFTED, reason=reason, way=way, clock=clock)
    return found[0]


def suppressed(
    session: Session, address_keys: Iterable[str], *, keys: Sequence[str]
) -> dict[str, str]:
    """Return which of the addresses are not mailed, with the reason; under any of the keys.

    An address counts by itself or by its domain. One query for all of them: an import asks for a
    thousand at a time, and whoever signs up waits at the screen.
    """
    addresses = list(address_keys)
    hashes = {address_hash(key, address): address for address in addresses for key in keys}
    above = {domain: list(_with_parents(domain)) for domain in map(_domain_of, addresses)}
    asked = {"hashes": list(hashes), "domains": _every(above)}
    rows = session.execute(_SUPPRESSED, asked).all()
    reasons = {name: why for kind, name, why in rows if kind == "domain"}
    by_domain = _nearest(above, reasons)
    domains = {
        address: by_domain[domain]
        for address in addresses
        if (domain := _domain_of(address)) in by_domain
    }
    return domains | {hashes[name]: why for kind, name, why in rows if kind == "address"}


def blocked(session: Session, domains: Iterable[str]) -> dict[str, str]:
    """Return which of the domains are blocked, by themselves or by one above, with the reason."""
    above = {domain: list(_with_parents(domain)) for domain in domains}
    return _nearest(above, dict(session.execute(_BLOCKED, {"domains": _every(above)}).all()))


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def _every(above: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the domains with all those above them."""
    return list({one for parents in above.values() for one in parents})


def _nearest(above: Mapping[str, Sequence[str]], reasons: Mapping[str, str]) -> dict[str, str]:
    """Return why each domain is blocked that is, by the nearest of those that are."""
    found = {
        domain: next((one for one in parents if one in reasons), None)
        for domain, parents in above.items()
    }
    return {
        domain: f"domain {one} is blocked: {reasons[one]}"
        for domain, one in found.items()
        if one is not None
    }


def note_change(
    session: Session, subject: str, action: str, *, reason: str, way: str, clock: Clock
) -> None:
    """Put a step onto or off the list on record."""
    session.add(
        SuppressionChange(subject=subject, action=action, reason=reason, way=way, at=clock.now())
    )


def _with_parents(domain: str) -> Iterator[str]:
    """Yield a domain and those above it, but no top-level one."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
