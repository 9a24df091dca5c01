"""The reference senders: Postfix's `smtp-source`, a bare one of ours, and plain `smtplib`.

`python -m benchmarks.source KIND PORT CONNECTIONS MESSAGES SIZE` sends messages of SIZE bytes over
connections that are kept. KIND `bare` does what `smtp-source -d` does, one command and one answer
at a time over bare sockets; KIND `smtplib` does it with the standard library.
"""

import smtplib
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.processes import BadRun, run
from benchmarks.sink import Sink, Watch, Window, postfix_tool

_SENDER = "foo@reference.example.org"
_LINE = b"X" * 78 + b"\r\n"


def source_name() -> str:
    """Return which reference sender is used here."""
    return "smtp-source (Postfix)" if postfix_tool("smtp-source") else "our bare sender"


def run_source(
    sink: Sink, *, messages: int, size: int, connections: int, postfix: bool = True
) -> Window:
    """Send messages of `size` bytes with the reference sender; return what the sink saw.

    That is Postfix's where it is installed and wanted, else ours.
    """
    program = postfix_tool("smtp-source") if postfix else None
    if program:
        counts = ["-s", str(connections), "-l", str(size), "-m", str(messages)]
        command = [program, "-d", *counts, f"127.0.0.1:{sink.port}"]
    else:
        command = _own("bare", sink.port, connections, messages, size)
    return _watched(sink, command, messages)


def run_smtplib(sink: Sink, *, port: int, messages: int, size: int, connections: int) -> Window:
    """Send messages with `smtplib`, in a thread for each connection; return what the sink saw."""
    return _watched(sink, _own("smtplib", port, connections, messages, size), messages)


def _own(kind: str, port: int, connections: int, messages: int, size: int) -> list[str]:
    numbers = (str(number) for number in (port, connections, messages, size))
    return [sys.executable, "-m", "benchmarks.source", kind, *numbers]


def _watched(sink: Sink, command: list[str], messages: int) -> Window:
    with Watch(sink) as watch:
        run(command)
    window = watch.window()
    if window.messages != messages:
        raise BadRun(f"the reference sent {messages} messages, the sink took {window.messages}")
    return window


def content_of(size: int) -> bytes:
    """Return a content of about `size` bytes, in lines as short as a message's."""
    return b"Subject: a reference\r\n\r\n" + _LINE * (size // len(_LINE))


def send_bare(port: int, messages: int, content: bytes) -> None:
    """Send messages over one connection, waiting for each answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _answer(connection)
        _say(connection, b"HELO reference.example.org\r\n")
        for number in range(messages):
            _say(connection, f"MAIL FROM:<{_SENDER}>\r\n".encode())
            _say(connection, f"RCPT TO:<reader{number}@reference.example.org>\r\n".encode())
            _say(connection, b"DATA\r\n")
            _say(connection, content + b".\r\n")
        _say(connection, b"QUIT\r\n")


def _say(connection: socket.socket, words: bytes) -> None:
    connection.sendall(words)
    _answer(connection)


def _answer(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\r\n"):
        received = connection.recv(4096)
        if not received:
            raise BadRun("the sink closed the reference's connection")
        answer += received
    if answer[:1] not in b"23":
        raise BadRun(f"the sink refused the reference: {answer.decode(errors='replace')}")


def send_with_smtplib(port: int, messages: int, content: bytes) -> None:
    """Send messages over one connection with the standard library."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(messages):
            client.sendmail(_SENDER, [f"reader{number}@reference.example.org"], content)


_KINDS: dict[str, Callable[[int, int, bytes], None]] = {
    "bare": send_bare,
    "smtplib": send_with_smtplib,
}


def main() -> None:
    """Read the command line and send."""
    send = _KINDS[sys.argv[1]]
    port, connections, messages, size = (int(word) for word in sys.argv[2:])
    content = content_of(size)
    shares = [len(range(number, messages, connections)) for number in range(connections)]
    with ThreadPoolExecutor(connections) as threads:
        for done in [threads.submit(send, port, share, content) for share in shares]:
            done.result()


if __name__ == "__main__":
    main()
