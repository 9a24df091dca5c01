"""The desk of a real web server, used as a browser without script would."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.desk_world import fields_in, token_in
from tests.functional.installation import Installation

EMAIL = "ama@example.org"
PASSWORD = "seven herons wade"


def answers(url: str) -> bool:
    """Tell whether a web server is ready."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def at_the_desk(installation: Installation, url: str) -> Iterator[httpx.Client]:
    """Set a password by the link that the command line prints, and log in, as an admin."""
    added = installation.json("staff", "add", EMAIL, "--role", "admin")
    with httpx.Client(base_url=url, timeout=240, follow_redirects=True) as client:
        link = added["password_url"]
        form = fields_in(client.get(link).text)
        form |= {"password": PASSWORD, "password_again": PASSWORD}
        page = client.post(link, data=form)
        form = fields_in(page.text) | {"email": EMAIL, "password": PASSWORD}
        assert "Overview" in client.post("/desk/login", data=form).text
        yield client


def press(client: httpx.Client, page: str, action: str, **fields: str) -> str:
    """Press a button of a page: post its form, and return the page after."""
    form = {"form_token": token_in(client.get(page).text)} | fields
    answer = client.post(action, data=form)
    assert answer.status_code == 200, answer.text
    return answer.text
