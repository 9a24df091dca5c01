"""Fetching mail over POP3 (RFC 1939): a mail is deleted there once it is stored here."""

import contextlib
import poplib
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from alerts.inbound.fetching.tls import is_tls_trouble, tls_context
from alerts.inbound.fetching.visits import (
    MOST_AT_ONCE,
    MOST_IN_A_VISIT,
    MOST_OCTETS_AT_ONCE,
    Unreachable,
    Visit,
    taken_of,
)
from alerts.inbound.reading.parts import LARGEST
from alerts.mailbox_urls import MailboxUrl, Protocol

log = structlog.get_logger(__name__)

_SECONDS = 60.0
_LONGEST_LINE = 1024 * 1024
_LONGEST_LISTING = 16 * 1024 * 1024
# Of a mail that is far too large so many lines are asked for: more than what is kept of it has.
_LINES_OF_THE_BEGINNING = 30_000
# What a server may add to a mail between two looks.
_SLACK = 64 * 1024


class _LongLines:
    """Reads what the library refuses: some mails have lines of more than 2,048 octets.

    A mail is bounded as a whole, whatever size its server had told before.
    """

    _left = _LONGEST_LINE

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(_LONGEST_LINE)  # type: ignore[attr-defined]  # the client's
        self._left -= len(line)
        if not line or self._left < 0:
            raise poplib.error_proto("-ERR the connection ended" if not line else "-ERR too long")
        return line.rstrip(b"\r\n"), len(line)

    def allow(self, octets: int) -> None:
        """Let so many octets come with the next answer."""
        self._left = octets + _SLACK

    def beginning(self, number: int) -> bytes:
        """Return the beginning of a mail; never more of it than is kept is in memory.

        TOP (RFC 1939 section 7) is not known to every server: what does not know it sends the
        whole mail, whose rest is let go by.
        """
        try:
            self._shortcmd(f"TOP {number} {_LINES_OF_THE_BEGINNING}")  # type: ignore[attr-defined]  # the client's
        except poplib.error_proto:
            self._shortcmd(f"RETR {number}")  # type: ignore[attr-defined]  # the client's
        kept = bytearray()
        while (line := self._getline()[0]) != b".":
            if len(kept) <= LARGEST:
                kept += line.removeprefix(b".") + b"\r\n"
        return bytes(kept[: LARGEST + 1])


class _Pop3(_LongLines, poplib.POP3):
    """A client whose connection begins without TLS."""


class _Pop3Tls(_LongLines, poplib.POP3_SSL):
    """A client whose connection begins with TLS."""


_Client = _Pop3 | _Pop3Tls


def visit_pop3(url: MailboxUrl, visit: Visit) -> int:
    """Store the mails that are there and delete them; returns how many there were.

    Raises Unreachable, and what `visit` raises: nothing that was not stored is deleted.
    """
    try:
        with _logged_in(url) as client:
            return _fetch_all(client, visit)
    except poplib.error_proto as error:
        raise Unreachable(f"the POP3 server said: {_line(error)}") from error
    except OSError as error:
        raise Unreachable(is_tls_trouble(error) or f"no connection: {_line(error)}") from error


@contextmanager
def _logged_in(url: MailboxUrl) -> Iterator[_Client]:
    context = tls_context(url)
    client: _Client
    if url.protocol is Protocol.POP3S:
        client = _Pop3Tls(url.host, url.port, timeout=_SECONDS, context=context)
    else:
        client = _Pop3(url.host, url.port, timeout=_SECONDS)
    try:
        if not url.plain and url.protocol is Protocol.POP3:
            client.stls(context)
        _log_in(client, url)
        yield client
        # Only now does the server delete (section 6).
        client.quit()
    finally:
        # What went wrong before is what is told.
        with contextlib.suppress(OSError):
            client.close()


def _log_in(client: _Client, url: MailboxUrl) -> None:
    try:
        client.user(url.user)
        client.pass_(url.password)
    except poplib.error_proto as error:
        raise Unreachable(f"the log-in was refused: {_line(error)}") from error


def _fetch_all(client: _Client, visit: Visit) -> int:
    client.allow(_LONGEST_LISTING)
    sizes = dict(_sizes(client))
    waiting = list(sizes)[:MOST_IN_A_VISIT]
    for numbers in _portions(waiting, sizes):
        visit.take([_fetched(client, number, sizes[number]) for number in numbers])
        for number in numbers:
            client.allow(0)
            client.dele(number)
    return len(waiting)


def _sizes(client: _Client) -> Iterator[tuple[int, int]]:
    for line in client.list()[1]:
        number, _, size = line.decode("ascii", "replace").partition(" ")
        if number.isdecimal() and size.strip().isdecimal():
            yield int(number), int(size)


def _portions(waiting: list[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    portion: list[int] = []
    octets = 0
    for number in waiting:
        portion.append(number)
        octets += taken_of(sizes[number])
        if len(portion) >= MOST_AT_ONCE or octets >= MOST_OCTETS_AT_ONCE:
            yield portion
            portion, octets = [], 0
    if portion:
        yield portion


def _fetched(client: _Client, number: int, size: int) -> bytes:
    # Lines that begin with a dot have one more on their way.
    client.allow(2 * size)
    if taken_of(size) < size:
        log.warning("mail_too_large", number=number, size=size, kept=taken_of(size))
        return client.beginning(number)
    return b"\r\n".join(client.retr(number)[1]) + b"\r\n"


def _line(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(error)
    return " ".join(words.removeprefix("-ERR").split())[:200] or type(error).__name__
