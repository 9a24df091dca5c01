"""What one worker handed over in one batch, noted in a local file before the database hears of it.

The ledger is written in groups, a message goes out every fraction of a millisecond. What lies
between is noted here: a line when a message starts, a line when it ended, in pages that the
kernel keeps when the process is killed. So after a crash only the messages that were on
the wire are in doubt. Another host cannot read the file; to it, all that was claimed is in doubt.

When the machine itself goes down, pages that were not written back are lost, in any order. So the
file begins with the boot in which it was written; of a file from another boot nothing follows from
what it does not say. And it says which issue it is about: a folder may outlive its database.
"""

import fcntl
import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer

log = structlog.get_logger(__name__)

# Bytes reserved at a time: the lines of about a thousand messages.
_ROOM = 1 << 16
_LONGEST_ANSWER, _KEPT_OUTCOMES = 1_000, 64
_CLOSED = -1
_BOOT, _ABOUT, _STARTED, _ENDED = "B", "I", "S", "E"
_FATES = frozenset(fate.value for fate in Fate)
# Another one each time that Linux starts; the same in all of a machine's containers.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Where the kernel tells none, a machine that went down looks like a process that was killed.
_NO_BOOT_ID = "-"


class _Pages:
    """A file that is written as memory: no call to the system for a line, and none that tears.

    What stands in a mapped page is the kernel's, whatever becomes of the process. The room is
    reserved ahead, so that a full disk is met here, in one clear error, and not in mid-line.
    """

    def __init__(self, path: Path, head: bytes) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        # Until it is closed, or the process is gone: see `is_written_on`.
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._map: mmap.mmap | None = None
        self._size = 0
        self._end = self._begin(head)

    def write(self, line: bytes) -> None:
        """Append a line; raises OSError, and writes nothing, when there is no room."""
        end = self._end + len(line)
        if self._map is None or end > self._size:
            self._map = self._grown()
        self._map[self._end : end] = line
        self._end = end

    def close(self) -> None:
        """Cut the file to what was written; whoever writes on all the same meets an OSError."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file == _CLOSED:
            return
        os.ftruncate(self._file, self._end)
        # Its number is given to the next file that is opened, be it the database.
        closing, self._file = self._file, _CLOSED
        os.close(closing)

    def _begin(self, head: bytes) -> int:
        """Write the head and return where the lines begin; a full disk leaves it out."""
        try:
            if os.write(self._file, head) == len(head):
                return len(head)
        except OSError as error:
            log.warning("journal_without_head", reason=error.strerror)
        # Lines are written over what there is of it.
        return 0

    def _grown(self) -> mmap.mmap:
        os.posix_fallocate(self._file, self._size, _ROOM)
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._file, self._size + _ROOM)
        self._size += _ROOM
        return self._map


class Journal(Observer):
    """The journal of one lease of one batch; also holds what is not in the database yet.

    `boot` names the run of the kernel that keeps its pages, `about` the issue (`issue_named`).
    """

    def __init__(self, path: Path, *, boot: str, about: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._pages = _Pages(path, f"{_head(boot)}{_ABOUT} {about}\n".encode())
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
        try:
            self._pages.write(b"E %d %b\n" % (delivery_id, _told(outcome)))
        except OSError as error:
            # The disk is full. The ledger will hear of it all the same; only a crash before that
            # would leave this message in doubt.
            log.warning("journal_not_written", delivery=delivery_id, reason=error.strerror)

    def has_on_the_wire(self, delivery_ids: Iterable[int]) -> bool:
        """Tell whether one of the deliveries was begun and has not ended."""
        return not self._on_the_wire.isdisjoint(delivery_ids)

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


@lru_cache(_KEPT_OUTCOMES)
def _told(outcome: Outcome) -> bytes:
    """Return an outcome in one line; a server says the same of nearly all messages."""
    answer = " ".join(outcome.answer[:_LONGEST_ANSWER].split())
    return f"{outcome.fate.value} {outcome.code} {answer}".encode(errors="replace")


def journal_path(spool: Path, batch_id: int, fence: int) -> Path:
    """Return where the journal of a batch under a lease lies."""
    return spool / f"batch-{batch_id}-{fence}.journal"


def is_written_on(path: Path) -> bool:
    """Tell whether a living process has a journal open, be it that it sleeps and lost its lease.

    Where the file system knows no locks it is said that none does. Raises FileNotFoundError.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def issue_named(stamp: str, issue_id: int) -> str:
    """Return what names an issue in a journal: also to whoever has another database."""
    return f"{stamp}.{issue_id}"


class Noted(NamedTuple):
    """What a journal says: the outcomes of deliveries, and whether it says everything.

    Of one that is `whole`, a delivery that it does not name was never begun. `about` is the issue,
    empty where it does not say.
    """

    outcomes: dict[int, Outcome]
    whole: bool
    about: str = ""


def read_journal(path: Path, *, boot: str) -> Noted:
    """Return what a crashed worker had noted; nothing where its journal is not on this machine.

    A message that started and did not end has the fate UNKNOWN. Of a journal that was written in
    another boot than `boot`, or whose head is lost, only that messages were accepted is taken: that
    stays true, whatever else of it is lost.
    """
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return Noted({}, whole=False)
    noted, about = dict(_outcomes(text)), _about(text)
    if text.startswith(_head(boot)):
        return Noted(noted, whole=True, about=about)
    accepted = {number: each for number, each in noted.items() if each.fate is Fate.ACCEPTED}
    return Noted(accepted, whole=False, about=about)


def this_boot() -> str:
    """Return what tells this run of the kernel from others."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or _NO_BOOT_ID
    except (OSError, UnicodeDecodeError):
        return _NO_BOOT_ID


def _head(boot: str) -> str:
    return f"{_BOOT} {boot}\n"


def _about(text: str) -> str:
    match text.split("\n", 2):
        case [first, second, _] if first.startswith(f"{_BOOT} ") and second[:2] == f"{_ABOUT} ":
            return second[2:]
    return ""


def _outcomes(text: str) -> Iterator[tuple[int, Outcome]]:
    # A line that a kill cut off has no end: of a start, nothing was sent yet.
    for line in text[: text.rfind("\n") + 1].split("\n"):
        match line.split(" ", 4):
            case [mark, number] if mark == _STARTED and number.isdecimal():
                yield int(number), Outcome(Fate.UNKNOWN, 0, "the worker died")
            case [mark, number, fate, code, *answer] if (
                mark == _ENDED and number.isdecimal() and fate in _FATES and code.isdecimal()
            ):
                yield int(number), Outcome(Fate(fate), int(code), "".join(answer))
