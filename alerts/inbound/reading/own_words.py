"""What a person wrote just now, without what the mail client quoted and signed. Pure."""

import re

from alerts.inbound.reading.markup import text_of_html, without_quotes
from alerts.inbound.reading.parts import Mail
from alerts.inbound.reading.phrases import any_of

_LONGEST = 20_000
_QUOTED = re.compile(r"^[ \t]*(?:>|\|[ \t])")
# Where a client begins to quote, or a person's signature begins (RFC 3676 section 4.3).
_ENDS = re.compile(rf"^[ \t]*{any_of('own_words_end')}", re.IGNORECASE)
# An attribution that was folded: `On Tue, 3 Nov 2026 at 09:12, GP Alerts <…>` and `wrote:`.
_FOLDED = re.compile(
    r"^[ \t]*(?:on|am|le|el|em|il|op)\b.{4,200}(?:\n.{0,200})?\n?[ \t]*(?:wrote|schrieb|a écrit|"
    r"escribió|escreveu|ha scritto|schreef)\b[^\n]{0,80}:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def own_words(mail: Mail) -> str:
    """Return the text that the sender wrote himself, in the plain part or in the HTML."""
    texts = [
        text_of_html(without_quotes(part.markup())) if part.kind == "text/html" else part.text()
        for part in mail.texts[:3]
    ]
    text = next((text for text in texts if text.strip()), "")[:_LONGEST]
    folded = _FOLDED.search(text)
    kept: list[str] = []
    for line in (text[: folded.start()] if folded else text).split("\n"):
        if _ENDS.match(line[:300]):
            break
        if not _QUOTED.match(line):
            kept.append(line.strip())
    return "\n".join(kept).strip()
