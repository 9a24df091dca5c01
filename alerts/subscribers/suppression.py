"""Addresses that are not mailed whoever asks, kept as keyed hashes, so that they are not known."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.subscribers.models import Suppression


def address_hash(key: str, address_key: str) -> str:
    """Return the keyed hash (HMAC-SHA256, hex) of an address in its canonical form."""
    return hmac.digest(key.encode(), address_key.encode(), hashlib.sha256).hex()


def suppress_address(
    session: Session, address_key: str, *, reason: str, keys: Sequence[str], clock: Clock
) -> None:
    """Put an address on the list; once is enough. The last of the keys writes."""
    if suppressed(session, [address_key], keys=keys):
        return
    row = Suppression(
        address_hash=address_hash(keys[-1], address_key), reason=reason, at=clock.now()
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # Put there at the same moment, by a bounce or another editor.
        return


def suppressed(
    session: Session, address_keys: Iterable[str], *, keys: Sequence[str]
) -> dict[str, str]:
    """Return which of the addresses are on the list, with the reason; under any of the keys."""
    hashes = {address_hash(key, address): address for address in address_keys for key in keys}
    rows = session.execute(
        select(Suppression.address_hash, Suppression.reason).where(
            Suppression.address_hash.in_(hashes)
        )
    )
    return {hashes[row.address_hash]: row.reason for row in rows}
