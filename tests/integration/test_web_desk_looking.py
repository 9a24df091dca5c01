"""Looking at an issue before it goes out, without script."""

import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Frequency
from tests.conftest import NOW
from tests.data.rendering import samples
from tests.data.web.running import EMAIL, RunningSite, running_site
from tests.desk_world import Browser
from tests.factories import add_readers


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        site.add_issue(
            samples.africa_this_week(), 86, frequency=Frequency.WEEKLY, state=IssueState.APPROVED
        )
        yield site


def frames(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'<iframe src="([^"]+)"', page)]


def words(page: str) -> str:
    text = unescape(re.sub(r"<[^>]+>", "", page.partition("<main")[2]))
    return re.sub(r"\s+([.,:])", r"\1", " ".join(text.split()))


def test_the_mail_stands_in_frames_for_a_phone_and_a_desktop(editor: Browser) -> None:
    page = editor.get("/desk/issues/1/look")
    assert page.status_code == 200
    assert len(frames(page.text)) == 2
    assert "10 pieces" in words(page.text)
    mail = editor.get(frames(page.text)[0])
    policy = mail.headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "After the blue helmets" in mail.text
    assert "@@" not in mail.text
    assert "@media (max-width: 0)" in mail.text


def test_dark_and_without_pictures(editor: Browser) -> None:
    page = editor.get("/desk/issues/1/look?scheme=dark&pictures=off&width=phone").text
    [frame] = frames(page)
    mail = editor.get(frame)
    assert "@media (min-width: 0)" in mail.text
    assert "img-src 'none'" in mail.headers["content-security-policy"]
    assert "Phone, 375 pixels, dark mode, pictures off" in words(page)


def test_inbox_text_and_source(editor: Browser) -> None:
    inbox = words(editor.get("/desk/issues/1/look?view=inbox").text)
    assert "Three winters after the blue helmets left Gao" in inbox
    assert "Mail on an iPhone" in inbox
    text = editor.get("/desk/issues/1/look?view=text").text
    assert "AFRICA THIS WEEK" in text
    source = editor.get("/desk/issues/1/look?view=source").text
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in source
    raw = editor.get("/desk/issues/1/look/message.eml")
    assert raw.headers["content-disposition"] == 'attachment; filename="issue-1.eml"'
    message = message_from_bytes(raw.content, policy=default)
    assert message["Subject"] == samples.africa_this_week().subject
    assert message["To"] == "reader@example.org"


def test_as_somebody_who_follows_only_west_africa(editor: Browser) -> None:
    address = "/desk/issues/1/look?whose=wish&region=west-africa"
    page = words(editor.get(address).text)
    assert "This reader gets 3 of 10 pieces" in page
    assert "What is left out for them" in page
    mail = editor.get(frames(editor.get(address).text)[0]).text
    assert "After the blue helmets" in mail
    assert "South Africa" not in mail
    nobody = words(editor.get("/desk/issues/1/look?whose=wish&region=oceania").text)
    assert "gets no mail, because nothing in this issue is what they follow" in nobody
    assert editor.get("/desk/issues/1/look/mail?whose=wish&region=oceania").status_code == 404
    plain = editor.get("/desk/issues/1/look?whose=wish&plain=true&language=fr").text
    assert "plain text alone" in words(plain)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("region=atlantis", "There is no region 'atlantis'"),
        ("countries=Mali, Atlantis", "There is no country 'Atlantis'"),
        ("language=tlh", "There is no frame in 'tlh'"),
    ],
)
def test_what_is_not_understood_is_told_and_kept(editor: Browser, query: str, problem: str) -> None:
    page = editor.get(f"/desk/issues/1/look?whose=wish&{query}")
    assert page.status_code == 422
    assert problem in words(page.text)
    if "countries" in query:
        assert 'value="Mali, Atlantis"' in page.text


def test_as_a_subscriber_gets_it(site: RunningSite, editor: Browser) -> None:
    site.subscribe("africa-this-week")
    page = editor.post("/desk/issues/1/look/reader", {"email": EMAIL.upper(), "view": "text"})
    assert "@" not in str(page.url)
    assert f"{EMAIL} gets 10 of 10 pieces" in words(page.text)
    assert EMAIL in page.text.partition("<pre")[2]
    with site.runtime.database.transaction() as session:
        [far] = add_readers(
            session,
            ["far"],
            now=NOW,
            newsletter="africa-this-week",
            frequency=Frequency.WEEKLY,
            wish="oceania",
        )
    told = editor.get(f"/desk/issues/1/look?whose=reader&reader={far}").text
    assert "far@example.org gets no mail, because nothing in this issue" in words(told)


def test_an_address_that_nobody_subscribed_with(editor: Browser) -> None:
    page = editor.post("/desk/issues/1/look/reader", {"email": "who@example.org"})
    assert page.status_code == 422
    assert "Nobody has subscribed with who@example.org." in words(page.text)
    assert 'value="who@example.org"' in page.text
    wrong = editor.post("/desk/issues/1/look/reader", {"email": "no address"})
    assert "is no email address" in words(wrong.text)
    assert "The whole issue, as a reader gets it" in words(wrong.text)
    assert editor.get("/desk/issues/1/look?whose=reader&reader=4711").status_code == 404
    nobody = editor.get("/desk/issues/1/look?whose=reader")
    assert "The whole issue, as a reader gets it" in words(nobody.text)


def test_an_issue_that_is_not_there(editor: Browser) -> None:
    for path in ("", "/mail", "/message.eml"):
        assert editor.get(f"/desk/issues/99/look{path}").status_code == 404


def test_an_issue_without_pieces(site: RunningSite, editor: Browser) -> None:
    empty = replace(samples.gp_alert(), sections=())
    site.add_issue(empty, 5, frequency=Frequency.IMMEDIATE, state=IssueState.APPROVED)
    page = words(editor.get("/desk/issues/2/look").text)
    assert "There is nothing to see yet: the issue is empty." in page
    checks = words(editor.get("/desk/issues/2/checks").text)
    assert "The issue holds no piece, and goes to nobody. Put an article into it." in checks
