"""A worker's part of a file that was handed in: the dry run, and the import, with their reports."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import CursorResult, or_, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.subscribers.importing import ImportResult, import_subscribers
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.storing.planning import Outcome
from alerts.subscribers.storing.reporting import open_report
from alerts.subscribers.uploads.models import PieceKind, SubscriberUpload, UploadState
from alerts.subscribers.uploads.pieces import forget_pieces, laid_out, store_pieces
from alerts.subscribers.wishes import Offer

log = structlog.get_logger(__name__)

# Thousands of rows take seconds; whoever says nothing for so long is gone.
_LEASE = timedelta(minutes=2)
_TELL_EVERY_SECONDS = 1.0
_MOST_TRIES = 5
_MOST_REFUSALS = 50
_AFTER = {
    UploadState.CHECKING: UploadState.CHECKED,
    UploadState.IMPORTING: UploadState.DONE,
}
_AGAIN = "taken up again after an interruption: what was done before counts as unchanged"


class _Stopped(Exception):
    """Another worker has the file, or somebody dropped it."""


@dataclass
class _Work:
    """The right to work a file off, until another has it."""

    database: Database
    upload: SubscriberUpload
    clock: Clock
    _told_at: float = field(default_factory=time.monotonic)

    def note(self, session: Session, **values: object) -> None:
        """Write something to the file's row; raises _Stopped when it is no longer ours."""
        found = session.execute(
            update(SubscriberUpload)
            .where(SubscriberUpload.id == self.upload.id)
            .where(SubscriberUpload.fence == self.upload.fence)
            .where(SubscriberUpload.state == self.upload.state)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        assert isinstance(found, CursorResult)  # noqa: S101 - what an UPDATE gives
        if not found.rowcount:
            raise _Stopped

    def progress(self, done: int, expected: int | None) -> None:
        """Tell how far it is, and that somebody is at it; at most once a second."""
        if time.monotonic() - self._told_at < _TELL_EVERY_SECONDS:
            return
        self._told_at = time.monotonic()
        with self.database.transaction() as session:
            until = self.clock.now() + _LEASE
            self.note(session, rows_done=done, rows_expected=expected, claimed_until=until)


def take_upload(
    database: Database,
    upload_id: int,
    *,
    offers: Mapping[str, Offer],
    suppression_keys: Sequence[str],
    clock: Clock,
) -> None:
    """Do what was ordered with a file; at once by one worker alone, and safe to repeat."""
    upload = _claim(database, upload_id, clock)
    if upload is None:
        return
    work = _Work(database, upload, clock)
    with laid_out(database, upload) as path:
        report = path.with_name(".report.csv")
        try:
            result, rows = _import(work, path, report, offers, suppression_keys)
            _finish(work, result, report, rows)
        except _Stopped:
            log.info("upload_stopped", upload=upload_id)
        except AlertsError as error:
            _fail(work, str(error).replace(str(path), upload.file_name))


def _claim(database: Database, upload_id: int, clock: Clock) -> SubscriberUpload | None:
    """Take the right to a file; None when there is nothing to do, or another does it."""
    now = clock.now()
    with database.transaction() as session:
        upload = session.scalar(
            update(SubscriberUpload)
            .where(SubscriberUpload.id == upload_id, SubscriberUpload.state.in_(_AFTER))
            .where(
                or_(
                    SubscriberUpload.claimed_until.is_(None),
                    SubscriberUpload.claimed_until < now,
                )
            )
            .values(fence=SubscriberUpload.fence + 1, claimed_until=now + _LEASE, started_at=now)
            .returning(SubscriberUpload)
            .execution_options(synchronize_session=False)
        )
        if upload is not None and upload.fence > _MOST_TRIES:
            upload.state = UploadState.FAILED
            upload.problem = f"it was begun {_MOST_TRIES} times, and each worker was lost over it"
            return None
    return upload


def _import(
    work: _Work,
    path: Path,
    report: Path,
    offers: Mapping[str, Offer],
    suppression_keys: Sequence[str],
) -> tuple[ImportResult, int]:
    upload, rows = work.upload, 0
    with open_report(report, beside=path) as write:

        def tell(outcome: Outcome) -> None:
            nonlocal rows
            rows += 1
            write(outcome)

        result = import_subscribers(
            work.database,
            path,
            offers=offers,
            consent=upload.consent,
            clock=work.clock,
            suppression_keys=suppression_keys,
            columns=upload.mapping,
            newsletters=upload.newsletters,
            otherwise=(
                SubscriberState.CONFIRMED if upload.confirmed else SubscriberState.UNCONFIRMED
            ),
            dry_run=upload.state is UploadState.CHECKING,
            progress=work.progress,
            tell=tell,
        )
    return result, rows


def _finish(work: _Work, result: ImportResult, report: Path, rows: int) -> None:
    refusals = [
        [str(row.line), row.email, row.reason]
        for row, _ in zip(result.refused, range(_MOST_REFUSALS), strict=False)
    ]
    state = _AFTER[work.upload.state]
    with work.database.transaction() as session:
        work.note(
            session,
            state=state,
            rows_done=rows,
            rows_expected=rows,
            added=result.added,
            updated=result.updated,
            unchanged=result.unchanged,
            refused=len(result.refused),
            notes=[*result.notes, *([_AGAIN] if work.upload.fence > 1 else [])],
            refusals=refusals,
            finished_at=work.clock.now(),
            claimed_until=None,
        )
        with report.open("rb") as file:
            store_pieces(session, work.upload.id, PieceKind.REPORT, file)
        if state is UploadState.DONE:
            # It has done its work, and holds people's data.
            forget_pieces(session, work.upload.id, PieceKind.FILE)
    log.info("upload_worked_off", upload=work.upload.id, state=state.value, rows=rows)


def _fail(work: _Work, problem: str) -> None:
    try:
        with work.database.transaction() as session:
            work.note(
                session,
                state=UploadState.FAILED,
                problem=problem,
                finished_at=work.clock.now(),
                claimed_until=None,
            )
    except _Stopped:
        log.info("upload_stopped", upload=work.upload.id)
