"""How often somebody may ask for something: counted in Redis, in the database while that is away.

Windows are fixed: at most twice the number passes in a span that lies across two of them. What is
counted is known by a keyed hash alone, so that neither store holds an address.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
import structlog
from sqlalchemy import BigInteger, String, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from alerts.brief_redis import brief_redis
from alerts.clock import Clock
from alerts.database import Base, Database, UtcDateTime

log = structlog.get_logger(__name__)

_REDIS_SECONDS = 0.5
_SITE_PREFIX = 64


class RateCount(Base):
    """How often something was asked for in a period, while Redis is away."""

    __tablename__ = "rate_counts"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    period: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many times in each window."""

    name: str
    at_most: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Spent:
    """How a window stands after one more request: whether that passes, what is left, until when."""

    allowed: bool
    left: int
    resets_in: int


# How many mails an address gets at most that somebody asked for by a form or a mail: anybody may
# name anybody's address.
MAILS_PER_ADDRESS = (
    Limit("mail-hour", 3, timedelta(hours=1)),
    Limit("mail-day", 6, timedelta(days=1)),
)


class RequestLimits:
    """Counts requests over all processes; `secret` keys the hashes of who asked."""

    def __init__(self, database: Database, redis_url: str, clock: Clock, *, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()
        # The database is the other way.
        self._client = brief_redis(redis_url, seconds=_REDIS_SECONDS) if redis_url else None

    def close(self) -> None:
        """Close the connections to Redis."""
        if self._client is not None:
            self._client.close()

    def allows(self, subject: str | None, limits: Sequence[Limit]) -> bool:
        """Count one request of a subject; False when it is one too many for any of the limits.

        Nobody in particular, as behind a socket, is not limited.
        """
        if subject is None:
            return True
        # Each is counted, also after one that says no: who goes on asking goes on waiting.
        counts = self._counts(subject, limits)
        return all(count <= limit.at_most for count, limit in zip(counts, limits, strict=True))

    def spend(self, subject: str, limit: Limit) -> Spent:
        """Count one request of a subject; `resets_in` are the seconds until its window ends."""
        [count] = self._counts(subject, [limit])
        seconds = int(limit.within.total_seconds())
        resets_in = seconds - int(self._clock.now().timestamp()) % seconds
        return Spent(count <= limit.at_most, max(0, limit.at_most - count), resets_in)

    def _counts(self, subject: str, limits: Sequence[Limit]) -> list[int]:
        """Count one request in each limit's window; return how many there are."""
        hashed, now = self._hash(subject), int(self._clock.now().timestamp())
        windows = [
            (f"{limit.name}:{hashed}", now // int(limit.within.total_seconds()), limit)
            for limit in limits
        ]
        if self._client is not None:
            try:
                return self._in_redis(windows)
            except redis.RedisError as error:
                log.warning("rates_counted_in_database", error=str(error))
        return [self._in_database(key, period, limit.within) for key, period, limit in windows]

    def _in_redis(self, windows: Sequence[tuple[str, int, Limit]]) -> list[int]:
        assert self._client is not None  # noqa: S101 - asked by the one caller
        # All in one way to the server and back, and in one transaction.
        with self._client.pipeline() as pipeline:
            for key, period, limit in windows:
                name = f"gp-alerts:rate:{key}:{period}"
                pipeline.incr(name)
                pipeline.expire(name, int(limit.within.total_seconds()))
            return [int(count) for count in pipeline.execute()[::2]]

    def _in_database(self, key: str, period: int, within: timedelta) -> int:
        row = (RateCount.key == key, RateCount.period == period)
        one_more = update(RateCount).where(*row).values(count=RateCount.count + 1)
        counted = one_more.returning(RateCount.count).execution_options(synchronize_session=False)
        with self._database.transaction() as session:
            count = session.scalar(counted)
            if count is not None:
                return count
            try:
                with session.begin_nested():
                    values = {"key": key, "period": period, "count": 1}
                    expires = self._clock.now() + within * 2
                    session.execute(insert(RateCount).values(**values, expires_at=expires))
            except IntegrityError:
                # Somebody else's first request came between the two statements.
                return session.scalar(counted) or 1
        return 1

    def _hash(self, subject: str) -> str:
        return hmac.new(self._secret, subject.encode(), hashlib.sha256).hexdigest()[:32]


def network_of(address: str | None) -> str | None:
    """Return the network that one site asks from: an IPv4 address, the /64 of an IPv6 one."""
    if address is None:
        return None
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _SITE_PREFIX), strict=False))
    return str(parsed)
