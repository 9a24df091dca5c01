"""An issue is sent and a reader signs up while everything is logged: no line tells of a person."""

import json
import re
from collections.abc import Callable

import httpx
import pytest

from tests.functional.installation import ARTICLES, Installation, free_port, wait_for
from tests.functional.moody_smtp import Act, MoodySmtp, Step

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
