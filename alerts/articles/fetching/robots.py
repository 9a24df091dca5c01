"""What a site asks of robots (RFC 9309), read by protego and kept for some hours."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from alerts.articles.fetching.answers import FetchFailed

# The word by which robots.txt may speak to this program.
PRODUCT = "GP-Alerts"
# RFC 9309 sections 2.4 and 2.5: a day at most; at least 500 KiB are read.
_KEPT_SECONDS = 6 * 3600.0
# After trouble on the site's side it is looked at again sooner.
_KEPT_AFTER_FAILURE = 300.0
_LARGEST = 500 * 1024
_MOST_SITES = 500


@dataclass(frozen=True, slots=True)
class _Known:
    rules: Protego | None
    until: float
    # Why there are no rules.
    trouble: str = ""


class Robots:
    """The rules of the sites that were asked lately.

    `get` returns the body of an address, cut off after so many bytes, and raises FetchFailed.
    """

    def __init__(
        self, get: Callable[[str, int], bytes], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._get = get
        self._monotonic = monotonic
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def check(self, url: str) -> None:
        """Raise FetchFailed when the site asks robots to leave this address alone."""
        known = self._rules(url)
        if known.rules is None:
            raise FetchFailed(
                f"the site is left alone until its robots.txt can be read: {known.trouble}"
            )
        if not known.rules.can_fetch(url, PRODUCT):
            raise FetchFailed("the site's robots.txt asks not to fetch this page", permanent=True)

    def delay(self, url: str) -> float | None:
        """Return the seconds that the site asks to leave between two requests, if it does."""
        rules = self._rules(url).rules
        return rules.crawl_delay(PRODUCT) if rules is not None else None

    def _rules(self, url: str) -> _Known:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc.lower()}"
        known = self._known.get(site)
        if known is None or known.until < self._monotonic():
            known = self._known[site] = self._fetched(site)
            self._known.move_to_end(site)
            if len(self._known) > _MOST_SITES:
                self._known.popitem(last=False)
        return known

    def _fetched(self, site: str) -> _Known:
        now = self._monotonic()
        try:
            body = self._get(f"{site}/robots.txt", _LARGEST)
        except FetchFailed as error:
            if error.status is None and error.permanent:
                # Not the site's word: we may not go there.
                raise
            if not error.permanent:
                return _Known(None, now + _KEPT_AFTER_FAILURE, str(error))
            # No such file, or not for us to read: everything may be fetched (section 2.3.1.3).
            return _Known(Protego.parse(""), now + _KEPT_SECONDS)
        return _Known(Protego.parse(body.decode("utf-8", "replace")), now + _KEPT_SECONDS)
