"""Dealing messages out by weight. Pure rules.

Smooth weighted round robin: each turn every candidate gains its weight, the richest is chosen and
pays what all gained together. With weights 3 and 1 the order is a a b a, not a a a b, and what is
owed is kept from call to call: single mails are shared as fairly as thousands.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping


class Shares:
    """Chooses among names by their weights."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self._owed: defaultdict[str, int] = defaultdict(int)

    def choose(self, candidates: Iterable[str]) -> str | None:
        """Return whose turn it is; None without candidates.

        A name of weight 0 is chosen only among its like: it stands in for sick ones.
        """
        names = list(candidates)
        if len(names) == 1:
            # Whoever is alone gains what it pays.
            return names[0]
        turns = {name: self._weights[name] for name in names if self._weights[name]}
        if not turns:
            return names[0] if names else None
        for name, weight in turns.items():
            self._owed[name] += weight
        chosen = max(turns, key=lambda name: self._owed[name])
        self._owed[chosen] -= sum(turns.values())
        return chosen
