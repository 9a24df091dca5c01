"""Posting to other people's servers: as guarded as fetching, and even shorter.

No redirect is followed: whoever answers a POST with one is not who was meant.
"""

from collections.abc import Collection, Mapping

import httpx

from alerts import __version__
from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.deadline import Deadline
from alerts.articles.fetching.fetcher import guarded_transport
from alerts.articles.fetching.guard import GuardedBackend, Resolve, check_url, resolve
from alerts.articles.fetching.robots import PRODUCT

_SECONDS = 15.0
_MOST_READ = 64 * 1024


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed_hosts: Collection[str] = (),
    look_up: Resolve = resolve,
    seconds: float = _SECONDS,
) -> int:
    """Post bytes and return the status of a success; raises FetchFailed with one line.

    Nothing inside the operator's network is posted to, but `allowed_hosts`.
    """
    allowed = frozenset(host.lower() for host in allowed_hosts)
    check_url(url, allowed)
    deadline = Deadline()
    client = httpx.Client(
        transport=guarded_transport(GuardedBackend(allowed, deadline, look_up)),
        timeout=httpx.Timeout(seconds),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": f"{PRODUCT}/{__version__}", "Accept-Encoding": "identity"},
    )
    deadline.start(seconds)
    with client:
        try:
            with client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                read = 0
                for piece in answer.iter_raw():
                    read += len(piece)
                    if read > _MOST_READ:
                        break
                if not answer.is_success:
                    raise FetchFailed(f"the server answered {answer.status_code}")
                return answer.status_code
        except httpx.TimeoutException as error:
            raise FetchFailed("no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise FetchFailed(f"could not be posted: {reason}") from error
