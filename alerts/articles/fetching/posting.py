"""Posting to other people's servers under the same guard as fetching: nothing inside is reached."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx

from alerts.articles.fetching.answers import FetchFailed, wait_of
from alerts.articles.fetching.deadline import Deadline
from alerts.articles.fetching.guard import Resolve, check_url, resolve
from alerts.articles.fetching.transport import guarded_client

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_TOTAL_SECONDS = 15.0
# What is kept of an answer; the rest is not read.
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Posted:
    """What a server answered: its status, how its body begins, how long it asks to wait."""

    status: int
    text: str
    retry_after: timedelta | None = None


class Poster:
    """Posts small bodies, one thread at a time; redirects are not followed.

    `allowed_hosts` are names inside the operator's network that may be posted to all the same, and
    without TLS; everybody else is spoken to by https alone.
    """

    def __init__(
        self,
        *,
        contact: str,
        allowed_hosts: Collection[str] = (),
        look_up: Resolve = resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        total_seconds: float = _TOTAL_SECONDS,
    ) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._now = now
        self._total_seconds = total_seconds
        self._deadline = Deadline()
        self._client = guarded_client(
            self._allowed,
            deadline=self._deadline,
            look_up=look_up,
            contact=contact,
            timeout=_TIMEOUT,
            # An answer's first words are kept as they are; nothing is unpacked.
            accepted="identity",
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Posted:
        """Post a body; raises FetchFailed with one line when there is no answer."""
        check_post_url(url, self._allowed)
        self._deadline.start(self._total_seconds)
        try:
            with self._client.stream("POST", url, content=content, headers=headers) as response:
                text = _beginning(response)
                wait = wait_of(response.headers.get("Retry-After"), now=self._now())
                return Posted(response.status_code, text, wait)
        except FetchFailed:
            raise
        except httpx.TimeoutException as error:
            raise FetchFailed("no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchFailed(f"could not be reached: {reason}") from error


def post(
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    *,
    contact: str = "",
    allowed_hosts: Collection[str] = (),
    look_up: Resolve = resolve,
) -> int:
    """Post a single body and return the status of a success; raises FetchFailed for all else."""
    poster = Poster(contact=contact, allowed_hosts=allowed_hosts, look_up=look_up)
    try:
        answer = poster.post(url, content, headers)
    finally:
        poster.close()
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's classes of answers
        raise FetchFailed(f"the server answered {answer.status}")
    return answer.status


def check_post_url(url: str, allowed_hosts: Collection[str]) -> None:
    """Raise FetchFailed unless something may be posted there, as far as the address tells."""
    check_url(url, allowed_hosts)
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.hostname or "").lower() not in allowed_hosts:
        raise FetchFailed("only https:// is posted to; whoever listens in would read it else")


def _beginning(response: httpx.Response) -> str:
    content = bytearray()
    for piece in response.iter_raw(_MOST):
        content += piece
        if len(content) >= _MOST:
            break
    text = bytes(content[:_MOST]).decode("utf-8", "replace")
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in text).strip()
