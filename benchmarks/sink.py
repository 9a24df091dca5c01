"""Where the measured mail ends: a server that counts messages, and a watch on its counter."""

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from typing_extensions import override

from benchmarks.processes import BadRun, background, free_port, listens, wait_for

_COUNT = re.compile(rb"mesg=(\d+)\r")
# A counter is a few dozen bytes; the last whole one is in here.
_LAST_BYTES = 256
_LOOK_SECONDS = 0.004
# Debian keeps the daemons' folder off the PATH of those who are not root.
_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def postfix_tool(name: str) -> str | None:
    """Return where one of Postfix's test programs is installed, or None."""
    return shutil.which(name, path=_FOLDERS)


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink; `counter` is the file where it writes how many messages it took."""

    port: int
    counter: Path

    def messages(self) -> int:
        """Return how many messages were taken since the sink was started."""
        with self.counter.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_BYTES))
            found = _COUNT.findall(file.read())
        return int(found[-1]) if found else 0


def sink_name() -> str:
    """Return which sink is used here."""
    return "smtp-sink (Postfix)" if postfix_tool("smtp-sink") else "our plain sink"


@contextmanager
def open_sink(folder: Path, *, keep: Path | None = None, postfix: bool = True) -> Iterator[Sink]:
    """Run a sink on a free port: Postfix's where it is installed and wanted, else ours.

    With `keep`, a folder, ours runs in any case and keeps the messages there.
    """
    port = free_port()
    counter = folder / f"sink-{port}"
    counter.touch()
    program = postfix_tool("smtp-sink") if postfix and keep is None else None
    if program:
        # As root it wants to become somebody else, and Debian's package brings that user.
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        command = [program, *user, "-c", f"127.0.0.1:{port}", "1000"]
        log = counter
    else:
        place = [str(keep)] if keep else []
        command = [sys.executable, "-m", "benchmarks.plain_sink", str(port), str(counter), *place]
        log = folder / "sink.log"
    with background(command, log):
        wait_for(lambda: listens(port), "the start of the sink")
        yield Sink(port, counter)


@dataclass(frozen=True, slots=True)
class Window:
    """What passed through a sink in a block: how many messages, and from when to when.

    `first` and `last` are moments on the wall clock (as of time.time), seen within some
    milliseconds; `at_first` is how many had come when the first was seen.
    """

    messages: int
    at_first: int
    first: float
    last: float

    @property
    def rate(self) -> float:
        """Messages a second, from the first to the last."""
        return (self.messages - self.at_first) / max(self.last - self.first, 1e-3)


class Watch(threading.Thread):
    """Watches a sink's counter while a block runs."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(daemon=True)
        self._sink = sink
        self._base = sink.messages()
        self._ended = threading.Event()
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0)

    @property
    def messages(self) -> int:
        """How many messages came since the watch began."""
        return self._last[1]

    @property
    def first(self) -> float | None:
        """When the first message was seen, on the wall clock."""
        return self._first[0] if self._first else None

    def window(self) -> Window:
        """Return what was seen; raises BadRun when it was nothing."""
        if self._first is None:
            raise BadRun("no message came to the sink")
        return Window(self._last[1], self._first[1], self._first[0], self._last[0])

    @override
    def run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        count = self._sink.messages() - self._base
        if count > self._last[1]:
            self._last = (time.time(), count)
            self._first = self._first or self._last

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self._look()
