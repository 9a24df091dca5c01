"""The plain text, which some read by choice and filters by habit."""

from collections.abc import Iterator

from alerts.rendering.lint.findings import Finding, error, warning

_SHORT_TEXT = 200


def check_plain_text(text: str) -> Iterator[Finding]:
    """Yield what is wrong with the plain text."""
    if not text.strip():
        yield error(
            "no-plain-text",
            "the plain text is empty",
            "fill the template's body.txt",
            about="plain text",
        )
    elif len(text) < _SHORT_TEXT:
        yield warning(
            "short-plain-text",
            f"the plain text has only {len(text)} characters",
            "check the template's body.txt",
            about="plain text",
            content=text,
        )
