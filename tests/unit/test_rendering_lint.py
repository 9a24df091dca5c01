from dataclasses import replace

from alerts.newsletters.content import IssueContent
from alerts.rendering.lint import GMAIL_CLIPS_AT, lint
from alerts.rendering.service import RenderedEdition
from alerts.rendering.shortening import HTML_LIMIT
from alerts.rendering.slots import Slot
from tests.data.rendering import samples

_LINKS = f'<a href="{Slot.UNSUBSCRIBE_URL}">Unsubscribe</a><a href="{Slot.PREFERENCES_URL}">p</a>'
GOOD = RenderedEdition(
    subject="A subject",
    html=f'<html lang="en"><body><p>Text</p>{_LINKS}</body></html>',
    text="Words to read. " * 20 + f"\n{Slot.UNSUBSCRIBE_URL}\n{Slot.PREFERENCES_URL}\n",
)


def _rules(edition: RenderedEdition, content: IssueContent | None = None) -> list[tuple[str, str]]:
    findings = lint(content or samples.gp_alert(), edition)
    return [(finding.level, finding.rule) for finding in findings]


def _with_html(markup: str) -> RenderedEdition:
    return replace(GOOD, html=GOOD.html.replace("<p>Text</p>", markup))


def test_a_good_edition_has_no_findings() -> None:
    assert _rules(GOOD) == []


def test_subjects() -> None:
    assert _rules(replace(GOOD, subject=" ")) == [("error", "subject-empty")]
    assert _rules(replace(GOOD, subject="a\nb")) == [("error", "subject-line-break")]
    assert _rules(replace(GOOD, subject="word " * 30)) == [("warning", "subject-long")]
    assert _rules(replace(GOOD, subject="TEST please ignore")) == [("warning", "subject-leftover")]
    assert _rules(replace(GOOD, subject="A contest of wills")) == []


def test_size() -> None:
    assert _rules(_with_html("x" * HTML_LIMIT)) == [("warning", "size-near-limit")]
    assert _rules(_with_html("x" * GMAIL_CLIPS_AT)) == [("error", "size")]
    # Bytes count, not characters.
    assert _rules(_with_html("你" * (GMAIL_CLIPS_AT // 3))) == [("error", "size")]


def test_the_ways_out_must_be_there_in_both_parts() -> None:
    without = replace(GOOD, html='<html lang="en"><p>Text</p></html>', text="Words to read. " * 20)
    assert _rules(without) == [
        ("error", "no-unsubscribe"),
        ("error", "no-unsubscribe"),
        ("warning", "no-preferences"),
        ("warning", "no-preferences"),
    ]


def test_the_plain_text() -> None:
    assert ("error", "no-plain-text") in _rules(replace(GOOD, text=" \n"))
    short = f"{Slot.UNSUBSCRIBE_URL} {Slot.PREFERENCES_URL}"
    assert _rules(replace(GOOD, text=short)) == [("warning", "short-plain-text")]


def test_images_and_links() -> None:
    image = '<p>{}</p><img width="640" src="https://a.example/x.jpg">'.format("Text " * 80)
    assert _rules(_with_html(image)) == [("error", "no-alt")]
    assert _rules(_with_html('<a href="http://a.example/">x</a>')) == [
        ("warning", "link-not-https")
    ]
    assert _rules(_with_html('<a href="http://127.0.0.1:8000/x">x</a>')) == []
    assert _rules(_with_html('<a href="">x</a>')) == [("error", "link-empty")]


def test_what_the_content_lacks_is_said_with_the_title() -> None:
    photo = replace(samples.photo("gao", "", None), url="ftp://a.example/x")
    essay = replace(samples.ESSAY, photo=photo, url="javascript:x")
    section = replace(samples.africa_this_week().sections[0], items=(essay,))
    content = replace(samples.africa_this_week(), sections=(section,))
    findings = lint(content, GOOD)
    assert [f.rule for f in findings] == [
        "photo-alt",
        "no-credit",
        "photo-address",
        "link-address",
    ]
    assert all(essay.title in finding.message and finding.fix for finding in findings)
