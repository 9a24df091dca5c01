"""Who may ask the API, how often, and how it says no."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from alerts.articles.push import PushedArticle
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.permissions import Permission, Role
from alerts.web.api.app import create_api
from alerts.web.api.route import ApiRoute, permission_of
from alerts.web.api.shapes import articles as shapes_articles
from alerts.web.api.shapes import issues as shapes_issues
from alerts.web.api.shapes import newsletters as shapes_newsletters
from alerts.web.api.shapes import readers as shapes_readers
from alerts.web.site import make_site
from tests.api_world import Program, a_program, a_token

PUSH = "a-token-for-the-push-tests-only"


@pytest.fixture
def program(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[Program]:
    with a_program(database, clock, tmp_path, push_tokens=(PUSH,)) as program:
        yield program


def is_problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert "\n" not in document["detail"]
    return str(document["detail"])


def test_without_a_token_in_force_nothing_is_shown(program: Program) -> None:
    answer = program.site.client.get("/api/v1/issues")
    assert "no token was given" in is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    stranger = Program(program.site, "gpa_" + "x" * 49)
    assert "unknown, expired or revoked" in is_problem(stranger.ask("GET", "/issues"), 401)
    program.site.clock.advance(timedelta(days=91))
    is_problem(program.ask("GET", "/issues"), 401)


def test_a_scope_is_needed_and_an_owner_who_may(program: Program) -> None:
    reading = Program(
        program.site,
        a_token(
            program.site,
            role=Role.EDITOR,
            scopes=(Permission.ISSUES_READ,),
            email="kofi@example.org",
        ),
    )
    assert reading.get("/issues") == {"items": [], "next": None}
    detail = is_problem(reading.post("/issues", {"newsletter": "gp-alert"}), 403)
    assert "it needs the scope issues.edit" in detail


def test_a_push_token_is_for_articles_alone(program: Program) -> None:
    pushing = Program(program.site, PUSH)
    article = {"title": "Who pays for the cranes?", "text": "The pier is long. " * 30}
    assert pushing.post("/articles", article).status_code == 201
    assert len(pushing.get("/articles")["items"]) == 1
    is_problem(pushing.ask("GET", "/issues"), 403)


def test_a_token_may_ask_so_often_a_minute(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with a_program(database, clock, tmp_path, api_rate=3) as program:
        answers = [program.ask("GET", "/issues") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"token";q=3;w=60'
        assert answers[0].headers["RateLimit"] == '"token";r=2;t=60'
        assert "go on in 60 s" in is_problem(answers[3], 429)
        assert answers[3].headers["Retry-After"] == "60"
        clock.advance(timedelta(seconds=60))
        assert program.ask("GET", "/issues").status_code == 200


def test_what_is_not_there_is_a_problem(program: Program) -> None:
    assert "/api/docs" in is_problem(program.site.client.get("/api/v1/nothing"), 404)
    is_problem(program.site.client.get("/api/v1/issues/1%0A"), 404)
    is_problem(program.ask("GET", "/issues/12"), 404)
    is_problem(program.ask("GET", "/issues/twelve"), 404)
    is_problem(program.ask("GET", f"/issues/{2**63}"), 404)
    is_problem(program.ask("GET", "/newsletters/%00"), 404)
    answer = program.ask("PUT", "/issues")
    assert "takes no PUT" in is_problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) <= {"GET", "POST", "HEAD"}


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"newsletter=gp-alert", "application/x-www-form-urlencoded", 415, "Content-Type"),
        (b"{", "application/json", 422, "this is no JSON"),
        (b'{"newsletter": NaN}', "application/json", 422, "NaN is no number"),
        (b'{"newsletter": "a\\u0000"}', "application/json", 422, "newsletter: holds a character"),
        (b'{"newsletter": "\\ud800"}', "application/json", 422, "newsletter: holds a character"),
        (b'{"a":' * 50_000, "application/json", 400, "without end"),
        (b'{"newsletter": {"a": [[[]]]}}', "application/json", 422, "newsletter: "),
        (b'{"newsletter": "gp-alert", "colour": 1}', "application/json", 422, "colour: "),
        (b"{}", "application/json", 422, "newsletter: Field required"),
        (b'{"newsletter": "nope"}', "application/json", 404, "there is no newsletter"),
    ],
)
def test_what_is_not_understood_is_told_at_its_field(
    program: Program, content: bytes, kind: str, status: int, said: str
) -> None:
    headers = {"Authorization": f"Bearer {program.token}", "Content-Type": kind}
    answer = program.site.client.post("/api/v1/issues", content=content, headers=headers)
    assert said in is_problem(answer, status)


def test_a_parameter_that_is_not_known_is_told(program: Program) -> None:
    detail = is_problem(program.ask("GET", "/issues?newsleter=gp-alert"), 422)
    assert detail.startswith("newsleter: there is no such parameter; there are: cursor, ")
    is_problem(program.ask("GET", "/issues?limit=201"), 422)
    is_problem(program.ask("GET", "/issues?state=flying"), 422)
    is_problem(program.ask("GET", "/articles?series=%00"), 422)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_route_names_what_it_needs_and_what_it_does(program: Program) -> None:
    site = program.site
    api = create_api(make_site(site.runtime, site.queue))
    routes = [one for one in _routes(api.routes) if isinstance(one, ApiRoute)]
    assert len(routes) > 60
    for route in routes:
        assert permission_of(route) in set(Permission)
    described = site.client.get("/api/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert len(operations) == len(routes)
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"][0]["token"]
        assert {"401", "403", "404", "422", "429", "503"} <= set(operation["responses"])
    assert set(described["components"]["securitySchemes"]) == {"token", "push"}
    assert "ValidationError" not in described["components"]["schemas"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_documentation_is_a_page_without_anything_from_elsewhere(program: Program) -> None:
    client = program.site.client
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "style=" not in page.text
    described = client.get("/api/openapi.json").json()
    for path, operations in described["paths"].items():
        assert f"<code>/api{path}</code>" in page.text
        assert all(one["summary"] in page.text for one in operations.values())
    for name in ("NewIssue", "Problem", "PushedArticle"):
        assert f'id="shape-{name}"' in page.text


def test_every_example_of_a_body_is_taken() -> None:
    modules = (shapes_articles, shapes_issues, shapes_newsletters, shapes_readers)
    found = [PushedArticle, *(one for module in modules for one in vars(module).values())]
    models = {one for one in found if isinstance(one, type) and issubclass(one, BaseModel)}
    shown = 0
    for model in models:
        extra = model.model_config.get("json_schema_extra")
        if model.model_config.get("extra") != "forbid" or not isinstance(extra, dict):
            continue
        examples = extra["examples"]
        assert isinstance(examples, list)
        for one in examples:
            model.model_validate_json(json.dumps(one))
            shown += 1
    assert shown >= 20


def _routes(routes: object) -> Iterator[object]:
    """Yield all routes, those of routers that are included too."""
    for one in routes:  # type: ignore[attr-defined]  # a list of FastAPI's
        inner = getattr(one, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        else:
            yield one
