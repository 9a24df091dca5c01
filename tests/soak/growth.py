"""How large processes are, how many files they hold open, and whether either grows."""

import os
from dataclasses import dataclass, field
from pathlib import Path

_MEBIBYTE = 1024
# Until then a process fetches what it needs: templates, tables, connections.
_WARM_AFTER_LOOKS = 120
# What counts as growth: both, so that a small process may double and a large one breathe.
_GROWN_BY, _GROWN_TIMES = 60 * _MEBIBYTE, 1.5
_MORE_FILES = 50


@dataclass(frozen=True, slots=True)
class Size:
    """What a process takes: resident memory in KiB, and open files (connections are some)."""

    memory: int
    files: int


@dataclass
class Growth:
    """The sizes of parts and their children by the number of their process, and how often seen."""

    looks: dict[int, int] = field(default_factory=dict)
    warm: dict[int, Size] = field(default_factory=dict)
    last: dict[int, Size] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def look(self, parts: dict[str, int]) -> None:
        """Measure every part and its children."""
        for name, pid in parts.items():
            for number in (pid, *children_of(pid)):
                size = size_of(number)
                if size:
                    self.names[number] = name
                    self.last[number] = size
                    self.looks[number] = self.looks.get(number, 0) + 1
                    if self.looks[number] == _WARM_AFTER_LOOKS:
                        self.warm[number] = size

    def grown(self) -> list[str]:
        """Return the processes that grew since they were warm, in lines."""
        found = []
        for number, before in self.warm.items():
            now, who = self.last[number], f"{self.names[number]} (process {number})"
            more = now.memory - before.memory
            if now.memory > before.memory * _GROWN_TIMES and more > _GROWN_BY:
                found.append(
                    f"{who} grew from {before.memory // _MEBIBYTE} to {now.memory // _MEBIBYTE} MiB"
                )
            if now.files > before.files + _MORE_FILES:
                found.append(f"{who} held {before.files} files open, then {now.files}")
        return found

    def story(self) -> str:
        """Return of each part the process that lived the longest: how large it was, and became."""
        lines = [f"{len(self.warm)} processes lived long enough to be judged; the longest-lived:"]
        for name in dict.fromkeys(self.names[number] for number in self.warm):
            mine = [number for number in self.warm if self.names[number] == name]
            number = max(mine, key=lambda each: self.looks[each])
            before, now = self.warm[number], self.last[number]
            lines.append(
                f"  {name}: {before.memory // _MEBIBYTE} -> {now.memory // _MEBIBYTE} MiB,"
                f" {before.files} -> {now.files} open files, in {self.looks[number]} looks"
            )
        return "\n".join(lines)


def size_of(pid: int) -> Size | None:
    """Return what a process takes; None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone, and many times
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return Size(int(line.split()[1]), files)
    return None


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]
