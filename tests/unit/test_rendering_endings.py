"""Essays that an editor ends earlier: cut between whole blocks, with a way to read on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.newsletters.content import IssueContent, SectionContent
from alerts.paths import templates_dir
from alerts.rendering.bodies import Body, first_of, paragraphs_of, read_body
from alerts.rendering.lint import lint
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.shortening import HTML_LIMIT
from tests.data.rendering import samples

ARCHIVE = "https://alerts.example.org/archive/africa-this-week/86"
RENDERER = Renderer(templates_dir("email"))
TABLE = "<table><tr><td>A</td><td>1</td></tr><tr><td>B</td><td>2</td></tr></table>"
MIXED = (
    f"<p>one</p><h2>Above two</h2><h3>and once more</h3><p>two</p><ul><li>a</li><li>b</li></ul>"
    f"<blockquote><p>q</p><p>r</p></blockquote><div><p>in a division</p></div>"
    f"<figure><img src='x'><figcaption>c</figcaption></figure>{TABLE}{TABLE}<p>last</p><h2>End</h2>"
)
# Each as plain text has it, a heading with what it stands above.
COUNTED = ["one", "Above two|and once more|two", "a|b", "q|r", "in a division"]
COUNTED += ["A · 1|B · 2", "A · 1|B · 2", "last|End"]


def _words(body: Body) -> list[str]:
    counted = paragraphs_of(body)
    return ["|".join(line for block in some for line in block.lines) for some in counted]


def _ending(
    paragraphs: int | None, *, url: str | None = "usual", **changes: object
) -> IssueContent:
    address = samples.ESSAY.url if url == "usual" else url
    essay = replace(samples.ESSAY, paragraphs=paragraphs, url=address, **changes)  # type: ignore[arg-type]  # fields by name
    whole = samples.africa_this_week()
    return replace(whole, sections=(replace(whole.sections[0], items=(essay,)), whole.sections[1]))


def _render(content: IssueContent) -> RenderedEdition:
    return RENDERER.render(content, archive_url=ARCHIVE, home_url="https://alerts.example.org")


def _paragraphs() -> list[str]:
    essay = samples.ESSAY
    return _words(read_body(essay.body_html, essay.body_text, heading_level=4))


def _folded(text: str) -> str:
    return " ".join(text.split())


def test_lists_quotations_and_tables_count_as_one_and_headings_with_what_is_below() -> None:
    body = read_body(MIXED, "", heading_level=4)
    assert _words(body) == COUNTED
    for number in range(len(COUNTED)):
        cut = first_of(body, number)
        assert (_words(cut), cut.cut) == (COUNTED[:number], True)


@pytest.mark.parametrize("paragraphs", [None, len(COUNTED), len(COUNTED) + 1, 1_000])
def test_more_than_there_are_is_the_whole_text(paragraphs: int | None) -> None:
    body = read_body(MIXED, "", heading_level=4)
    assert first_of(body, paragraphs) is body


@pytest.mark.parametrize("paragraphs", [0, 1, 9])
def test_a_text_that_is_none_cannot_end_earlier(paragraphs: int) -> None:
    assert first_of(Body(()), paragraphs) == Body(())


@given(
    st.lists(st.sampled_from(["<p>p</p>", "<h2>h</h2>", "<ul><li>a</li></ul>", TABLE])),
    st.integers(0, 12),
)
def test_what_is_shown_begins_the_text_and_ends_in_no_heading(
    blocks: list[str], number: int
) -> None:
    body = read_body("".join(blocks), "", heading_level=4)
    shown = first_of(body, number)
    assert body.blocks[: len(shown.blocks)] == shown.blocks
    assert sum(paragraphs_of(body), ()) == body.blocks
    if shown.cut and shown.blocks:
        assert shown.blocks[-1].kind != "heading"
        assert not body.blocks[len(shown.blocks)].goes_on


@pytest.mark.parametrize("template", ["africa-this-week", "gp-alert"])
def test_an_essay_ends_where_the_editor_said_and_leads_on(template: str) -> None:
    rendered = _render(replace(_ending(2), template=template))
    first, second, third, *_ = _paragraphs()
    essay = samples.ESSAY
    assert essay.photo is not None
    for form in map(_folded, (rendered.html, rendered.text)):
        assert _folded(first)[-40:] in form
        assert _folded(second)[-40:] in form
        assert _folded(third)[-40:] not in form
        # The way on, and what comes after the essay.
        assert form.index("Continue reading") < form.index(essay.author_notes[0][-30:])
        assert form.casefold().index("continue reading") < form.casefold().index("week in brief")
    assert f'href="{essay.url}"' in rendered.html.replace("&amp;", "&")
    assert f"Continue reading:\n{essay.url}" in rendered.text
    assert str(essay.photo.credit) in rendered.html
    assert not rendered.shortened


@pytest.mark.parametrize("paragraphs", [None, 500])
def test_a_whole_text_leads_nowhere_else(paragraphs: int | None) -> None:
    rendered = _render(_ending(paragraphs))
    assert "Continue reading" not in rendered.html + rendered.text
    assert _folded(_paragraphs()[-1])[-40:] in _folded(rendered.text)


def test_none_of_it_leaves_title_standfirst_and_the_way_on() -> None:
    rendered = _render(_ending(0))
    essay = samples.ESSAY
    for form in (rendered.html, rendered.text):
        assert _folded(_paragraphs()[0])[:40] not in _folded(form)
        assert essay.standfirst[:40] in _folded(form)
        assert "Continue reading" in form


def test_it_ends_nowhere_else_in_other_kinds_of_sections() -> None:
    content = _ending(1)
    (essay,) = content.sections[0].items
    for kind in ("briefs", "cards"):
        section = SectionContent("one", "One", kind, (essay,))
        whole = replace(section, items=(replace(essay, paragraphs=None),))
        made, usual = (_render(replace(content, sections=(one,))) for one in (section, whole))
        assert made == usual


def test_the_size_still_cuts_what_is_too_long_and_leads_to_the_article() -> None:
    text = "<p>" + "Words that go on. " * 900 + "</p>"
    essays = tuple(
        replace(samples.ESSAY, key=str(n), body_html=text * 4, paragraphs=3) for n in range(1, 4)
    )
    content = _ending(3)
    content = replace(content, sections=(replace(content.sections[0], items=essays),))
    rendered = _render(content)
    assert rendered.shortened
    assert len(rendered.html.encode()) <= HTML_LIMIT
    assert rendered.text.count("Continue reading") == 3
    # Ended by an editor it fits, and nothing else is taken away.
    short = tuple(replace(essay, paragraphs=1) for essay in essays)
    ended = _render(replace(content, sections=(replace(content.sections[0], items=short),)))
    assert not ended.shortened


@pytest.mark.parametrize(
    ("paragraphs", "url", "found"),
    [
        (1, None, True),
        (0, "ftp://example.org/x", True),
        (None, None, False),
        (500, None, False),
        (1, "usual", False),
    ],
)
def test_an_ending_that_leads_nowhere_is_told(
    paragraphs: int, url: str | None, found: bool
) -> None:
    content = _ending(paragraphs, url=url)
    rendered = _render(content)
    rules = [one.rule for one in lint(content, rendered)]
    assert ("no-way-on" in rules) is found
    if found:
        # The issue on the web has no more of it: a link there would promise what is not to be had.
        assert "Continue reading" not in rendered.html + rendered.text


def test_words_that_nobody_is_shown_are_not_checked() -> None:
    text = "<p>All is well.</p><p>Lorem ipsum dolor sit amet.</p>"
    for paragraphs, found in ((None, True), (2, True), (1, False)):
        content = _ending(paragraphs, body_html=text, body_text="")
        abouts = [one.about for one in lint(content, _render(content))]
        assert (f"the text of “{samples.ESSAY.title}”" in abouts) is found


def test_what_says_nothing_changes_no_checksum() -> None:
    whole = _ending(None)
    assert "paragraphs" not in str(whole.to_json())
    assert IssueContent.from_json(whole.to_json()) == whole
    ended = _ending(2)
    assert IssueContent.from_json(ended.to_json()) == ended
    assert ended.checksum() != whole.checksum()
