"""The pages' Jinja environment: escaping, strict, in one frame; and the page as a response."""

import hashlib
import re
from collections.abc import Hashable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from alerts.web import words
from alerts.web.issue_page import feed_links

# What the frame of every page leads to: the name pages call their part by, address, words.
_NAV = (("subscribe", "/subscribe", "Subscribe"), ("archive", "/archive/", "Archive"))
_CAUGHT = (("caught", "/caught/", "Caught mail"),)
_LONG_ADDRESS = 28
# Parts of pages that are kept, of some tens of kilobytes each.
_MOST_KEPT = 100


def breakable(address: str) -> Markup:
    """Return an email address that, where it is long, breaks at its own joints."""
    escaped = escape(address)
    if len(address) <= _LONG_ADDRESS:
        return escaped
    return Markup(re.sub(r"(?=[@.])", "<wbr>", escaped))  # noqa: S704 - escaped above


class Pages:
    """Renders the pages in a folder; `site_name` and `contact` stand in the frame of each.

    `base_url` is where the pages stand for everybody. With `shows_caught` the frame also leads to
    the mail catcher's mailbox.
    """

    def __init__(
        self,
        folder: Path,
        *,
        site_name: str,
        contact: str,
        base_url: str = "",
        shows_caught: bool = False,
    ) -> None:
        self.site_name = site_name
        self.static_folder = folder / "static"
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            # The templates come with the program: none is looked at anew for each page.
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            site_name=site_name,
            contact=contact,
            base_url=base_url,
            feed_links=feed_links,
            static=lru_cache(self.static_url),
            mail_is_caught=shows_caught,
            site_nav=_NAV + (_CAUGHT if shows_caught else ()),
        )
        self._environment.filters.update(
            address=breakable,
            listed=words.listed,
            size=words.size_in_words,
            moment=words.moment_in_utc,
            numbers=words.numbers_in_words,
            often=words.often,
            outcome=words.OUTCOMES.__getitem__,
            regions=words.regions_in_words,
            query=partial(urlencode, doseq=True),
        )
        self._environment.globals["kept"] = lru_cache(_MOST_KEPT)(self._part)
        self._environment.globals["counted"] = words.counted

    def page(
        self,
        name: str,
        context: Mapping[str, object] | None = None,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Render a page; what a template names and nobody gave is an error."""
        body = self._environment.get_template(name).render(context or {})
        return HTMLResponse(body, status_code=status, headers=dict(headers or {}))

    def _part(self, template: str, macro: str, *values: Hashable) -> str:
        """Return what a macro makes of values alone: pages have it kept (`kept`) where many ask."""
        part: str = getattr(self._environment.get_template(template).module, macro)(*values)
        return part

    def text(self, name: str, context: Mapping[str, object]) -> str:
        """Render a template alone, to be shown or copied."""
        return self._environment.get_template(name).render(context)

    def static_url(self, name: str) -> str:
        """Return the address of a static file, which changes when its content does."""
        content = (self.static_folder / name).read_bytes()
        return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
