"""A plain SMTP server that takes every message and throws it away, for where Postfix's is missing.

`python -m benchmarks.plain_sink PORT COUNTER [FOLDER]` listens on the loopback interface and writes
how many messages it took to the file COUNTER, in the form of `smtp-sink -c`; with FOLDER it keeps
each message there, to be looked at. It offers PIPELINING and 8BITMIME.
"""

import os
import selectors
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

_END = b"\r\n.\r\n"
_GREETING = b"220 sink ESMTP\r\n"
_EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_RECEIVED_AT_ONCE = 1 << 18


@dataclass(slots=True)
class Dialogue:
    """One connection's protocol, without any I/O: bytes in, answers out.

    `taken` holds the messages since the last look, empty ones unless they are kept.
    """

    keeps: bool = False
    closing: bool = False
    taken: list[bytes] = field(default_factory=list)
    _line: bytes = b""
    # The last bytes of a content, or None between two messages.
    _tail: bytes | None = None
    _kept: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes:
        """Take what came in; return what to answer."""
        answers = []
        while data:
            if self._tail is None:
                line, found, data = (self._line + data).partition(b"\r\n")
                self._line = b"" if found else line
                if found:
                    answers.append(self._command(line))
            else:
                data = self._content(data, answers)
        return b"".join(answers)

    def _command(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return _EHLO
            case b"DATA":
                # A lone dot at the beginning of the content ends it too.
                self._tail = b"\r\n"
                return b"354 End data with <CR><LF>.<CR><LF>\r\n"
            case b"QUIT":
                self.closing = True
                return b"221 2.0.0 Bye\r\n"
            case b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                return _OK
            case _:
                return b"502 5.5.2 Error: command not recognized\r\n"

    def _content(self, data: bytes, answers: list[bytes]) -> bytes:
        """Take a piece of a content; return what follows its end."""
        before = self._tail or b""
        joined = before + data
        end = joined.find(_END)
        if self.keeps:
            self._kept.append(data if end < 0 else joined[len(before) : end + len(_END)])
        if end < 0:
            self._tail = joined[-len(_END) + 1 :]
            return b""
        self._tail = None
        # The dot and its line end are no part of the content; they may have come in pieces.
        self.taken.append(b"".join(self._kept).removesuffix(_END[2:]))
        self._kept.clear()
        answers.append(_OK)
        return joined[end + len(_END) :]


class PlainSink:
    """The server: one thread, one loop over all its connections."""

    def __init__(self, listener: socket.socket, counter: Path, folder: Path | None = None) -> None:
        self._listener = listener
        self._counter = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._folder = folder
        self._selector = selectors.DefaultSelector()
        self._messages = 0
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            before = self._messages
            for key, _ in self._selector.select():
                if key.data is None:
                    self._accept()
                else:
                    self._read(key.fileobj, key.data)
            if self._messages != before:
                os.write(self._counter, f"mesg={self._messages}\r".encode())

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_GREETING)
        dialogue = Dialogue(keeps=self._folder is not None)
        self._selector.register(connection, selectors.EVENT_READ, dialogue)

    def _read(self, connection: object, dialogue: Dialogue) -> None:
        assert isinstance(connection, socket.socket)  # noqa: S101 - all that is registered
        try:
            data = connection.recv(_RECEIVED_AT_ONCE)
            if answers := dialogue.feed(data):
                connection.sendall(answers)
        except OSError:
            data = b""
        for content in dialogue.taken:
            self._messages += 1
            if self._folder is not None:
                (self._folder / f"{self._messages}.eml").write_bytes(content)
        dialogue.taken.clear()
        if not data or dialogue.closing:
            self._selector.unregister(connection)
            connection.close()


def main() -> None:
    """Listen on the port named and serve."""
    port, counter, *folder = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port)), backlog=512) as listener:
        PlainSink(listener, Path(counter), Path(folder[0]) if folder else None).serve()


if __name__ == "__main__":
    main()
