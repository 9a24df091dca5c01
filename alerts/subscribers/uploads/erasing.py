"""An erased person's address in files that were handed in: masked, there and in the reports."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.subscribers.mentions import Mentions
from alerts.subscribers.uploads.models import PieceKind, SubscriberUpload, UploadPiece


def mask_in_uploads(session: Session, written: Sequence[str]) -> None:
    """Mask an address, as it may be `written`, wherever it stands; files keep their shape.

    Files and reports go after a week in any case: see `prune_uploads`.
    """
    mentions = Mentions(written)
    for upload in session.scalars(select(SubscriberUpload)).all():
        upload.refusals = [
            [line, _masked(mentions, email), _masked(mentions, reason)]
            for line, email, reason in upload.refusals
        ]
        for kind in PieceKind:
            _mask_file(session, upload.id, kind, mentions)
    session.flush()


def _masked(mentions: Mentions, text: str) -> str:
    return mentions.masked(text.encode()).decode("utf-8", "replace")


def _mask_file(session: Session, upload_id: int, kind: PieceKind, mentions: Mentions) -> None:
    """Go through a file piece by piece; an address may begin in one and end in the next."""
    of_file = (UploadPiece.upload_id == upload_id, UploadPiece.kind == kind)
    numbers = session.scalars(select(UploadPiece.number).where(*of_file)).all()
    kept = b""
    for number in sorted(numbers):
        stored = session.scalar(
            select(UploadPiece.content).where(*of_file, UploadPiece.number == number)
        )
        if stored is None:
            return
        end = len(kept)
        both = mentions.masked(kept + stored)
        if number and both[:end] != kept:
            _store(session, upload_id, kind, number - 1, tail=both[:end])
        if both[end:] != stored:
            _store(session, upload_id, kind, number, tail=both[end:])
        kept = both[end:][-mentions.longest :]


def _store(session: Session, upload_id: int, kind: PieceKind, number: int, *, tail: bytes) -> None:
    """Write the end of a piece, or all of it, anew."""
    piece = (
        UploadPiece.upload_id == upload_id,
        UploadPiece.kind == kind,
        UploadPiece.number == number,
    )
    content = session.scalar(select(UploadPiece.content).where(*piece))
    if content is not None:
        session.execute(
            update(UploadPiece)
            .where(*piece)
            .values(content=content[: len(content) - len(tail)] + tail)
            .execution_options(synchronize_session=False)
        )
