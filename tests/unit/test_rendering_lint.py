from dataclasses import replace

import pytest

from alerts.newsletters.content import IssueContent
from alerts.paths import templates_dir
from alerts.rendering.lint import (
    GMAIL_CLIPS_AT,
    NOTHING_KNOWN,
    Finding,
    Known,
    LinkState,
    LinkVerdict,
    fingerprint,
    lint,
)
from alerts.rendering.lint.colours import contrast, read_colour
from alerts.rendering.lint.css import declarations, rules_of
from alerts.rendering.lint.styles import css_table
from alerts.rendering.service import RenderedEdition, Renderer
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


def _messages(edition: RenderedEdition, known: Known = NOTHING_KNOWN) -> dict[str, Finding]:
    return {one.rule: one for one in lint(samples.gp_alert(), edition, known)}


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        ("THE SAHEL AFTER THE MISSION", "subject-capitals"),
        ("🌍🌍🌍", "subject-no-words"),
        ("What now?!!", "subject-shouting"),
        ("This is a test", "subject-leftover"),
        ("Brouillon : le Sahel", "subject-leftover"),
        ("परीक्षण", "subject-leftover"),
        ("Lorem Ipsum", "subject-leftover"),
        ("GP Alert: {lead}", "placeholder"),
        ("Dear {{ name }}", "placeholder"),
        ("Hello *|FNAME|*", "placeholder"),
    ],
)
def test_subjects_that_want_a_look(subject: str, rule: str) -> None:
    assert ("warning", rule) in _rules(replace(GOOD, subject=subject))


@pytest.mark.parametrize(
    "subject",
    [
        "UN, NATO and ECOWAS meet",
        "North Korea's nuclear test",
        "A test for democracy in Kenya",
        "Parliament to draft a law",
        "Africa in ten pictures 📸",
        "The protestant work ethic, a contest",
        "Qui testera la paix ?",
        "台湾海峡的平静冬天",
        "What now?",
    ],
)
def test_subjects_that_are_fine(subject: str) -> None:
    assert _rules(replace(GOOD, subject=subject)) == []


def test_leftovers_are_found_wherever_they_stand() -> None:
    content = samples.gp_alert()
    first, *others = content.sections[0].items
    changes: list[tuple[dict[str, object], str]] = [
        ({"title": "Test"}, "the title of"),
        ({"standfirst": "TBD"}, "the standfirst of"),
        ({"authors": ("Lorem Ipsum",)}, "the authors of"),
        ({"body_text": "Text. TODO: the rest."}, "the text of"),
        ({"body_text": "", "body_html": "<p>{{ body }}</p>"}, "the text of"),
    ]
    for change, place in changes:
        item = replace(first, **change)  # type: ignore[arg-type]  # fields by name
        section = replace(content.sections[0], items=(item, *others))
        findings = lint(replace(content, sections=(section,)), GOOD)
        assert [f.rule in {"leftover", "placeholder"} for f in findings] == [True], change
        assert findings[0].about.startswith(place)
    noted = lint(replace(content, editors_note="Test. Please ignore."), GOOD)
    assert noted[0].about == "the editors’ note"
    # An article's own text may well speak of tests.
    body = replace(first, body_text="The test was delayed; a draft is being tested.")
    section = replace(content.sections[0], items=(body, *others))
    assert _rules(GOOD, replace(content, sections=(section,))) == []


def test_preheaders() -> None:
    content = samples.gp_alert()
    assert _rules(GOOD, replace(content, preheader=" ")) == [("warning", "preheader-missing")]
    said = replace(content, preheader=f"{content.subject.upper()} And more.")
    assert _rules(GOOD, said) == [("warning", "preheader-repeats")]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("javascript:alert(1)", ("error", "link-scheme")),
        ("/archive", ("error", "link-relative")),
        ("mailto:desk@example.org", ("note", "link-program")),
        ("tel:+1", ("note", "link-program")),
        ("https://a.example/?utm_source=x&id=1", ("warning", "link-tracking")),
        ("https://a.example/?mc_eid=x", ("warning", "link-tracking")),
    ],
)
def test_links_of_other_kinds(address: str, found: tuple[str, str]) -> None:
    assert _rules(_with_html(f'<a href="{address}">x</a>')) == [found]


def test_links_that_are_fine() -> None:
    for address in ("https://a.example/?id=1&media=utm", "#top", "https://a.example/x#fbclid"):
        assert _rules(_with_html(f'<a href="{address}">x</a>')) == []


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        (LinkVerdict.DEAD, ("warning", "link-dead")),
        (LinkVerdict.FAILING, ("warning", "link-failing")),
        (LinkVerdict.CLOSED, ("note", "link-unclear")),
        (LinkVerdict.MOVED, ("note", "link-moved")),
    ],
)
def test_links_that_were_looked_at(verdict: LinkVerdict, found: tuple[str, str]) -> None:
    url = "https://a.example/x"
    edition = _with_html(f'<a href="{url}">Words</a>')
    known = Known(links={url: LinkState(verdict, "the page is gone (404)", "https://b.example")})
    [finding] = lint(samples.gp_alert(), edition, known)
    assert ((finding.level, finding.rule), finding.about) == (found, url)
    assert _rules(edition) == []
    assert not lint(samples.gp_alert(), edition, Known(links={url: LinkState(LinkVerdict.FINE)}))


def test_pictures() -> None:
    words = "<p>" + "Text " * 80 + "</p>"
    url = "https://a.example/x.jpg"
    good = f'{words}<img width="640" alt="A ship" src="{url}">'
    assert _rules(_with_html(good)) == []
    assert _rules(_with_html(good.replace(' width="640"', ""))) == [("warning", "image-no-width")]
    styled = good.replace('width="640"', 'style="width:100%"')
    assert _rules(_with_html(styled)) == []
    assert _rules(_with_html(good.replace(".jpg", ".svg"))) == [("warning", "image-format")]
    inside = good.replace(url, "data:image/png;base64,AA")
    assert _rules(_with_html(inside)) == [("warning", "image-inside")]
    assert _rules(_with_html(good.replace(words, "<p>Look!</p>"))) == [("warning", "all-image")]
    heavy = Known(links={url: LinkState(LinkVerdict.FINE, size=3_500_000)})
    assert "3.5 MB" in _messages(_with_html(good), heavy)["image-heavy"].message
    dead = Known(links={url: LinkState(LinkVerdict.DEAD, "gone")})
    assert list(_messages(_with_html(good), dead)) == ["image-dead"]


def test_the_document_says_its_language() -> None:
    without = replace(GOOD, html=GOOD.html.replace(' lang="en"', ""))
    assert _rules(without) == [("warning", "no-lang")]


def test_a_slot_that_nothing_fills() -> None:
    assert _rules(_with_html("<p>@@NAME@@ @@EMAIL@@</p>")) == [("error", "slot-unknown")]


def test_the_largest_edition_counts_too() -> None:
    found = lint(samples.gp_alert(), GOOD, Known(largest=GMAIL_CLIPS_AT + 1))
    assert [(one.level, one.rule) for one in found] == [("error", "size-variant")]
    assert _rules(replace(GOOD, shortened=True)) == [("note", "shortened")]
    # The readers' own links count: a little below the limit is above it when they are in.
    room = GMAIL_CLIPS_AT - len(GOOD.html)
    assert ("error", "size") in _rules(_with_html("x" * room))


@pytest.mark.parametrize(
    ("style", "found"),
    [
        ("display:flex", ("warning", "css-dropped")),
        ("display:grid", ("warning", "css-dropped")),
        ("position:absolute", ("warning", "css-dropped")),
        ("width:calc(100% - 2px)", ("warning", "css-dropped")),
        ("color:var(--ink)", ("warning", "css-dropped")),
        ("border-top-left-radius:3px", ("note", "css-plainer")),
        ("box-shadow:0 0 1px #000", ("note", "css-plainer")),
        ("made-up:1", ("warning", "css-unknown")),
    ],
)
def test_styles_that_a_mail_program_drops(style: str, found: tuple[str, str]) -> None:
    assert _rules(_with_html(f'<p style="{style}">x</p>')) == [found]


def test_styles_that_all_keep() -> None:
    style = "color:#1d1b18;font-family:Georgia, 'Noto Serif';padding-left:2px;mso-line-height-rule:"
    style += "exactly;-webkit-text-size-adjust:100%;border-top:1px solid #d8cfbf"
    assert _rules(_with_html(f'<p style="{style}">x</p>')) == []


def test_what_a_style_sheet_adds_is_a_note() -> None:
    sheet = "<style>@media (max-width:9px) { p { color: red } } a:hover { color: #000 }</style>"
    found = lint(samples.gp_alert(), _with_html(f"{sheet}<p>x</p>"))
    assert {(one.level, one.rule) for one in found} == {("note", "css-rule")}
    assert {one.about for one in found} == {"@media", ":hover"}


def test_what_the_same_programs_drop_is_one_note() -> None:
    style = "opacity:1;max-height:2px;border-radius:3px;box-shadow:0 0 1px #000"
    found = lint(samples.gp_alert(), _with_html(f'<p style="{style}">x</p>'))
    assert [one.about for one in found] == [
        "opacity, max-height, border-radius",
        "box-shadow",
    ]


def test_the_table_of_properties_says_where_it_is_from() -> None:
    table = css_table()
    assert table.source.startswith("https://")
    assert table.as_of.year >= 2025
    assert len(table.properties) > 150
    assert table.properties["display"] == ()
    assert table.properties["border-radius"] == ("Outlook on Windows",)


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        ('<p style="color:#999">Pale</p>', "“Pale” is hard to read: #999999 on #ffffff"),
        ('<div style="color:#777"><p>In<b>herited</b></p></div>', "#777777 on #ffffff"),
        ('<table bgcolor="#000"><tr><td>Dark</td></tr></table>', "#000000 on #000000"),
        ('<div style="background-color:#123"><a href="https://a.example">L</a></div>', "#0000ee"),
    ],
)
def test_texts_that_are_hard_to_read(markup: str, message: str) -> None:
    assert message in _messages(_with_html(markup))["contrast"].message


def test_texts_that_can_be_read() -> None:
    for markup in (
        '<p style="color:#767676">Just so</p>',
        '<h1 style="color:#949494;font-size:24px">Large</h1>',
        '<p style="color:#fff;background-image:url(x.jpg)">On a picture</p>',
        '<div style="display:none;color:#fff">Hidden</div>',
        '<p style="color:#fff">&nbsp;</p>',
    ):
        assert ("warning", "contrast") not in _rules(_with_html(markup)), markup


def test_dark_mode_is_judged_by_the_mails_own_rules() -> None:
    sheet = (
        "<style>@media (prefers-color-scheme: dark) {"
        ".sheet { background-color: #111 !important } .sheet p.ok { color: #eee !important }"
        "p { color: #222 !important } }</style>"
    )
    markup = f'{sheet}<div class="sheet"><p class="ok">Fine</p><p>Lost</p></div>'
    found = _messages(_with_html(markup))["contrast"]
    assert "“Lost” is hard to read in dark mode: #222222 on #111111" in found.message
    assert found.about == "dark mode #222222 on #111111"


def test_contrast_by_the_formula_of_wcag() -> None:
    black, white = (0, 0, 0), (255, 255, 255)
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(white, white) == pytest.approx(1)
    assert contrast((118, 118, 118), white) == pytest.approx(4.54, abs=0.01)
    assert [read_colour(text) for text in ("#ABC", "rgb(1, 2, 3)", "White", "transparent")] == [
        (170, 187, 204),
        (1, 2, 3),
        white,
        None,
    ]


def test_css_is_read_whatever_stands_in_it() -> None:
    assert declarations("background: url('a;b.png'); COLOR : red !important; x") == {
        "background": "url('a;b.png')",
        "color": "red",
    }
    rules = rules_of("/* { */ a, b { x: 1 } @media print { @supports (y) { c { z: 2 } } } d {")
    assert [(rule.within, rule.selector) for rule in rules] == [
        ((), "a"),
        ((), "b"),
        (("@media print", "@supports (y)"), "c"),
        ((), "d"),
    ]


def test_the_same_finding_has_the_same_fingerprint() -> None:
    one, two = (_messages(replace(GOOD, subject="Test"))["subject-leftover"] for _ in range(2))
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint(replace(one, content="Test 2"))
    assert fingerprint(one) == fingerprint(replace(one, message="said otherwise"))


def test_both_templates_want_no_mending() -> None:
    """Our own templates are clean but for what the samples' drawings are made of."""
    renderer = Renderer(templates_dir("email"))
    for content in (samples.gp_alert(), samples.africa_this_week()):
        edition = renderer.render(
            content, archive_url=samples.ARCHIVE_URL, home_url=samples.HOME_URL
        )
        worth = {one.rule for one in lint(content, edition) if one.level != "note"}
        assert worth == {"image-format"}


def test_a_piece_beside_its_whole_roundup() -> None:
    whole = samples.piece("1252", "The week", ["Words."])
    content = samples.africa_this_week()
    sections = (replace(content.sections[0], items=(whole,)), content.sections[1])
    twice = [
        one for one in lint(replace(content, sections=sections), GOOD) if one.rule == "piece-twice"
    ]
    assert len(twice) == len(content.sections[1].items)
    assert "stands in the issue twice" in twice[0].message
    assert not [one for one in lint(content, GOOD) if one.rule == "piece-twice"]
