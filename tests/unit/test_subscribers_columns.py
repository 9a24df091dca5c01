"""Columns found by their names, or as somebody says; and whose export a file is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.errors import Invalid
from alerts.subscribers.files.columns import NoAddressColumn, lay_out, plain_name
from alerts.subscribers.files.makes import Make, find_make, moment, standing
from alerts.subscribers.files.rows import RefusedRow, SubscriberRow, Terms, open_file
from alerts.subscribers.models import SubscriberState

UNCONFIRMED = SubscriberState.UNCONFIRMED


@pytest.mark.parametrize(
    "column",
    ["email", "E-Mail", "EMAIL", "Email Address", "e_mail", "Mail", "Adresse", "Courriel", "ÉMAIL"],
)
def test_the_address_goes_by_many_names(column: str) -> None:
    assert lay_out(["x", column], {}, where="f").positions["email"] == 1


def test_a_postal_address_is_not_taken_for_a_better_one() -> None:
    layout = lay_out(["Address", "Name", "Email Address", "Shoe"], {}, where="f")
    assert layout.positions == {"email": 2, "name": 1}
    assert layout.unknown == ("Address", "Shoe")


def test_what_somebody_says_goes_before_names() -> None:
    columns = ["Mail", "Spalte1", "Spalte2"]
    layout = lay_out(columns, {"email": "Spalte1", "name": "spalte 2"}, where="f")
    assert layout.positions == {"email": 1, "name": 2}
    assert layout.unknown == ("Mail",)
    with pytest.raises(Invalid, match="no column 'Spalte9'; it has Mail, Spalte1, Spalte2"):
        lay_out(columns, {"email": "Spalte9"}, where="f")
    with pytest.raises(Invalid, match="no field 'mail'; the fields are email, name"):
        lay_out(columns, {"mail": "Spalte1"}, where="f")


def test_without_addresses_the_columns_are_named() -> None:
    with pytest.raises(NoAddressColumn, match="--map email=COLUMN") as caught:
        lay_out(["Spalte1", "Name"], {}, where="f")
    assert caught.value.columns == ("Spalte1", "Name")


def test_names_are_compared_without_signs() -> None:
    assert plain_name(" E-mail 1 - Value ") == "email1value"
    assert plain_name("Prénom") == "prenom"


def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    assert moment("2021-03-04 10:11:12") == datetime(2021, 3, 4, 10, 11, 12, tzinfo=UTC)
    assert moment("2021-03-04T10:11:12+05:30") == datetime(2021, 3, 4, 4, 41, 12, tzinfo=UTC)
    assert moment("yesterday") is None
    assert moment("0001-01-01T00:00:00+14:00") is None


def test_makes_are_told_by_their_columns() -> None:
    mailchimp = {"emailaddress", "firstname", "optintime", "leid"}
    assert find_make(mailchimp, file_name="subscribed.csv") is Make.MAILCHIMP
    assert find_make(mailchimp, file_name="Nonsubscribed_a.csv") is Make.MAILCHIMP_NEVER
    assert find_make({"emailaddress"}, file_name="x.csv") is Make.PLAIN
    assert find_make({"uuid", "email", "status"}, file_name="x.csv") is Make.LISTMONK
    assert find_make({"name", "email1value"}, file_name="x.csv") is Make.GOOGLE
    with pytest.raises(Invalid, match="'sleeping' is not known"):
        standing(Make.LISTMONK, {"status": "sleeping"}, otherwise=UNCONFIRMED)


def taken(path: Path, content: str) -> list[SubscriberRow | RefusedRow]:
    path.write_text(content, encoding="utf-8")
    return list(open_file(path).rows(Terms({}, consent="asked for it")))


def people(rows: list[SubscriberRow | RefusedRow]) -> list[tuple[int, str, str | None]]:
    return [
        (row.line, row.address.display, row.name) for row in rows if isinstance(row, SubscriberRow)
    ]


def test_members_of_mailman_stand_one_to_a_line(tmp_path: Path) -> None:
    content = (
        'ama@example.org\nLi Wei <li@example.org>\n"Boateng, \\"A\\" Ama" <ama2@example.org>\n\n'
        "=?utf-8?q?Zo=C3=AB?= <zoe@example.org>\n=?x?q?y?= <odd@example.org>\nnobody\n"
        'a, b; c "d <last@example.org>\n'
    )
    rows = taken(tmp_path / "members.txt", content)
    assert people(rows) == [
        (1, "ama@example.org", None),
        (2, "li@example.org", "Li Wei"),
        (3, "ama2@example.org", 'Boateng, "A" Ama'),
        (5, "zoe@example.org", "Zoë"),
        (6, "odd@example.org", "=?x?q?y?="),
        (8, "last@example.org", 'a, b; c "d'),
    ]
    [row] = [row for row in rows if isinstance(row, RefusedRow)]
    assert (row.line, row.email) == (7, "nobody")


def test_rows_without_a_head_are_read_from_the_first(tmp_path: Path) -> None:
    rows = taken(tmp_path / "x.csv", "Ama;ama@example.org\nLi;li@example.org\n")
    assert people(rows) == [(1, "ama@example.org", None), (2, "li@example.org", None)]
    file = open_file(tmp_path / "x.csv", {"name": "1"})
    assert people(list(file.rows(Terms({}, consent="")))) == [
        (1, "ama@example.org", "Ama"),
        (2, "li@example.org", "Li"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "First Name,Middle Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value",
        "Given Name,Additional Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value",
    ],
)
def test_google_has_written_two_heads(head: str, tmp_path: Path) -> None:
    rows = taken(
        tmp_path / "x.csv",
        f"{head}\nAma,K.,Boateng,* Friends,* Home,ama@example.org ::: ama@home.example\n"
        "Li,,Wei,,,\n",
    )
    assert people(rows) == [(2, "ama@example.org", "Ama K. Boateng")]
    assert [row.line for row in rows if isinstance(row, RefusedRow)] == [3]
