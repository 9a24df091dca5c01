"""The search of the archive: the same on both databases, whatever is asked."""

from dataclasses import replace

import pytest

from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Frequency
from tests.data.rendering import samples
from tests.data.web.running import RunningSite

TEXTS = {
    "Ferries": "Elections were held in Bénin. The blue helmets left the ferry ghat at dawn.",
    "Harvest": "The electorate stayed away; helmets were blue. A cease-fire held.",
    "चुनाव": "मुंबई में चुनाव हुए। <b>Bold</b> & 'quoted'",
    "Long": "word " * 30_000 + "unreachable",
    "Helmets": "Nothing else.",
}


def _add(site: RunningSite, texts: dict[str, str], state: IssueState = IssueState.SENT) -> None:
    content = samples.africa_this_week()
    essay = replace(content.sections[0].items[0], standfirst="", authors=("Ama Boateng",))
    items = tuple(
        replace(essay, key=str(number), title=title, body_text=text)
        for number, (title, text) in enumerate(texts.items(), 1)
    )
    sections = (replace(content.sections[0], items=items),)
    site.add_issue(replace(content, sections=sections), 1, frequency=Frequency.WEEKLY, state=state)


def _found(site: RunningSite, question: str, **more: str) -> set[str]:
    page = site.client.get("/archive/search", params={"q": question, **more})
    assert page.status_code == 200, question
    plain = page.text.replace("<mark>", "").replace("</mark>", "")
    return {title for title in TEXTS if f">{title}</a></h2>" in plain}


ANSWERS: list[tuple[str, set[str]]] = [
    ("helmets", {"Ferries", "Harvest", "Helmets"}),
    ("blue helmets", {"Ferries", "Harvest"}),
    ('"blue helmets"', {"Ferries"}),
    ("elect", set()),
    ("elect*", {"Ferries", "Harvest"}),
    ('"the elect*"', {"Harvest"}),
    ("BENIN", {"Ferries"}),
    ("Bénin ferry", {"Ferries"}),
    ("cease-fire", {"Harvest"}),
    ('"fire cease"', set()),
    ("चुनाव", {"चुनाव"}),
    ("मुंबई", {"चुनाव"}),
    ("मु*", {"चुनाव"}),
    ("boateng dawn", {"Ferries"}),
    ('"boateng elections"', set()),
    ("word", {"Long"}),
    ("unreachable", set()),
]


def test_what_is_asked_is_found(site: RunningSite) -> None:
    _add(site, TEXTS)
    for question, titles in ANSWERS:
        assert _found(site, question) == titles, question


@pytest.mark.parametrize(
    ("url", "paragraphs", "found"),
    [
        ("https://news.example.org/1", 1, True),
        (None, None, True),
        (None, 2, True),
        (None, 1, False),
        (None, 0, False),
    ],
)
def test_words_that_a_hit_leads_nowhere_to_are_not_found(
    site: RunningSite, url: str | None, paragraphs: int | None, found: bool
) -> None:
    content = samples.africa_this_week()
    essay = replace(
        content.sections[0].items[0],
        title="Ferries",
        url=url,
        body_text="The ghat.\n\nAt nightfall.\n\nAt dawn.",
        paragraphs=paragraphs,
    )
    section = replace(content.sections[0], items=(essay,))
    site.add_issue(replace(content, sections=(section,)), 1, frequency=Frequency.WEEKLY)
    assert (_found(site, "nightfall") == {"Ferries"}) is found
    assert _found(site, "ferries") == {"Ferries"}


HOSTILE = [
    "",
    " ",
    "'",
    '"',
    '"""',
    "' OR 1=1 --",
    "helmets AND",
    "NOT helmets",
    "NEAR(helmets blue)",
    "title:helmets",
    "{title} : helmets",
    "helmets:*A",
    "helmets & | ! <-> (",
    "-helmets ^helmets +helmets",
    "* ** helmets**",
    "\\ \\' \\\"",
    "a\0b",
    "\0",
    "\u202e\u200b",
    "%s %(x)s {0} {{ 7*7 }}",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "a " * 5_000,
    '"' * 10_000,
    "( " * 5_000,
    "é" * 10_000,
    "\U0001d518 \U0001f389",
]


def test_whatever_is_asked_is_answered_by_a_page(site: RunningSite) -> None:
    _add(site, {"Helmets": "Nothing else."})
    for question in HOSTILE:
        page = site.client.get("/archive/search", params={"q": question})
        assert page.status_code == 200, question[:20]
        assert "<h1" in page.text, question[:20]
        assert "<script>" not in page.text, question[:20]
        assert "\0" not in page.text, question[:20]


def test_bytes_that_are_no_text_are_answered_too(site: RunningSite) -> None:
    for query in ("q=%ff%fe", "q=%ed%a0%80", "q=a&q=b", "q[]=x", "q=%00", "before=%00&q=x"):
        assert site.client.get(f"/archive/search?{query}").status_code == 200, query


def test_the_place_is_marked_and_escaped(site: RunningSite) -> None:
    _add(site, TEXTS)
    page = site.client.get("/archive/search", params={"q": "bold helmets*"}).text
    assert "Nothing was found" in page
    page = site.client.get("/archive/search", params={"q": "bold"}).text
    assert "&lt;b&gt;<mark>Bold</mark>&lt;/b&gt; &amp; &#39;quoted&#39;" in page
    page = site.client.get("/archive/search", params={"q": '"blue helmets"'}).text
    assert "The <mark>blue helmets</mark> left" in page


def test_nothing_is_found_before_it_is_sent(site: RunningSite) -> None:
    _add(site, TEXTS, IssueState.SCHEDULED)
    assert _found(site, "helmets") == set()


def test_many_hits_come_in_pages_the_newest_first(site: RunningSite) -> None:
    _add(site, {f"Piece {number}": "ferry" for number in range(1, 46)})
    path = "/archive/search?q=ferry"
    seen = []
    while path:
        page = site.client.get(path).text
        seen += [part.split("<")[0] for part in page.split(">Piece ")[1:]]
        _, more, rest = page.partition('<a href="?')
        path = f"/archive/search?{rest.split(chr(34))[0]}".replace("&amp;", "&") if more else ""
    assert seen == [str(number) for number in range(45, 0, -1)]
    for before in ("-1", "x", "9" * 40, "0", "\u0661"):
        assert site.client.get(f"/archive/search?q=ferry&before={before}").status_code == 200
