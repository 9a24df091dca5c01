"""The form that composes an issue, for tests: read from a page in order, changed, and posted."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from lxml import html as lxml_html

from tests.desk_world import Browser


@dataclass
class ComposeForm:
    """What a browser without script would post, in the order of the page."""

    browser: Browser
    path: str
    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """The keys of the entries, in order: `12`, `12.3`, `t1`."""
        return [value.split(":")[1] for name, value in self.pairs if name == "entry"]

    def value(self, name: str, key: str = "") -> str:
        """Return a field's value: the form's own, or of an entry."""
        return self.pairs[self._place(name, key)][1]

    def fill(self, name: str, value: str, key: str = "") -> None:
        """Type into a field: the form's own, or one of an entry."""
        self.pairs[self._place(name, key)] = (name, value)

    def press(self, do: str = "save", *, auto: bool = False) -> httpx.Response:
        """Post the form as a button does, or as the page's script; follow where it leads."""
        # As browsers do: whatever ends a line is posted as CRLF.
        pairs = [(name, value.replace("\n", "\r\n")) for name, value in self.pairs]
        body = urlencode([*pairs, ("do", do)])
        return self.browser.client.post(
            self.path + ("/auto" if auto else ""),
            content=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            follow_redirects=True,
        )

    def _place(self, name: str, key: str) -> int:
        here = not key
        for place, (one, value) in enumerate(self.pairs):
            if key and one == "entry":
                here = value.split(":")[1] == key
            if here and one == name:
                return place
        raise AssertionError(f"no field {name} of {key or 'the form'}")


def compose_form(browser: Browser, issue_id: int) -> ComposeForm:
    """Open the page that composes an issue; return its form."""
    path = f"/desk/issues/{issue_id}/compose"
    return form_on(browser, path, browser.get(path))


def form_on(browser: Browser, path: str, page: httpx.Response) -> ComposeForm:
    """Return the form that stands on a page."""
    (form,) = lxml_html.document_fromstring(page.text).xpath('//form[@id="compose"]')
    pairs = []
    for control in form.xpath(".//input | .//textarea | .//select"):
        value = control.value
        if control.get("type") == "radio":
            if not control.checked:
                continue
            value = control.get("value")
        pairs.append((control.get("name"), (value or "").removeprefix("\n")))
    return ComposeForm(browser, path, pairs)
