"""An issue is sent and a reader signs up while everything is logged: no line tells of a person."""

import json
import re
import smtplib
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import text as sql

from alerts.database import Database
from tests.functional.installation import ARTICLES, Installation, free_port, wait_for
from tests.functional.moody_smtp import Act, MoodySmtp, Step, kind
from tests.functional.servers import PostgresServer

pytestmark = pytest.mark.processes
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


def says_who(step: Step, recipient: str) -> Act | None:
    """Refuse a reader, and say in the answer whom, as most servers do."""
    if step is Step.RCPT and recipient.startswith("gone"):
        return Act(f"550 5.1.1 <{recipient}>: no such mailbox\r\n".encode())
    if step is Step.RCPT and recipient.startswith("newcomer"):
        return Act(f"451 4.3.0 <{recipient}>: try again\r\n".encode())
    return None


def test_no_line_holds_an_address_or_a_token(install: Callable[..., Installation]) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with MoodySmtp(says_who) as server:
        house = install(
            base_url=address,
            log_level="DEBUG",
            sender="GP Alerts <alerts@news.example.com>",
            mail_url=f"smtp://127.0.0.1:{server.port}?tls=off&connections=4",
        )
        house.run("article", "add", str(ARTICLES))
        for name in ("asha", "gone"):
            who = f"{name}@example.org"
            house.run("subscriber", "add", who, "--newsletter", "gp-alert", "--confirmed")
        issue = house.run("issue", "draft", "gp-alert").strip()
        house.run("issue", "approve", issue)
        up = house.start("up", "--port", str(port))
        wait_for(lambda: _ready(address))
        house.run("issue", "send", issue)
        wait_for(lambda: house.json("issue", "show", issue)["state"] == "sent")
        page = httpx.get(f"{address}/subscribe").text
        [form_token] = TOKEN.findall(page)[:1]
        form = {"form_token": form_token, "newsletter": "gp-alert"}
        log = house.folder / "parts.log"

        def signed_up() -> bool:
            # A form that is sent back at once is taken for a machine's.
            httpx.post(f"{address}/subscribe", data=form | {"email": "newcomer@example.org"})
            return "confirmation_deferred" in log.read_text()

        wait_for(signed_up)
        person = house.json("subscriber", "show", "asha@example.org")
        up.terminate()
        assert up.wait(60) == 0
    text = log.read_text()
    for name in ("asha", "gone", "newcomer"):
        assert f"{name}@" not in text
    for link in (person["unsubscribe_url"], person["preferences_url"]):
        assert link.rpartition("/")[2] not in text
    assert form_token not in text
    assert house.json("issue", "audit", issue)["failed"] == 1, text
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    [refused] = [event for event in events if event["event"] == "not_delivered"]
    assert refused["issue"] == int(issue)
    assert refused["batch"] > 0
    assert refused["delivery"] > 0
    assert refused["outcome"] == "hard"


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


# A database that says in its answers whom it was about, as constraints and triggers of others do.
SAYS_WHO = """
CREATE FUNCTION says_who() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no place for % ("%"@example.com)', NEW.email, NEW.email_key; END $$;
CREATE TRIGGER at_once BEFORE INSERT ON subscribers FOR EACH ROW
    WHEN (NEW.email LIKE 'broken%') EXECUTE FUNCTION says_who();
CREATE TRIGGER later BEFORE UPDATE ON subscribers FOR EACH ROW
    WHEN (NEW.email LIKE 'crash%') EXECUTE FUNCTION says_who();
"""
TYPED_BY_MISTAKE = "correct-horse-battery-staple"


@pytest.fixture
def relay() -> Iterator[MoodySmtp]:
    with MoodySmtp(kind) as server:
        yield server


def test_what_breaks_tells_of_nobody_either(
    install: Callable[..., Installation], postgres: PostgresServer, relay: MoodySmtp
) -> None:
    """Crashes of pages, of the API, of tasks and of inbound mail, with tracebacks that say whom."""
    port, mail_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    house = install(
        base_url=address,
        log_level="DEBUG",
        database_url=postgres.url,
        inbound_port=str(mail_port),
        # A pool: one takes mail, the other is away.
        mail_url=f"smtp://127.0.0.1:{relay.port}?tls=off"
        f" smtp://someone:s3cret-of-the-relay@127.0.0.1:{free_port()}?tls=off&name=away",
    )
    house.run("init")
    link = house.json("staff", "add", "editor@example.org", "--role", "admin")["password_url"]
    scope = ("--scope", "subscribers.write")
    token = house.json("staff", "token", "editor@example.org", *scope)["token"]
    database = Database(postgres.url)
    with database.transaction() as session:
        session.execute(sql(SAYS_WHO))
    database.dispose()
    up = house.start("up", "--port", str(port))
    log = house.folder / "parts.log"
    wait_for(lambda: _ready(address))
    # The server closes a connection on which a page crashed.
    fresh = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=address, timeout=60, limits=fresh) as client:
        assert client.get(link).status_code == httpx.codes.OK
        form = {"form_token": _form_token(client, "/desk/login"), "password": "wrong"}
        client.post("/desk/login", data=form | {"email": TYPED_BY_MISTAKE})
        client.post("/desk/login", data=form | {"email": "editor@example.org"})
        bearer = {"Authorization": f"Bearer {token}"}
        reader = "broken-api@example.org"
        body = {"email": reader, "newsletters": ["gp-alert"]}
        said = client.post("/api/v1/subscribers", json=body, headers=bearer)
        assert said.status_code == httpx.codes.INTERNAL_SERVER_ERROR, said.text
        assert reader not in said.text
        signing_up = {"form_token": _form_token(client, "/subscribe"), "newsletter": "gp-alert"}

        def asked(email: str) -> int:
            # A form that is sent back at once is taken for a machine's.
            return client.post("/subscribe", data=signing_up | {"email": email}).status_code

        wait_for(lambda: asked("broken-page@example.org") == httpx.codes.INTERNAL_SERVER_ERROR)
        asked("crash-task@example.org")
    with smtplib.SMTP("127.0.0.1", mail_port, timeout=60) as server:
        mail = "From: broken-mail@example.org\r\nSubject: subscribe\r\n\r\nsubscribe\r\n"
        server.sendmail("broken-mail@example.org", ["alerts@example.org"], mail)
    # Each of the ways broke, and said so.
    for sign in ("page_failed", "api_failed", "mail_not_worked_off", "raised unexpected"):
        wait_for(lambda sign=sign: sign in log.read_text())  # type: ignore[misc]  # a default
    up.terminate()
    assert up.wait(60) == 0
    text = log.read_text()
    assert text.count("no place for ***@example.org") >= len(("page", "api", "mail", "task"))
    for secret in (
        *("broken-", "crash-task", "editor@", TYPED_BY_MISTAKE, "s3cret-of-the-relay"),
        *(token, link.rpartition("/")[2], form["form_token"], signing_up["form_token"]),
    ):
        assert secret not in text, next(line for line in text.splitlines() if secret in line)


def _form_token(client: httpx.Client, path: str) -> str:
    [token] = TOKEN.findall(client.get(path).text)[:1]
    assert isinstance(token, str)
    return token
