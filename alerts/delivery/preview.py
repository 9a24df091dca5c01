"""What would arrive, before it is sent: files to look at."""

import html
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.messages import envelope_of
from alerts.newsletters.models import Issue
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.service import RenderedEdition
from alerts.rendering.slots import Slot

# Whom a preview is addressed to.
SAMPLE_ADDRESS = "reader@example.org"


def issue_envelope(session: Session, issue: Issue, *, settings: Settings, clock: Clock) -> Envelope:
    """Return what all messages of an issue share; for a draft as it would be now."""
    definition = definition_of(get_newsletter(session, issue.newsletter))
    date = issue.started_at or clock.now()
    return envelope_of(issue, definition, sender=settings.sender, date=date)


def preview_files(
    session: Session,
    issue: Issue,
    rendered: RenderedEdition,
    *,
    settings: Settings,
    clock: Clock,
    email: str = SAMPLE_ADDRESS,
    name: str | None = None,
) -> dict[str, bytes]:
    """Return the issue as a reader would get it, by the names that files of it have.

    The links for one reader lead nowhere. The message is not signed: a file that anybody may pass
    on is not to speak for the domain, and whoever makes one need not be able to read the key.
    """
    reader = Reader(
        name=name,
        email=email,
        message_id=f"preview.{issue.id}@{settings.sender_domain}",
        unsubscribe_url=f"{settings.base_url}/unsubscribe/preview",
        preferences_url=f"{settings.base_url}/preferences/preview",
    )
    envelope = issue_envelope(session, issue, settings=settings, clock=clock)
    message = CompiledMessage(envelope, rendered.subject, rendered.html, rendered.text)
    return {
        "subject.txt": (rendered.subject + "\n").encode(),
        "body.html": _filled(rendered.html, reader, escape=html.escape).encode(),
        "body.txt": _filled(rendered.text, reader, escape=str).encode(),
        "message.eml": message.fill(reader),
    }


def write_preview(
    session: Session,
    issue: Issue,
    rendered: RenderedEdition,
    folder: Path,
    *,
    settings: Settings,
    clock: Clock,
) -> list[Path]:
    """Write the issue as a sample reader would get it; returns the files."""
    files = preview_files(session, issue, rendered, settings=settings, clock=clock)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _filled(body: str, reader: Reader, *, escape: Callable[[str], str]) -> str:
    return (
        body.replace(Slot.EMAIL, escape(reader.email))
        .replace(Slot.UNSUBSCRIBE_URL, escape(reader.unsubscribe_url))
        .replace(Slot.PREFERENCES_URL, escape(reader.preferences_url))
    )
