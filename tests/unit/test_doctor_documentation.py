"""Every check has its section, and every section its check."""

import re
from pathlib import Path

from alerts.operations.doctor.findings import PAGE, Check, Finding
from alerts.operations.doctor.rules import Provider, Verdict, judge

REPOSITORY = Path(__file__).resolve().parent.parent.parent
TEXT = (REPOSITORY / PAGE).read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## (.+)\n\n((?:(?!^#).*\n)+)", TEXT, re.MULTILINE)


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def test_each_check_leads_to_its_section() -> None:
    anchors = {anchor(heading) for heading, _ in SECTIONS}
    wanted = {check.value for check in Check} | {provider.lower() for provider in Provider}
    assert anchors == wanted | {"where-records-are-changed"}
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    # Of two headings that read alike the second gets another anchor.
    assert len({anchor(heading) for heading in headings}) == len(headings)


def test_links_lead_to_sections() -> None:
    anchors = {anchor(heading) for heading, _ in SECTIONS}
    links = [Finding.ok(check, "fine").link for check in Check]
    links += [judged.as_json()["link"] for judged in judge([])]
    for link in links:
        page, _, where = link.partition("#")
        assert (page, where in anchors) == (PAGE, True), link


def test_sections_say_something() -> None:
    for heading, text in SECTIONS:
        assert len(text) > 40, heading


def test_rules_that_cannot_be_seen_say_where_they_can() -> None:
    for judged in judge([]):
        assert judged.verdict is Verdict.UNKNOWN
        assert judged.rule.checks or judged.rule.watch
