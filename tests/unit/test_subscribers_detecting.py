"""Files in every shape that spreadsheets and other services write, read the same."""

import csv
import io
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.subscribers.files.detecting import HEAD_BYTES, detect, is_address
from alerts.subscribers.files.lines import csv_rows

CELLS = ["ama@example.org", "Ama Zoë", "a, b; c | d\te", 'says "yes"', "two\nlines", "", "ß"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]


def written(rows: list[list[str]], delimiter: str, ending: str = "\r\n") -> str:
    file = io.StringIO()
    # The module sets marks around those line ends alone that it writes itself.
    alone = ending == "\r"
    csv.writer(
        file,
        delimiter=delimiter,
        lineterminator=ending,
        quoting=csv.QUOTE_ALL if alone else csv.QUOTE_MINIMAL,
    ).writerows(rows)
    return file.getvalue()


def read(path: Path) -> list[tuple[int, list[str] | str]]:
    with csv_rows(path) as rows:
        return [
            (line, str(cells) if isinstance(cells, Invalid) else list(cells))
            for line, cells in rows
        ]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_shape_is_read_alike(
    encoding: str, delimiter: str, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / "readers.csv"
    header = ["email", "name", "notes", "said", "more", "nothing", "sharp"]
    text = ending + written([header, CELLS, CELLS[::-1]], delimiter, ending)
    path.write_bytes(text.encode(encoding))
    assert [cells for _, cells in read(path)] == [header, CELLS, CELLS[::-1]]
    # The quoted line end makes the second row two lines long.
    assert [line for line, _ in read(path)] == [2, 3, 5]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    rows=st.lists(
        st.lists(st.text(st.sampled_from('ab",;|\t é\n'), max_size=6), min_size=2, max_size=4),
        max_size=5,
    ),
    delimiter=st.sampled_from(",;\t|"),
)
def test_what_the_csv_module_writes_is_read_back(
    rows: list[list[str]], delimiter: str, tmp_path: Path
) -> None:
    path = tmp_path / "readers.csv"
    path.write_bytes(written([["email", "name"], *rows], delimiter, "\r\n").encode())
    expected = [row for row in rows if any(cell.strip() for cell in row)]
    assert [cells for _, cells in read(path)][1:] == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(content=st.binary(max_size=300))
def test_nothing_that_is_no_text_does_harm(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_bytes(b"email,name\n" + content)
    lines = [line for line, _ in read(path)]
    assert lines == sorted(set(lines))


def test_a_line_of_excel_names_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("sep=|\nemail,address|name\na@example.org|Ama\n")
    assert read(path) == [(2, ["email,address", "name"]), (3, ["a@example.org", "Ama"])]


def test_delimiters_between_quotation_marks_do_not_count() -> None:
    assert detect(b'"last, first, middle";email\n').delimiter == ";"


def test_a_line_may_be_an_address() -> None:
    assert detect(b"\nama@example.org\n").delimiter is None
    assert detect(b'"Boateng, Ama" <ama@example.org>\n').delimiter is None
    assert detect(b"ama@example.org,Ama\n").delimiter == ","
    assert is_address(" Ama <ama@example.org> ")
    assert not is_address("email")


def test_nuls_and_broken_rows_are_named_and_spoil_no_other(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_bytes(
        b'email,name\r\na\0@example.org,\r\nb@example.org,"open\r\nc@example.org,ok\r\n'
        b'd@example.org,"x" y\r\n"e\0",\r\nf@example.org,last'
    )
    found = read(path)
    assert [line for line, _ in found] == [1, 2, 3, 4, 5, 6, 7]
    words = [(2, "NUL"), (3, "opened and not closed"), (5, "no CSV row"), (6, "NUL")]
    for line, word in words:
        assert word in str(dict(found)[line])
    assert dict(found)[4] == ["c@example.org", "ok"]


def test_the_head_may_end_within_a_character(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    for shift, encoding in itertools.product(range(3), ("utf-8", "utf-16")):
        text = "email,name\n" + "x" * shift + "é\n" * HEAD_BYTES
        path.write_bytes(text.encode(encoding))
        assert len(read(path)) == HEAD_BYTES + 1
