"""The rules of the measurements: what a figure is held against, and what the plain sink says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.letters import wishes
from benchmarks.plain_sink import Dialogue
from benchmarks.processes import BadRun
from benchmarks.report import Line, Report, Target
from benchmarks.sink import Window
from benchmarks.source import content_of
from benchmarks.workshop import check_size

_GROUP = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
_CONTENTS = (
    b"Subject: one\r\n\r\n..\r\n.two dots.\r\n",
    b"Subject: two\r\n\r\n\r\n.\rend\r\n",
    b"",
)
_STREAM = (
    b"EHLO me\r\n" + b"".join(_GROUP + content + b".\r\n" for content in _CONTENTS) + b"QUIT\r\n"
)


def test_the_ratio_is_that_of_the_medians() -> None:
    line = Line("x", "msg/s", Target(0.6), program=(100, 300, 1_000), reference=(400, 600))
    assert line.measured == pytest.approx(0.6)
    assert line.reached
    assert "300 msg/s (100–1,000)" in line.text()


def test_without_a_reference_the_median_itself_is_held_against_the_target() -> None:
    line = Line("first", "s", Target(2.0, at_most=True), program=(1.0, 2.5, 9.0))
    assert line.measured == 2.5
    assert "not reached: 2.5 of 2" in line.text()
    assert line.document()["reached"] is False


def test_a_figure_that_is_rounded_up_to_its_target_has_not_reached_it() -> None:
    line = Line("x", "msg/s", Target(1.0), program=(0.99999,), reference=(1.0,))
    assert not line.reached


def test_what_is_at_most_is_reached_from_below() -> None:
    assert Target(1.1, at_most=True).reached_by(1.1)
    assert not Target(1.1, at_most=True).reached_by(1.2)
    assert not Target(1.1).reached_by(1.0)


def test_a_report_is_valid_only_when_every_case_was_measured() -> None:
    report = Report()
    report.lines.append(Line("x", "s", Target(1), program=(9,), reference=(1,)))
    assert report.valid
    report.invalid["y"] = "the books do not balance"
    assert report.document()["valid"] is False


def test_the_rate_leaves_out_what_had_come_when_the_watch_first_looked() -> None:
    assert Window(messages=110, at_first=10, first=5.0, last=7.0).rate == 50


def test_a_message_may_differ_in_length_by_five_in_a_hundred() -> None:
    check_size(28_500, what="a message")
    with pytest.raises(BadRun, match="31,501 bytes instead of about 30,000"):
        check_size(31_501, what="a message")


def test_wishes_differ_and_come_to_as_many_pieces_each() -> None:
    found = wishes(1_000)
    assert len(set(found)) == 1_000
    assert {wish.count(";") for wish in found} == {3}
    with pytest.raises(ValueError, match="not 1002"):
        wishes(1_002)


def test_the_references_content_has_short_lines_and_about_its_size() -> None:
    content = content_of(30_000)
    assert len(content) == pytest.approx(30_000, rel=0.01)
    assert max(len(line) for line in content.split(b"\r\n")) <= 78


@given(cuts=st.lists(st.integers(min_value=0, max_value=len(_STREAM)), max_size=12))
def test_the_plain_sink_takes_the_same_messages_however_the_stream_is_cut(cuts: list[int]) -> None:
    dialogue = Dialogue(keeps=True)
    bounds = sorted({0, *cuts, len(_STREAM)})
    answers = b"".join(dialogue.feed(_STREAM[start:end]) for start, end in pairwise(bounds))
    assert dialogue.taken == list(_CONTENTS)
    assert dialogue.closing
    codes = [line[:3] for line in answers.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"250", *[b"250", b"250", b"354", b"250"] * 3, b"221"]
