"""SPF judged over a real name server."""

from collections.abc import Sequence

import pytest

from alerts.operations.doctor.findings import Check, Finding, Level, worst
from alerts.operations.doctor.names import CouldNotAsk
from alerts.operations.doctor.spf.checks import Outlets, check_spf
from alerts.operations.doctor.spf.evaluation import Evaluation, Result
from tests.data.operations.name_server import asking

Records = dict[tuple[str, str], str | Sequence[str]]
OURS = Outlets(("192.0.2.25",), certain=True)
NOWHERE = Outlets()
GUESSED = Outlets(("192.0.2.25",))


def judged(
    records: str | Records, outlets: Outlets = NOWHERE, *, in_envelope: bool = True
) -> list[Finding]:
    if isinstance(records, str):
        records = {("example.org", "TXT"): records}
    with asking(records) as names:
        return check_spf(names, "example.org", outlets, in_envelope=in_envelope)


def told(findings: list[Finding]) -> str:
    assert {finding.check for finding in findings} == {Check.SPF}
    assert all(finding.mend for finding in findings if finding.level is not Level.OK)
    return " | ".join(finding.what for finding in findings)


@pytest.mark.parametrize("end", ["-all", "~all"])
def test_a_good_record(end: str) -> None:
    findings = judged(f"v=spf1 ip4:192.0.2.0/24 {end}", OURS)
    assert worst(findings) is Level.OK
    assert "192.0.2.25 passes" in told(findings)


def test_none_at_all() -> None:
    [finding] = judged({("example.org", "TXT"): "something else"}, OURS)
    assert finding.level is Level.ERROR
    assert "v=spf1 ip4:192.0.2.25 ~all" in finding.mend
    assert judged({}, in_envelope=False)[0].level is Level.NOTE


def test_two_are_none() -> None:
    findings = judged({("example.org", "TXT"): ["v=spf1 -all", "v=spf1 mx -all"]})
    assert (worst(findings), "2 SPF records" in told(findings)) == (Level.ERROR, True)


def test_a_slip_of_the_pen() -> None:
    findings = judged("v=spf1 ip4:192.0.2.0/24 inlude:x.example -all")
    assert (worst(findings), "'inlude:x.example'" in told(findings)) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("end", "level", "words"),
    [
        ("+all", Level.ERROR, "whole world"),
        ("all", Level.ERROR, "whole world"),
        ("?all", Level.WARNING, "refuses nobody"),
        ("", Level.WARNING, "refuses nobody"),
    ],
)
def test_an_end_that_is_open(end: str, level: Level, words: str) -> None:
    findings = judged(f"v=spf1 ip4:192.0.2.25 {end}")
    assert worst(findings) is level
    assert words in told(findings)


@pytest.mark.parametrize(("behind", "level"), [("-all", Level.OK), ("+all", Level.ERROR)])
def test_a_redirect_ends_as_what_stands_behind_it(behind: str, level: Level) -> None:
    records: Records = {
        ("example.org", "TXT"): "v=spf1 redirect=_spf.example.net",
        ("_spf.example.net", "TXT"): f"v=spf1 ip4:192.0.2.25 {behind}",
    }
    assert worst(judged(records, OURS)) is level


def test_questions_are_counted_through_includes() -> None:
    def chain(length: int) -> Records:
        records: Records = {
            (f"i{number}.example", "TXT"): f"v=spf1 include:i{number + 1}.example -all"
            for number in range(1, length)
        }
        records["example.org", "TXT"] = "v=spf1 include:i1.example ~all"
        records[f"i{length}.example", "TXT"] = "v=spf1 ip4:192.0.2.25 -all"
        return records

    assert worst(judged(chain(10), OURS)) is Level.OK
    findings = judged(chain(11), OURS)
    assert worst(findings) is Level.ERROR
    assert "asks DNS 11 times" in told(findings)
    assert "SPF gives permerror for 192.0.2.25" in told(findings)


def test_a_record_that_includes_itself_is_left_in_time() -> None:
    findings = judged("v=spf1 include:example.org include:example.org -all", OURS)
    assert "asks DNS 40 or more times" in told(findings)
    assert judged("v=spf1 redirect=example.org")


def test_an_include_of_nothing() -> None:
    findings = judged("v=spf1 include:gone.example.net -all")
    assert worst(findings) is Level.ERROR
    assert "gone.example.net: no SPF record" in told(findings)


def test_names_without_an_address_and_ptr() -> None:
    findings = judged("v=spf1 a:x.example a:y.example mx:z.example ptr ip4:192.0.2.25 -all", OURS)
    assert worst(findings) is Level.WARNING
    assert "3 names" in told(findings)
    assert "uses ptr" in told(findings)


@pytest.mark.parametrize(("outlets", "level"), [(OURS, Level.ERROR), (GUESSED, Level.WARNING)])
def test_an_address_that_is_left_out(outlets: Outlets, level: Level) -> None:
    findings = judged("v=spf1 ip4:198.51.100.1 -all", outlets)
    assert worst(findings) is level
    assert "SPF gives fail for 192.0.2.25" in told(findings)
    assert "ip4:192.0.2.25" in findings[-1].mend


def test_no_answer_is_a_note() -> None:
    with asking({}, all="SERVFAIL") as names:
        [finding] = check_spf(names, "example.org", OURS)
    assert (finding.level, finding.known) == (Level.NOTE, False)
    assert "could not ask" in finding.what


WORLD: Records = {
    ("example.org", "A"): "192.0.2.1",
    ("example.org", "AAAA"): "2001:db8::1",
    ("example.org", "MX"): ["10 mx1.example.org.", "20 mx2.example.org."],
    ("mx1.example.org", "A"): "192.0.2.11",
    ("mx2.example.org", "A"): "192.0.2.12",
    ("other.example.net", "TXT"): "v=spf1 ip4:198.51.100.0/24 ?ip4:203.0.113.1 -all",
    ("7.113.0.203.in-addr.arpa", "PTR"): ["liar.example.org.", "true.example.org."],
    ("true.example.org", "A"): "203.0.113.7",
    ("8.113.0.203.in-addr.arpa", "PTR"): "liar.example.org.",
    ("liar.example.org", "A"): "192.0.2.99",
    ("9.113.0.203._spf.example.org", "A"): "127.0.0.2",
}


@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("a -all", "192.0.2.1", Result.PASS),
        ("a -all", "2001:db8::1", Result.PASS),
        ("a -all", "192.0.2.2", Result.FAIL),
        ("a/30 -all", "192.0.2.2", Result.PASS),
        ("a//126 -all", "2001:db8::3", Result.PASS),
        ("mx ~all", "192.0.2.12", Result.PASS),
        ("mx ~all", "192.0.2.1", Result.SOFTFAIL),
        ("?a", "192.0.2.1", Result.NEUTRAL),
        ("-a +all", "192.0.2.1", Result.FAIL),
        ("include:other.example.net ~all", "198.51.100.9", Result.PASS),
        # Inside an include anything but a pass is no match.
        ("include:other.example.net ~all", "203.0.113.1", Result.SOFTFAIL),
        ("redirect=other.example.net", "203.0.113.1", Result.NEUTRAL),
        ("redirect=other.example.net", "192.0.2.1", Result.FAIL),
        ("redirect=gone.example.net", "192.0.2.1", Result.PERMERROR),
        ("include:gone.example.net -all", "192.0.2.1", Result.PERMERROR),
        ("ptr -all", "203.0.113.7", Result.PASS),
        ("ptr -all", "203.0.113.8", Result.FAIL),
        ("exists:%{ir}._spf.%{d} -all", "203.0.113.9", Result.PASS),
        ("exists:%{ir}._spf.%{d} -all", "203.0.113.10", Result.FAIL),
        ("exists:%{ -all", "203.0.113.10", Result.PERMERROR),
        ("bogus -all", "192.0.2.1", Result.PERMERROR),
        ("", "192.0.2.1", Result.NEUTRAL),
    ],
)
def test_what_receivers_find(record: str, address: str, result: Result) -> None:
    with asking(WORLD | {("example.org", "TXT"): f"v=spf1 {record}"}) as names:
        found = Evaluation(names, address, sender="desk@example.org").result("example.org")
    assert found is result


def test_no_record_and_no_answer_are_told_apart() -> None:
    with asking(WORLD) as names:
        evaluation = Evaluation(names, "192.0.2.1", sender="desk@example.org")
        assert evaluation.result("example.org") is Result.NONE
    with asking({}, all="SERVFAIL") as names, pytest.raises(CouldNotAsk):
        Evaluation(names, "192.0.2.1", sender="desk@example.org").result("example.org")


def test_a_domain_with_too_many_exchangers_is_not_followed() -> None:
    records: Records = {
        ("example.org", "TXT"): "v=spf1 mx -all",
        ("example.org", "MX"): [f"10 mx{number}.example.org." for number in range(11)],
    }
    with asking(records) as names:
        found = Evaluation(names, "192.0.2.1", sender="desk@example.org").result("example.org")
    assert found is Result.PERMERROR
