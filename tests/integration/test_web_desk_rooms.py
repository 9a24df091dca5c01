"""Who gets in where: every route of the desk, as nobody and in every role."""

import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from alerts.staff.permissions import Permission, Role, may
from alerts.web.desk.frame import Requirement, desk_of
from alerts.web.desk.router import PARTS
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, browser

# Steps on the way in; nobody is logged in there yet.
ON_THE_WAY = {"/desk/login", "/desk/code", "/desk/password/{secret}"}
Door = tuple[str, str, Permission | None]


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _doors() -> list[Door]:
    """Return method, path and permission of every route behind the log-in."""
    doors: list[Door] = []
    for route in (route for part in PARTS for route in part.router.routes):
        assert isinstance(route, APIRoute)
        path, calls = f"/desk{route.path}", list(_calls(route.dependant))
        if path in ON_THE_WAY:
            continue
        assert desk_of in calls, f"{path} asks nobody to log in"
        needed = [call.permission for call in calls if isinstance(call, Requirement)]
        methods = sorted(route.methods or ())
        doors += [(method, path, next(iter(needed), None)) for method in methods]
    return sorted(doors, key=lambda door: door[0])


def _status(opened: Browser, method: str, path: str) -> int:
    address = re.sub(r"\{[a-z_]+\}", "999999", path)
    return opened.client.request(method, address).status_code


def test_nobody_gets_in_anywhere(site: RunningSite) -> None:
    doors = _doors()
    assert len(doors) > 15
    with browser(site) as opened:
        for method, path, _ in doors:
            answer = opened.client.request(method, re.sub(r"\{[a-z_]+\}", "999999", path))
            if method == "GET":
                assert answer.status_code == 303, path
                assert answer.headers["location"].startswith("/desk/login?next="), path
            else:
                assert (answer.status_code, "Log in to the desk" in answer.text) == (403, True), (
                    path
                )


@pytest.mark.parametrize("role", list(Role))
def test_everybody_gets_where_their_role_leads(site: RunningSite, role: Role) -> None:
    shut = 0
    with at_the_desk(site, role) as opened:
        for method, path, permission in _doors():
            status = _status(opened, method, path)
            if permission is not None and not may(role, permission):
                assert status == 403, f"{role} got {status} at {method} {path}"
                shut += 1
            elif method == "POST":
                # Without the form's own token nothing is done for those who may either.
                assert status == 409, f"{role} got {status} at {method} {path}"
            else:
                assert status in {200, 404}, f"{role} got {status} at {method} {path}"
    assert (shut == 0) == (role is Role.ADMIN)


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_leads_nowhere_in_vain(site: RunningSite, role: Role) -> None:
    with at_the_desk(site, role) as opened:
        nav = opened.get("/desk/").text.partition('aria-label="Desk"')[2].partition("</nav>")[0]
        paths = re.findall(r'href="([^"]+)"', nav)
        assert [opened.get(path).status_code for path in paths] == [200] * len(paths)
        assert ("/desk/staff" in paths) == may(role, Permission.STAFF_MANAGE)
        assert ("/desk/log" in paths) == may(role, Permission.AUDIT_READ)
        refused = opened.get("/desk/staff")
        if role is not Role.ADMIN:
            assert "ask an admin" in refused.text
            assert "Overview" in refused.text


def test_every_page_of_the_desk_is_whole_by_itself(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        for method, path, _ in _doors():
            if method != "GET" or "{" in path:
                continue
            page = opened.get(path)
            policy = page.headers["content-security-policy"]
            assert (policy.startswith("default-src 'none'"), "unsafe" in policy) == (True, False)
            assert page.headers["cache-control"] == "no-store", path
            for outside in ("style=", 'src="http'):
                assert outside not in page.text, path
            # Scripts are files of ours; none stands in a page.
            for script in re.findall(r"<script[^>]*>[^<]*", page.text):
                assert re.fullmatch(r'<script src="/static/[^"]+" defer>', script), path
