"""What a source shows at a moment, whatever its kind. Pure."""

import hashlib
from dataclasses import dataclass

from alerts.articles.identity import address_key
from alerts.errors import Invalid

# A listing or a feed with more than this is an archive; its newest come first.
MOST_ENTRIES = 500


class NoSource(Invalid):
    """What stands there is not of the kind asked for; the message says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page that a source points to.

    `version` changes when the source says that the page did. The others are the source's
    own words, for a page that cannot be had; `published` in ISO 8601.
    """

    url: str
    version: str | None = None
    title: str = ""
    html: str = ""
    author: str = ""
    published: str = ""

    @property
    def key(self) -> str:
        """One text for all the ways to write the address."""
        return key_of(self.url)


def key_of(url: str) -> str:
    """Return the digest by which an address, or a file's path, is known."""
    key = address_key(url) if "://" in url else url
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
