"""The desk for tests: people with accounts, each with a browser that keeps its cookies."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape

import httpx

from alerts.staff.permissions import Role
from tests.data.web.running import TLS, RunningSite
from tests.staff_world import AMA, GOOD, StaffRoom

PATIENCE = 30.0


class Browser:
    """A browser without script: it keeps cookies, follows redirects, and fills in forms."""

    def __init__(self, site: RunningSite, client: httpx.Client) -> None:
        self.site, self.client = site, client

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, follow_redirects=True)

    def token(self, path: str = "/desk/account") -> str:
        """Return the token of a form on a page."""
        return token_in(self.get(path).text)

    def post(
        self, path: str, data: Mapping[str, str | list[str]] | None = None, *, page: str = ""
    ) -> httpx.Response:
        """Post a form with the token of a page of the desk; follow where it leads."""
        form = {"form_token": self.token(page or "/desk/")} | dict(data or {})
        return self.client.post(path, data=form, follow_redirects=True)

    def log_in(
        self, email: str = AMA, password: str = GOOD, wanted: str = "/desk/"
    ) -> httpx.Response:
        """Fill in the log-in's form; follow where it leads."""
        page = self.client.get("/desk/login", params={"next": wanted}).text
        form = fields_in(page) | {"email": email, "password": password}
        return self.client.post("/desk/login", data=form, follow_redirects=True)


def token_in(page: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def fields_in(page: str) -> dict[str, str]:
    """Return the fields of the form in the main part of a page, as a browser would send them."""
    main = page.partition("<main")[2]
    inputs = re.findall(r"<input\b[^>]*>", main)
    found = {}
    for one in inputs:
        name, value = (re.search(rf'\b{word}="([^"]*)"', one) for word in ("name", "value"))
        if name:
            found[name[1]] = unescape(value[1]) if value else ""
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', main, re.DOTALL
    ):
        found[name] = unescape(text)
    return found


@contextmanager
def browser(site: RunningSite) -> Iterator[Browser]:
    """Open a browser that nobody has logged in with."""
    with httpx.Client(base_url=site.url, timeout=PATIENCE, verify=TLS) as client:
        yield Browser(site, client)


@contextmanager
def at_the_desk(site: RunningSite, role: Role, email: str = AMA) -> Iterator[Browser]:
    """Add an account, and log in with it."""
    StaffRoom(site.runtime.database, site.clock).add(email, role)
    with browser(site) as opened:
        assert "Overview" in opened.log_in(email).text
        yield opened


def table(page: str, title: str) -> dict[str, int]:
    """Return the figures of the table under a heading, by what they count."""
    part = page.partition(f">{title}</h")[2].partition("</table>")[0]
    rows = re.findall(r"<tr>\s*<td>(.*?)</td>\s*<td[^>]*>(.*?)</td>", part, re.DOTALL)
    names = ((re.sub(r"<span.*", "", name, flags=re.DOTALL), count) for name, count in rows)
    return {unescape(name).strip(): int(count.replace(",", "")) for name, count in names}
