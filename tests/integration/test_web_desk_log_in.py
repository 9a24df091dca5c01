"""The desk's door: passwords, codes, links, sessions, and forms that outlive a log-in."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.guard import Guard
from alerts.staff.permissions import Role
from alerts.staff.seal import Seal
from alerts.web.desk.log_in_page import own_path
from tests.data.web.running import KEY, RunningSite, running_site
from tests.desk_world import Browser, browser, fields_in, token_in
from tests.staff_world import AMA, GOOD, OTHER, StaffRoom


@pytest.fixture
def staff(site: RunningSite) -> StaffRoom:
    """Return the staff, with the site's own key."""
    room = StaffRoom(site.runtime.database, site.clock)
    room.guard = Guard(room.database, room.clock, room.guard.passwords, Seal((KEY,)))
    return room


@pytest.fixture
def somebody(site: RunningSite) -> Iterator[Browser]:
    with browser(site) as opened:
        yield opened


def test_nobody_is_led_to_the_log_in_and_on_from_there(
    site: RunningSite, staff: StaffRoom, somebody: Browser
) -> None:
    staff.add()
    answer = somebody.client.get("/desk/?a=b")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/desk/login?next=%2Fdesk%2F%3Fa%3Db",
    )
    page = somebody.log_in(wanted="/desk/?a=b")
    assert (page.status_code, str(page.url)) == (200, f"{site.url}/desk/?a=b")
    assert AMA in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_cookie_is_for_this_site_and_no_script(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    somebody.log_in()
    kept = next(one for one in somebody.client.cookies.jar if one.name == "desk")
    assert (kept.path, kept.secure) == ("/", False)
    page = somebody.client.get("/desk/login").text
    form = fields_in(page) if "<main" in page else {}
    assert form == {}
    assert somebody.client.get("/desk/login").headers["location"] == "/desk/"


def test_the_cookie_is_bound_to_the_host_where_there_is_tls(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, base_url="https://alerts.example.org") as site:
        StaffRoom(database, clock).add()
        with browser(site) as opened:
            form = fields_in(opened.get("/desk/login").text) | {"email": AMA, "password": GOOD}
            said = opened.client.post("/desk/login", data=form).headers["set-cookie"]
    assert said.startswith("__Host-desk=")
    for word in ("HttpOnly", "Path=/", "SameSite=lax", "Secure"):
        assert word in said
    assert "Domain" not in said


def test_a_wrong_password_says_nothing_of_the_account(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    pages = [somebody.log_in(email, "wrong") for email in (AMA, "nobody@example.org")]
    assert {page.status_code for page in pages} == {422}
    assert all("Address or password is wrong." in page.text for page in pages)
    assert f'value="{AMA}"' in pages[0].text
    assert 'value="wrong"' not in pages[0].text


def test_too_many_tries_are_told_to_wait(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    answers = [somebody.log_in(password="wrong") for _ in range(6)]
    assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (429, "30")
    assert "too many tries" in answers[-1].text.lower()
    assert somebody.log_in().status_code == 429


def test_a_form_of_another_site_is_not_looked_at(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    form = fields_in(somebody.get("/desk/login").text) | {"email": AMA, "password": GOOD}
    answer = somebody.client.post(
        "/desk/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    answer = somebody.client.post("/desk/login", data={"email": AMA, "password": GOOD})
    assert (answer.status_code, "set-cookie" in answer.headers) == (409, False)


def test_the_code_comes_after_the_password_and_before_the_desk(
    site: RunningSite, staff: StaffRoom, somebody: Browser
) -> None:
    staff.add()
    totp, codes = staff.device(staff.visit(staff.log_in()))
    page = somebody.log_in(wanted="/desk/?x=1")
    assert "your code" in page.text
    assert somebody.client.get("/desk/").status_code == 303
    form = fields_in(page.text)
    wrong = somebody.client.post("/desk/code", data=form | {"code": "000000"})
    assert (wrong.status_code, "code is wrong" in wrong.text) == (422, True)
    before = somebody.client.cookies["desk"]
    right = form | {"code": totp.at(site.clock.now())}
    page = somebody.client.post("/desk/code", data=right, follow_redirects=True)
    assert str(page.url) == f"{site.url}/desk/?x=1"
    assert somebody.client.cookies["desk"] != before
    with browser(site) as other:
        form = fields_in(other.log_in().text) | {"code": codes[0]}
        assert "Overview" in other.client.post("/desk/code", data=form, follow_redirects=True).text


def test_a_code_without_a_password_leads_to_the_log_in(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    assert somebody.client.get("/desk/code").headers["location"] == "/desk/login"
    form = {"form_token": token_in(somebody.get("/desk/login").text), "code": "123456"}
    page = somebody.client.post("/desk/code", data=form)
    assert "begin again with the password" in page.text


def test_a_link_sets_the_password_once(staff: StaffRoom, somebody: Browser) -> None:
    link = f"/desk/password/{staff.link(staff.add(password=None))}"
    page = somebody.get(link)
    assert AMA in page.text.replace("<wbr>", "")
    form = fields_in(page.text)
    for one, again, said in (
        (OTHER, "another", "not the same"),
        ("short", "short", "too short"),
    ):
        answer = somebody.client.post(link, data=form | {"password": one, "password_again": again})
        assert (answer.status_code, said in answer.text) == (422, True)
    form |= {"password": OTHER, "password_again": OTHER}
    answer = somebody.client.post(link, data=form, follow_redirects=True)
    assert "Your password is set" in answer.text
    assert "Overview" in somebody.log_in(password=OTHER).text
    for used in (somebody.client.get(link), somebody.client.post(link, data=form)):
        assert (used.status_code, "link does not work" in used.text) == (404, True)


def test_leaving_ends_the_session(staff: StaffRoom, somebody: Browser) -> None:
    staff.add()
    somebody.log_in()
    kept = somebody.client.cookies["desk"]
    page = somebody.post("/desk/logout")
    assert "You are logged out" in page.text
    assert "desk" not in somebody.client.cookies
    somebody.client.cookies.set("desk", kept)
    assert somebody.client.get("/desk/").status_code == 303


def test_leaving_needs_the_button_of_ones_own_page(
    site: RunningSite, staff: StaffRoom, somebody: Browser
) -> None:
    staff.add()
    somebody.log_in()
    with browser(site) as other:
        other.log_in()
        foreign = other.token("/desk/")
    for token in ("", "forged", foreign):
        answer = somebody.client.post("/desk/logout", data={"form_token": token})
        assert (answer.status_code, "earlier log-in" in answer.text) == (409, True)
    assert somebody.client.get("/desk/").status_code == 200


@pytest.mark.parametrize("with_code", [False, True])
def test_what_was_typed_survives_the_end_of_a_session(
    site: RunningSite, staff: StaffRoom, somebody: Browser, with_code: bool
) -> None:
    staff.add()
    totp = staff.device(staff.visit(staff.log_in()))[0] if with_code else None

    def logged_in(page: str) -> str:
        form = fields_in(page) | {"email": AMA, "password": GOOD}
        page = somebody.client.post("/desk/login", data=form, follow_redirects=True).text
        if totp is None:
            return page
        form = fields_in(page) | {"code": totp.at(site.clock.now())}
        site.clock.advance(timedelta(seconds=30))
        return somebody.client.post("/desk/code", data=form, follow_redirects=True).text

    logged_in(somebody.get("/desk/login").text)
    token = somebody.token("/desk/")
    site.clock.advance(timedelta(hours=13))
    typed = {"form_token": token, "note": "Two\nlines & <more>", "password": "never kept"}
    page = somebody.client.post("/desk/logout?why=home", data=typed)
    assert (page.status_code, "nothing of it is lost" in page.text) == (403, True)
    assert "Two" not in page.text
    shown = logged_in(page.text)
    assert 'action="/desk/logout?why=home"' in shown
    form = fields_in(shown)
    assert form["note"] == "Two\nlines & <more>"
    assert "never kept" not in shown
    answer = somebody.client.post("/desk/logout?why=home", data=form, follow_redirects=True)
    assert "You are logged out" in answer.text


def test_no_other_sites_form_is_carried_through_the_log_in(
    staff: StaffRoom, somebody: Browser
) -> None:
    staff.add()
    page = somebody.client.post("/desk/logout", data={"form_token": "forged", "note": "x"})
    assert 'name="kept"' not in page.text
    form = fields_in(page.text) | {"email": AMA, "password": GOOD, "kept": "forged"}
    answer = somebody.client.post("/desk/login", data=form)
    assert answer.headers["location"] == "/desk/"


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/desk/articles?page=2", "/desk/articles?page=2"),
        ("https://evil.example/desk/", "/desk/"),
        ("//evil.example/desk/", "/desk/"),
        ("/desk//evil.example", "/desk/"),
        ("/\\evil.example", "/desk/"),
        ("/desk/../caught/", "/desk/"),
        ("/desk/login?next=/desk/login", "/desk/"),
        ("/desk/\r\nSet-Cookie: a=b", "/desk/"),
        ("/preferences", "/desk/"),
        ("javascript:alert(1)", "/desk/"),
        ("", "/desk/"),
    ],
)
def test_a_log_in_leads_to_the_desk_alone(wanted: str, leads_to: str) -> None:
    assert own_path(wanted) == leads_to


def test_dangerous_acts_ask_for_the_password_again(
    site: RunningSite, staff: StaffRoom, somebody: Browser
) -> None:
    staff.add(role=Role.ADMIN)
    somebody.log_in()
    wrong = somebody.post("/desk/confirm", {"password": "wrong"})
    assert (wrong.status_code, "The password is wrong." in wrong.text) == (422, True)
    right = somebody.post("/desk/confirm", {"password": GOOD})
    assert "you are not asked again" in re.sub(r"\s+", " ", right.text)
    assert "you are not asked again" not in somebody.get("/desk/").text
