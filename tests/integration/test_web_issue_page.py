"""An issue as a page of the archive: what it says of itself, and nothing of a reader."""

import json
import re
from dataclasses import replace

import pytest
from lxml import html as markup

from alerts.rendering.slots import Slot
from alerts.subscribers.models import Frequency
from alerts.web.issue_page import IssuePage, page_of
from tests.conftest import NOW
from tests.data.rendering import samples
from tests.data.web.running import RunningSite

HOSTILE = '"><script>alert(1)</script></head>{{ 7*7 }}<!--'


def _head(text: str) -> tuple[dict[str, str], markup.HtmlElement]:
    root = markup.document_fromstring(text)
    metas = {
        one.get("property") or one.get("name") or "": one.get("content") or ""
        for one in root.iter("meta")
    }
    return metas, root


def _alternates(root: markup.HtmlElement) -> set[str]:
    return {one.get("href") or "" for one in root.iter("link") if one.get("rel") == "alternate"}


def test_an_issue_says_what_it_is(site: RunningSite) -> None:
    site.add_issue(samples.africa_this_week(), 86, frequency=Frequency.WEEKLY)
    address = f"{site.url}/archive/africa-this-week/86"
    metas, root = _head(site.client.get(address).text)
    assert metas["og:url"] == address
    assert metas["og:title"] == samples.africa_this_week().subject
    assert metas["og:description"] == metas["description"] == samples.africa_this_week().preheader
    assert metas["og:image"].endswith("/photos/gao.svg")
    assert [one.get("href") for one in root.iter("link") if one.get("rel") == "canonical"] == [
        address
    ]
    assert "/archive/africa-this-week/feed.atom" in _alternates(root)
    (script,) = root.iter("script")
    assert script.get("type") == "application/ld+json"
    data = json.loads(script.text or "")
    assert (data["@type"], data["url"]) == ("PublicationIssue", address)
    assert data["hasPart"][0]["headline"].startswith("After the blue helmets")
    assert data["hasPart"][0]["author"][0]["name"] == "Nithyashree RB"


@pytest.mark.parametrize("slug", ["africa-this-week", "gp-alert"])
def test_nothing_in_it_is_for_one_reader(site: RunningSite, slug: str) -> None:
    content = {one.newsletter: one for one in (samples.africa_this_week(), samples.gp_alert())}
    frequency = Frequency.WEEKLY if slug == "africa-this-week" else Frequency.IMMEDIATE
    site.add_issue(content[slug], 86, frequency=frequency)
    page = site.client.get(f"/archive/{slug}/86").text
    for words in (
        "You receive this",
        "Change your preferences",
        ">Unsubscribe<",
        "View in browser",
    ):
        assert words not in page, words
    assert "in our web archive" in page
    assert f'href="/subscribe?newsletter={slug}"' in page
    assert not any(slot.value in page for slot in Slot)
    paths = re.findall(r'href="(/archive/(?:author|region)/[^"]+)"', page)
    assert paths
    for path in paths:
        assert site.client.get(path).status_code == 200, path


def test_lists_say_what_they_are_and_where_their_feeds_stand(site: RunningSite) -> None:
    site.add_issue(samples.africa_this_week(), 86, frequency=Frequency.WEEKLY)
    for path in ("/", "/archive/", "/archive/africa-this-week", "/archive/region/west-africa"):
        metas, root = _head(site.client.get(path).text)
        assert metas["og:url"] == site.url + path
        assert metas["description"], path
        for feed in _alternates(root):
            assert site.client.get(feed).status_code == 200, feed
    assert "/archive/feed.atom" in _alternates(_head(site.client.get("/archive/").text)[1])


def test_hostile_words_stay_words(site: RunningSite) -> None:
    content = samples.africa_this_week()
    essay = replace(content.sections[0].items[0], title=HOSTILE, authors=(HOSTILE,))
    hostile = replace(
        content,
        subject=HOSTILE,
        preheader=HOSTILE,
        sections=(replace(content.sections[0], items=(essay,)),),
    )
    site.add_issue(hostile, 1, frequency=Frequency.WEEKLY)
    page = site.client.get("/archive/africa-this-week/1").text
    metas, root = _head(page)
    assert metas["og:title"] == HOSTILE
    assert [one.get("type") for one in root.iter("script")] == ["application/ld+json"]
    assert json.loads(next(root.iter("script")).text or "")["name"] == HOSTILE
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    "html",
    [
        "<p>To @@EMAIL@@</p>",
        "<p>One</p>@@EMAIL@@<p>two</p>",
        "@@EMAIL@@",
        "<p>@@EMAIL@@",
        "<a href='@@UNSUBSCRIBE_URL@@'>x</a>",
        "",
    ],
)
def test_a_template_of_any_make_loses_its_personal_parts(html: str) -> None:
    page = IssuePage(
        content=samples.africa_this_week(),
        url="https://example.org/archive/x/1",
        site_name="Site",
        base_url="https://example.org",
        newsletter="x",
        out_at=NOW,
    )
    assert "@@" not in page_of(html, page)
