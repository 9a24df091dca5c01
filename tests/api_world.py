"""The API for tests: a site, a token of somebody's, and requests with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.api_tokens import make_token
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.models import StaffAccount
from alerts.staff.permissions import Permission, Role
from tests.data.web.running import RunningSite, running_site
from tests.staff_world import StaffRoom


class Program:
    """A program with a token."""

    def __init__(self, site: RunningSite, token: str) -> None:
        self.site, self.token = site, token

    def ask(
        self, method: str, path: str, json: object = None, **headers: str | None
    ) -> httpx.Response:
        """Send a request below `/api/v1`; headers are named with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return self.site.client.request(
            method,
            f"/api/v1{path}",
            json=json,
            headers={"Authorization": f"Bearer {self.token}"} | given,
        )

    def get(self, path: str, **headers: str | None) -> Any:  # noqa: ANN401 - a JSON document
        """Return a document; fails when there is none."""
        answer = self.ask("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, json: object = None, **headers: str | None) -> httpx.Response:
        """Do something."""
        return self.ask("POST", path, json, **headers)

    def pages(self, path: str) -> Iterator[list[Any]]:
        """Yield the items of each page of a list, following the links."""
        url = f"{self.site.url}/api/v1{path}"
        while url:
            answer = self.site.client.get(url, headers={"Authorization": f"Bearer {self.token}"})
            assert answer.status_code == 200, answer.text
            yield answer.json()["items"]
            url = answer.json()["next"]
            assert (url in answer.headers["Link"]) if url else "Link" not in answer.headers


def a_token(
    site: RunningSite,
    *,
    role: Role = Role.ADMIN,
    scopes: Sequence[str] = tuple(Permission),
    email: str = "ama@example.org",
) -> str:
    """Make an account and a token of it."""
    room = StaffRoom(site.runtime.database, site.clock)
    account_id = room.add(email, role, password=None)
    with site.runtime.database.transaction() as session:
        token, _ = make_token(
            session,
            session.get_one(StaffAccount, account_id),
            name="tests",
            scopes=scopes,
            actor=COMMAND_LINE,
            clock=site.clock,
        )
    return token


@contextmanager
def a_program(
    database: Database,
    clock: FixedClock,
    folder: Path,
    **settings: Any,  # noqa: ANN401 - of the site
) -> Iterator[Program]:
    """Serve the site, and yield a program that may do everything."""
    with running_site(database, clock, folder, **settings) as site:
        yield Program(site, a_token(site))
