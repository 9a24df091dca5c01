"""The language of segments: what reads, how it prints, and what each mistake is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.subscribers.segments.parser import DEEPEST, MOST_TERMS, parse
from alerts.subscribers.segments.printing import canonical
from alerts.subscribers.segments.terms import (
    And,
    Compare,
    Field,
    Node,
    Not,
    Operator,
    Or,
    Received,
    Span,
    Unit,
)
from alerts.subscribers.segments.vocabulary import WrongValue, read_value
from tests.segments_world import queries

EVERYTHING = (
    "newsletter is africa-this-week and frequency is weekly and (region is west-africa or region "
    "is east-africa) and signed up after 2026-01-01 and not domain is example.org"
)


def test_a_query_as_a_researcher_writes_it() -> None:
    node = parse(EVERYTHING)
    assert isinstance(node, And)
    assert node.nodes[0] == Compare(Field.NEWSLETTER, Operator.IS, ("africa-this-week",))
    assert isinstance(node.nodes[2], Or)
    assert node.nodes[4] == Not(Compare(Field.DOMAIN, Operator.IS, ("example.org",)))
    assert canonical(node) == EVERYTHING
    assert canonical(parse(EVERYTHING.upper())) == EVERYTHING


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("(state is confirmed)", "state is confirmed"),
        ("STATE IS NOT  Confirmed", "state is not confirmed"),
        ("((state is confirmed)) or (way is web)", 'state is confirmed or way is "web form"'),
        ("region is “Middle East”", "region is west-asia"),
        ("region is one of(africa,  asia , Africa)", "region is one of (africa, asia)"),
        ("time zone is not one of (asia/kolkata)", "time zone is not one of (Asia/Kolkata)"),
        ("email is Ama@Example.ORG", "email is ama@example.org"),
        ("domain is @münchen.de", "domain is xn--mnchen-3ya.de"),
        ("domain ends with .org", "domain ends with .org"),
        ('name contains "O\'Brien"', "name contains O'Brien"),
        ('name is "and"', 'name is "and"'),
        (r'name is "Li \"Bo\" \\ co"', r'name is "Li \"Bo\" \\ co"'),
        ("left in the last 1 weeks", "left in the last 1 week"),
        ("confirmed on 2026-01-31", "confirmed on 2026-01-31"),
        ("received nothing", "received nothing"),
        ("received Issue 12", "received issue 12"),
        ("not not way is import", "not not way is import"),
        (
            "not (way is import or way is x) and (name is a and name is b)",
            "not (way is import or way is x) and (name is a and name is b)",
        ),
        ("newsletter is gp-alert\n\tand\u00a0frequency is daily",
         "newsletter is gp-alert and frequency is daily"),
    ],
)  # fmt: skip
def test_the_canonical_text(written: str, printed: str) -> None:
    assert canonical(parse(written)) == printed
    assert canonical(parse(printed)) == printed


def test_and_binds_closer_than_or() -> None:
    node = parse("name is a or name is b and not name is c")
    assert isinstance(node, Or)
    assert isinstance(node.nodes[1], And)
    assert isinstance(node.nodes[1].nodes[1], Not)


def test_what_was_received() -> None:
    assert parse("received issue 12") == Received(issue=12)
    assert parse("received nothing in the last 90 days") == Received(
        nothing=True, span=Span(90, Unit.DAY)
    )
    assert parse("received something in the last 2 weeks") == Received(span=Span(2, Unit.WEEK))


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            "newsletter is gp-alert and not regoin is x",
            '"regoin" is no field at character 32; did you mean "region"?',
        ),
        ("", "a field is wanted, not the end, at character 1; fields are email, domain"),
        ("signd up after 2026-01-01", 'no field at character 1; did you mean "signed up"?'),
        ("zebra is x", '"zebra" is no field at character 1; fields are email'),
        ('"name" is x', 'a field is wanted, not "name", at character 1'),
        ("name is a and", "a field is wanted, not the end, at character 14"),
        ("region contains x", '"region" is followed by "contains" at character 8; it takes is'),
        ("name contans x", 'followed by "contans" at character 6; did you mean "contains"?'),
        ("signed up 2026-01-01", 'followed by "2026-01-01" at character 11; it takes before'),
        ("region", '"region" is followed by the end at character 7'),
        ("name is", "a value is wanted, not the end, at character 8"),
        ("name is not", "a value is wanted, not the end, at character 12"),
        ("name is and", 'a value is wanted, not "and", at character 9; put it in quotation'),
        ("name is (a, b)", 'not "(", at character 9; several values stand after is one of'),
        ("name is one of a", '"(" is wanted, not "a", at character 16; write name is one of'),
        ("name is one of (a b)", '"," or ")" is wanted, not "b", at character 19'),
        ("name is one of ()", 'a value is wanted, not ")", at character 17'),
        ("name is Ama Boateng", '"Boateng" is not expected at character 13; put "and" or "or"'),
        ("(name is a", '"(" is never closed at character 1'),
        ("(name is a b)", '"b" is not expected at character 12'),
        ("name is a)", '")" closes nothing at character 10'),
        ('name is "a', "a quotation mark is opened and never closed at character 9"),
        ('name is " "', "nothing stands between the quotation marks at character 9"),
        ("name is a\\b", "a backslash stands at character 10"),
        ("name is a\x00b", "a control character (U+0000) stands at character 10"),
        ('name is "a\nb"', "a control character (U+000A) stands at character 11"),
        ("name is \ud800", "a control character (U+D800) stands at character 9"),
        ("state is confirmd", '"confirmd" is no state at character 10; did you mean "confirmed"?'),
        ("frequency is x", '"x" is no frequency at character 14; known are immediate, daily'),
        ("region is sahel", '"sahel" is no region at character 11; known are africa'),
        ("time zone is asia/kolkatta", 'did you mean "Asia/Kolkata"?'),
        ("newsletter is The/Times", '"The/Times" is no newsletter at character 15'),
        ("email is ama", '"ama" is no email address at character 10; to look for a part'),
        ("domain is ..", '".." is no domain at character 11'),
        ("domain contains @x", '"@x" is no part of a domain at character 17; a domain has no @'),
        ("left on 2026-02-30", 'the calendar has no "2026-02-30" at character 9'),
        ("left on 20260101", 'a day is wanted, not "20260101", at character 9; 2026-01-31 would'),
        ("left after 9999-12-31", 'a day is wanted, not "9999-12-31", at character 12'),
        ("left in the last week", 'a span of time is wanted, not "week", at character 18'),
        ("left in the last 99999 weeks", '"99999 weeks" is longer than a hundred years'),
        ("received issue x", '"x" is no issue at character 16'),
        ("received issue 99999999999999999999", '"99999999999999999999" is no issue'),
        ("received 12", '"received" is followed by "12" at character 10; it takes issue 12'),
    ],
)
def test_a_mistake_is_answered_in_one_line(query: str, complaint: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(query)
    assert str(refused.value).startswith("segment: ")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_newsletters_are_looked_up_where_they_are_known() -> None:
    parse("newsletter is gp-alert", newsletters={"gp-alert"})
    with pytest.raises(Invalid, match=r'"gp-alerts" is no newsletter at .*mean "gp-alert"\?'):
        parse("newsletter is gp-alerts", newsletters={"gp-alert"})


def test_the_limits() -> None:
    nested = "(" * DEEPEST + "name is a" + ")" * DEEPEST
    assert canonical(parse(nested)) == "name is a"
    with pytest.raises(Invalid, match=r"more than 20 parentheses and nots .* at character 21"):
        parse(f"({nested})")
    with pytest.raises(Invalid, match="more than 20"):
        parse("not " * 21 + "name is a")
    most = " or ".join(["name is a"] * MOST_TERMS)
    assert canonical(parse(most)) == most
    with pytest.raises(Invalid, match="at most 100 terms"):
        parse(f"{most} or name is a")
    with pytest.raises(Invalid, match="at most 100 terms"):
        parse(f"name is one of ({','.join(map(str, range(101)))})")
    with pytest.raises(Invalid, match="at most 2,000 characters, this has 2,001"):
        parse("name is " + "a" * 1993)
    long_names = ",".join("a" * 18 + f"{n:02}" for n in range(94))
    with pytest.raises(Invalid, match="written out in full"):
        parse(f"name is one of({long_names})")


@given(queries())
def test_what_is_printed_reads_as_the_same(node: Node) -> None:
    text = canonical(node)
    again = parse(text)
    assert canonical(again) == text
    assert parse(canonical(again)) == again
    assert _simple(again) == _simple(node)


@given(st.text(max_size=80) | st.lists(st.sampled_from(
    ["name", "is", "not", "one", "of", "(", ")", ",", '"', "and", "or", "signed", "up", "in", "the",
     "last", "3", "days", "received", "issue", "region", "africa", "a\\", "“x”"]
), max_size=14).map(" ".join))  # fmt: skip
def test_no_text_breaks_the_reader(text: str) -> None:
    complaint, printed = "segment: ", ""
    try:
        printed = canonical(parse(text))
    except Invalid as error:
        complaint = str(error)
    assert complaint.startswith("segment: ")
    assert "\n" not in complaint
    assert not printed or canonical(parse(printed)) == printed


@given(st.sampled_from([Field.EMAIL, Field.DOMAIN, Field.NAME, Field.WAY]), st.text(max_size=30))
def test_any_value_can_be_written(field: Field, text: str) -> None:
    if not text.strip() or any(not c.isprintable() for c in text):
        return
    try:
        value = read_value(field, Operator.IS, text)
    except WrongValue:
        return
    node = Compare(field, Operator.IS, (value,))
    assert parse(canonical(node)) == node


def _simple(node: Node) -> Node:
    """Return a tree with its values in the form in which they are read."""
    match node:
        case And(nodes):
            return And(tuple(_simple(part) for part in nodes))
        case Or(nodes):
            return Or(tuple(_simple(part) for part in nodes))
        case Not(negated):
            return Not(_simple(negated))
        case Compare(field, operator, values):
            return Compare(field, operator, tuple(read_value(field, operator, v) for v in values))
        case _:
            return node
