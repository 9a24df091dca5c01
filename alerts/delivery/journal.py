"""What one worker handed over in one batch, noted in a local file before the database hears of it.

The ledger is written in groups, a message goes out every fraction of a millisecond. What lies
between is noted here: a line when a message starts, a line when it ended, each in one write(2)
that a SIGKILL cannot tear and the kernel keeps. So after a crash only the messages that were on
the wire are in doubt. Another host cannot read the file; to it, all that was claimed is in doubt.
"""

import os
from pathlib import Path

from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer

_STARTED, _ENDED = "S", "E"
_FATES = frozenset(fate.value for fate in Fate)


class Journal(Observer):
    """The journal of one lease of one batch; also holds what is not in the database yet."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.outcomes: dict[int, Outcome] = {}
        self._on_the_wire: set[int] = set()

    @override
    def started(self, delivery_id: int) -> None:
        self._on_the_wire.add(delivery_id)
        os.write(self._file, f"{_STARTED} {delivery_id}\n".encode())

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        answer = " ".join(outcome.answer.split())
        line = f"{_ENDED} {delivery_id} {outcome.fate.value} {outcome.code} {answer}\n"
        os.write(self._file, line.encode(errors="replace"))
        self._on_the_wire.discard(delivery_id)
        self.outcomes[delivery_id] = outcome

    def take(self) -> dict[int, Outcome]:
        """Return the outcomes since the last call, to be written to the ledger."""
        taken, self.outcomes = self.outcomes, {}
        return taken

    def take_unended(self) -> dict[int, Outcome]:
        """Return the messages that were begun and never ended, whatever went wrong with them."""
        unended, self._on_the_wire = self._on_the_wire, set()
        return dict.fromkeys(unended, Outcome(Fate.UNKNOWN, 0, "nothing was heard of its end"))

    def close(self) -> None:
        """Close the file and leave it: what it says is not in the ledger yet."""
        os.close(self._file)

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
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    noted: dict[int, Outcome] = {}
    for line in lines:
        match line.split(" ", 4):
            case [mark, number] if mark == _STARTED and number.isdecimal():
                noted[int(number)] = Outcome(Fate.UNKNOWN, 0, "the worker died")
            case [mark, number, fate, code, *answer] if (
                mark == _ENDED and number.isdecimal() and fate in _FATES and code.isdecimal()
            ):
                noted[int(number)] = Outcome(Fate(fate), int(code), "".join(answer))
    return noted
