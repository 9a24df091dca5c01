"""Redis asked briefly: for those who have another way where it is away."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def brief_redis(url: str, *, seconds: float) -> redis.Redis:
    """Return a client that gives up after so many seconds and does not try again."""
    return redis.Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
