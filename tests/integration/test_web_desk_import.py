"""A file of subscribers: handed in, asked about, tried, imported by a worker, reported on."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Invalid, Refused
from alerts.newsletters.service import ensure_built_in, offers
from alerts.operations.pruning import prune
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import ConsentRecord, Subscriber, SubscriberState
from alerts.subscribers.uploads.models import (
    PieceKind,
    SubscriberUpload,
    UploadPiece,
    UploadState,
)
from alerts.subscribers.uploads.pieces import PIECE, read_pieces
from alerts.subscribers.uploads.service import (
    drop_upload,
    get_upload,
    keep_upload,
    look_at,
    order_check,
    order_import,
    owed_uploads,
)
from alerts.subscribers.uploads.working import take_upload
from alerts.task_queue import Queue, Task
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk
from tests.factories import SETTINGS

HERE = "/desk/subscribers/import"
KEYS = ("a-key-for-tests",)
FILE = (
    "Adresse;Wer;Ort\nama@example.org;Ama Boateng;Accra\nnobody;X;Y\nbina@example.org;Bina;Pune\n"
)
BASIS = "Asked for it at the conference"


def hand_in(ops: Browser, content: str | bytes = FILE, name: str = "conference.csv") -> str:
    files = {"file": (name, content, "text/csv")}
    data = {"form_token": ops.token(HERE)}
    return ops.client.post(HERE, data=data, files=files, follow_redirects=True).text


def work(database: Database, upload_id: int, clock: FixedClock) -> None:
    """Do what a worker does with the task on the queue."""
    with database.read() as session:
        offered = offers(session)
    take_upload(database, upload_id, offers=offered, suppression_keys=KEYS, clock=clock)


def kept(database: Database, clock: FixedClock, content: str = FILE) -> int:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    file = io.BytesIO(content.encode())
    return keep_upload(database, file, name="people.csv", by="Ama", clock=clock).id


def ordered(database: Database, clock: FixedClock, content: str = FILE) -> int:
    number = kept(database, clock, content)
    with database.transaction() as session:
        order_check(
            get_upload(session, number),
            mapping={"email": "Adresse", "name": "Wer"},
            newsletters=["gp-alert"],
            confirmed=True,
            consent=BASIS,
            clock=clock,
        )
    return number


def upload(database: Database, number: int) -> SubscriberUpload:
    with database.read() as session:
        return get_upload(session, number)


def readers(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Subscriber)) or 0


def pieces(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(UploadPiece)) or 0


def test_a_file_goes_all_the_way(site: RunningSite, ops: Browser) -> None:
    database = site.runtime.database
    page = hand_in(ops)
    assert "Nothing is imported yet" in page
    assert "a plain file, with 3 columns" in page
    assert "ama@example.org · nobody · bina@example.org" in page
    assert '<option value="Adresse" selected>' in page
    answers = {"column-email": "Adresse", "column-name": "Wer", "otherwise": "confirmed"}
    wrong = ops.post(f"{HERE}/1/check", answers)
    assert (wrong.status_code, 'id="consent-problem"' in wrong.text) == (422, True)
    assert '<option value="Wer" selected>' in wrong.text
    answers |= {"consent": BASIS, "newsletter": "gp-alert"}
    page = ops.post(f"{HERE}/1/check", answers).text
    assert "It waits for a worker" in page
    assert ops.client.get(f"{HERE}/1").headers["refresh"] == "4"
    assert ops.get(f"{HERE}/1/report.csv").status_code == 404
    assert site.queue.enqueued[-1] == (Task.TAKE_UPLOAD, (1,), Queue.PREPARATION)

    work(database, 1, site.clock)
    page = ops.get(f"{HERE}/1").text
    assert "What it would do" in page
    assert "<dt>added</dt><dd>2</dd>" in page
    assert "columns not read: Ort" in page
    assert "An email address must have an @-sign" in page
    assert readers(database) == 0

    assert "The import has begun" in ops.post(f"{HERE}/1/start").text
    work(database, 1, site.clock)
    page = ops.get(f"{HERE}/1").text
    assert "What it did" in page
    assert "refresh" not in ops.client.get(f"{HERE}/1").headers
    ama = site.subscriber("ama@example.org")
    assert (ama.state, ama.name) == (SubscriberState.CONFIRMED, "Ama Boateng")
    assert list(site.subscriptions("ama@example.org")) == ["gp-alert"]
    with database.read() as session:
        record = session.scalars(select(ConsentRecord)).first()
        acts = [act for act in session.scalars(select(AuditEntry.act)) if "subscriber" in act]
    assert record
    assert (record.wording, record.origin) == (BASIS, "conference.csv")
    assert acts == ["subscriber.imported"]
    report = ops.client.get(f"{HERE}/1/report.csv").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(report)))
    assert [row[2] for row in rows[1:]] == ["added", "refused", "added"]
    again = ops.post(f"{HERE}/1/start")
    assert (again.status_code, "is done by now" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "The file is empty"), (b"\x00\x01\x02\x03", "Import")],
)
def test_a_file_that_is_none_is_refused(ops: Browser, content: str | bytes, words: str) -> None:
    assert words in hand_in(ops, content)


def test_a_file_has_to_be_chosen(site: RunningSite, ops: Browser) -> None:
    page = ops.post(HERE, page=HERE)
    assert (page.status_code, "Choose a file" in page.text) == (422, True)
    assert pieces(site.runtime.database) == 0


def test_an_address_column_is_asked_for(site: RunningSite, ops: Browser) -> None:
    page = hand_in(ops, "Spalte1,Spalte2\nama@example.org,Ama\n".replace("ama@", "1,ama@"))
    assert "Which column holds the addresses?" in page
    answers = {"column-name": "Spalte2", "consent": BASIS}
    wrong = ops.post(f"{HERE}/1/check", answers).text
    assert 'id="column-email-problem">Say which column' in wrong
    twice = answers | {"column-email": "Spalte2"}
    assert "two questions" in ops.post(f"{HERE}/1/check", twice).text.lower()
    assert site.queue.enqueued == []


def test_a_file_may_be_dropped(site: RunningSite, ops: Browser) -> None:
    hand_in(ops, name="../../etc/people <b>.csv")
    assert "people &lt;b&gt;.csv" in ops.get(HERE).text
    assert "The file is forgotten" in ops.post(f"{HERE}/1/drop").text
    assert pieces(site.runtime.database) == 0
    assert "was dropped" in ops.get(f"{HERE}/1").text
    assert ops.post(f"{HERE}/1/check", {"column-email": "x", "consent": "x"}).status_code == 409


def test_editors_import_nobody(site: RunningSite) -> None:
    with at_the_desk(site, Role.EDITOR) as editor:
        assert editor.get(HERE).status_code == 403
        assert HERE not in editor.get("/desk/subscribers").text


def test_a_large_file_lies_in_pieces(database: Database, clock: FixedClock) -> None:
    content = "Adresse;Wer\n" + "".join(f"r{n}@example.org;{'x' * 90}\n" for n in range(12_000))
    number = kept(database, clock, content)
    assert pieces(database) == -(-len(content) // PIECE) > 1
    assert b"".join(read_pieces(database, number, PieceKind.FILE)).decode() == content
    look = look_at(database, upload(database, number))
    assert [column.name for column in look.columns] == ["Adresse", "Wer"]
    assert look.mapping["email"] == "Adresse"


def test_a_worker_that_died_is_followed_by_another(database: Database, clock: FixedClock) -> None:
    number = ordered(database, clock)
    work(database, number, clock)
    with database.transaction() as session:
        order_import(get_upload(session, number), clock=clock)
    # A worker took it, imported the first row, and died.
    with database.transaction() as session:
        dead = get_upload(session, number)
        dead.fence, dead.claimed_until = 1, clock.now() + timedelta(minutes=2)
    work(database, number, clock)
    assert upload(database, number).state is UploadState.IMPORTING
    with database.transaction() as session:
        assert owed_uploads(session, clock=clock) == []
    clock.advance(timedelta(minutes=3))
    with database.transaction() as session:
        assert owed_uploads(session, clock=clock) == [number]
        assert owed_uploads(session, clock=clock) == []
    work(database, number, clock)
    done = upload(database, number)
    assert (done.state, done.added, done.refused) == (UploadState.DONE, 2, 1)
    assert "taken up again" in done.notes[-1]
    assert readers(database) == 2
    # The file has done its work; the report stays for a week.
    assert list(read_pieces(database, number, PieceKind.FILE)) == []
    assert b"added" in b"".join(read_pieces(database, number, PieceKind.REPORT))
    clock.advance(timedelta(days=7))
    assert prune(database, SETTINGS, clock=clock).uploads == 1
    assert pieces(database) == 0


def test_a_file_that_kills_its_workers_is_given_up(database: Database, clock: FixedClock) -> None:
    number = ordered(database, clock)
    with database.transaction() as session:
        get_upload(session, number).fence = 5
    work(database, number, clock)
    failed = upload(database, number)
    assert failed.state is UploadState.FAILED
    assert "begun 5 times" in (failed.problem or "")


def test_what_was_dropped_meanwhile_stays_dropped(database: Database, clock: FixedClock) -> None:
    number = ordered(database, clock)
    with database.transaction() as session:
        drop_upload(session, get_upload(session, number))
    work(database, number, clock)
    assert upload(database, number).state is UploadState.DROPPED
    assert (readers(database), pieces(database)) == (0, 0)


def test_a_mapping_that_fits_nothing_fails_in_words(database: Database, clock: FixedClock) -> None:
    number = kept(database, clock)
    with database.transaction() as session:
        found = get_upload(session, number)
        about = {"newsletters": [], "confirmed": False, "consent": BASIS, "clock": clock}
        with pytest.raises(Invalid, match="which column"):
            order_check(found, mapping={"name": "Wer"}, **about)  # type: ignore[arg-type]  # by name
        with pytest.raises(Refused, match="is uploaded by now"):
            order_import(found, clock=clock)
        order_check(found, mapping={"email": "Nowhere"}, **about)  # type: ignore[arg-type]  # as above
    work(database, number, clock)
    failed = upload(database, number)
    assert failed.state is UploadState.FAILED
    assert "people.csv has no column 'Nowhere'" in (failed.problem or "")
    assert "/tmp" not in (failed.problem or "")  # noqa: S108 - no path of this machine is told
