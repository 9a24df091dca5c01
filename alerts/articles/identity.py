"""When two pages are one article: by address, else by title, signature, date and number. Pure."""

import hashlib
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from alerts.articles.reading.names import folded
from alerts.articles.reading.pieces import without_focus
from alerts.articles.reading.record import ReadArticle

# What sharing tools and mail programs add to an address.
_TRACKING = re.compile(r"^(?:utm_.*|fbclid|gclid|mc_[ce]id|igshid|ref|share)$", re.IGNORECASE)
_INDEX = re.compile(r"/(?:index\.(?:html?|php))?$")
# Of the words of two copies of one text; of two texts on one subject about half.
_SHARED = 0.8
# The site's scripts that count their records for themselves; all others share one count.
_OWN_COUNT = {"the-world-today.php", "view_events.php"}


def address_key(url: str) -> str:
    """Return one text for all the ways to write an article's address.

    Scheme, `www.`, case of the host, tracking parameters, the parameters' order and the fragment
    tell nothing. Where a page is addressed by a record number, that number tells two pages apart,
    and the rest of the query (`url=`, the series' name) is decoration.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    path = unquote(parts.path)
    query = [(name.lower(), value) for name, value in parse_qsl(parts.query)]
    record = next((value.strip() for name, value in query if name == "recordno"), None)
    if record and record.isdigit():
        script = path.rpartition("/")[2].lower()
        counted_by = script if script in _OWN_COUNT else "record"
        return f"{host}/{counted_by}/{int(record)}"
    kept = sorted((name, value) for name, value in query if not _TRACKING.match(name))
    rest = "&".join(f"{name}={value}" for name, value in kept)
    return f"{host}{_INDEX.sub('', path)}?{rest}" if rest else f"{host}{_INDEX.sub('', path)}"


def is_numbered(url: str) -> bool:
    """Tell whether an address names a page by a record number, which tells two pages apart."""
    query = parse_qsl(urlsplit(url).query)
    return any(name.lower() == "recordno" and value.strip().isdigit() for name, value in query)


def same_words(one: str, other: str) -> bool:
    """Tell whether two texts are one: most words of the shorter stand in the longer as well."""
    words, others = set(folded(one).split()), set(folded(other).split())
    fewest = min(len(words), len(others))
    return fewest > 0 and len(words & others) >= _SHARED * fewest


def essay_key(title: str) -> str:
    """Return one text for the ways in which a piece's title stands alone and in a roundup."""
    return folded(without_focus(title)[0])


def likeness_of(page: ReadArticle) -> str:
    """Return the digest of a page's title and of whoever signed it."""
    signed = sorted(folded(author.name) for author in page.authors) or [folded(page.team or "")]
    return _digest("likeness", folded(page.title), *signed)


def identity_of(page: ReadArticle) -> str:
    """Return the digest that no two articles share."""
    if page.url:
        return _digest("address", address_key(page.url))
    day = page.published_on.isoformat() if page.published_on else ""
    return _digest("print", likeness_of(page), page.series or "", page.number or "", day)


def _digest(*words: str) -> str:
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()
