"""Every route of the application, as nobody and in every role, held against a written table."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.runtime import Runtime
from alerts.staff.api_tokens import make_token
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.models import StaffAccount
from alerts.staff.permissions import Permission, Role, may
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from alerts.web.app import create_app
from tests.data.security.routes import table
from tests.data.web.running import KEY, RunningSite, running_site
from tests.desk_world import at_the_desk
from tests.staff_world import StaffRoom

PUSH_TOKEN = "a-push-token-of-24-characters-and-more"
# Of a path that is nobody's: neither a signed link nor a number of anything.
_FORGED = "999999"
_PERMISSIONS = {permission.value for permission in Permission}
Route = tuple[str, str]


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path, push_tokens=(PUSH_TOKEN,)) as site:
        yield site


def routes_of(routes: Sequence[Any], prefix: str = "") -> Iterator[Route]:
    """Yield method and path of every route, those of applications within too."""
    for context in iter_route_contexts(routes):
        path = f"{prefix}{context.path}"
        if context.methods:
            yield from ((method, path) for method in context.methods if method != "HEAD")
            continue
        inner = getattr(context.original_route, "routes", None)
        if inner:
            yield from routes_of(inner, path)
        else:
            yield "MOUNT", path


def of(*words: str) -> list[Route]:
    return [route for route, word in table().items() if word in words]


def asked(client: httpx.Client, method: str, path: str, **extra: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
    address = re.sub(r"\{[a-z_]+(:int)?\}", _FORGED, path)
    return client.request(method if method != "MOUNT" else "GET", address, **extra)


def test_the_table_knows_every_route_and_no_other(tmp_path: Path, clock: FixedClock) -> None:
    settings = Settings(data_dir=tmp_path, secret_key=(KEY,))
    database = Database(settings.database)
    runtime = Runtime(settings, clock, database, Tokens(settings.secret_key))
    app = create_app(runtime, queue=RecordingTaskQueue())
    found = set(routes_of(app.routes))
    app.state.site.caught.close()
    database.dispose()
    unknown = [f"{method} {path}" for method, path in sorted(found - set(table()))]
    gone = [f"{method} {path}" for method, path in sorted(set(table()) - found)]
    assert unknown == [], "say in tests/data/security/routes.py who may use these"
    assert gone == [], "take these out of tests/data/security/routes.py"


def test_the_words_of_the_table_are_known() -> None:
    words = {"everybody", "link", "machine", "catcher", "door", "staff", "push", "provider"}
    scopes = {f"api:{permission}" for permission in _PERMISSIONS}
    assert set(table().values()) <= words | scopes | _PERMISSIONS


def test_everybody_gets_what_is_everybodys(site: RunningSite) -> None:
    for method, path in of("everybody", "catcher"):
        status = asked(site.client, method, path).status_code
        if method == "POST":
            # What is not filled in, or has not the form's token, is not taken.
            assert status in {303, 400, 403, 409, 422}, f"{method} {path}: {status}"
        else:
            assert status in {200, 301, 302, 303, 307, 404}, f"{method} {path}: {status}"


def test_a_forged_link_opens_nothing(site: RunningSite) -> None:
    for method, path in of("link"):
        answer = asked(site.client, method, path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code in {404, 410}, f"{method} {path}: {answer.status_code}"


def test_metrics_are_for_this_machine(site: RunningSite) -> None:
    assert of("machine") == [("GET", "/metrics")]
    assert asked(site.client, "GET", "/metrics").status_code == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        through_a_proxy = asked(site.client, "GET", "/metrics", headers={header: "192.0.2.1"})
        assert through_a_proxy.status_code == 403


def test_caught_mail_is_shown_only_while_mail_is_caught(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, mail_url=("smtp://127.0.0.1:9",)) as site:
        for method, path in of("catcher"):
            assert asked(site.client, method, path).status_code == 404, path


def test_nobody_is_at_the_desk(site: RunningSite) -> None:
    for method, path in of("staff", *_PERMISSIONS):
        answer = asked(site.client, method, path)
        if method == "GET":
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/desk/login"), path
        else:
            assert answer.status_code == 403, path


def test_the_door_lets_nobody_in_for_nothing(site: RunningSite) -> None:
    for method, path in of("door"):
        answer = asked(site.client, method, path)
        assert answer.status_code in {200, 303, 403, 404, 409, 422}, f"{method} {path}"
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/desk/login")
        assert "desk" not in site.client.cookies
        assert asked(site.client, "GET", "/desk/account").status_code == 303


@pytest.mark.parametrize("role", list(Role))
def test_every_role_gets_where_the_table_says(site: RunningSite, role: Role) -> None:
    with at_the_desk(site, role) as opened:
        for method, path in of(*_PERMISSIONS):
            status = asked(opened.client, method, path).status_code
            if not may(role, Permission(table()[method, path])):
                assert status == 403, f"{role}: {method} {path}: {status}"
            elif method == "GET":
                assert status in {200, 404}, f"{role}: {method} {path}: {status}"
            else:
                # Without the form's own token nothing is done for those who may, either.
                assert status == 409, f"{role}: {method} {path}: {status}"
        for method, path in of("staff"):
            if (method, path) == ("POST", "/desk/logout"):
                continue
            status = asked(opened.client, method, path).status_code
            assert status == (200 if method == "GET" else 409), f"{role}: {method} {path}"


@pytest.mark.parametrize("number", ["9" * 30, "9223372036854775808", "-1", "%00", "..%2F..%2Fx"])
def test_no_number_however_large_makes_a_page_fail(site: RunningSite, number: str) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        form = {"form_token": opened.token()}
        for method, path in table():
            if "{" not in path or not path.startswith("/desk/"):
                continue
            address = re.sub(r"\{[a-z_]+(:int)?\}", number, path)
            sent = form if method == "POST" else None
            status = opened.client.request(method, address, data=sent).status_code
            assert status < 500, f"{method} {path}: {status}"


def test_articles_are_handed_in_by_whoever_has_the_token(site: RunningSite) -> None:
    for method, path in of("push"):
        for headers in ({}, bearer("wrong"), {"Authorization": f"Basic {PUSH_TOKEN}"}):
            answer = asked(site.client, method, path, headers=headers)
            assert answer.status_code == 401, f"{method} {path}"
        answer = asked(site.client, method, path, headers=bearer(PUSH_TOKEN), json={})
        assert answer.status_code in {200, 404, 422}, f"{method} {path}"


def test_the_api_asks_for_a_token_with_the_scope(site: RunningSite) -> None:
    room = StaffRoom(site.runtime.database, site.clock)
    account = room.add("program@example.org", Role.ADMIN)
    # Where articles are handed in, a token of the API serves too, if it may do that.
    articles = {"articles.read", "articles.write"}
    for method, path in of("push"):
        without = bearer(a_token(site, account, sorted(_PERMISSIONS - articles)))
        assert asked(site.client, method, path, headers=without).status_code == 403, path
        theirs = asked(site.client, method, path, headers=bearer(a_token(site, account, articles)))
        assert theirs.status_code in {200, 404, 422}, path
    for method, path in [route for route, word in table().items() if word.startswith("api:")]:
        needed = table()[method, path].removeprefix("api:")
        for headers in ({}, bearer("wrong")):
            assert asked(site.client, method, path, headers=headers).status_code == 401, path
        pushing = asked(site.client, method, path, headers=bearer(PUSH_TOKEN))
        assert pushing.status_code == 403, f"{method} {path}: {pushing.status_code}"
        others = sorted(_PERMISSIONS - {needed})
        refused = asked(site.client, method, path, headers=bearer(a_token(site, account, others)))
        assert refused.status_code == 403, f"{method} {path}: {refused.status_code}"
        taken = asked(site.client, method, path, headers=bearer(a_token(site, account, [needed])))
        assert taken.status_code not in {401, 403}, f"{method} {path}: {taken.status_code}"


def test_no_provider_calls_where_none_is_set_up(site: RunningSite) -> None:
    for method, path in of("provider"):
        for name in ("ses", "mailgun", "postmark", "sendgrid", "anybody"):
            answer = asked(site.client, method, path.replace("{provider}", name), content=b"{}")
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code}"


def test_a_log_in_at_the_desk_is_no_token_for_the_api(site: RunningSite) -> None:
    with at_the_desk(site, Role.ADMIN) as opened:
        for (method, path), word in table().items():
            if word == "push" or word.startswith("api:"):
                assert asked(opened.client, method, path).status_code == 401, path


def bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def a_token(site: RunningSite, account_id: int, scopes: Collection[str]) -> str:
    with site.runtime.database.transaction() as session:
        secret, _ = make_token(
            session,
            session.get_one(StaffAccount, account_id),
            name=f"test {len(scopes)}",
            scopes=sorted(scopes),
            actor=COMMAND_LINE,
            clock=site.clock,
        )
    return secret
