"""A POP3 server on loopback that says what it was asked, and need not know TOP (RFC 1939)."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from typing_extensions import override

_DOWN_AFTER_SECONDS = 30.0


@dataclass
class Pop3Server:
    """The running server: its mails, and the commands that it got."""

    mails: list[bytes]
    knows_top: bool
    port: int = 0
    commands: list[str] = field(default_factory=list)


@contextmanager
def pop3_server(mails: list[bytes], *, knows_top: bool) -> Iterator[Pop3Server]:
    """Serve these mails to whoever logs in, until the block ends."""
    state = Pop3Server(mails, knows_top)

    class Handler(socketserver.StreamRequestHandler):
        @override
        def handle(self) -> None:
            self.wfile.write(b"+OK ready\r\n")
            gone: set[int] = set()
            while line := self.rfile.readline():
                command = line.decode().strip()
                state.commands.append(command)
                if command == "QUIT":
                    state.mails = [m for n, m in enumerate(state.mails, 1) if n not in gone]
                self.wfile.write(_answer(state, command, gone))
                if command == "QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join(_DOWN_AFTER_SECONDS)


def _answer(state: Pop3Server, command: str, gone: set[int]) -> bytes:
    match command.split():
        case ["LIST"]:
            sizes = (f"{n} {len(mail)}\r\n" for n, mail in enumerate(state.mails, 1))
            return b"+OK\r\n" + "".join(sizes).encode() + b".\r\n"
        case ["TOP", *_] if not state.knows_top:
            return b"-ERR unknown command\r\n"
        case ["TOP" | "RETR" as verb, number, *lines]:
            mail = state.mails[int(number) - 1].replace(b"\r\n.", b"\r\n..")
            if verb == "TOP":
                mail = b"\r\n".join(mail.split(b"\r\n")[: int(lines[0]) + 2])
            return b"+OK\r\n" + mail.removesuffix(b"\r\n") + b"\r\n.\r\n"
        case ["DELE", number]:
            gone.add(int(number))
    return b"+OK\r\n"
