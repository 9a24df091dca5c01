"""A newsletter's file: every mistake with its line and reason, and what is written is read back."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.newsletters.mistakes import InvalidDefinition
from alerts.newsletters.toml import read_definition, write_definition
from alerts.newsletters.toml_lines import line_of, lines_of

BUILT_IN = files("alerts.newsletters") / "builtin"
ALERT = (BUILT_IN / "gp-alert.toml").read_text(encoding="utf-8")
SHAPES = '''
# A comment with "quotes" and [brackets
title = "One # two"
"quoted key" = 'it''s'
long = """
[not a head]
key = "no"
"""
raw = \'\'\'
[[no]]
\'\'\'
list = [
  "a",  # ]
  ["b",
   "c"],

  {x = 1, y = [2]},
]
dotted.inner = 3
[table]
key = 1
[table.sub]
key = 2
[[many]]
a = 1
[[many]]
a = 2
[many.deep]
b = [
 1]
[[ "many" ]]
a = 3
last = true'''


def test_where_everything_stands() -> None:
    shapes = SHAPES.replace("it''s", "its")
    lines = lines_of(shapes)
    numbered = dict(enumerate(shapes.split("\n"), start=1))
    told = {path: numbered[line].strip() for path, line in lines.items()}
    assert told == {
        ("title",): 'title = "One # two"',
        ("quoted key",): "\"quoted key\" = 'its'",
        ("long",): 'long = """',
        ("raw",): "raw = '''",
        ("list",): "list = [",
        ("list", 0): '"a",  # ]',
        ("list", 1): '["b",',
        ("list", 2): "{x = 1, y = [2]},",
        ("dotted", "inner"): "dotted.inner = 3",
        ("table",): "[table]",
        ("table", "key"): "key = 1",
        ("table", "sub"): "[table.sub]",
        ("table", "sub", "key"): "key = 2",
        ("many",): "[[many]]",
        ("many", 0): "[[many]]",
        ("many", 0, "a"): "a = 1",
        ("many", 1): "[[many]]",
        ("many", 1, "a"): "a = 2",
        ("many", 1, "deep"): "[many.deep]",
        ("many", 1, "deep", "b"): "b = [",
        ("many", 1, "deep", "b", 0): "1]",
        ("many", 2): '[[ "many" ]]',
        ("many", 2, "a"): "a = 3",
        ("many", 2, "last"): "last = true",
    }
    assert lines["many", 0] < lines["many", 1] < lines["many", 2]
    assert line_of(lines, ("many", 1, "missing")) == lines["many", 1]
    assert line_of(lines, ("nowhere",)) == 1


@given(st.text(alphabet="[]{}=,#\"'\n ab.1", max_size=60))
def test_no_text_makes_it_stumble(text: str) -> None:
    count = text.count("\n") + 1
    assert all(1 <= line <= count for line in lines_of(text).values())


def mistakes(text: str) -> dict[str, tuple[str, str]]:
    """Return by place the text of the line that is named, and the reason."""
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(text, source="my.toml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("my.toml, line ")
    lines = text.split("\n")
    return {one.name: (lines[(one.line or 0) - 1], one.reason) for one in caught.value.mistakes}


def test_all_mistakes_are_told_at_once_each_with_its_line() -> None:
    text = (
        ALERT.replace('"GP Alert"', "7")
        .replace('uncertain = "resend"', 'uncertain = "maybe"')
        .replace("readers_hour = true", "reader_hour = true")
        .replace("daily 18:30", "daily 99:30")
        .replace('kind = "cards"', 'limit = "many"')
        .replace("first_number = 1", "first_number = 0")
    )
    found = mistakes(text)
    assert found["title"] == ("title = 7", "has to be a text (a string in quotes)")
    assert found["uncertain"] == ('uncertain = "maybe"', "has to be 'resend' or 'hold'")
    assert found["reader_hour"] == (
        "reader_hour = true",
        "is not known here; is readers_hour meant?",
    )
    line, reason = found["schedules.1.rule"]
    assert line == 'rule = "daily 99:30 Asia/Kolkata"'
    assert "99:30" in reason
    assert found["sections.0.limit"] == ('limit = "many"', "has to be a whole number")
    assert found["sections.0.kind"] == ("[[sections]]", "is missing")
    assert found["numbering.first_number"] == ("first_number = 0", "has to be 1 or more")
    assert len(found) == 7


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ('slug = "gp-alert"', 'slug = "GP Alert"', "slug", "small letters, digits and hyphens"),
        ('tagline = "', 'tagline = "a\\nb', "tagline", "it has to fit on one line"),
        ("regions = []", 'regions = ["mars"]', "rule.regions", "mars"),
        ('"daily", "weekly"]', '"daily"]', "schedules", "weekly, which is not offered"),
        ('"daily", "weekly"]', '"daily", "yearly"]', "frequencies.2", "has to be 'immediate'"),
        (
            'default_frequency = "immediate"',
            'default_frequency = "monthly"',
            "default_frequency",
            "not among the frequencies",
        ),
        ('Asia/Kolkata"\nfrequencies', 'Mars"\nfrequencies', "time_zone", "no time zone 'Mars'"),
        ("{lead}{more}", "{led}", "subject", "{led} is not known in a pattern"),
        ("[rule]", "[rules]", "rules", "is rule meant?"),
        ("title", "titel", "titel", "is title meant?"),
        (
            "approval = ",
            "approval = 1 #",
            "approval",
            "has to be 'required', 'second' or 'automatic'",
        ),
        ('slug = "gp-alert"', "", "slug", "is missing"),
        ("repeats", "repeats", "", ""),
    ][:-1],
)
def test_each_mistake_in_words(old: str, new: str, place: str, said: str) -> None:
    assert old in ALERT
    found = mistakes(ALERT.replace(old, new, 1))
    assert said in found[place][1]


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(InvalidDefinition, match=r"^my\.toml, line 2: no TOML: ") as caught:
        read_definition('slug = "x"\ntitle "y"\n', source="my.toml")
    assert caught.value.mistakes[0].line == 2
    with pytest.raises(InvalidDefinition, match=r"^my\.toml, line 2: no TOML: "):
        read_definition('slug = "x"\ntitle = [', source="my.toml")
    with pytest.raises(Invalid, match="lists within lists"):
        read_definition("a = " + "[" * 9_000, source="my.toml")
    with pytest.raises(Invalid, match="longer than"):
        read_definition("#" * 100_001, source="my.toml")


@pytest.mark.parametrize("slug", ["gp-alert", "africa-this-week"])
def test_what_is_written_is_read_back(slug: str) -> None:
    definition = read_definition((BUILT_IN / f"{slug}.toml").read_text(), source="x")
    text = write_definition(definition)
    assert read_definition(text, source="x") == definition
    assert write_definition(read_definition(text, source="x")) == text
