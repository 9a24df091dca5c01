"""Files in the database, a megabyte to a row: whichever host a worker runs on, it finds them."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.database import Database
from alerts.subscribers.uploads.models import PieceKind, SubscriberUpload, UploadPiece

PIECE = 1 << 20
_ODD = re.compile(r"[^\w .()-]+")


def store_pieces(session: Session, upload_id: int, kind: PieceKind, file: IO[bytes]) -> int:
    """Store a file in pieces, in place of an older one; returns its size in octets."""
    forget_pieces(session, upload_id, kind)
    size = 0
    for number in count():
        content = file.read(PIECE)
        if not content:
            return size
        size += len(content)
        session.add(UploadPiece(upload_id=upload_id, kind=kind, number=number, content=content))
        session.flush()
        # Not kept in memory beyond its turn.
        session.expunge_all()
    return size


def forget_pieces(session: Session, upload_id: int, kind: PieceKind) -> None:
    """Remove what is stored of a file."""
    session.execute(
        delete(UploadPiece)
        .where(UploadPiece.upload_id == upload_id, UploadPiece.kind == kind)
        .execution_options(synchronize_session=False)
    )


def read_pieces(database: Database, upload_id: int, kind: PieceKind) -> Iterator[bytes]:
    """Yield a file in its pieces, each read by itself."""
    for number in count():
        with database.read() as session:
            content = session.scalar(
                select(UploadPiece.content).where(
                    UploadPiece.upload_id == upload_id,
                    UploadPiece.kind == kind,
                    UploadPiece.number == number,
                )
            )
        if content is None:
            return
        yield content


@contextmanager
def laid_out(
    database: Database, upload: SubscriberUpload, *, first_only: bool = False
) -> Iterator[Path]:
    """Yield a path under which the file lies on this host, named as it was; gone afterwards.

    `first_only` lays out its beginning.
    """
    with tempfile.TemporaryDirectory(prefix="alerts-upload-") as folder:
        # A name from outside becomes no path, and none that is hidden or empty.
        name = _ODD.sub("_", upload.file_name).strip(" .") or "file.csv"
        path = Path(folder) / name[:150]
        with path.open("wb") as file:
            for content in read_pieces(database, upload.id, PieceKind.FILE):
                file.write(content)
                if first_only:
                    break
        yield path
