"""How large processes are, and whether they grow."""

from dataclasses import dataclass, field
from pathlib import Path

_MEBIBYTE = 1024
# Until then a process fetches what it needs: templates, tables, connections.
_WARM_AFTER_LOOKS = 120
# What counts as growth: both, so that a small process may double and a large one breathe.
_GROWN_BY, _GROWN_TIMES = 60 * _MEBIBYTE, 1.5


@dataclass
class Growth:
    """The sizes of parts and their children, in KiB, by the number of their process."""

    looks: dict[int, int] = field(default_factory=dict)
    warm: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def look(self, parts: dict[str, int]) -> None:
        """Measure every part and its children."""
        for name, pid in parts.items():
            for number in (pid, *children_of(pid)):
                size = resident(number)
                if size:
                    self.names[number] = name
                    self.last[number] = size
                    self.looks[number] = self.looks.get(number, 0) + 1
                    if self.looks[number] == _WARM_AFTER_LOOKS:
                        self.warm[number] = size

    def grown(self) -> list[str]:
        """Return the processes that grew since they were warm, in lines."""
        return [
            f"{self.names[number]} (process {number}) grew from {before // _MEBIBYTE} to"
            f" {self.last[number] // _MEBIBYTE} MiB"
            for number, before in self.warm.items()
            if self.last[number] > before * _GROWN_TIMES and self.last[number] - before > _GROWN_BY
        ]

    def story(self) -> str:
        """Return the largest of each part, in a line."""
        largest: dict[str, int] = {}
        for number, size in self.last.items():
            name = self.names[number]
            largest[name] = max(size, largest.get(name, 0))
        sizes = ", ".join(f"{name} {size // _MEBIBYTE} MiB" for name, size in largest.items())
        return f"largest processes: {sizes}; {len(self.warm)} lived long enough to be judged"


def resident(pid: int) -> int:
    """Return a process's resident size in KiB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]
