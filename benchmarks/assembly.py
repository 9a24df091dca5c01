"""Assembling one reader's message, against the standard library's EmailMessage."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from benchmarks.measure import seconds_each, show

_SENDER = "GP Alerts <alerts@example.org>"
_DATE = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
_PARAGRAPH = (
    "<p>What the council decided in Bamako on Monday, and what it left to the spring.</p>\n"
)
_HTML = _PARAGRAPH * 330 + '<a href="@@UNSUBSCRIBE_URL@@">Unsubscribe</a>'
_TEXT = "What the council decided.\n" * 60 + "@@UNSUBSCRIBE_URL@@\n"
_READER = Reader(
    name="Ama Boateng",
    email="ama@example.org",
    message_id="k3.7.42@example.org",
    unsubscribe_url="https://example.org/unsubscribe/" + "x" * 60,
    preferences_url="https://example.org/preferences/" + "x" * 60,
)


def run() -> None:
    """Print both, for a message of about 30 KB."""
    envelope = Envelope(_SENDER, _SENDER, "gp-alert.example.org", "GP Alert", _DATE)
    compiled = CompiledMessage(envelope, "Mali: what next?", _HTML, _TEXT)
    print(f"  {len(compiled.fill(_READER)) / 1024:.0f} KB a message")
    reference = seconds_each(_with_the_standard_library, times=20)
    show("EmailMessage (reference)", reference)
    show(
        "filled slots",
        seconds_each(lambda: compiled.fill(_READER), times=2_000),
        reference=reference,
    )


def _with_the_standard_library() -> bytes:
    message = EmailMessage()
    message["From"] = _SENDER
    message["To"] = _READER.email
    message["Subject"] = "Mali: what next?"
    message["Date"] = format_datetime(_DATE)
    message["Message-ID"] = f"<{_READER.message_id}>"
    message["List-Unsubscribe"] = f"<{_READER.unsubscribe_url}>"
    message.set_content(_TEXT.replace("@@UNSUBSCRIBE_URL@@", _READER.unsubscribe_url))
    message.add_alternative(
        _HTML.replace("@@UNSUBSCRIBE_URL@@", _READER.unsubscribe_url), subtype="html"
    )
    return message.as_bytes()
