"""What one worker handed over in one batch, noted in a local file before the database hears of it.

The ledger is written in groups, a message goes out every fraction of a millisecond. What lies
between is noted here: a line when a message starts, a line when it ended, in pages that the
kernel keeps when the process is killed. So after a crash only the messages that were on
the wire are in doubt. Another host cannot read the file; to it, all that was claimed is in doubt.
"""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer

log = structlog.get_logger(__name__)

# Bytes reserved at a time: the lines of about a thousand messages.
_ROOM = 1 << 16
_LONGEST_ANSWER = 1_000
_STARTED, _ENDED = "S", "E"
_FATES = frozenset(fate.value for fate in Fate)


class _Pages:
    """A file that is written as memory: no call to the system for a line, and none that tears.

    What stands in a mapped page is the kernel's, whatever becomes of the process. The room is
    reserved ahead, so that a full disk is met here, in one clear error, and not in mid-line.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._map: mmap.mmap | None = None
        self._size = self._end = 0

    def write(self, line: bytes) -> None:
        """Append a line; raises OSError, and writes nothing, when there is no room."""
        end = self._end + len(line)
        if self._map is None or end > self._size:
            self._map = self._grown()
        self._map[self._end : end] = line
        self._end = end

    def close(self) -> None:
        """Cut the file to what was written."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.ftruncate(self._file, self._end)
        os.close(self._file)

    def _grown(self) -> mmap.mmap:
        os.posix_fallocate(self._file, self._size, _ROOM)
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._file, self._size + _ROOM)
        self._size += _ROOM
        return self._map


class Journal(Observer):
    """The journal of one lease of one batch; also holds what is not in the database yet."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._pages = _Pages(path)
        self.outcomes: dict[int, Outcome] = {}
        self._on_the_wire: set[int] = set()

    @override
    def started(self, delivery_id: int) -> None:
        # Raises when it cannot be noted: then nothing of the message goes out.
        self._pages.write(b"S %d\n" % delivery_id)
        self._on_the_wire.add(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self._on_the_wire.discard(delivery_id)
        self.outcomes[delivery_id] = outcome
        answer = " ".join(outcome.answer[:_LONGEST_ANSWER].split())
        line = f"{_ENDED} {delivery_id} {outcome.fate.value} {outcome.code} {answer}\n"
        try:
            self._pages.write(line.encode(errors="replace"))
        except OSError as error:
            # The disk is full. The ledger will hear of it all the same; only a crash before that
            # would leave this message in doubt.
            log.warning("journal_not_written", delivery=delivery_id, reason=error.strerror)

    def take(self, delivery_ids: Iterable[int]) -> dict[int, Outcome]:
        """Return the outcomes of deliveries whose group ended, to be written to the ledger.

        One that was begun and never ended, whatever went wrong with it, has the fate UNKNOWN.
        """
        taken = {}
        for number in delivery_ids:
            if number in self._on_the_wire:
                self._on_the_wire.discard(number)
                taken[number] = Outcome(Fate.UNKNOWN, 0, "nothing was heard of its end")
            elif number in self.outcomes:
                taken[number] = self.outcomes.pop(number)
        return taken

    def close(self) -> None:
        """Close the file and leave it: what it says is not in the ledger yet."""
        self._pages.close()

    def finish(self) -> None:
        """Remove the file: the ledger holds everything."""
        self.close()
        self._path.unlink(missing_ok=True)


def journal_path(spool: Path, batch_id: int, fence: int) -> Path:
    """Return where the journal of a batch under a lease lies."""
    return spool / f"batch-{batch_id}-{fence}.journal"


def read_journal(path: Path) -> dict[int, Outcome] | None:
    """Return what a crashed worker had noted, or None when its journal is not on this machine.

    A message that started and did not end has the fate UNKNOWN.
    """
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return None
    noted: dict[int, Outcome] = {}
    # A line that a kill cut off has no end: of a start, nothing was sent yet.
    for line in text[: text.rfind("\n") + 1].split("\n"):
        match line.split(" ", 4):
            case [mark, number] if mark == _STARTED and number.isdecimal():
                noted[int(number)] = Outcome(Fate.UNKNOWN, 0, "the worker died")
            case [mark, number, fate, code, *answer] if (
                mark == _ENDED and number.isdecimal() and fate in _FATES and code.isdecimal()
            ):
                noted[int(number)] = Outcome(Fate(fate), int(code), "".join(answer))
    return noted
