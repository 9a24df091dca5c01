"""How often to do what may take long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Rhythm:
    """When to do something next: `shortest` seconds after the last time, or later if it took long.

    It comes no sooner than `patience` times what it took: a look at a ledger of millions then
    costs a fiftieth of one processor, whatever the database. `seconds` is a clock that never
    goes back.
    """

    def __init__(
        self,
        shortest: float,
        *,
        patience: float = 50,
        at_once: bool = True,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shortest = shortest
        self._patience = patience
        self._seconds = seconds
        self._next = seconds() + (0.0 if at_once else shortest)

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return self._seconds() >= self._next

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure what is done within, and set the next time by it."""
        began = self._seconds()
        yield
        ended = self._seconds()
        self._next = ended + max(self._shortest, self._patience * (ended - began))
