"""The rate a provider allows, shared by all workers through Redis.

The generic cell rate algorithm (ITU-T I.371): one number per limit, the moment from which the
next message is due; each taker moves it on by one interval. No bucket to refill, no window edges.
"""

import asyncio

import redis.asyncio
from redis.exceptions import RedisError

from alerts.delivery.limits.desk import ThrottleDown
from alerts.rates import Rate

# A Redis server that is there and does not answer must not hold a batch for ever.
_TIMEOUT_SECONDS = 10.0
# Times come from the Redis server's clock: the workers' clocks may differ.
_TAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local due = tonumber(redis.call('GET', KEYS[1]) or at)
if due < at then due = at end
redis.call('SET', KEYS[1], string.format('%.6f', due + tonumber(ARGV[1])), 'EX', ARGV[2])
return string.format('%.6f', due - at)
"""


class Throttle:
    """One limit, by name, for all processes that share the Redis server."""

    def __init__(self, redis_url: str, name: str, rate: Rate) -> None:
        self._url = redis_url
        self._key = f"alerts:throttle:{name}"
        self._rate = rate
        self._keep_seconds = max(60, int(rate.interval * 2))

    async def wait(self) -> None:
        """Return when the next message may go; raise ThrottleDown when Redis is away."""
        await asyncio.sleep(await self.reserve())

    async def reserve(self) -> float:
        """Take the next free moment, and return how many seconds from now it is."""
        client = redis.asyncio.Redis.from_url(
            self._url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        try:
            delay = await client.eval(_TAKE, 1, self._key, self._rate.interval, self._keep_seconds)
        except (RedisError, OSError) as error:
            raise ThrottleDown(f"Redis is away, the rate cannot be kept: {error}") from error
        finally:
            await client.aclose()
        return float(delay)
