"""The use cases of a file that was handed in: keep it, look at it, order the work, drop it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import IO

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import Invalid, NotFound, Refused
from alerts.subscribers.details import printable
from alerts.subscribers.files.columns import FIELDS, NoAddressColumn
from alerts.subscribers.files.lines import csv_rows
from alerts.subscribers.files.makes import Make
from alerts.subscribers.files.rows import open_file
from alerts.subscribers.models import Subscriber
from alerts.subscribers.uploads.models import PieceKind, SubscriberUpload, UploadState
from alerts.subscribers.uploads.pieces import forget_pieces, laid_out, store_pieces

# Files and reports hold addresses of people who may have been erased meanwhile.
KEPT = timedelta(days=7)
# A task that no worker took up is enqueued again.
_LOST_AFTER = timedelta(minutes=2)
_SAMPLE = 3
_LONGEST_CELL = 60
_WORKING = (UploadState.CHECKING, UploadState.IMPORTING)
_WAITING = (UploadState.UPLOADED, UploadState.CHECKED, UploadState.FAILED)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its name, and what stands in it in the first rows."""

    name: str
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file seems to be: its columns, and the one for each field, where a name tells."""

    columns: tuple[Column, ...]
    mapping: Mapping[str, str]
    make: Make


def keep_upload(
    database: Database, file: IO[bytes], *, name: str, by: str, clock: Clock
) -> SubscriberUpload:
    """Keep a file as it was handed in; raises Invalid for an empty one."""
    now = clock.now()
    upload = SubscriberUpload(
        file_name=printable(name, 190) or "file.csv",
        size=0,
        state=UploadState.UPLOADED,
        by=by,
        created_at=now,
        expires_at=now + KEPT,
    )
    with database.transaction() as session:
        session.add(upload)
        session.flush()
        size = store_pieces(session, upload.id, PieceKind.FILE, file)
        if not size:
            raise Invalid("the file is empty")
        session.execute(
            update(SubscriberUpload).where(SubscriberUpload.id == upload.id).values(size=size)
        )
        return session.get_one(SubscriberUpload, upload.id)


def get_upload(session: Session, upload_id: int) -> SubscriberUpload:
    """Return a file that was handed in; raises NotFound."""
    upload = session.get(SubscriberUpload, upload_id)
    if upload is None:
        raise NotFound("there is no such import; files are forgotten after a week")
    return upload


def list_uploads(session: Session, *, limit: int = 20) -> Sequence[SubscriberUpload]:
    """Return the files that were handed in, the newest first."""
    query = select(SubscriberUpload).order_by(SubscriberUpload.id.desc()).limit(limit)
    return session.scalars(query).all()


def look_at(database: Database, upload: SubscriberUpload) -> Look:
    """Return what a file seems to be; raises Invalid for one that is no list of subscribers."""
    with laid_out(database, upload, first_only=True) as path:
        try:
            file = open_file(path)
            names, positions, make = file.columns, file.layout.positions, file.make
            headless = file.headless
        except NoAddressColumn as error:
            names, positions, make, headless = error.columns, {}, Make.PLAIN, False
        except Invalid as error:
            raise Invalid(str(error).replace(str(path), upload.file_name)) from error
        with csv_rows(path) as rows:
            start = 0 if headless else 1
            cells = [cells for _, cells in islice(rows, start, start + _SAMPLE)]
    columns = tuple(Column(name, _sample(cells, n)) for n, name in enumerate(names))
    return Look(columns, {field: names[n] for field, n in positions.items()}, make)


def order_check(
    upload: SubscriberUpload,
    *,
    mapping: Mapping[str, str],
    newsletters: Sequence[str],
    confirmed: bool,
    consent: str,
    clock: Clock,
) -> None:
    """Have a worker look what the file would do; raises Invalid without an address or a basis."""
    _require(upload, *_WAITING)
    if not mapping.get("email"):
        raise Invalid("say which column holds the addresses")
    if not consent.strip():
        raise Invalid("say on what basis these people are mailed; it is kept on record")
    chosen = [column for column in mapping.values() if column]
    if len(set(chosen)) < len(chosen):
        raise Invalid("two questions are answered with one column")
    upload.mapping = {field: column for field, column in mapping.items() if column}
    if not set(upload.mapping) <= set(FIELDS):
        raise Invalid(f"the fields are {', '.join(FIELDS)}")
    upload.newsletters, upload.confirmed = list(newsletters), confirmed
    upload.consent = consent.strip()
    _begin(upload, UploadState.CHECKING, clock)


def order_import(upload: SubscriberUpload, *, clock: Clock) -> None:
    """Have a worker import a file that was looked at; raises Refused for any other."""
    _require(upload, UploadState.CHECKED)
    _begin(upload, UploadState.IMPORTING, clock)


def drop_upload(session: Session, upload: SubscriberUpload) -> None:
    """Forget a file; an import that is under way stops after the rows in hand, which stay."""
    _require(upload, *_WAITING, *_WORKING)
    upload.state = UploadState.DROPPED
    session.flush()
    for kind in PieceKind:
        forget_pieces(session, upload.id, kind)


def owed_uploads(session: Session, *, clock: Clock) -> list[int]:
    """Return the files whose work was ordered and is done by nobody, to be enqueued again."""
    now = clock.now()
    return list(
        session.scalars(
            update(SubscriberUpload)
            .where(SubscriberUpload.state.in_(_WORKING))
            .where(SubscriberUpload.enqueued_at < now - _LOST_AFTER)
            .where(
                or_(
                    SubscriberUpload.claimed_until.is_(None),
                    SubscriberUpload.claimed_until < now,
                )
            )
            .values(enqueued_at=now)
            .returning(SubscriberUpload.id)
            .execution_options(synchronize_session=False)
        )
    )


def waiting_to_confirm(session: Session, upload_id: int, *, limit: int) -> list[int]:
    """Return whom an import that is done owes a mail to confirm, by the index of what is owed."""
    upload = session.get(SubscriberUpload, upload_id)
    if upload is None or upload.state is not UploadState.DONE or upload.started_at is None:
        return []
    owed = select(Subscriber.id).where(Subscriber.confirmation_due_at >= upload.started_at)
    return list(session.scalars(owed.order_by(Subscriber.confirmation_due_at).limit(limit)))


def prune_uploads(session: Session, *, now: datetime, limit: int) -> int:
    """Remove files whose time is over, with their reports; returns how many."""
    numbers = select(SubscriberUpload.id).where(SubscriberUpload.expires_at <= now).limit(limit)
    removed = session.scalars(
        delete(SubscriberUpload)
        .where(SubscriberUpload.id.in_(numbers))
        .returning(SubscriberUpload.id)
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


def _begin(upload: SubscriberUpload, state: UploadState, clock: Clock) -> None:
    upload.state, upload.problem = state, None
    upload.rows_done, upload.rows_expected = 0, None
    upload.added = upload.updated = upload.unchanged = upload.refused = 0
    upload.notes, upload.refusals = [], []
    upload.fence, upload.claimed_until = 0, None
    upload.enqueued_at = clock.now()
    upload.started_at = upload.finished_at = None


def _require(upload: SubscriberUpload, *states: UploadState) -> None:
    if upload.state not in states:
        raise Refused(f"this file is {upload.state} by now; look at it again")


def _sample(rows: Sequence[list[str] | Invalid], position: int) -> tuple[str, ...]:
    cells = (row[position] for row in rows if isinstance(row, list) and position < len(row))
    lines = (" ".join(cell.split()) for cell in cells)
    return tuple(printable(line, _LONGEST_CELL) for line in lines if line)
