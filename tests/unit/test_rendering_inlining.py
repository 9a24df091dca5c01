"""Style sheets moved onto elements, quicker than premailer by itself and no differently."""

from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from premailer import Premailer

from alerts.paths import templates_dir
from alerts.rendering.inlining import inline_styles

SHEETS = [
    "p { margin: 0; color: #222 } .lead { font-size: 18px !important } a:hover { color: red }",
    "p.lead { color: navy } h1, h2 { margin: 0 } @media (max-width: 600px) { p { margin: 0 } }",
]
PAGE = """<!DOCTYPE html><html><head><title>A</title>
<style data-premailer="ignore">@media (prefers-color-scheme: dark) { p { color: #eee } }</style>
</head><body><h1>One</h1><p class="lead" style="margin: 4px">Two <a href="@@X@@">three</a></p>
<p>Four</p></body></html>"""


def alone(html: str, sheets: list[str]) -> str:
    """Return what premailer makes of it without any help."""
    return str(
        Premailer(
            css_text=sheets,
            allow_network=False,
            disable_link_rewrites=True,
            disable_leftover_css=True,
            disable_validation=True,
            align_floating_images=False,
            remove_classes=False,
            disable_basic_attributes=["width", "height"],
        ).transform(html, pretty_print=False)
    )


def test_each_of_several_documents_is_what_premailer_makes_of_it() -> None:
    for number in range(3):
        html = PAGE.replace("Four", f"Number {number}")
        assert inline_styles(html, SHEETS) == alone(html, SHEETS)
    assert inline_styles(PAGE, SHEETS[::-1]) == alone(PAGE, SHEETS[::-1])


@pytest.mark.parametrize("folder", sorted(templates_dir("email").iterdir()), ids=lambda f: f.name)
def test_our_own_sheets_are_read_alike(folder: Path) -> None:
    sheets = [sheet.read_text(encoding="utf-8") for sheet in sorted(folder.glob("*.css"))]
    classes = [f'<td class="{name}"><p class="{name}">x</p></td>' for name in ("item", "title")]
    html = PAGE.replace("<p>Four</p>", f"<table><tr>{''.join(classes)}</tr></table>")

    assert inline_styles(html, sheets) == alone(html, sheets)


_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "class": st.sampled_from(["text", "small text", "quiet", "headline ink", "tint", "no"]),
        "dir": st.sampled_from(["ltr", "rtl"]),
        "style": st.sampled_from(["color: red", "margin:0;padding:1px", ""]),
        "href": st.sampled_from(["https://a.example.org/?b=1&c=2", "@@X@@"]),
        "title": st.text(max_size=5).filter(str.isprintable),
    },
)


def _element(tag: str, attributes: dict[str, str], inside: list[str]) -> str:
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(inside)}</{tag}>"


_BODIES = st.recursive(
    st.sampled_from(["words", "<!-- told to nobody -->", "<br>", "a &amp; b"]),
    lambda inside: st.builds(
        _element,
        st.sampled_from(["div", "p", "a", "h4", "li", "ul", "td", "img"]),
        _ATTRIBUTES,
        st.lists(inside, max_size=4),
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(bodies=st.lists(_BODIES, min_size=1, max_size=3))
def test_what_is_remembered_of_other_documents_changes_none(bodies: list[str]) -> None:
    sheets = [(templates_dir("email") / "_base" / "style.css").read_text(encoding="utf-8")]
    # All examples share one memory: each comes upon what the ones before left there.
    for body in [*bodies, *bodies]:
        html = PAGE.replace("<p>Four</p>", body)
        assert inline_styles(html, sheets) == alone(html, sheets)


@pytest.mark.parametrize(
    "sheet",
    [
        "p:first-child { color: navy }",
        "h1 + p { color: navy }",
        "p ~ p { color: navy }",
        'a[href="/two"] { color: navy }',
        "p:not(.lead) { color: navy }",
    ],
)
def test_where_a_sheet_looks_at_neighbours_nothing_is_remembered(sheet: str) -> None:
    for middle in ("", "<h1>An</h1>", '<p class="lead">Other</p>', '<a href="/two">Two</a>'):
        html = PAGE.replace("<p>Four</p>", f"{middle}<p>Four</p><p>Five</p>")
        assert inline_styles(html, [sheet]) == alone(html, [sheet])


def test_a_style_sheet_in_the_document_is_moved_too() -> None:
    own = PAGE.replace("</head>", "<style>p { color: teal }</style></head>")
    for html in (PAGE, own, PAGE):
        assert inline_styles(html, SHEETS) == alone(html, SHEETS)
