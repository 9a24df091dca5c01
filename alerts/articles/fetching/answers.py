"""What comes of asking a web server for a page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from alerts.errors import Refused

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_GONE = frozenset({404, 410})
# A server's word is not taken for longer: a slip there would silence a source for ever.
_LONGEST_WAIT = timedelta(days=1)


class FetchFailed(Refused):
    """A page could not be had; the message says why in one line.

    `status` is the server's answer, where there was one, and `retry_after` what it asks to wait.
    `permanent`: asking again soon is of no use, because the address or the answer forbids it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.permanent = permanent

    @property
    def gone(self) -> bool:
        """Whether the server says that there is no such page (404), or no longer (410)."""
        return self.status in _GONE


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came; `url` is where it was found in the end.

    `etag` and `last_modified` are the server's words, to be handed in again the next time;
    `not_modified` says that it held nothing new then (304), and `content` is empty. `moved_to` is
    the new address when every redirect on the way was a permanent one (301, 308). `size` is how
    many bytes the server says there are, before they are unpacked.
    """

    url: str
    content: bytes
    content_type: str = ""
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    moved_to: str | None = None
    not_modified: bool = False
    size: int | None = None

    @property
    def is_html(self) -> bool:
        """Whether the server calls it a page."""
        return self.content_type in _HTML


def failure_of(status: int, retry_after: str | None, *, now: datetime) -> FetchFailed:
    """Return the failure that an answer means which is neither success nor redirect."""
    if status in _GONE:
        return FetchFailed(f"the page is gone ({status})", status=status, permanent=True)
    busy = status in {408, 425, 429} or status >= 500  # noqa: PLR2004 - the server's own trouble
    return FetchFailed(
        f"the server answered {status}",
        status=status,
        retry_after=wait_of(retry_after, now=now) if busy else None,
        permanent=not busy,
    )


def wait_of(retry_after: str | None, *, now: datetime) -> timedelta | None:
    """Read a Retry-After field: seconds or a date (RFC 9110 section 10.2.3), a day at most."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), _LONGEST_WAIT)
