"""One's own account, the staff, and the log of what they did."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pyotp
import pytest
from sqlalchemy import select

from alerts.staff.api_tokens import token_visit_of
from alerts.staff.audit import PROGRAM, Subject, record
from alerts.staff.guard import make_guard
from alerts.staff.models import StaffAccount
from alerts.staff.permissions import Permission, Role
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, browser, fields_in
from tests.staff_world import AMA, GOOD, OTHER

BIRAGO = "birago@example.org"


@pytest.fixture
def admin(site: RunningSite) -> Iterator[Browser]:
    with at_the_desk(site, Role.ADMIN) as opened:
        yield opened


def number_of(site: RunningSite, email: str) -> int:
    with site.runtime.database.read() as session:
        found = session.scalar(select(StaffAccount.id).where(StaffAccount.email == email))
    assert found is not None
    return found


def test_a_changed_password_ends_the_other_sessions(site: RunningSite, editor: Browser) -> None:
    with browser(site) as other:
        other.log_in()
        form = {"password": GOOD, "new_password": OTHER, "new_password_again": OTHER}
        page = editor.post("/desk/account/password", form)
        assert "Your password is changed" in page.text
        assert other.client.get("/desk/").status_code == 303
        assert editor.client.get("/desk/").status_code == 200
        assert other.log_in(password=GOOD).status_code == 422
        assert other.log_in(password=OTHER).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "again", "said"),
    [
        ("wrong", OTHER, OTHER, "The password is wrong."),
        (GOOD, "short", "short", "too short"),
        (GOOD, OTHER, OTHER.upper(), "not the same"),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(
    editor: Browser, current: str, new: str, again: str, said: str
) -> None:
    form = {"password": current, "new_password": new, "new_password_again": again}
    page = editor.post("/desk/account/password", form)
    assert (page.status_code, said in page.text) == (422, True)
    editor.client.cookies.clear()
    assert editor.log_in(password=GOOD).status_code == 200


def test_a_device_is_set_up_with_its_first_code(site: RunningSite, editor: Browser) -> None:
    page = editor.post("/desk/account/device").text
    assert "<svg" in page
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret
    wrong = editor.post("/desk/account/device/finish", {"code": "000000"})
    assert (wrong.status_code, "not the code the device shows" in wrong.text) == (422, True)
    code = pyotp.TOTP(secret[1]).at(site.clock.now())
    page = editor.post("/desk/account/device/finish", {"code": code}).text
    codes = re.findall(r"<li>([a-z0-9-]{19})</li>", page)
    assert len(codes) == 10
    assert "10 recovery codes left" in editor.get("/desk/account").text
    with browser(site) as other:
        form = fields_in(other.log_in().text) | {"code": codes[0]}
        assert "Overview" in other.client.post("/desk/code", data=form, follow_redirects=True).text
    assert "9 recovery codes left" in editor.get("/desk/account").text
    renewed = editor.post("/desk/account/device/codes").text
    assert codes[1] not in renewed
    page = editor.post("/desk/account/device/off").text
    assert "The second factor is taken off." in page


def test_a_device_asks_for_the_password_once_it_is_a_while_ago(
    site: RunningSite, editor: Browser
) -> None:
    site.clock.advance(timedelta(minutes=20))
    page = editor.post("/desk/account/device")
    assert (page.status_code, "password once more" in page.text) == (403, True)
    form = fields_in(page.text) | {"password": GOOD}
    page = editor.client.post("/desk/confirm", data=form)
    assert 'action="/desk/account/device"' in page.text
    page = editor.client.post("/desk/account/device", data=fields_in(page.text))
    assert "<svg" in page.text


def test_sessions_are_ended_singly_and_all(site: RunningSite, editor: Browser) -> None:
    with browser(site) as second, browser(site) as third:
        for other in (second, third):
            site.clock.advance(timedelta(minutes=1))
            other.log_in()
        page = editor.get("/desk/account").text
        numbers = re.findall(r'name="session" value="(\d+)"', page)
        assert len(numbers) == 3
        newest = max(numbers, key=int)
        assert (
            "session is ended"
            in editor.post("/desk/account/sessions/end", {"session": newest}).text
        )
        states = [other.client.get("/desk/").status_code for other in (second, third)]
        assert states == [200, 303]
        page = editor.post("/desk/account/sessions/end", {"session": "others"}).text
        assert "Ended: 1 other session." in page
        assert second.client.get("/desk/").status_code == 303
    for nonsense in ("", "-1", "²", "9" * 30):
        page = editor.post("/desk/account/sessions/end", {"session": nonsense}).text
        assert "It had ended already." in page


def test_a_token_is_shown_once_and_may_what_it_was_given(
    site: RunningSite, editor: Browser
) -> None:
    form: dict[str, str | list[str]] = {"token_name": "our CMS", "life": "30d"}
    page = editor.post("/desk/account/tokens", form)
    assert (page.status_code, "needs a scope" in page.text) == (422, True)
    assert 'value="our CMS"' in page.text
    beyond = editor.post("/desk/account/tokens", form | {"scope": "staff.manage"})
    assert "may not staff.manage" in beyond.text
    page = editor.post(
        "/desk/account/tokens", form | {"scope": ["articles.read", "articles.write"]}
    )
    token = re.search(r'class="once">(gpa_\w+)<', page.text)
    assert token
    guard = make_guard(site.runtime.database, site.runtime.settings, site.clock)
    visit = token_visit_of(guard, token[1])
    assert visit
    assert visit.permissions == {Permission.ARTICLES_READ, Permission.ARTICLES_WRITE}
    page = editor.get("/desk/account")
    assert token[1] not in page.text
    number = re.search(r'name="token" value="(\d+)"', page.text)
    assert number
    assert "is revoked" in editor.post("/desk/account/tokens/revoke", {"token": number[1]}).text
    assert token_visit_of(guard, token[1]) is None


def test_a_token_of_somebody_else_is_none(site: RunningSite, editor: Browser) -> None:
    form: dict[str, str | list[str]] = {"token_name": "x", "life": "1d", "scope": "articles.read"}
    editor.post("/desk/account/tokens", form)
    number = re.search(r'name="token" value="(\d+)"', editor.get("/desk/account").text)
    assert number
    with at_the_desk(site, Role.ADMIN, BIRAGO) as other:
        answer = other.post("/desk/account/tokens/revoke", {"token": number[1]})
        assert answer.status_code == 404


def test_somebody_is_added_sets_a_password_and_comes_in(site: RunningSite, admin: Browser) -> None:
    form = {"email": BIRAGO, "name": "Birago <b>", "role": "ops"}
    page = admin.post("/desk/staff", form)
    link = re.search(r'class="once">([^<]+)<', page.text)
    assert link
    address = unescape(link[1])
    assert address.startswith(f"{site.url}/desk/password/")
    listed = admin.get("/desk/staff").text
    assert "Birago &lt;b&gt;" in listed
    assert "no password yet" in listed
    with browser(site) as other:
        form = fields_in(other.get(address).text) | {"password": OTHER, "password_again": OTHER}
        other.client.post(address, data=form)
        assert "Birago" in other.log_in(BIRAGO, OTHER).text
        number = number_of(site, BIRAGO)
        page = admin.post(f"/desk/staff/{number}/role", {"role": "editor"})
        assert f"{BIRAGO} is editor." in page.text
        assert other.client.get("/desk/").status_code == 303
        other.log_in(BIRAGO, OTHER)
        assert f"{BIRAGO} is removed." in admin.post(f"/desk/staff/{number}/remove").text
        assert other.client.get("/desk/").status_code == 303
    assert admin.get(f"/desk/staff/{number}").status_code == 404
    assert BIRAGO not in admin.get("/desk/log").text.partition("<tbody")[2]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": "nobody at home", "role": "ops"}, "is no email address"),
        ({"email": AMA, "role": "ops"}, "has an account already"),
        ({"email": BIRAGO, "role": "king"}, "is no role"),
        ({"email": BIRAGO, "role": "ops", "name": "x" * 301}, "at most 300"),
    ],
)
def test_what_is_no_account_is_said_with_what_was_typed(
    admin: Browser, form: dict[str, str], said: str
) -> None:
    page = admin.post("/desk/staff", form)
    assert (page.status_code, said in page.text) == (422, True)
    assert f'value="{form["email"]}"' in page.text


def test_the_last_admin_stays(site: RunningSite, admin: Browser) -> None:
    number = number_of(site, AMA)
    for act, form in (("remove", {}), ("role", {"role": "ops"})):
        page = admin.post(f"/desk/staff/{number}/{act}", form)
        assert (page.status_code, "last admin" in page.text) == (409, True)
    assert admin.get("/desk/").status_code == 200


def test_staff_are_helped_back_in(site: RunningSite, admin: Browser) -> None:
    with at_the_desk(site, Role.EDITOR, BIRAGO) as other:
        page = other.post("/desk/account/device").text
        secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
        assert secret
        code = pyotp.TOTP(secret[1]).at(site.clock.now())
        other.post("/desk/account/device/finish", {"code": code})
        for _ in range(6):
            other.log_in(BIRAGO, "wrong")
        with browser(site) as again:
            for _ in range(6):
                again.log_in(BIRAGO, "wrong")
            assert again.log_in(BIRAGO, GOOD).status_code == 429
            at = f"/desk/staff/{number_of(site, BIRAGO)}"
            assert "may try again at once" in admin.post(f"{at}/unlock").text
            assert "taken off" in admin.post(f"{at}/reset").text
            assert "Overview" in again.log_in(BIRAGO, GOOD).text
            tries = admin.get(at).text.partition('id="tries-title"')[2]
            assert re.findall(r"<td>(accepted|wrong)</td>", tries)[:3] == [
                *("accepted", "wrong", "wrong"),
            ]
            assert 'class="once"' in admin.post(f"{at}/link").text


def test_the_log_is_filtered_and_paged(site: RunningSite, admin: Browser) -> None:
    admin.post("/desk/staff", {"email": BIRAGO, "role": "ops"})
    with site.runtime.database.transaction() as session:
        for number in range(60):
            record(session, PROGRAM, "issue.sent", Subject("issue", number), clock=site.clock)
    page = admin.get("/desk/log").text
    assert page.count("<tr>") == 51
    older = re.search(r'href="(\?[^"]*before=\d+)"', page)
    assert older
    rest = admin.get("/desk/log" + unescape(older[1])).text
    assert 0 < rest.count("<tr>") < 51
    assert "The newest" in rest
    added = admin.get(f"/desk/log?by={AMA}&subject=account&since=2026-11-23&until=2026-11-23").text
    assert "account.password_link_made" in added
    none = admin.get("/desk/log?actor=api+token")
    assert "Nothing fits." in none.text
    assert "account.added" in admin.get("/desk/log?actor=command+line").text
    for wrong, said in (
        ("since=soon", "is no day"),
        ("by=nobody@example.org", "has no account"),
        ("actor=ghost", "is nobody who acts"),
        ("until=9999-12-31", "is no day"),
    ):
        assert said in admin.get(f"/desk/log?{wrong}").text
