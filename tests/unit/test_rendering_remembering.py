"""`remembered` in templates: asked once for a piece, and no way round the sandbox."""

import os
from pathlib import Path

import pytest

from alerts.errors import Invalid
from alerts.rendering.environment import email_environment, fill

_PIECES = """\
{% macro told(piece, level) %}<h{{ level }}>{{ piece }}</h{{ level }}>{% endmacro %}
{% macro joined(some) %}{{ some | join(", ") }}{% endmacro %}
"""
_BODY = """\
{% from "_base/pieces.html" import told, joined %}
{% for piece in pieces %}{{ remembered(told, piece, level) }}{% endfor %}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("_base", "letter"):
        (tmp_path / name).mkdir()
    (tmp_path / "_base" / "pieces.html").write_text(_PIECES)
    (tmp_path / "letter" / "body.html").write_text(_BODY)
    return tmp_path


def test_it_prints_what_the_macro_prints_for_whatever_it_is_given(folder: Path) -> None:
    environment = email_environment(folder)

    def printed(*pieces: object, level: object = 2) -> str:
        return fill(environment, "letter/body.html", {"pieces": pieces, "level": level}).strip()

    assert printed("a", "b & c", "a") == "<h2>a</h2><h2>b &amp; c</h2><h2>a</h2>"
    assert printed("a", level=3) == "<h3>a</h3>"
    assert printed(1, True, 1.0, "1") == "<h2>1</h2><h2>True</h2><h2>1.0</h2><h2>1</h2>"
    many = [f"piece {number}" for number in range(1_000)]
    assert printed(*many) == "".join(f"<h2>{one}</h2>" for one in many)


def test_a_list_is_read_anew_each_time(folder: Path) -> None:
    (folder / "letter" / "body.html").write_text(
        '{% from "_base/pieces.html" import joined %}{{ remembered(joined, some) }}'
    )
    environment = email_environment(folder)
    some = ["one"]
    assert fill(environment, "letter/body.html", {"some": some}) == "one"
    some.append("<two>")
    assert fill(environment, "letter/body.html", {"some": some}) == "one, &lt;two&gt;"


def test_a_template_that_was_edited_is_asked_again(folder: Path) -> None:
    environment = email_environment(folder)
    context = {"pieces": ["a"], "level": 2}
    assert fill(environment, "letter/body.html", context).strip() == "<h2>a</h2>"
    path = folder / "_base" / "pieces.html"
    path.write_text(_PIECES.replace("<h", "<th"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))
    assert fill(environment, "letter/body.html", context).strip() == "<th2>a</h2>"


def test_what_is_no_macro_is_not_called(folder: Path) -> None:
    way_round = '{{ remembered("{0.__class__.__mro__}".format, piece) }}'
    (folder / "letter" / "body.html").write_text(way_round)
    with pytest.raises(Invalid, match=r"letter/body\.html, line 1: remembered\(\) takes a macro"):
        fill(email_environment(folder), "letter/body.html", {"piece": "a"})
