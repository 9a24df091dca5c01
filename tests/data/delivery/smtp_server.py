"""An SMTP server that does what a test tells it, and complains of what a client must not do."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# What a stage answers, given the recipient of the message and how often the stage was reached.
# `None` answers nothing, for ever; "" answers as usual; an answer that ends in "!" closes the
# connection behind it; each "~" at its beginning takes a fiftieth of a second.
Answers = Callable[[str, str, int], str | None]

_USUAL = {
    "greeting": "220-test.example\r\n220 ESMTP",
    "ehlo": "",
    "starttls": "220 2.0.0 go ahead",
    "auth": "235 2.7.0 welcome",
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
    """Offers what it is told; `accepted` are the messages taken, `faults` the client's mistakes.

    With `tls` it offers STARTTLS, or speaks TLS from the start where that is `implicit`. With
    `secrets` it wants a login, and takes each of them: passwords, or tokens of XOAUTH2.
    """

    offers: tuple[str, ...] = ("PIPELINING",)
    answers: Answers = usual
    # Drops what came together with a command that it answers: a breaker of the rules.
    drops_ahead: bool = False
    bytewise: bool = False
    most_connections: int = 1_000
    # Lets everybody in, and takes mail over the first connection alone.
    loyal: bool = False
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    secrets: tuple[str, ...] = ()
    logins: list[tuple[str, str, bool]] = field(default_factory=list)
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
        context = self.tls if self.implicit else None
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, ssl=context)
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
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, _Closed):
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
        self._is_first = server.connections == 1
        self._reader = reader
        self._writer = writer
        self._recipient = ""
        self._mail = ""
        self._begun = False
        self._failed_chunk = False
        self._encrypted = server.implicit
        self._known = not server.secrets

    async def run(self) -> None:
        await self._say("greeting")
        while line := await self._reader.readline():
            command = line.decode().strip()
            self._server.commands.append(command)
            await self._look_ahead(command)
            await self._obey(command)

    async def _look_ahead(self, command: str) -> None:
        in_step = self._server.drops_ahead or "PIPELINING" not in self._server.offers
        if in_step:
            await asyncio.sleep(0.002)
        buffered: bytearray = self._reader._buffer  # type: ignore[attr-defined]
        last = command[:4].upper() in {"EHLO", "DATA", "QUIT", "STAR", "AUTH"}
        if not buffered or command.startswith("BDAT") or not (in_step or last):
            return
        if self._server.drops_ahead:
            buffered.clear()
        else:
            self._server.faults.append(f"{command}: more came before the answer")

    async def _obey(self, command: str) -> None:
        verb = command.partition(" ")[0].upper()
        if verb in {"EHLO", "HELO", "STARTTLS", "AUTH"}:
            await self._introduce(verb, command)
        elif not self._known:
            await self._write("530 5.7.0 log in first")
        elif verb in {"MAIL", "RCPT", "DATA", "BDAT"}:
            steps = {"MAIL": self._begin, "RCPT": self._name, "DATA": self._data}
            await steps.get(verb, self._chunk)(command)
        elif verb == "RSET":
            self._begun = self._failed_chunk = False
            await self._say("rset")
        elif verb == "QUIT":
            await self._say("quit")
            raise _Closed
        else:
            await self._write("502 5.5.1 what?")

    async def _introduce(self, verb: str, command: str) -> None:
        if verb == "AUTH":
            await self._log_in(command.split()[1:])
        elif verb == "HELO":
            await self._write("250 test.example")
        elif verb == "EHLO":
            offers = ["test.example", *self._server.offers]
            if self._server.tls and not self._encrypted:
                offers.append("STARTTLS")
            if self._server.secrets and not any(o.startswith("AUTH") for o in offers):
                offers.append("AUTH PLAIN LOGIN")
            usual = "\r\n".join([*(f"250-{o}" for o in offers[:-1]), f"250 {offers[-1]}"])
            said = self._server.answer("ehlo", "")
            await self._speak(usual if said == "" else said)
        elif await self._say("starttls") is True and self._server.tls:
            await self._writer.start_tls(self._server.tls)
            self._encrypted = True

    async def _log_in(self, words: list[str]) -> None:
        kind, first = words[0].upper(), words[1] if len(words) > 1 else ""
        if kind == "LOGIN":
            name = _plain(first) if first else await self._ask("VXNlcm5hbWU6")
            secret = await self._ask("UGFzc3dvcmQ6")
        elif kind == "PLAIN":
            _, name, secret = _plain(first).split("\0")
        else:
            fields = dict(pair.split("=", 1) for pair in _plain(first).split("\x01") if pair)
            name, secret = fields["user"], fields["auth"].removeprefix("Bearer ")
        self._server.logins.append((name, secret, self._encrypted))
        if secret not in self._server.secrets:
            await self._write(f"535 5.7.8 {name} is not known with {secret} {first}")
            return
        self._known = await self._say("auth") is True

    async def _ask(self, prompt: str) -> str:
        await self._write(f"334 {prompt}")
        return _plain((await self._reader.readline()).decode())

    async def _begin(self, command: str) -> None:
        if self._server.loyal and not self._is_first:
            raise _Closed
        if self._begun or self._failed_chunk:
            await self._write("503 5.5.1 nested MAIL")
            return
        for word, offer in (
            ("SIZE=", "SIZE"),
            ("BODY=", "8BITMIME"),
            ("SMTPUTF8", "SMTPUTF8"),
            ("RET=", "DSN"),
            ("ENVID=", "DSN"),
        ):
            if word in command and not any(o.startswith(offer) for o in self._server.offers):
                self._server.faults.append(f"{command}: {offer} is not offered")
        self._recipient, self._mail = "", command
        said = self._server.answer("mail", "")
        self._begun = await self._speak(said) is True and (said or "").strip("~")[:1] == "2"

    async def _name(self, command: str) -> None:
        if not self._begun:
            await self._write("503 5.5.1 MAIL first")
            return
        self._recipient = command.partition("<")[2].partition(">")[0]
        if not command.isascii() and "SMTPUTF8" not in self._mail:
            self._server.faults.append(f"{command}: not ASCII")
        if await self._say("rcpt") is not True:
            self._recipient = ""

    async def _data_for_nobody(self) -> None:
        """Answer as it comes: a server may say 354 (RFC 2920 section 3.1)."""
        answer = self._server.answer("nobody", "") or ""
        await self._write(answer)
        if answer.startswith("354"):
            if (await self._content()).strip():
                self._server.faults.append("content for nobody")
            self._begun = False
            await self._write("554 5.5.1 no valid recipients")

    async def _data(self, _command: str) -> None:
        if not self._recipient:
            await self._data_for_nobody()
            return
        said = self._server.answer("data", self._recipient)
        if await self._speak(said) is not True or not (said or "").strip("~").startswith("354"):
            return
        content = await self._content()
        self._begun = False
        await self._take(content)

    async def _content(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise _Closed
            if not line.endswith(b"\r\n") or line[:1] == b"." != line[1:2]:
                self._server.faults.append(f"no line of a message: {line!r}")
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def _chunk(self, command: str) -> None:
        content = await self._reader.readexactly(int(command.split()[1]))
        if not (self._begun and self._recipient):
            self._server.faults.append("a chunk for nobody")
        if await self._take(content) is not True:
            self._failed_chunk = True
        self._begun = False

    async def _take(self, content: bytes) -> bool | None:
        if f" SIZE={len(content)}" not in self._mail and " SIZE=" in self._mail:
            self._server.faults.append(f"{self._mail}: it has {len(content)} octets")
        if content.isascii() == (" BODY=8BITMIME" in self._mail):
            self._server.faults.append(f"{self._mail}: the bits are others")
        said = self._server.answer("end", self._recipient)
        if said is not None and said.strip("~").startswith("250"):
            self._server.accepted.append((self._recipient, content))
        self._recipient = ""
        return await self._speak(said)

    async def _say(self, stage: str) -> bool | None:
        return await self._speak(self._server.answer(stage, self._recipient))

    async def _speak(self, said: str | None) -> bool | None:
        """Answer; True for a positive one."""
        if said is None:
            await asyncio.sleep(3_600)
            return None
        while said.startswith("~"):
            said = said[1:]
            await asyncio.sleep(0.02)
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


def _plain(text: str) -> str:
    return base64.b64decode(text.strip()).decode()
