"""What protects whoever uses the pages: headers, cookies, forms of other sites, limits to guessing.

The log-in has tests of its own, in detail; here stands what has to hold on every page.
"""

import re

import pytest

from alerts.staff.permissions import Role
from tests.data.security.routes import table
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, browser, fields_in
from tests.staff_world import AMA, GOOD, StaffRoom

_FORMS = [
    path
    for (method, path), word in table().items()
    if method == "POST" and path.startswith("/desk/") and "." in word
]


def at(path: str) -> str:
    return re.sub(r"\{[a-z_]+\}", "999999", path)


def test_every_answer_has_the_headers_that_protect(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        for (method, path), word in table().items():
            if method == "MOUNT":
                continue
            answer = opened.client.request(method, at(path))
            headers = answer.headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "no-referrer", path
            assert headers["cross-origin-opener-policy"] == "same-origin", path
            # No script that stands in a page runs, whatever comes into it.
            assert not re.search(r"script-src[^;]*'unsafe", policy), path
            if "html" in headers.get("content-type", "") and path != "/embed":
                assert "frame-ancestors" in policy, path
            if word not in {"everybody", "machine", "catcher"} and answer.status_code < 400:
                assert headers["cache-control"] == "no-store", path


def test_a_log_in_begins_a_session_of_its_own(site: RunningSite) -> None:
    StaffRoom(site.runtime.database, site.clock).add()
    with browser(site) as opened:
        opened.client.cookies.set("desk", "chosen-by-somebody-else")
        form = fields_in(opened.get("/desk/login").text) | {"email": AMA, "password": GOOD}
        said = opened.client.post("/desk/login", data=form).headers["set-cookie"]
        assert "chosen-by-somebody-else" not in said
        assert "HttpOnly" in said
        first = re.search(r"desk=([^;]+)", said)
    assert first is not None
    with browser(site) as other:
        other.client.cookies.set("desk", first[1])
        assert other.client.get("/desk/").status_code == 200
        other.post("/desk/logout")
    with browser(site) as after:
        after.client.cookies.set("desk", first[1])
        assert after.client.get("/desk/").status_code == 303


def test_what_is_turned_away_has_the_headers_too(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        for path, body in (
            ("/subscribe", b"x" * 1_000_000),
            ("/desk/login", b"x" * 1_000_000),
            ("/api/v1/articles", b"x" * 3_000_000),
            ("/desk/subscribers/import", b"a=1&" * 20_000),
            ("/desk/subscribers/import", b"--x\r\n"),
        ):
            answer = opened.client.post(
                path,
                content=body,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert 400 <= answer.status_code < 500, path
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["x-content-type-options"] == "nosniff", path


def test_no_form_of_another_site_is_taken_anywhere_at_the_desk(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        token = opened.token()
        for path in _FORMS:
            for said in ("cross-site", "same-site"):
                answer = opened.client.post(
                    at(path), data={"form_token": token}, headers={"Sec-Fetch-Site": said}
                )
                assert answer.status_code == 403, path


def test_no_form_of_another_origin_is_taken_where_the_browser_says_no_more(
    site: RunningSite,
) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        token = opened.token()
        for path in (*_FORMS, "/desk/login"):
            for origin in ("https://evil.example", "http://127.0.0.1:1", "HTTPS://evil.example"):
                answer = opened.client.post(
                    at(path), data={"form_token": token}, headers={"Origin": origin}
                )
                assert answer.status_code == 403, path
        # Our pages send no referrer, and so come from `null`.
        for origin in ("null", str(opened.client.base_url).rstrip("/")):
            answer = opened.client.post("/desk/login", data={}, headers={"Origin": origin})
            assert answer.status_code != 403


def test_no_form_of_another_session_is_taken_anywhere_at_the_desk(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN, "first@example.org") as first:
        token = first.token()
        with at_the_desk(site, Role.ADMIN, "second@example.org") as second:
            for path in _FORMS:
                answer = second.client.post(at(path), data={"form_token": token})
                assert answer.status_code == 409, path


def test_guessing_is_stopped(site: RunningSite) -> None:
    StaffRoom(site.runtime.database, site.clock).add()
    with browser(site) as opened:
        answers = [opened.log_in(password=f"wrong {number}").status_code for number in range(6)]
        assert answers == [422] * 5 + [429]
        # The right one is not looked at either, or the wait would tell.
        assert opened.log_in().status_code == 429


def test_pages_without_a_log_in_set_no_cookie(site: RunningSite) -> None:
    for (method, path), word in table().items():
        if method == "GET" and word in {"everybody", "link"}:
            assert "set-cookie" not in site.client.get(at(path)).headers, path


@pytest.mark.parametrize("host", ["evil.example", "evil.example/x?", "[::1", "a b", "u:p@evil"])
def test_no_redirect_leads_to_the_host_that_was_asked_for(site: RunningSite, host: str) -> None:
    for path in ("/archive", "/caught?q=x", "/desk", "/subscribe/", "/api/v1/articles/"):
        answer = site.client.get(path, headers={"Host": host})
        if answer.has_redirect_location:
            assert answer.headers["location"].startswith("/"), path
            assert not answer.headers["location"].startswith("//"), path
            assert "evil" not in answer.headers["location"], path
    assert site.client.get("/archive?page=2").headers["location"] == "/archive/?page=2"


def test_the_desk_leads_nowhere_outside(site: RunningSite) -> None:
    StaffRoom(site.runtime.database, site.clock).add()
    for wanted in ("//evil.example/", "https://evil.example/", "/\\evil.example", "/desk/../../x"):
        with browser(site) as opened:
            landed = Browser(site, opened.client).log_in(wanted=wanted)
            assert str(landed.url).startswith(f"{site.url}/desk/"), wanted
