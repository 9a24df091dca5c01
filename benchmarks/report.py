"""What a run says: a line for each figure, against its target; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: at least so much, or at most."""

    value: float
    at_most: bool = False

    def reached_by(self, measured: float) -> bool:
        """Tell whether a figure is good enough."""
        return measured <= self.value if self.at_most else measured >= self.value

    @override
    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: the program's runs, and the reference's from between them.

    What is held against the target is the ratio of the medians, or, where there is no reference,
    the program's median itself. `unit` is that of a single run.
    """

    name: str
    unit: str
    target: Target
    program: Sequence[float]
    reference: Sequence[float] = ()
    notes: Sequence[str] = ()

    @property
    def measured(self) -> float:
        """The figure that is held against the target."""
        if not self.reference:
            return median(self.program)
        return median(self.program) / median(self.reference)

    @property
    def reached(self) -> bool:
        """Whether the target is reached, by the exact figure and not the printed one."""
        return self.target.reached_by(self.measured)

    def text(self) -> str:
        """Return the line as it is printed, its notes below it."""
        shown = f"{self.measured:.3g}"
        times = " ×" if self.reference else f" {self.unit}"
        verdict = "reached" if self.reached else f"not reached: {shown} of {self.target.value:g}"
        columns = (
            f"{self.name:22}",
            f"{_range(self.program, self.unit):36}",
            f"{_range(self.reference, self.unit) if self.reference else '-':36}",
            f"{shown + times:>10}",
            f"{self.target!s:>7}",
            verdict,
        )
        return "\n".join(["  ".join(columns), *(f"    {note}" for note in self.notes)])

    def document(self) -> dict[str, Any]:
        """Return the line in the form that scripts read."""
        return {
            "name": self.name,
            "unit": self.unit,
            "program": list(self.program),
            "reference": list(self.reference),
            "measured": self.measured,
            "target": self.target.value,
            "at_most": self.target.at_most,
            "reached": self.reached,
            "notes": list(self.notes),
        }


HEADING = "  ".join(
    (
        f"{'case':22}",
        f"{'program: median (min–max)':36}",
        f"{'reference: median (min–max)':36}",
        f"{'ratio':>10}",
        f"{'target':>7}",
        "",
    )
)


@dataclass
class Report:
    """A whole run: where it was, its lines, and the cases that came to nothing."""

    machine: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    invalid: dict[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether every case that was asked for was measured."""
        return not self.invalid

    def document(self) -> dict[str, Any]:
        """Return the run in the form that scripts read."""
        return {
            "machine": self.machine,
            "valid": self.valid,
            "lines": [line.document() for line in self.lines],
            "invalid": self.invalid,
        }


def _range(values: Sequence[float], unit: str) -> str:
    middle, low, high = (_number(one) for one in (median(values), min(values), max(values)))
    return f"{middle} {unit} ({low}–{high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits say enough
