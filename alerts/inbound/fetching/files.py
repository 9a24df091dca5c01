"""Fetching mail from files that another program writes: Maildir folders, and mbox files."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from alerts.inbound.fetching.visits import (
    MOST_AT_ONCE,
    MOST_IN_A_VISIT,
    MOST_OCTETS_AT_ONCE,
    Unreachable,
    Visit,
    taken_of,
)
from alerts.inbound.mailboxes import mails_of_mbox
from alerts.mailbox_urls import MailboxUrl, Then

# Programs that write mbox files hold their lock for a moment; one that died leaves its file.
_LOCK_TRIES, _LOCK_SECONDS = 20, 0.25
_STALE_LOCK_SECONDS = 600.0
_SEEN = ":2,S"


def visit_maildir(url: MailboxUrl, visit: Visit) -> int:
    """Store what lies in `new`, then put it into `cur` as seen, or remove it."""
    new, cur = Path(url.place, "new"), Path(url.place, "cur")
    try:
        found = sorted(entry.name for entry in os.scandir(new) if _is_plain(entry))
        waiting = found[:MOST_IN_A_VISIT]
        for names in _portions(new, waiting):
            visit.take([raw for name in names if (raw := _content(new / name))])
            for name in names:
                _settle(new / name, cur / f"{name.partition(':')[0]}{_SEEN}", url.then)
    except OSError as error:
        raise _unreachable(url, error) from error
    return len(waiting)


def visit_mbox(url: MailboxUrl, visit: Visit) -> int:
    """Store what was added to the file since the last look; with `then=delete` it is emptied.

    The file is locked in both usual ways meanwhile, so that nobody writes to it.
    """
    path, count = Path(url.place), 0
    try:
        with _locked(path) as stream:
            state = os.fstat(stream.fileno())
            place = f"{state.st_dev}:{state.st_ino}"
            begin = visit.position if place == visit.place else 0
            # A file that became shorter was emptied by somebody else.
            stream.seek(begin if begin <= state.st_size else 0)
            for raws in _of_mbox(stream):
                visit.take(raws)
                count += len(raws)
            # An emptied file is read from its beginning.
            visit.remember(place, 0 if url.then is Then.DELETE else state.st_size)
            visit.take([])
            if url.then is Then.DELETE:
                stream.truncate(0)
    except FileNotFoundError:
        # A mailbox without mail need not be there.
        return 0
    except OSError as error:
        raise _unreachable(url, error) from error
    return count


def _is_plain(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)


def _portions(folder: Path, names: list[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    octets = 0
    for name in names:
        portion.append(name)
        octets += taken_of(_size(folder / name))
        if len(portion) >= MOST_AT_ONCE or octets >= MOST_OCTETS_AT_ONCE:
            yield portion
            portion, octets = [], 0
    if portion:
        yield portion


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _content(path: Path) -> bytes:
    """Return a file's content; empty when another program has taken it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(taken_of(os.fstat(descriptor).st_size))


def _settle(path: Path, target: Path, then: Then) -> None:
    try:
        if then is Then.DELETE:
            path.unlink()
        else:
            path.rename(target)
    except FileNotFoundError:
        # Another has moved it, which is all that was to be done.
        if not target.parent.is_dir():
            raise


def _of_mbox(stream: BinaryIO) -> Iterator[list[bytes]]:
    portion: list[bytes] = []
    for raw in mails_of_mbox(stream):
        portion.append(raw)
        if len(portion) >= MOST_AT_ONCE or sum(map(len, portion)) >= MOST_OCTETS_AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Yield the file, locked by a file beside it and by fcntl, as delivery agents do."""
    with _dot_lock(Path(f"{path}.lock")), path.open("r+b") as stream:
        _fcntl_lock(stream)
        yield stream


@contextmanager
def _dot_lock(lock: Path) -> Iterator[None]:
    for _ in range(_LOCK_TRIES):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            if time.time() - _changed_at(lock) > _STALE_LOCK_SECONDS:
                lock.unlink(missing_ok=True)
            time.sleep(_LOCK_SECONDS)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EROFS}:
                raise
            # Where nobody but root may write, as in /var/mail, fcntl's lock is the one in use.
            yield
            return
        else:
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return
    raise OSError(errno.EAGAIN, "another program keeps it locked", str(lock))


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _fcntl_lock(stream: BinaryIO) -> None:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise
            time.sleep(_LOCK_SECONDS)
        else:
            return
    raise OSError(errno.EAGAIN, "another program keeps it locked")


def _unreachable(url: MailboxUrl, error: OSError) -> Unreachable:
    return Unreachable(f"{url.place}: {error.strerror or error}")
