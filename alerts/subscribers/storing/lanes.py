"""Groups of rows written side by side, and told of in the order of the file."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Group = TypeVar("_Group")
_Result = TypeVar("_Result")


def side_by_side(
    groups: Iterable[_Group],
    work: Callable[[_Group], _Result],
    *,
    keys: Callable[[_Group], set[str]],
    lanes: int,
) -> Iterator[tuple[_Group, _Result]]:
    """Yield each group with what came of it, in order, while others are under way.

    Groups that share a key are never under way together: the later one sees what the earlier one
    did. With one lane nothing runs beside the caller. An error of a group is raised in its place,
    and what is under way ends before.
    """
    if lanes == 1:
        yield from ((group, work(group)) for group in groups)
        return
    under_way: deque[tuple[_Group, set[str], Future[_Result]]] = deque()
    with ThreadPoolExecutor(lanes, thread_name_prefix="import") as pool:
        for group in groups:
            own = keys(group)
            while _must_wait(own, [others for _, others, _ in under_way], lanes):
                yield _first(under_way)
            under_way.append((group, own, pool.submit(work, group)))
        while under_way:
            yield _first(under_way)


def _must_wait(own: set[str], others: Sequence[set[str]], lanes: int) -> bool:
    return len(others) == lanes or any(not own.isdisjoint(keys) for keys in others)


def _first(
    under_way: deque[tuple[_Group, set[str], Future[_Result]]],
) -> tuple[_Group, _Result]:
    group, _, future = under_way.popleft()
    return group, future.result()
