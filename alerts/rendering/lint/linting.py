"""All the checks on one issue."""

from lxml import html as lxml_html

from alerts.newsletters.content import IssueContent
from alerts.rendering.lint.contrast import check_contrast
from alerts.rendering.lint.documents import check_document
from alerts.rendering.lint.findings import Finding, in_order
from alerts.rendering.lint.gathering import gathered
from alerts.rendering.lint.images import check_images
from alerts.rendering.lint.known import NOTHING_KNOWN, Known
from alerts.rendering.lint.leftovers import check_leftovers
from alerts.rendering.lint.links import check_links
from alerts.rendering.lint.pieces import check_pieces
from alerts.rendering.lint.plain_text import check_plain_text
from alerts.rendering.lint.sizes import check_size
from alerts.rendering.lint.styles import check_styles
from alerts.rendering.lint.subjects import check_preheader, check_subject
from alerts.rendering.lint.ways_out import check_ways_out
from alerts.rendering.service import RenderedEdition


def lint(
    content: IssueContent, edition: RenderedEdition, known: Known = NOTHING_KNOWN
) -> list[Finding]:
    """Return what is wrong with an issue's content and with what was rendered, the worst first."""
    # A template without HTML is told by the ways out it lacks.
    tree = lxml_html.document_fromstring(edition.html.strip() or "<html></html>")
    found = in_order(
        [
            *check_subject(edition.subject),
            *check_preheader(content),
            *check_leftovers(content, edition.subject),
            *check_size(edition, known),
            *check_ways_out(edition),
            *check_plain_text(edition.text),
            *check_document(tree),
            *check_images(tree, known),
            *check_links(tree, known),
            *check_pieces(content, known, edition.html),
            *check_styles(tree),
            *check_contrast(tree),
        ]
    )
    return gathered(found)
