"""Subscribers by the file: what is taken, what is refused with its line, what comes back out."""

import csv
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Invalid
from alerts.newsletters.service import ensure_built_in, offers
from alerts.subscribers import service
from alerts.subscribers.erasure import erase
from alerts.subscribers.exporting import export_subscribers
from alerts.subscribers.importing import ImportResult, import_subscribers
from alerts.subscribers.models import ConsentRecord, PaceChange, Subscriber, SubscriberState
from alerts.subscribers.queries import find_subscriber
from tests.factories import counted_queries

KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)


class Files:
    """Imports and exports on one database."""

    def __init__(self, database: Database, clock: FixedClock, folder: Path) -> None:
        self.database, self.clock, self.folder = database, clock, folder
        with database.transaction() as session:
            ensure_built_in(session, clock=clock)
        with database.read() as session:
            self.offered = offers(session)

    def take(self, content: str | bytes, *, consent: str = "asked for it") -> ImportResult:
        path = self.folder / "readers.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.take_file(path, consent=consent)

    def take_file(self, path: Path, *, consent: str = "asked for it") -> ImportResult:
        return import_subscribers(
            self.database,
            path,
            offers=self.offered,
            consent=consent,
            clock=self.clock,
            suppression_keys=KEYS,
        )

    def one(self, email: str) -> Subscriber:
        with self.database.read() as session:
            return find_subscriber(session, email)

    def export(self) -> tuple[Path, int]:
        path = self.folder / "out.csv"
        return path, export_subscribers(self.database, path)


@pytest.fixture
def files(database: Database, clock: FixedClock, tmp_path: Path) -> Files:
    return Files(database, clock, tmp_path)


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return result.added, result.updated, result.unchanged, len(result.refused)


MIXED = """email,name,newsletters,frequency,regions,time_zone,status
ama@example.org,Ama Boateng,gp-alert;africa-this-week,,West Africa;Europe,Africa/Accra,confirmed
li@example.org,,gp-alert,daily,,,confirmed
zoe@example.org,Zoë Ångström,,,,,
"""


def test_a_file_is_taken_with_every_wish(files: Files) -> None:
    assert counts(files.take(MIXED)) == (3, 0, 0, 0)
    ama = files.one("ama@example.org")
    assert (ama.name, ama.time_zone, ama.state) == ("Ama Boateng", "Africa/Accra", "confirmed")
    assert {(s.newsletter, s.wish) for s in ama.subscriptions} == {
        ("africa-this-week", "europe;west-africa"),
        ("gp-alert", "europe;west-africa"),
    }
    [subscription] = files.one("li@example.org").subscriptions
    assert subscription.frequency == "daily"
    zoe = files.one("zoe@example.org")
    assert (zoe.name, zoe.state, len(zoe.subscriptions)) == ("Zoë Ångström", "unconfirmed", 2)
    assert zoe.confirmation_due_at == files.clock.now()


def test_the_same_file_again_changes_nothing(files: Files) -> None:
    files.take(MIXED)
    with files.database.read() as session:
        before = session.scalar(select(func.count()).select_from(ConsentRecord))
    assert counts(files.take(MIXED)) == (0, 0, 3, 0)
    with files.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ConsentRecord)) == before


def test_a_later_file_adds_what_is_new(files: Files) -> None:
    files.take(MIXED)
    later = "email,name,regions,status\nZOE@example.org,Zoë,Africa,confirmed\nli@example.org,Li,,\n"
    assert counts(files.take(later)) == (0, 2, 0, 0)
    zoe = files.one("zoe@example.org")
    assert zoe.state is SubscriberState.CONFIRMED
    assert {s.wish for s in zoe.subscriptions} == {"africa"}
    assert files.one("li@example.org").state is SubscriberState.CONFIRMED


def test_a_refused_row_names_its_line_and_stops_nothing(files: Files) -> None:
    rows = [
        "email,name,newsletters,frequency,regions,time_zone,status,shoe size",
        "good@example.org,,,,,,,44",
        "not an address,,,,,,,",
        "a@example.org,,the-times,,,,,",
        "b@example.org,,,hourly,,,,",
        "c@example.org,,,,Atlantis,,,",
        "d@example.org,,,,,Mars/Base,,",
        "e@example.org,,,,,,subscribed,",
        "",
        "f@example.org,,,,,,,,,too,many",
        "last@example.org",
    ]
    result = files.take("\n".join(rows))
    assert counts(result) == (2, 0, 0, 7)
    assert [row.line for row in result.refused] == [3, 4, 5, 6, 7, 8, 10]
    words = ["no email", "the-times", "hourly", "Atlantis", "Mars/Base", "neither", "11 cells"]
    for row, word in zip(result.refused, words, strict=True):
        assert word in row.reason
        assert "\n" not in row.reason
    assert result.notes == ["columns not read: shoe size"]


def test_confirmed_rows_need_a_basis(files: Files) -> None:
    result = files.take("email,status\na@example.org,confirmed\nb@example.org,\n", consent="")
    assert counts(result) == (1, 0, 0, 1)
    assert "--consent" in next(iter(result.refused)).reason


def test_nobody_who_left_is_brought_back(files: Files) -> None:
    files.take(MIXED)
    with files.database.transaction() as session:
        ama = find_subscriber(session, "ama@example.org")
        service.unsubscribe(session, ama, newsletter="gp-alert", way="link", clock=files.clock)
        li = find_subscriber(session, "li@example.org")
        service.unsubscribe(session, li, way="link", clock=files.clock)
        zoe = find_subscriber(session, "zoe@example.org")
        erase(session, find_subscriber(session, zoe.email), keys=KEYS, clock=files.clock)
    result = files.take(MIXED)
    assert counts(result) == (0, 0, 0, 3)
    reasons = [row.reason for row in result.refused]
    assert reasons[0].startswith("unsubscribed from gp-alert on 2026-11-23; only they")
    assert reasons[1].startswith("unsubscribed on 2026-11-23; only they")
    assert reasons[2] == "suppressed (erased), and is not mailed"


def test_an_address_twice_in_a_file_is_one_person(files: Files) -> None:
    result = files.take("email,name\na@example.org,\nA@EXAMPLE.org,Ama\na@example.org,\n")
    assert counts(result) == (1, 1, 1, 0)
    assert files.one("a@example.org").name == "Ama"


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffemail;name\na@example.org;Zoë\n".encode(),
        "Email\tName\na@example.org\tZoë\n".encode(),
        "email,name\na@example.org,Zoë\n".encode("cp1252"),
    ],
)
def test_spreadsheets_are_read_as_they_write(files: Files, content: bytes) -> None:
    assert counts(files.take(content)) == (1, 0, 0, 0)
    assert files.one("a@example.org").name == "Zoë"


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\0\0", b"name\nAma\n"])
def test_what_is_no_list_of_subscribers_is_refused(files: Files, content: bytes) -> None:
    with pytest.raises(Invalid, match="no column email"):
        files.take(content)


def test_what_cannot_be_read_is_refused_in_one_line(files: Files) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        files.take_file(files.folder / "nowhere.csv")
    with pytest.raises(Invalid, match="is no file"):
        files.take_file(files.folder)
    with pytest.raises(Invalid, match="column email twice"):
        files.take("email,Email\na@example.org,b@example.org\n")
    with pytest.raises(Invalid, match="line 1, where the columns are named"):
        files.take("email," + "x" * 200_000)


def test_an_odd_row_is_refused_and_the_next_is_read(files: Files) -> None:
    huge = "x" * 200_000
    result = files.take(f"email,name\na\0b@example.org,\nc@example.org,{huge}\nd@example.org,\n")
    assert counts(result) == (1, 0, 0, 2)
    assert "field larger" in list(result.refused)[1].reason


def test_one_bad_line_spoils_no_other(files: Files) -> None:
    lines = [
        b"",
        b"email,name,,",
        b'a@example.org,"open',
        b"b@example.org,Zo\xeb,,,,",
        "c@example.org,Zo\u00eb".encode(),
        b"d@example.org,\x81",
        b"\x1b[2J@@example.org,",
        b'"two\nlines",',
        b'e@example.org,"Ama\nBoateng"',
        b'f@example.org,"Ama" Boateng',
    ]
    result = files.take(b"\r\n".join(lines))
    assert counts(result) == (3, 0, 0, 5)
    assert [row.line for row in result.refused] == [3, 6, 7, 8, 12]
    words = ["quotation mark", "are lost", "no email", "no email", "no CSV row"]
    for row, word in zip(result.refused, words, strict=True):
        assert word in row.reason
        assert row.email.isprintable()
        assert row.reason.isprintable()
    names = [files.one(f"{letter}@example.org").name for letter in "bce"]
    assert names == ["Zo\u00eb", "Zo\u00eb", "Ama Boateng"]


def test_a_reason_is_short_whatever_the_cell(files: Files) -> None:
    [row] = files.take(f"email,regions\na@example.org,{'Z' * 100_000}\n").refused
    assert len(row.reason) < 500


def test_an_export_is_read_back_and_changes_nothing(files: Files) -> None:
    files.take(MIXED + "evil@example.org,=cmd(),,,,,confirmed\n")
    with files.database.transaction() as session:
        li = find_subscriber(session, "li@example.org")
        service.unsubscribe(session, li, way="link", clock=files.clock)
    path, people = files.export()
    assert people == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    # Ama's newsletters come at different frequencies, so she stands in two rows.
    assert [row["email"] for row in rows].count("ama@example.org") == 2
    assert "'=cmd()" in [row["name"] for row in rows]
    result = files.take_file(path)
    assert (result.added, result.updated, len(result.refused)) == (0, 0, 0)
    assert files.one("evil@example.org").name == "=cmd()"


@pytest.mark.parametrize("name", ["=1+1", "'=1+1", "''-x", "'Ama'", "@ama", "'"])
def test_a_name_that_looks_like_a_formula_comes_back_as_it_was(files: Files, name: str) -> None:
    with files.database.transaction() as session:
        offer = [files.offered["gp-alert"]]
        service.add_subscriber(
            session, email="a@example.org", name=name, offers=offer, way="test", clock=files.clock
        )
    path, _ = files.export()
    assert counts(files.take_file(path)) == (0, 0, 1, 0)


def test_an_export_of_many_is_read_back_at_the_cost_of_few(files: Files) -> None:
    lines = [f"r{n}@example.org" for n in range(1_100)]
    files.take("email\n" + "\n".join(lines))
    path, people = files.export()
    assert people == 1_100
    with counted_queries(files.database.engine) as statements:
        result = files.take_file(path)
    # Both newsletters at their own pace: two rows each, in three transactions.
    assert counts(result) == (0, 0, 2_200, 0)
    assert len(statements) <= 3 * 8


def test_an_export_is_whole_or_not_there(files: Files) -> None:
    files.take(MIXED)
    (files.folder / "out.csv").mkdir()
    with pytest.raises(Invalid, match=r"out\.csv cannot be written"):
        files.export()
    assert not list(files.folder.glob(".out.csv*"))
    (files.folder / "out.csv").rmdir()
    path, _ = files.export()
    before = path.read_text()
    files.export()
    assert path.read_text() == before


def test_a_chunk_costs_a_few_queries_whatever_its_size(files: Files) -> None:
    def queries(first: int, count: int) -> int:
        lines = [f"r{n}@example.org,confirmed" for n in range(first, first + count)]
        with counted_queries(files.database.engine) as statements:
            files.take("email,status\n" + "\n".join(lines))
        return len(statements)

    assert queries(0, 900) <= queries(10_000, 90) + 2
    assert queries(0, 900) <= 8


def test_a_file_that_changes_how_often_a_reader_gets_it_is_followed(files: Files) -> None:
    files.take(MIXED)

    def changes(frequency: str) -> list[str]:
        line = f"li@example.org,,gp-alert,{frequency},,,confirmed"
        files.take(MIXED.splitlines()[0] + f"\n{line}\n")
        with files.database.read() as session:
            query = select(PaceChange.former).order_by(PaceChange.former)
            return [former.value for former in session.scalars(query)]

    assert changes("daily") == []
    assert changes("weekly") == ["daily"]
    assert changes("immediate") == ["daily", "weekly"]
    # Back at a frequency, nothing of it is owed.
    assert changes("daily") == ["immediate", "weekly"]
