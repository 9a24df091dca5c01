from itertools import pairwise

import pytest

from alerts.errors import Refused
from alerts.rendering.shortening import HTML_LIMIT, STEPS, fitting
from alerts.rendering.views import Allowance


def test_each_step_only_takes_away() -> None:
    for before, after in pairwise(STEPS):
        for name in ("essay", "brief", "standfirst", "note", "title", "items", "listed"):
            more, less = getattr(before, name), getattr(after, name)
            assert more is None or (less is not None and less <= more), (name, before, after)


@pytest.mark.parametrize("first", range(len(STEPS)))
def test_the_first_step_that_fits_is_found(first: int) -> None:
    def size(step: int) -> int:
        return HTML_LIMIT if step >= first else HTML_LIMIT + 1

    assert fitting(STEPS.index, size=size) == first


def test_what_cannot_fit_is_refused_in_one_line() -> None:
    with pytest.raises(Refused, match="shorten its template") as refusal:
        fitting(STEPS.index, size=lambda _: HTML_LIMIT + 1)
    assert "\n" not in str(refusal.value)


def test_a_usual_issue_is_rendered_once() -> None:
    asked: list[Allowance] = []
    fitting(asked.append, size=lambda _: 1)
    assert asked == [STEPS[0]]
