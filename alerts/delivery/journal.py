"""What one worker handed over in one batch, noted in a local file before the database hears of it.

The ledger is written in groups, a message goes out every fraction of a millisecond. What lies
between is noted here: a line when a message starts, a line when it ended, each in one write(2)
that a SIGKILL cannot tear and the kernel keeps. So after a crash only the messages that were on
the wire are in doubt. Another host cannot read the file; to it, all that was claimed is in doubt.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer

log = structlog.get_logger(__name__)

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
        self._torn = False

    @override
    def started(self, delivery_id: int) -> None:
        # Raises when it cannot be noted: then nothing of the message goes out.
        self._note(f"{_STARTED} {delivery_id}\n")
        self._on_the_wire.add(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self._on_the_wire.discard(delivery_id)
        self.outcomes[delivery_id] = outcome
        answer = " ".join(outcome.answer.split())
        try:
            self._note(f"{_ENDED} {delivery_id} {outcome.fate.value} {outcome.code} {answer}\n")
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

    def _note(self, line: str) -> None:
        # What a full disk tore apart must not spoil the line after it.
        data = ("\n" + line if self._torn else line).encode(errors="replace")
        self._torn = True
        if os.write(self._file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

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
