import re
import socket
from dataclasses import replace
from email.policy import SMTP
from pathlib import Path

import pytest
from lxml import html as lxml_html

from alerts.errors import Invalid
from alerts.newsletters.content import IssueContent, SectionContent
from alerts.paths import templates_dir
from alerts.rendering.lint import lint
from alerts.rendering.plain import COLUMNS, display_width
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.shortening import HTML_LIMIT
from alerts.rendering.slots import Slot
from tests.data.rendering import samples

RENDERER = Renderer(templates_dir("email"))


def _render(content: IssueContent) -> RenderedEdition:
    return RENDERER.render(content, archive_url=samples.ARCHIVE_URL, home_url=samples.HOME_URL)


@pytest.fixture(scope="module")
def editions() -> dict[str, RenderedEdition]:
    return {name: _render(content) for name, content in samples.ALL.items()}


@pytest.fixture(params=list(samples.ALL))
def edition(
    request: pytest.FixtureRequest, editions: dict[str, RenderedEdition]
) -> RenderedEdition:
    return editions[str(request.param)]


def test_both_parts_hold_each_slot(edition: RenderedEdition) -> None:
    for slot in Slot:
        assert slot in edition.html
        assert slot in edition.text
        assert slot not in edition.subject


def test_the_slots_stand_where_the_template_put_them(edition: RenderedEdition) -> None:
    tree = lxml_html.document_fromstring(edition.html)
    unsubscribe = tree.xpath("//a[normalize-space()='Unsubscribe']/@href")
    assert unsubscribe == [Slot.UNSUBSCRIBE_URL]
    assert edition.html.count("@@") == 2 * len(Slot)
    assert edition.text.count("@@") == 2 * len(Slot)


def test_the_html_stays_below_what_gmail_clips(edition: RenderedEdition) -> None:
    assert len(edition.html.encode()) <= HTML_LIMIT


def test_lines_of_the_plain_text_have_at_most_72_columns(edition: RenderedEdition) -> None:
    for line in edition.text.split("\n"):
        words = line.split()
        assert display_width(line) <= COLUMNS or len(words) == 1, line


def test_links_in_the_plain_text_stand_alone_and_whole(edition: RenderedEdition) -> None:
    for line in edition.text.split("\n"):
        if line.startswith(("https://", "http://")):
            assert " " not in line


def test_the_plain_text_holds_no_markup_and_no_run_of_blank_lines() -> None:
    text = _render(samples.africa_this_week()).text
    assert not re.search(r"<[a-z/]|&[a-z]+;", text)
    assert "\n\n\n\n" not in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_the_subject_is_one_line(edition: RenderedEdition) -> None:
    assert edition.subject
    assert "\n" not in edition.subject
    assert "\r" not in edition.subject
    # The standard library refuses a header with a line break in it.
    SMTP.header_factory("subject", edition.subject)


def test_no_sign_of_a_template_is_left(edition: RenderedEdition) -> None:
    assert "49" not in re.findall(r"\{\{ *7 \* 7 *\}\}|49(?=</script)", edition.html)
    assert "{#" not in edition.html
    assert "Undefined" not in edition.html


def test_nothing_of_the_content_runs(edition: RenderedEdition) -> None:
    tree = lxml_html.document_fromstring(edition.html)
    assert not list(tree.iter("script", "iframe", "object", "embed", "form", "link"))
    for element in tree.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        for name in ("href", "src"):
            address = element.get(name, "")
            assert not address or address.startswith(("https://", "http://", "mailto:", "@@"))


def test_every_table_is_for_layout_and_says_so(edition: RenderedEdition) -> None:
    tree = lxml_html.document_fromstring(edition.html)
    assert all(table.get("role") == "presentation" for table in tree.iter("table"))
    assert tree.get("lang") == "en"


def test_the_lint_has_no_errors_for_any_of_them(editions: dict[str, RenderedEdition]) -> None:
    for name, edition in editions.items():
        findings = lint(samples.ALL[name], edition)
        assert not [finding for finding in findings if finding.level == "error"], name


def test_styles_are_on_the_elements_and_the_dark_mode_in_the_head() -> None:
    html = _render(samples.gp_alert()).html
    assert re.search(r'<h1 class="nameplate ink" style=', html)
    assert 'bgcolor="#fffdf8"' in html
    head = html[: html.index("</head>")]
    assert "@media (prefers-color-scheme: dark)" in head
    assert "[data-ogsc]" in head
    assert "!important" in head
    assert '<meta name="color-scheme" content="light dark">' in head
    assert "<!--[if mso]>" in html


def test_rendering_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendering tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    content = samples.HARD["gp-alert: HTML and Jinja"]
    link = '<link rel="stylesheet" href="https://evil.example/x.css">'
    _render(replace(content, editors_note=link, tagline=link))


def test_rendering_twice_gives_the_same_bytes() -> None:
    content = samples.HARD["africa-this-week: sixty essays"]
    one = _render(content)
    assert (
        Renderer(templates_dir("email")).render(
            content, archive_url=samples.ARCHIVE_URL, home_url=samples.HOME_URL
        )
        == one
    )
    assert one.checksum() == _render(content).checksum()


def test_a_long_essay_ends_at_a_paragraph_with_a_link_to_go_on() -> None:
    essay = replace(samples.ESSAY, body_html=samples.ESSAY.body_html * 30)
    content = samples.africa_this_week()
    sections = (SectionContent("in-focus", "In focus", "essay", (essay,)),)
    edition = _render(replace(content, sections=sections))
    tree = lxml_html.document_fromstring(edition.html)
    (link,) = tree.xpath("//a[starts-with(normalize-space(), 'Continue reading')]")
    assert link.get("href") == essay.url
    assert essay.title in link.get("aria-label")
    last = tree.xpath("//td[contains(@class, ' text')]/p")[-1]
    assert last.text_content().rstrip().endswith((".", "!", "?"))
    assert f"Continue reading:\n{essay.url}\n" in edition.text


def test_what_was_cut_of_a_piece_without_address_is_read_in_the_archive() -> None:
    essay = replace(samples.ESSAY, url=None, body_html=samples.ESSAY.body_html * 30)
    sections = (SectionContent("in-focus", "In focus", "essay", (essay,)),)
    edition = _render(replace(samples.africa_this_week(), sections=sections))
    assert f"Continue reading:\n{samples.ARCHIVE_URL}\n" in edition.text


def test_far_too_many_pieces_are_counted_and_found_on_the_web() -> None:
    cards = tuple(
        replace(samples.ESSAY, key=str(number), title=f"{number} " + "title " * 60)
        for number in range(500)
    )
    content = samples.gp_alert()
    edition = _render(replace(content, sections=(SectionContent("new", "", "cards", cards),)))
    assert len(edition.html.encode()) <= HTML_LIMIT
    shown = " ".join(edition.html.split())
    assert re.search(r"\d+ more pieces in this issue on the web", shown)
    assert re.search(r"and \d+ more, on the web:", edition.text)


def test_briefs_stand_under_their_places_in_the_order_of_the_issue() -> None:
    edition = _render(samples.africa_this_week())
    tree = lxml_html.document_fromstring(edition.html)
    places = [h3.text_content() for h3 in tree.xpath("//h3[contains(@class, 'place')]")]
    assert places == ["Sudan", "Ethiopia", "Kenya", "Nigeria", "South Africa", "Mozambique"]
    assert re.search(r"^Sudan\n-----$", edition.text, re.MULTILINE)


def test_contributors_and_sources_are_those_of_the_pieces_that_remain() -> None:
    content = samples.africa_this_week()
    edition = _render(content.only(["1252.1", "1252.2"]))
    assert "Jerry Franklin A is a Research Associate" in edition.text
    assert edition.text.count("Jerry Franklin A is") == 1
    assert "Nithyashree" not in edition.text
    assert "CWA Commentary" not in edition.text
    assert edition.text.count("Africa Weekly # 131, 21 November 2026") == 1


def test_a_standfirst_that_repeats_the_first_lines_is_left_out() -> None:
    essay = replace(samples.ESSAY, standfirst="Three winters have passed since the last…")
    sections = (SectionContent("in-focus", "In focus", "essay", (essay,)),)
    edition = _render(replace(samples.africa_this_week(), sections=sections))
    assert edition.text.count("Three winters have passed since the last") == 1


def test_a_photo_that_nobody_described_has_the_title_as_its_alternative_text() -> None:
    essay = replace(samples.ESSAY, photo=samples.photo("gao", "", None))
    sections = (SectionContent("new", "", "cards", (essay,)),)
    html = _render(replace(samples.gp_alert(), sections=sections)).html
    assert f'alt="Photo: {essay.title}"' in html


def _confirmation() -> dict[str, object]:
    return {
        **samples.CONFIRMATION,
        "confirm_url": "https://alerts.example.org/confirm/abc.def",
    }


def test_the_confirmation_says_what_was_asked_and_has_one_button() -> None:
    mail = RENDERER.render_message("confirmation", _confirmation())
    assert mail.subject == "Please confirm: GP Alert and Africa This Week"
    assert "reader@example.org" in mail.text
    assert "\nhttps://alerts.example.org/confirm/abc.def\n" in mail.text
    assert mail.html.count('class="button"') == 1
    assert "If you did not ask for this, do nothing" in " ".join(mail.text.split())
    assert "7 days" in mail.text


def test_a_value_that_is_missing_is_named_with_file_and_line() -> None:
    context = _confirmation()
    del context["publisher"]
    with pytest.raises(Invalid, match=r"confirmation/body\.html, line \d+: 'publisher' is undefi"):
        RENDERER.render_message("confirmation", context)


@pytest.mark.parametrize("name", ["nothing-like-it", "../secret", "_base", "", "a/b"])
def test_an_unknown_template_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(Invalid, match=r"africa-this-week, .*confirmation, gp-alert"):
        _render(replace(samples.gp_alert(), template=name))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<p>\n{{ issue.subject }", r"own/body\.html, line 2: "),
        ("<p>\n{{ issue.sobject }}", r"own/body\.html, line 2: .*sobject"),
        ("{% extends 'nowhere.html' %}", r"nowhere\.html is missing"),
        ("{{ issue.__class__.__mro__ }}", r"own/body\.html, line 1: .*unsafe"),
    ],
)
def test_a_mistake_in_a_template_is_shown_with_file_and_line(
    tmp_path: Path, body: str, message: str
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "subject.txt").write_text("{{ issue.subject }}")
    (tmp_path / "own" / "body.html").write_text(body)
    (tmp_path / "own" / "body.txt").write_text("text")
    content = replace(samples.gp_alert(), template="own")
    with pytest.raises(Invalid, match=message):
        Renderer(tmp_path).render(content, archive_url="https://a.example", home_url="")


def test_too_many_authors_are_counted_and_one_long_name_is_whole() -> None:
    many = _render(samples.HARD["gp-alert: two dozen authors"])
    assert "Author N. Surname, Author O. Surname and 9 more" in " ".join(many.html.split())
    assert "and 9 more" in " ".join(many.text.split())
    long = _render(samples.HARD["africa-this-week: a very long name"])
    assert samples.LONG_NAME in " ".join(long.html.split())


def test_a_date_in_a_line_from_right_to_left_stays_in_order() -> None:
    html = _render(samples.HARD["gp-alert: right to left"]).html
    assert "\u200e20\u00a0November\u00a02026\u200e" in html
    assert "\u200e" not in _render(samples.gp_alert()).html
    tree = lxml_html.document_fromstring(
        _render(samples.HARD["africa-this-week: right to left"]).html
    )
    styles = {one.get("style") for one in tree.xpath("//ul[@dir='rtl']")}
    assert len(styles) == 1
    assert "padding:0 24px 0 0" in styles.pop().replace(": ", ":")


def test_an_edition_says_whether_texts_were_cut() -> None:
    assert not _render(samples.africa_this_week()).shortened
    assert _render(samples.HARD["africa-this-week: sixty essays"]).shortened
    assert _render(samples.HARD["gp-alert: sixty pieces"]).shortened
