"""Processes of a measurement: started in sessions of their own, always ended, and looked into."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from typing_extensions import override

REPOSITORY = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 30.0
_MEMORY_SECONDS = 0.5


class BadRun(Exception):
    """A measurement that says nothing: a part did not work, or the books do not balance."""


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = 60.0) -> None:
    """Wait until a condition holds; raises BadRun, saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BadRun(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on a port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def background(
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = REPOSITORY,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the end of the block; then it and all its children are gone."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """End a program in peace where it can be, else with its whole session."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    # Children that outlived their parent are in its session still.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = REPOSITORY,
    seconds: float = 3600.0,
) -> str:
    """Run a program to its end and return what it printed; raises BadRun when it fails."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise BadRun(f"{_shown(command)} took more than {seconds:.0f} s") from error
    finally:
        end(process)
    if process.returncode:
        reason = " ".join((errors or out).split())[-600:]
        raise BadRun(f"{_shown(command)} ended with status {process.returncode}: {reason}")
    return out


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join(Path(word).name if str(word).startswith("/") else str(word) for word in command)


def descendants(pid: int) -> list[int]:
    """Return a process and all that descend from it, as they are now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU seconds that processes and their descendants used, ended ones included."""
    ticks = 0
    for root in pids:
        for pid in descendants(root):
            if fields := _stat(pid):
                # utime, stime, and those of children that were waited for (proc_pid_stat(5)).
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def peak_memory(pids: Sequence[int]) -> dict[int, int]:
    """Return the bytes that each process and descendant held in memory at its peak (VmHWM)."""
    peaks: dict[int, int] = {}
    for root in pids:
        for pid in descendants(root):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    peaks[pid] = int(line.split()[1]) * 1024
    return peaks


class MemoryWatch(threading.Thread):
    """Looks at processes' peaks while a block runs: one that ends leaves no figure behind."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._pids = list(pids)
        self._ended = threading.Event()
        self.peaks: dict[int, int] = {}

    @override
    def run(self) -> None:
        while not self._ended.wait(_MEMORY_SECONDS):
            self.peaks |= peak_memory(self._pids)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self.peaks |= peak_memory(self._pids)
