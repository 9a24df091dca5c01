"""An SMTP server that does what a test tells it, and complains of what a client must not do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# What a stage answers, given the recipient of the message and how often the stage was reached.
# `None` answers nothing, for ever; an answer that ends in "!" closes the connection behind it.
Answers = Callable[[str, str, int], str | None]

_USUAL = {
    "greeting": "220 test.example",
    "mail": "250 2.1.0 fine",
    "rcpt": "250 2.1.5 fine",
    "data": "354 go on",
    "end": "250 2.0.0 queued",
    "rset": "250 2.0.0 forgotten",
    "quit": "221 2.0.0 bye",
    "nobody": "503 5.5.1 RCPT first",
}


def usual(_stage: str, _recipient: str, _count: int) -> str | None:
    """Answer as a kind server does."""
    return ""


@dataclass
class ScriptedServer:
    """Offers what it is told; `accepted` are the messages taken, `faults` the client's mistakes."""

    offers: tuple[str, ...] = ("PIPELINING",)
    answers: Answers = usual
    # Drops what came together with a command that it answers: a breaker of the rules.
    drops_ahead: bool = False
    bytewise: bool = False
    most_connections: int = 1_000
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    most_open: int = 0
    _open: int = 0
    _counts: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Serve on a free port of the loopback, and yield it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            await _Talk(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, _Closed):
            pass
        finally:
            self._open -= 1
            writer.close()

    def answer(self, stage: str, recipient: str) -> str | None:
        """Return what a stage answers now."""
        self._counts[stage] = self._counts.get(stage, 0) + 1
        if stage == "greeting" and self._open > self.most_connections:
            return "421 4.7.0 too many connections!"
        said = self.answers(stage, recipient, self._counts[stage])
        return _USUAL[stage] if said == "" else said


class _Closed(Exception):
    """The script hung up."""


class _Talk:
    def __init__(
        self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._recipient = ""
        self._begun = False
        self._failed_chunk = False

    async def run(self) -> None:
        await self._say("greeting")
        while line := await self._reader.readline():
            command = line.decode().strip()
            self._server.commands.append(command)
            if self._server.drops_ahead or "PIPELINING" not in self._server.offers:
                await self._look_ahead(command)
            await self._obey(command)

    async def _look_ahead(self, command: str) -> None:
        await asyncio.sleep(0.002)
        buffered: bytearray = self._reader._buffer  # type: ignore[attr-defined]
        if not buffered or command.startswith("BDAT"):
            return
        if self._server.drops_ahead:
            buffered.clear()
        else:
            self._server.faults.append(f"{command}: more came before the answer")

    async def _obey(self, command: str) -> None:
        verb = command.partition(" ")[0].upper()
        if verb == "EHLO":
            lines = [f"250-{line}" for line in ("test.example", *self._server.offers)]
            await self._write("\r\n".join([*lines[:-1], lines[-1].replace("-", " ", 1)]))
        elif verb == "MAIL":
            await self._mail(command)
        elif verb == "RCPT" and not self._begun:
            await self._write("503 5.5.1 MAIL first")
        elif verb == "RCPT":
            self._recipient = command.partition("<")[2].partition(">")[0]
            if await self._say("rcpt") is not True:
                self._recipient = ""
        elif verb == "DATA":
            await self._data()
        elif verb == "BDAT":
            await self._chunk(command)
        elif verb == "RSET":
            self._begun = self._failed_chunk = False
            await self._say("rset")
        elif verb == "QUIT":
            await self._say("quit")
            raise _Closed
        else:
            await self._write("502 5.5.1 what?")

    async def _mail(self, command: str) -> None:
        if self._begun or self._failed_chunk:
            await self._write("503 5.5.1 nested MAIL")
            return
        for word, offer in (("SIZE=", "SIZE"), ("BODY=", "8BITMIME"), ("SMTPUTF8", "SMTPUTF8")):
            if word in command and not any(o.startswith(offer) for o in self._server.offers):
                self._server.faults.append(f"{command}: {offer} is not offered")
        if not command.isascii() and "SMTPUTF8" not in command:
            self._server.faults.append(f"{command}: not ASCII")
        self._recipient = ""
        self._begun = await self._say("mail") is True

    async def _data(self) -> None:
        if not self._recipient:
            # A server may say 354 with nobody to get it (RFC 2920 section 3.1).
            said = self._server.answer("nobody", "") or ""
            await self._write(said)
            if said.startswith("354"):
                if (await self._content()).strip():
                    self._server.faults.append("content for nobody")
                self._begun = False
                await self._write("554 5.5.1 no valid recipients")
            return
        if await self._say("data") is not True:
            return
        content = await self._content()
        self._begun = False
        await self._take(content)

    async def _content(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise _Closed
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def _chunk(self, command: str) -> None:
        content = await self._reader.readexactly(int(command.split()[1]))
        if not self._recipient:
            self._server.faults.append("a chunk for nobody")
        if await self._take(content) is not True:
            self._failed_chunk = True
        self._begun = False

    async def _take(self, content: bytes) -> bool | None:
        said = self._server.answer("end", self._recipient)
        if said is not None and said.startswith("250"):
            self._server.accepted.append((self._recipient, content))
        return await self._speak(said)

    async def _say(self, stage: str) -> bool | None:
        return await self._speak(self._server.answer(stage, self._recipient))

    async def _speak(self, said: str | None) -> bool | None:
        """Answer; True for a positive one."""
        if said is None:
            await asyncio.sleep(3_600)
            return None
        if said.removesuffix("!"):
            await self._write(said.removesuffix("!"))
        if said.endswith("!"):
            raise _Closed
        return said[:1] in {"2", "3"}

    async def _write(self, text: str) -> None:
        data = text.encode() + b"\r\n"
        step = 1 if self._server.bytewise else len(data)
        for start in range(0, len(data), step):
            self._writer.write(data[start : start + step])
            await self._writer.drain()
            await asyncio.sleep(0)
