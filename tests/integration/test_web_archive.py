from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.rendering.models import Edition
from alerts.rendering.slots import Slot
from alerts.subscribers.models import Frequency
from alerts.web.site import PAGES_KEPT_FOR
from tests.data.rendering import samples
from tests.data.web.running import RunningSite, running_site
from tests.factories import counted_queries


def _weekly(site: RunningSite, number: int, state: IssueState = IssueState.SENT) -> None:
    site.add_issue(samples.africa_this_week(), number, frequency=Frequency.WEEKLY, state=state)


def test_an_issue_stands_at_its_number_without_personal_parts(site: RunningSite) -> None:
    _weekly(site, 86)
    page = site.client.get("/archive/africa-this-week/86")
    assert page.status_code == 200
    assert "After the blue helmets" in page.text
    assert not any(slot.value in page.text for slot in Slot)
    assert "/unsubscribe/" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_every_list_leads_to_it(site: RunningSite) -> None:
    _weekly(site, 86)
    for path in ("/", "/archive/", "/archive/africa-this-week"):
        page = site.client.get(path).text
        assert 'href="/archive/africa-this-week/86"' in page, path
        assert "23 November 2026" in page, path


def test_nothing_is_shown_before_it_is_sent(site: RunningSite) -> None:
    for number, state in enumerate(IssueState, start=80):
        _weekly(site, number, state)
    listing = site.client.get("/archive/africa-this-week").text
    for number, state in enumerate(IssueState, start=80):
        path = f"/archive/africa-this-week/{number}"
        is_out = state in {IssueState.SENDING, IssueState.SENT}
        assert site.client.get(path).status_code == (200 if is_out else 404), state
        assert (f'href="{path}"' in listing) is is_out, state


def test_what_is_not_there_is_a_page_that_says_so(site: RunningSite) -> None:
    _weekly(site, 86)
    weekly = ("85", "weekly-85", "086", "-1", "86'--", "99999999999", "hourly-86")
    paths = [f"africa-this-week/{number}" for number in weekly]
    for path in [*paths, "no-such", "no-such/1", "africa-this-week?page=9"]:
        answer = site.client.get(f"/archive/{path}")
        assert answer.status_code == 404, path
        assert "This page is not here" in answer.text, path


def test_each_frequency_has_numbers_of_its_own(site: RunningSite) -> None:
    alert = samples.gp_alert()
    site.add_issue(alert, 5, frequency=Frequency.IMMEDIATE)
    site.add_issue(alert, 5, frequency=Frequency.DAILY)
    listed = site.client.get("/archive/gp-alert").text
    assert 'href="/archive/gp-alert/5"' in listed
    assert 'href="/archive/gp-alert/daily-5"' in listed
    daily = site.client.get("/archive/gp-alert/daily-5")
    assert daily.status_code == 200
    # The mail's own link to the web leads to the issue it stands in, not to its namesake.
    assert f'href="{site.url}/archive/gp-alert/daily-5"' in daily.text
    moved = site.client.get("/archive/gp-alert/immediate-5")
    assert (moved.status_code, moved.headers["location"]) == (301, "/archive/gp-alert/5")


def test_it_is_rendered_once_and_not_sent_again_to_who_has_it(site: RunningSite) -> None:
    _weekly(site, 86)
    first = site.client.get("/archive/africa-this-week/86")
    tag = first.headers["etag"]
    assert tag.startswith('"')
    again = site.client.get("/archive/africa-this-week/86", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = site.client.get("/archive/africa-this-week/86", headers={"If-None-Match": '"x"'})
    assert other.text == first.text
    with site.runtime.database.read() as session:
        assert session.execute(select(func.count()).select_from(Edition)).scalar_one() == 1


def test_a_long_list_comes_in_pages(site: RunningSite) -> None:
    for number in range(1, 54):
        _weekly(site, number)
    first = site.client.get("/archive/africa-this-week").text
    assert "Page 1 of 2" in first
    assert 'africa-this-week/53"' in first
    assert 'africa-this-week/3"' not in first
    assert 'africa-this-week/3"' in site.client.get("/archive/africa-this-week?page=2").text


def test_titles_are_escaped(site: RunningSite) -> None:
    hostile = replace(samples.africa_this_week(), subject="<script>alert(1)</script>{{ 7*7 }}")
    site.add_issue(hostile, 1, frequency=Frequency.WEEKLY)
    page = site.client.get("/archive/africa-this-week").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in page


def _double(site: RunningSite) -> None:
    issue_id = site.add_issue(
        samples.africa_this_week(), 85, frequency=Frequency.WEEKLY, state=IssueState.APPROVED
    )
    with site.runtime.database.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        issue.number_count, issue.volume, issue.volume_number = 2, 2, 39
        session.flush()
        move(session, issue_id, Event.SEND, clock=site.clock)


def test_a_double_issue_answers_for_both_numbers_and_names_one_address(site: RunningSite) -> None:
    _double(site)
    _weekly(site, 87)
    canonical = f'<link rel="canonical" href="{site.url}/archive/africa-this-week/85-86">'
    for name in ("85", "86", "85-86"):
        page = site.client.get(f"/archive/africa-this-week/{name}")
        assert page.status_code == 200, name
        assert canonical.replace(site.url, site.runtime.settings.base_url) in page.text, name
    for name in ("weekly-85", "weekly-86", "weekly-85-86"):
        answer = site.client.get(f"/archive/africa-this-week/{name}")
        assert answer.status_code == 301, name
        assert answer.headers["location"] == "/archive/africa-this-week/85-86"
    for name in ("84", "84-85", "86-87", "85-87", "87-88", "88", "86-85"):
        assert site.client.get(f"/archive/africa-this-week/{name}").status_code == 404, name
    listing = site.client.get("/archive/africa-this-week").text
    assert 'href="/archive/africa-this-week/85-86"' in listing
    assert "#85 &amp; 86, Vol. 2, No. 39 &amp; 40" in listing
    assert 'href="/archive/africa-this-week/87"' in listing
    feed = site.client.get("/archive/africa-this-week/feed.atom").text
    assert "Africa This Week #85 &amp; 86: " in feed


def test_a_crowd_has_each_page_made_once_a_second(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, pages_kept_for=PAGES_KEPT_FOR) as site:
        _weekly(site, 86)
        paths = ["/", "/archive/", "/archive/africa-this-week", "/archive/africa-this-week/86"]
        assert site.client.get("/archive/africa-this-week/87").status_code == 404
        first = [site.client.get(path) for path in paths]
        assert [page.status_code for page in first] == [200, 200, 200, 200]
        with counted_queries(database.engine) as asked:
            again = [site.client.get(path) for path in paths]
        assert asked == []
        assert [page.content for page in again] == [page.content for page in first]
        assert [page.headers for page in again] == [page.headers for page in first]
        for path, page in zip(paths, first, strict=True):
            known = {"If-None-Match": page.headers["etag"]}
            assert site.client.get(path, headers=known).status_code == 304

        _weekly(site, 87)
        # What was not there is looked for each time; the rest is a second old at most.
        assert site.client.get("/archive/africa-this-week/87").status_code == 200
        for path in ("/", "/archive/"):
            assert "/africa-this-week/87" not in site.client.get(path).text
        clock.advance(PAGES_KEPT_FOR)
        for path in ("/", "/archive/"):
            assert "/africa-this-week/87" in site.client.get(path).text


def test_the_form_to_sign_up_is_shown_to_a_crowd_without_the_database(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, pages_kept_for=PAGES_KEPT_FOR) as site:
        first = site.client.get("/subscribe")
        wrong = {"email": "nobody", "newsletter": "gp-alert"}
        with counted_queries(database.engine) as asked:
            again = site.client.get("/subscribe?newsletter=gp-alert")
            refused = site.client.post("/subscribe", data=wrong)
            embedded = site.client.get("/embed")
        assert asked == []
        assert [page.status_code for page in (first, again, embedded)] == [200, 200, 200]
        assert refused.status_code == 422
        # Each has a token of its own, and none is kept by anybody.
        assert again.headers["cache-control"] == "no-store"
        assert "Africa This Week" in again.text
        clock.advance(PAGES_KEPT_FOR)
        with counted_queries(database.engine) as asked:
            site.client.get("/subscribe")
        assert asked


def test_a_number_that_stands_elsewhere_leads_there_each_time(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, pages_kept_for=PAGES_KEPT_FOR) as site:
        _weekly(site, 86)
        for _ in range(2):
            answer = site.client.get("/archive/africa-this-week/weekly-86")
            assert answer.status_code == 301
            assert answer.headers["location"] == "/archive/africa-this-week/86"
