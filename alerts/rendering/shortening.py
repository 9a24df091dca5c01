"""Keeping an issue below the size at which Gmail clips it, in fixed steps."""

from collections.abc import Callable
from typing import TypeVar

from alerts.errors import Refused
from alerts.rendering.views import Allowance

# Gmail clips at 102 KB; the rest is room for slots that become long links.
HTML_LIMIT = 95_000

_T = TypeVar("_T")

# Each step gives less room than the one before: essays, then briefs, then standfirsts; the last
# ones name only some of the pieces and lead to the issue on the web for the others.
STEPS: tuple[Allowance, ...] = (
    Allowance(),
    *(Allowance(essay=essay) for essay in (24_000, 16_000, 12_000, 9_000, 6_000, 4_000, 2_500)),
    *(
        Allowance(essay=1_800, brief=brief, note=4_000, listed=60)
        for brief in (1_200, 900, 700, 500, 350, 220)
    ),
    *(
        Allowance(essay=1_200, brief=160, standfirst=standfirst, note=2_000, title=200, listed=40)
        for standfirst in (300, 160)
    ),
    *(
        Allowance(
            essay=900,
            brief=120,
            standfirst=120,
            note=1_200,
            title=160,
            items=items,
            listed=min(items, 40),
        )
        for items in (60, 40, 30, 20, 12, 6, 3, 1)
    ),
)


def _unmarked(made: _T) -> _T:
    return made


def fitting(
    render: Callable[[Allowance], _T],
    *,
    size: Callable[[_T], int],
    mark: Callable[[_T], _T] = _unmarked,
) -> _T:
    """Return what the first step renders whose size in bytes is below the limit.

    Steps only ever take away, so the first one that fits is found by halving; what is not whole
    passes through `mark`. Raises Refused when even the shortest form is too long, which takes a
    template that is too long by itself.
    """
    whole = render(STEPS[0])
    if size(whole) <= HTML_LIMIT:
        return whole
    too_long, fits = 0, len(STEPS) - 1
    best = render(STEPS[fits])
    if size(best) > HTML_LIMIT:
        raise Refused(
            f"the shortest form of this mail has {size(best):,} bytes of HTML, and Gmail clips"
            f" above {HTML_LIMIT:,}; shorten its template or its sections"
        )
    while fits - too_long > 1:
        middle = (too_long + fits) // 2
        candidate = render(STEPS[middle])
        if size(candidate) <= HTML_LIMIT:
            fits, best = middle, candidate
        else:
            too_long = middle
    return mark(best)
