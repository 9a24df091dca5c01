"""Raw mails from files: single ones, mbox files, Maildir folders, standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from alerts.errors import Invalid
from alerts.inbound.reading.parts import LARGEST

# One more than is read of a mail, so that the reader sees that there was more.
_KEPT = LARGEST + 1
_LONGEST_LINE = 64 * 1024
_BEGINS = b"From "
_MAILDIR = ("cur", "new")
STDIN = "-"


class Found(NamedTuple):
    """A mail and where it was found: a path, with its number from 1 in an mbox file."""

    source: str
    raw: bytes


def mails_in(path: str) -> Iterator[Found]:
    """Yield the mails at a path, the first two megabytes of each; raises Invalid.

    `-` is standard input. A folder with `cur` and `new` is a Maildir; in any other folder each
    file is a mail or an mbox, in the order of their names.
    """
    if path == STDIN:
        yield from _in_stream(sys.stdin.buffer, "-")
        return
    place = Path(path)
    if not place.exists():
        raise Invalid(f"{path}: there is no such file or folder; give a mail, an mbox or a Maildir")
    for file in _files(place):
        try:
            with file.open("rb") as stream:
                yield from _in_stream(stream, str(file))
        except OSError as error:
            raise Invalid(f"{file}: cannot be read, {error.strerror}") from error


def mails_of_mbox(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the mails of an mbox file from where it stands: at the line before a mail, or a blank.

    What lies before the first such line is no mail.
    """
    while line := stream.readline(_LONGEST_LINE):
        if line.startswith(_BEGINS):
            yield from _of_mbox(stream)
            return


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    folders = [place / name for name in _MAILDIR if (place / name).is_dir()] or [place]
    return sorted(file for folder in folders for file in folder.iterdir() if file.is_file())


def _in_stream(stream: BinaryIO, source: str) -> Iterator[Found]:
    """Split a stream into mails: where it begins like an mbox file, at each `From ` line."""
    first = stream.readline(_LONGEST_LINE)
    if not first:
        return
    if not first.startswith(_BEGINS):
        yield Found(source, (first + stream.read(_KEPT - len(first)))[:_KEPT])
        return
    for number, raw in enumerate(_of_mbox(stream), 1):
        yield Found(f"{source}#{number}", raw)


def _of_mbox(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the mails of an mbox file whose first line was read (RFC 4155, the form `mboxrd`)."""
    mail, after_blank, line_goes_on = bytearray(), True, False
    while line := stream.readline(_LONGEST_LINE):
        if after_blank and line.startswith(_BEGINS) and not line_goes_on:
            yield bytes(mail)
            mail = bytearray()
        elif len(mail) < _KEPT:
            quoted = not line_goes_on and line.startswith(b">") and _is_quoted(line)
            mail += line[1:] if quoted else line
        if not line_goes_on:
            after_blank = line in {b"\n", b"\r\n"}
        line_goes_on = not line.endswith(b"\n")
    yield bytes(mail)


def _is_quoted(line: bytes) -> bool:
    """Tell whether a line of a mail began with `From ` before it was put into an mbox file."""
    return line.lstrip(b">").startswith(_BEGINS)
