"""Fetching pages: politely, within limits, and never from inside the operator's own network."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx

from alerts.articles.fetching.answers import Fetched, FetchFailed, failure_of
from alerts.articles.fetching.deadline import Deadline
from alerts.articles.fetching.guard import Resolve, check_url, resolve
from alerts.articles.fetching.pacing import LONGEST_SECONDS, USUAL_SECONDS, OwnPace, Pace
from alerts.articles.fetching.robots import Robots
from alerts.articles.fetching.transport import guarded_client
from alerts.articles.reading.limits import LARGEST

_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_TOTAL_SECONDS = 60.0
# Whether there is something at an address shows soon.
_PROBE_SECONDS = 15.0
_MOST_REDIRECTS = 5
_PERMANENT = frozenset({301, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED = 304
_LONGEST_VALIDATOR = 1_000
# What httpx unpacks piece by piece, whatever else is installed.
_ACCEPTED = "gzip, deflate"
_UNPACKED = frozenset({"", "identity", "gzip", "deflate"})


class Fetcher:
    """Gets pages over HTTP, one thread at a time; every address connected to is checked.

    `contact` stands in the User-Agent, for whoever runs the site. `allowed_hosts` are names inside
    the operator's network that may be fetched from all the same; they are not paced, being the
    operator's own. `pace` is kept between two requests to a host.
    """

    def __init__(
        self,
        *,
        contact: str,
        allowed_hosts: Collection[str] = (),
        pace: Pace | None = None,
        look_up: Resolve = resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        total_seconds: float = _TOTAL_SECONDS,
    ) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._pace = pace or OwnPace()
        self._now = now
        self._total_seconds = total_seconds
        self._deadline = Deadline()
        self._robots = Robots(lambda url, most: self._walk(url, {}, most=most).content)
        self._client = guarded_client(
            self._allowed,
            deadline=self._deadline,
            look_up=look_up,
            contact=contact,
            timeout=_TIMEOUT,
            accepted=_ACCEPTED,
        )

    def close(self) -> None:
        """Close the connections, those of the pace too."""
        self._client.close()
        self._pace.close()

    def fetch(
        self,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        obey_robots: bool = True,
    ) -> Fetched:
        """Return the page at a URL; raises FetchFailed with one line.

        With what an earlier answer gave as `etag` and `last_modified`, only a page that changed is
        sent (RFC 9110 section 13.1). A person who asks for one page is no robot: `obey_robots` is
        for polling.
        """
        validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in validators.items() if value}
        return self._walk(url, headers, obey_robots=obey_robots)

    def probe(self, url: str) -> Fetched:
        """Find out whether there is something at a URL, without its content; raises FetchFailed.

        By HEAD, and where that is not answered well by GET, of which nothing but the head is read:
        some servers know no HEAD, others refuse it.
        """
        try:
            return self._walk(url, {}, method="HEAD", most=0, seconds=_PROBE_SECONDS)
        except FetchFailed as error:
            if error.status is None:
                raise
        return self._walk(url, {}, most=0, seconds=_PROBE_SECONDS)

    def _walk(
        self,
        url: str,
        headers: dict[str, str],
        *,
        method: str = "GET",
        most: int | None = None,
        seconds: float = _TOTAL_SECONDS,
        obey_robots: bool = False,
    ) -> Fetched:
        """Follow redirects to the page, each hop checked like the first."""
        here, permanent, seen = urldefrag(url).url, True, set[str]()
        while True:
            check_url(here, self._allowed)
            if here in seen:
                raise FetchFailed("the redirects go round in a circle", permanent=True)
            if len(seen) > _MOST_REDIRECTS:
                raise FetchFailed(f"more than {_MOST_REDIRECTS} redirects", permanent=True)
            seen.add(here)
            if obey_robots:
                self._robots.check(here)
            self._take_turn(here, obey_robots=obey_robots)
            moved = here if permanent and len(seen) > 1 else None
            self._deadline.start(min(seconds, self._total_seconds))
            answer = self._ask(method, here, headers, most, moved_to=moved)
            if isinstance(answer, Fetched):
                return answer
            permanent &= answer[0] in _PERMANENT
            here = answer[1]

    def _take_turn(self, url: str, *, obey_robots: bool) -> None:
        host = (urlsplit(url).hostname or "").lower()
        if host in self._allowed:
            return
        asked = self._robots.delay(url) if obey_robots else None
        self._pace.wait(host, min(max(asked or 0.0, USUAL_SECONDS), LONGEST_SECONDS))

    def _ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        most: int | None,
        *,
        moved_to: str | None,
    ) -> Fetched | tuple[int, str]:
        """Return the page, or the redirect's status and where it leads."""
        try:
            with self._client.stream(method, url, headers=headers) as response:
                if response.status_code in _REDIRECTS and "Location" in response.headers:
                    target = urljoin(url, response.headers["Location"].strip())
                    return response.status_code, urldefrag(target).url
                return self._page(response, most, moved_to=moved_to)
        except FetchFailed:
            raise
        except httpx.TimeoutException as error:
            raise FetchFailed("no answer in time") from error
        except httpx.DecodingError as error:
            raise FetchFailed("it is packed wrongly (Content-Encoding)") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchFailed(f"could not be fetched: {reason}") from error

    def _page(self, response: httpx.Response, most: int | None, *, moved_to: str | None) -> Fetched:
        status, fields = response.status_code, response.headers
        unchanged = status == _NOT_MODIFIED
        if not unchanged and not response.is_success:
            raise failure_of(status, fields.get("Retry-After"), now=self._now())
        return Fetched(
            url=str(response.url),
            content=b"" if unchanged or most == 0 else _read(response, most),
            content_type=fields.get("Content-Type", "").partition(";")[0].strip().lower(),
            charset=response.charset_encoding,
            etag=_validator(fields.get("ETag")),
            last_modified=_validator(fields.get("Last-Modified")),
            moved_to=moved_to,
            not_modified=unchanged,
            size=_length(fields.get("Content-Length")),
        )


def _read(response: httpx.Response, most: int | None) -> bytes:
    """Read the body as it unpacks, up to the limit: a small file may unpack to gigabytes.

    With `most` the rest is left away; without, a body that is too large is refused.
    """
    packed = response.headers.get("Content-Encoding", "").strip().lower()
    if packed not in _UNPACKED:
        # Not asked for. Packed twice, some kilobytes could unpack to gigabytes at a stroke.
        raise FetchFailed(f"it is packed as {packed[:40]!r}, which was not asked for")
    content = bytearray()
    for piece in response.iter_bytes(64 * 1024):
        content += piece
        if most is not None and len(content) >= most:
            return bytes(content[:most])
        if len(content) > LARGEST:
            raise FetchFailed(
                f"larger than {LARGEST // 1024 // 1024} MB, no article is", permanent=True
            )
    return bytes(content)


def _length(value: str | None) -> int | None:
    """Return a Content-Length; one that is no number says nothing."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None  # noqa: PLR2004 - petabytes


def _validator(value: str | None) -> str | None:
    """Return an ETag or date to hand in again; an overlong one is worth nothing."""
    return value if value and len(value) <= _LONGEST_VALIDATOR else None
