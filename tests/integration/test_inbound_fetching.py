"""Mail fetched from mailboxes: real IMAP and POP3 servers, Maildir folders and mbox files."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.claims import claim_row
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.inbound.fetching.claims import claim_due_mailboxes, failing_mailboxes
from alerts.inbound.fetching.polling import look_into, look_into_all
from alerts.inbound.models import InboundMail, Mailbox
from alerts.inbound.reading.parts import LARGEST
from alerts.inbound.storing import LARGEST_MAIL
from alerts.task_queue import Queue, RecordingTaskQueue, Task
from tests.data.inbound.dovecot import PASSWORD, Dovecot, dovecot
from tests.data.inbound.pop3 import pop3_server

MAIL = b"From: MAILER-DAEMON@x.example\r\nSubject: failure %d\r\n\r\n.dots\r\n..\r\n" + b"e" * 5_000


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    # Sockets have short names, and the server's users no way into pytest's folders.
    with tempfile.TemporaryDirectory(prefix="alerts-dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with dovecot(folder) as running:
            yield running


@pytest.fixture
def empty_server(server: Dovecot) -> Dovecot:
    for path in (server.folder / "mail").rglob("*"):
        if path.parent.name in {"new", "cur"}:
            path.unlink()
    return server


class Post:
    """A house that fetches its mail from one mailbox."""

    def __init__(self, database: Database, clock: FixedClock, url: str) -> None:
        self.database, self.clock, self.queue = database, clock, RecordingTaskQueue()
        self.settings = Settings(inbound_url=(url,), keep_inbound=timedelta(days=30))

    def look(self) -> dict[str, Any]:
        """Look into the mailbox; return how it stands."""
        [mailbox] = look_into_all(
            self.database, settings=self.settings, queue=self.queue, clock=self.clock
        )
        return mailbox

    def raws(self) -> list[bytes]:
        with self.database.read() as session:
            return sorted(session.scalars(select(InboundMail.raw)))

    def due(self) -> list[int]:
        with self.database.transaction() as session:
            return claim_due_mailboxes(
                session,
                self.settings.mailboxes,
                usual=self.settings.inbound_every,
                clock=self.clock,
            )


@pytest.mark.parametrize("protocol", ["imaps", "imap", "pop3s", "pop3"])
def test_mail_is_stored_as_it_is_and_then_marked_or_removed(
    empty_server: Dovecot, database: Database, clock: FixedClock, protocol: str
) -> None:
    server = empty_server
    mails = [MAIL % number for number in range(1, 4)]
    for raw in mails:
        server.deliver(raw)
    # Without TLS from the beginning it is begun, where somebody asks for it.
    tls = {} if protocol.endswith("s") else {"tls": "required"}
    post = Post(database, clock, server.url(protocol, **tls))

    stands = post.look()

    assert (stands["last_error"], stands["taken"]) == (None, 3)
    assert PASSWORD not in str(stands)
    whole = [raw + b"\r\n" for raw in mails] if protocol.startswith("pop3") else mails
    assert post.raws() == whole
    [(task, ids, queue)] = post.queue.enqueued
    assert (task, len(ids), queue) == (Task.READ_MAIL, 3, Queue.INBOUND)
    assert len(server.mails()) == (0 if protocol.startswith("pop3") else 3)
    assert post.look()["taken"] == 3
    assert len(post.queue.enqueued) == 1


@pytest.mark.parametrize(("then", "left", "moved"), [("delete", 0, 0), ("move:Done", 0, 2)])
def test_a_mail_leaves_the_imap_folder_when_somebody_wants_it_to(
    empty_server: Dovecot, database: Database, clock: FixedClock, then: str, left: int, moved: int
) -> None:
    for number in (1, 2):
        empty_server.deliver(MAIL % number)
    post = Post(database, clock, empty_server.url("imaps", "/INBOX", then=then))
    assert post.look()["taken"] == 2
    assert len(empty_server.mails()) == left
    assert len(empty_server.mails("Done")) == moved


def test_what_is_in_the_mailbox_stays_there_when_it_cannot_be_stored(
    empty_server: Dovecot, database: Database, clock: FixedClock
) -> None:
    empty_server.deliver(MAIL % 1)
    post = Post(database, clock, empty_server.url("pop3s"))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE inbound_mails RENAME TO away")
    stands = post.look()
    assert "a defect" in stands["last_error"]
    assert len(empty_server.mails()) == 1
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO inbound_mails")
    assert (post.look()["taken"], empty_server.mails()) == (1, [])


@pytest.mark.parametrize("knows_top", [True, False])
def test_of_a_mail_that_is_far_too_large_the_beginning_is_taken_and_it_goes(
    database: Database, clock: FixedClock, *, knows_top: bool
) -> None:
    line = b"." + b"x" * 70 + b"\r\n"
    large = b"Subject: huge\r\n\r\n" + line * (LARGEST_MAIL // len(line) + 1)
    with pop3_server([MAIL % 1, large], knows_top=knows_top) as server:
        post = Post(database, clock, f"pop3://returns:s@127.0.0.1:{server.port}?tls=off")
        stands = post.look()
        assert (stands["last_error"], stands["taken"]) == (None, 2)
        assert post.look()["taken"] == 2
        assert server.mails == []
    [beginning] = [raw for raw in post.raws() if raw.startswith(b"Subject: huge")]
    assert beginning == large[: LARGEST + 1]
    asked = ["TOP 2 30000"] if knows_top else ["TOP 2 30000", "RETR 2"]
    assert [one for one in server.commands if one.startswith(("TOP", "RETR 2"))] == asked


def test_a_real_pop3_server_gives_the_beginning_of_a_mail_that_is_far_too_large(
    empty_server: Dovecot, database: Database, clock: FixedClock
) -> None:
    line = b"x" * 70 + b"\r\n"
    large = b"Subject: huge\r\n\r\n" + line * (LARGEST_MAIL // len(line) + 1)
    empty_server.deliver(large)
    post = Post(database, clock, empty_server.url("pop3s"))
    assert post.look()["taken"] == 1
    assert (post.raws(), empty_server.mails()) == ([large[: LARGEST + 1]], [])
    assert post.look()["taken"] == 1


def test_a_mail_that_comes_again_before_it_was_deleted_is_one(
    empty_server: Dovecot, database: Database, clock: FixedClock
) -> None:
    post = Post(database, clock, empty_server.url("imaps", then="delete"))
    for _ in range(2):
        empty_server.deliver(MAIL % 1)
    assert (post.look()["taken"], len(post.raws()), empty_server.mails()) == (1, 1, [])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "imaps://returns:wrong@localhost:{imaps}?ca={ca}",
            "the log-in was refused: [AUTHENTICATIONFAILED] Authentication failed.",
        ),
        ("pop3s://returns:wrong@localhost:{pop3s}?ca={ca}", "the log-in was refused"),
        ("imaps://returns:s@localhost:{imaps}", "its certificate is not good"),
        ("pop3s://returns:s@localhost:{pop3s}", "its certificate is not good"),
        ("imaps://returns:s@127.0.0.1:{imaps}?ca={ca}", "its certificate is not good"),
        ("imap://returns:s@localhost:{imap}?tls=required", "its certificate is not good"),
        ("pop3://returns:s@localhost:{pop3}?tls=required", "its certificate is not good"),
        ("imaps://returns:s@localhost:{imap}?ca={ca}", "TLS failed"),
        ("imaps://returns:s@localhost:1?ca={ca}", "no connection"),
        ("pop3s://returns:s@localhost:{pop3s}?ca=/no/such.pem", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_server_is_told_in_a_line_without_the_password(
    server: Dovecot, database: Database, clock: FixedClock, url: str, told: str
) -> None:
    post = Post(database, clock, url.format(ca=server.ca, **server.ports))
    stands = post.look()
    assert told in stands["last_error"]
    assert "\n" not in stands["last_error"]
    assert "wrong" not in stands["last_error"]
    assert "b'" not in stands["last_error"]
    assert stands["failing_since"]
    with database.read() as session:
        assert len(failing_mailboxes(session, post.settings.mailboxes)) == 1


def test_a_folder_that_is_not_there_is_told_too(
    server: Dovecot, database: Database, clock: FixedClock
) -> None:
    stands = Post(database, clock, server.url("imaps", "/Nowhere")).look()
    assert "the IMAP server said" in stands["last_error"]
    assert "b'" not in stands["last_error"]


def test_a_mailbox_is_looked_into_when_it_is_due_and_by_one_alone(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    post = Post(database, clock, f"maildir://{tmp_path}/none?every=5m")
    [number] = post.due()
    assert post.due() == []
    clock.advance(timedelta(minutes=5))
    assert post.due() == [number]
    claim = claim_row(database, Mailbox, number, clock=clock)
    assert claim is not None
    assert claim_row(database, Mailbox, number, clock=clock) is None
    clock.advance(timedelta(minutes=6))
    assert claim_row(database, Mailbox, number, clock=clock) is not None
    # Whoever was overtaken writes nothing more.
    with pytest.raises(Exception, match="somebody else"), claim.transaction():
        pass


def test_a_mailbox_that_fails_is_asked_less_and_less_often(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    post = Post(database, clock, f"maildir://{tmp_path}/none?every=1m")
    waits = []
    for _ in range(8):
        post.look()
        with database.read() as session:
            waits.append(session.scalars(select(Mailbox.next_at)).one() - clock.now())
    assert [wait.total_seconds() / 60 for wait in waits] == [1, 2, 4, 8, 16, 30, 30, 30]
    for name in ("new", "cur", "tmp"):
        (tmp_path / "none" / name).mkdir(parents=True)
    assert post.look()["failing_since"] is None


@pytest.mark.parametrize(("then", "left"), [("", ["a:2,S", "b:2,S"]), ("delete", [])])
def test_a_maildir_is_emptied_into_the_store(
    database: Database, clock: FixedClock, tmp_path: Path, then: str, left: list[str]
) -> None:
    box = tmp_path / "Maildir"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    (box / "new" / "b").write_bytes(MAIL % 2)
    (box / "new" / "a").write_bytes(MAIL % 1)
    (box / "new" / ".hidden").write_bytes(MAIL % 3)
    (box / "new" / "link").symlink_to("/etc/passwd")
    (box / "tmp" / "unfinished").write_bytes(MAIL % 4)
    post = Post(database, clock, f"maildir://{box}" + (f"?then={then}" if then else ""))
    assert (post.look()["taken"], post.raws()) == (2, [MAIL % 1, MAIL % 2])
    assert sorted(path.name for path in (box / "cur").iterdir()) == left
    assert sorted(path.name for path in (box / "new").iterdir()) == [".hidden", "link"]


def test_an_mbox_is_read_on_from_where_the_last_look_ended(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    box = tmp_path / "mbox"
    post = Post(database, clock, f"mbox://{box}")
    assert post.look()["taken"] == 0
    box.write_bytes(b"From a@b Mon\n" + MAIL % 1 + b"\n\nFrom a@b Mon\n" + MAIL % 2 + b"\n\n")
    assert post.look()["taken"] == 2
    with box.open("ab") as stream:
        stream.write(b"From a@b Tue\n" + MAIL % 3 + b"\n\n")
    assert post.look()["taken"] == 3
    assert len(post.raws()) == 3
    # Emptied by another program, and shorter than before: from its beginning.
    box.write_bytes(b"From a@b Wed\n" + MAIL % 4 + b"\n\n")
    assert post.look()["taken"] == 4
    assert not Path(f"{box}.lock").exists()


def test_an_mbox_is_emptied_once_its_mails_are_stored(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    box = tmp_path / "mbox"
    post = Post(database, clock, f"mbox://{box}?then=delete")
    for number in (1, 2):
        box.write_bytes(b"From a@b Mon\n" + MAIL % number + b"\n\n")
        assert (post.look()["taken"], box.read_bytes()) == (number, b"")


def test_a_task_for_a_mailbox_that_the_settings_no_longer_name_does_nothing(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    post = Post(database, clock, f"mbox://{tmp_path}/mbox")
    [number] = post.due()
    queue = RecordingTaskQueue()
    assert look_into(database, number, settings=Settings(), queue=queue, clock=clock) == 0
    assert queue.enqueued == []
