"""Where places are asked for: the scripts in Redis, and the connection to it.

ThrottleDown        Redis is away: what cannot be counted is not sent
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from alerts.delivery.limits.answers import Pauses, Question, Stamp, Taken, Turned
from alerts.delivery.limits.rules import Claim, Scope, as_asked, pauses_key

# A Redis server that is there and does not answer must not hold a batch for ever.
_TIMEOUT_SECONDS = 10.0
_FOLDER = files("alerts.delivery.limits")
_PLACES = (_FOLDER / "places.lua").read_text()
_PAUSE = (_FOLDER / "pause.lua").read_text()


class ThrottleDown(Exception):
    """The shared limits cannot be asked; sending on would break what the provider allows."""


class Desk:
    """Asks Redis, over one connection in each event loop; one object per limiter.

    `clock` replaces the Redis server's clock, in tests.
    """

    def __init__(self, redis_url: str, name: str, clock: Callable[[], float] | None) -> None:
        self._url = redis_url
        self._pauses = pauses_key(name)
        self._clock = clock
        self._seen = ""
        self.was_asked = False
        self._connection: _Connection | None = None

    async def ask(self, question: Question, back: dict[Stamp, int]) -> Taken | Turned | Pauses:
        """Ask for places, giving back others; raises ThrottleDown."""
        self.was_asked = True
        claims = question.claims
        document = {
            "limits": [as_asked(claim) for claim in claims],
            "scopes": [claim.scope is Scope.DOMAIN for claim in claims],
            "lane": int(question.lane),
            "newsletter": question.newsletter,
            "wanted": question.wanted,
            "seen": self._seen,
            "back": [{"bucket": stamp.bucket, "places": n} for stamp, n in back.items()],
        }
        if self._clock:
            document["now"] = self._clock()
        keys = [*(c.key for c in claims), self._pauses, *(stamp.key for stamp in back)]
        return self._read(await self._run(_PLACES, keys, [json.dumps(document)]), claims)

    async def pause(self, domain: str, seconds: float, reason: str) -> None:
        """Have all workers leave a domain alone; raises ThrottleDown."""
        now = repr(self._clock()) if self._clock else ""
        arguments = [domain, repr(seconds), reason, secrets.token_hex(8), now]
        await self._run(_PAUSE, [self._pauses], arguments)

    async def close(self) -> None:
        """Close the connection of the running loop."""
        connection, self._connection = self._connection, None
        if connection and connection.is_ours():
            await connection.close()

    def _read(self, answer: str, claims: Sequence[Claim]) -> Taken | Turned | Pauses:
        found: dict[str, Any] = json.loads(answer)
        # An empty array comes as an empty object: to Lua they are the same.
        if "pauses" in found:
            self._seen = found["version"]
            return Pauses(tuple((domain, left, why) for domain, left, why in found["pauses"]))
        if "limit" in found:
            claim = claims[found["limit"] - 1]
            return Turned(claim, found["seconds"], bool(found["postponed"]), found["interval"])
        stamps = tuple(
            Stamp(claim.key, int(bucket))
            for claim, bucket in zip(claims, found["buckets"], strict=True)
            if bucket
        )
        return Taken(int(found["places"]), found["due"], found["interval"], stamps)

    async def _run(self, script: str, keys: Iterable[str], arguments: Iterable[str]) -> str:
        connection = self._connection
        if connection is None or not connection.is_ours():
            connection = self._connection = _Connection(self._url)
        try:
            return str(await connection.run(script, list(keys), list(arguments)))
        except (RedisError, OSError) as error:
            raise ThrottleDown(f"Redis is away, no limit can be kept: {error}") from error


# A loop remembers its tasks weakly; one that waits for nothing else would be forgotten.
_closing: set[asyncio.Task[None]] = set()


class _Connection:
    """The connections of one event loop, which end with it.

    A process may run one loop after the other, and a connection lives in its own only. A task
    waits until the loop's end cancels it, and closes them then: nobody has to remember it.
    """

    def __init__(self, redis_url: str) -> None:
        self._loop = asyncio.get_running_loop()
        # One more try: the server may have been started anew since the last question.
        self._client: Redis = Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self._scripts = {text: self._client.register_script(text) for text in (_PLACES, _PAUSE)}
        self._closing = self._loop.create_task(self._close_at_the_end())
        _closing.add(self._closing)
        self._closing.add_done_callback(_closing.discard)

    def is_ours(self) -> bool:
        return self._loop is asyncio.get_running_loop()

    async def run(self, script: str, keys: list[str], arguments: list[str]) -> Any:  # noqa: ANN401 - what Redis answers
        return await self._scripts[script](keys=keys, args=arguments)

    async def close(self) -> None:
        self._closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._closing

    async def _close_at_the_end(self) -> None:
        try:
            await self._loop.create_future()
        finally:
            await self._client.aclose()
