"""An SMTP server of the tests' own: quick, it counts what it took, and it may have moods."""

import asyncio
import enum
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from typing_extensions import override

_MESSAGE_ID = re.compile(rb"^Message-ID: ?<([^>]+)>", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"
_EHLO = b"250-moody.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"


class Step(enum.Enum):
    """Where in the dialogue the server is when it answers."""

    GREETING = "greeting"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END = "end"


@dataclass(frozen=True, slots=True)
class Act:
    """What the server does instead of what it was asked for.

    `reply` is what it answers; an empty one is silence. `tear` sends it in two pieces. With `takes`
    it keeps the message all the same, and with `hangs_up` it ends the connection afterwards.
    `after` is how many seconds lie between.
    """

    reply: bytes = b""
    tear: bool = False
    takes: bool = False
    hangs_up: bool = False
    after: float = 0.0


Mood = Callable[[Step, str], Act | None]


def kind(_step: Step, _recipient: str) -> None:
    """Be a server that does what it is asked."""


class Moods:
    """Moods drawn by a seed: now and then a temporary fault, at any step, and always a new one.

    Some recipients are refused for good, before or after their message, whenever they are tried.
    Others are `condemned` by a mood: they may hear of it, or a lost connection keeps it from them.
    """

    def __init__(self, seed: int, *, often: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._often = often
        self.acts: Counter[str] = Counter()
        self.condemned: set[str] = set()

    @staticmethod
    def refused(recipient: str) -> str:
        """Return how a recipient is refused for good: "550", "554", or not at all: ""."""
        digits = "".join(filter(str.isdecimal, recipient.partition("@")[0])) or "0"
        return {0: "550", 1: "554"}.get(int(digits) % 40, "")

    def __call__(self, step: Step, recipient: str) -> Act | None:
        """Return what to do at this step."""
        refused = self.refused(recipient) if recipient else ""
        if step is Step.RCPT and refused == "550":
            return Act(b"550 5.1.1 no such mailbox\r\n")
        if step is Step.END and refused == "554":
            return Act(b"554 5.7.1 not wanted here\r\n")
        if self._random.random() >= self._often:
            return None
        name = self._random.choice(sorted(_ACTS[step]))
        self.acts[f"{step.value} {name}"] += 1
        if recipient and name in _NEVER:
            self.condemned.add(recipient)
        return _ACTS[step][name]


_CLOSING = Act(b"421 4.3.2 going down\r\n", hangs_up=True)
_ANYWHERE = {
    "drops": Act(hangs_up=True),
    "stalls": Act(hangs_up=True, after=1.0),
    "421": _CLOSING,
}
_LATER = {
    "450": Act(b"450 4.2.1 busy\r\n"),
    "451": Act(b"451 4.7.1 greylisted\r\n"),
    "452": Act(b"452 4.3.1 no room\r\n"),
}
_NEVER = {
    "550": Act(b"550 5.1.1 nobody here\r\n"),
    "554": Act(b"554 5.7.1 not this one\r\n"),
}
# At this step the sender is refused, and with it all who wait.
_SENDER = {
    "550": Act(b"550 5.7.1 not from you\r\n"),
    "452": Act(b"452 4.3.1 no room\r\n"),
}
_ACTS: dict[Step, dict[str, Act]] = {
    Step.GREETING: _ANYWHERE | {"554": Act(b"554 no service\r\n", hangs_up=True)},
    Step.EHLO: _ANYWHERE,
    Step.MAIL: _ANYWHERE | _SENDER | {"torn": Act(b"250 2.1.0 sender ok\r\n", tear=True)},
    Step.RCPT: _ANYWHERE
    | _LATER
    | _NEVER
    | {"torn": Act(b"250-one\r\n250 2.1.5 ok\r\n", tear=True)},
    Step.DATA: _ANYWHERE | _LATER | _NEVER | {"torn": Act(b"354 go ahead\r\n", tear=True)},
    Step.END: _ANYWHERE
    | _LATER
    | _NEVER
    | {
        "takes and drops": Act(takes=True, hangs_up=True),
        "takes and tears": Act(b"250 2.0", takes=True, hangs_up=True, after=0.1),
        "torn": Act(b"250-2.0.0 kept\r\n250 2.0.0 indeed\r\n", tear=True, takes=True),
    },
}


class MoodySmtp:
    """The server, in a thread of its own.

    `accepted` counts Message-IDs, `ids_of` holds those that each recipient got, `most_open` is how
    many connections were open at a time. After a message it waits for `delay` seconds before it
    answers.
    """

    def __init__(self, mood: Mood = kind) -> None:
        self.mood = mood
        self.accepted: Counter[str] = Counter()
        self.ids_of: dict[str, set[str]] = {}
        self.bytes = 0
        self.delay = 0.0
        self.dialogues: set[_Dialogue] = set()
        self.most_open = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listening = threading.Event()
        self._stop = asyncio.Event()

    @property
    def messages(self) -> int:
        """How many messages were taken, every copy counted."""
        return sum(self.accepted.copy().values())

    @property
    def copies(self) -> int:
        """How many messages came again."""
        return self.messages - len(self.accepted)

    def keep(self, content: bytes, recipient: str) -> None:
        """Count a message."""
        found = _MESSAGE_ID.search(content)
        name = found[1].decode() if found else "none"
        self.accepted[name] += 1
        self.ids_of.setdefault(recipient, set()).add(name)
        self.bytes += len(content)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(lambda: _Dialogue(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for dialogue in list(self.dialogues):
            dialogue.hang_up()
        while self.dialogues:  # noqa: ASYNC110 - for the end of a test, an event would be more
            await asyncio.sleep(0)


class _Dialogue(asyncio.Protocol):
    def __init__(self, server: MoodySmtp) -> None:
        self._server = server
        self._rest = bytearray()
        self._in_content = False
        self._has_sender = False
        self._recipient = ""
        self._deaf = False
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.dialogues.add(self)
        self._server.most_open = max(self._server.most_open, len(self._server.dialogues))
        self._answer(Step.GREETING, b"220 moody.example ESMTP\r\n")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._server.dialogues.discard(self)
        self._deaf = True

    @override
    def data_received(self, data: bytes) -> None:
        self._rest += data
        while not self._deaf and self._next():
            pass

    def _next(self) -> bool:
        """Work off one command or one content; False when there is none that is whole."""
        if self._in_content:
            end = 0 if self._rest.startswith(_END[2:]) else self._rest.find(_END)
            if end < 0:
                return False
            size = end + (len(_END) if end else len(_END) - 2)
            content = bytes(self._rest[:size])
            del self._rest[:size]
            self._in_content = False
            self._take(content)
            return True
        line, found, _ = self._rest.partition(b"\n")
        if not found:
            return False
        del self._rest[: len(line) + 1]
        self._command(bytes(line))
        return True

    def _command(self, line: bytes) -> None:
        match line[:4].upper():
            case b"EHLO":
                self._answer(Step.EHLO, _EHLO)
            case b"MAIL":
                self._recipient = ""
                self._has_sender = self._answer(Step.MAIL, b"250 2.1.0 ok\r\n")
            case b"RCPT" if not self._has_sender:
                self._write(b"503 5.5.1 MAIL first\r\n")
            case b"RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                if self._answer(Step.RCPT, b"250 2.1.5 ok\r\n", recipient):
                    self._recipient = recipient
            case b"DATA" if not self._recipient:
                self._write(b"554 5.5.1 no valid recipients\r\n")
            case b"DATA":
                self._in_content = self._answer(Step.DATA, b"354 go ahead\r\n", self._recipient)
            case b"QUIT":
                self._write(b"221 2.0.0 bye\r\n")
                self.hang_up()
            case _:
                self._write(b"250 2.0.0 ok\r\n")

    def _take(self, content: bytes) -> None:
        act = self._server.mood(Step.END, self._recipient)
        if act is None or act.takes:
            # Before the answer: what is answered for was taken.
            self._server.keep(content, self._recipient)
        if act is None and self._server.delay:
            act = Act(b"250 2.0.0 kept\r\n", tear=True, after=self._server.delay)
        self._do(act or Act(b"250 2.0.0 kept\r\n"))

    def _answer(self, step: Step, reply: bytes, recipient: str = "") -> bool:
        """Answer; True when it was what the client asked for."""
        act = self._server.mood(step, recipient)
        self._do(act or Act(reply))
        return act is None or act.reply[:1] in {b"2", b"3"}

    def _do(self, act: Act) -> None:
        loop = asyncio.get_running_loop()
        if act.tear:
            middle = len(act.reply) // 2
            self._write(act.reply[:middle])
            # What is asked meanwhile is answered behind it.
            self._deaf = True
            loop.call_later(act.after or 0.02, self._hear_again, act.reply[middle:])
        else:
            self._write(act.reply)
        if act.hangs_up:
            self._deaf = True
            loop.call_later(act.after, self.hang_up)

    def _hear_again(self, reply: bytes) -> None:
        self._write(reply)
        self._deaf = False
        self.data_received(b"")

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hang_up(self) -> None:
        """End the connection."""
        self._deaf = True
        if self._transport is not None:
            self._transport.close()
