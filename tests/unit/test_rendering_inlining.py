"""Style sheets moved onto elements, quicker than premailer by itself and no differently."""

from pathlib import Path

import pytest
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
