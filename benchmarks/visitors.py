"""People at the pages: they ask, look at what came for some seconds, and ask for the next.

`python -m benchmarks.visitors PLAN` asks until it is told to stop (SIGTERM), and then prints how
long each answer took, as JSON. What is asked is made beforehand as bytes and an answer is hardly
looked at: who asks shares the machine with what is measured, and has to take next to nothing of it.
"""

import asyncio
import json
import random
import re
import resource
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import uvloop

# How long somebody looks at a page, in seconds, and within how long all of them have come.
LOOKS_FOR = (2.0, 10.0)
ARRIVE_WITHIN = 5.0
_PATIENCE = 60.0
_LARGEST_ANSWER = 1 << 22
_TOKEN = re.compile(rb'name="form_token" value="([^"]+)"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_GOOD = frozenset({b"200", b"303"})
_FORM_HEAD = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for: paths of the archive, and personal links, each of which serves once."""

    port: int
    people: int
    newsletter: str
    archive: list[str]
    preferences: list[str]
    one_click: list[str]
    name: str = "visitor"


@dataclass
class Answers:
    """How long answers took, in seconds, by what was asked for; and those that were no answers.

    `cpu` is what asking for them cost, in seconds.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cpu: float = 0.0

    def all(self) -> list[float]:
        """Return all times."""
        return [one for times in self.seconds.values() for one in times]


def request(method: str, path: str, body: str | None = None) -> bytes:
    """Return a request as it is sent."""
    form = "" if body is None else _FORM_HEAD.format(len(body))
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/html\r\n{form}\r\n"
    return (head + (body or "")).encode()


class _Line:
    """One person's connection, from an address of their own; opened again when it was closed."""

    def __init__(self, port: int, own: str) -> None:
        self._port, self._own = port, own
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, what: bytes) -> tuple[bytes, bytes]:
        """Return the status and the body; what was kept open may have been closed meanwhile."""
        if self._streams is not None:
            with suppress(OSError, asyncio.IncompleteReadError):
                return await self._exchange(*self._streams, what)
            self.close()
        self._streams = await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(self._own, 0), limit=_LARGEST_ANSWER
        )
        return await self._exchange(*self._streams, what)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: bytes
    ) -> tuple[bytes, bytes]:
        writer.write(what)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head[9:12], await reader.readexactly(int(length[1]) if length else 0)

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Crowd:
    """Everybody, with what they ask for and what they were answered."""

    plan: Plan
    answers: Answers = field(default_factory=Answers)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.preferences = iter(self.plan.preferences)
        self.one_click = iter(self.plan.one_click)

    async def visit(self) -> None:
        """Let all of them come and go on until it is over."""
        await asyncio.gather(*(_Person(self, number).visit() for number in range(self.plan.people)))


class _Person:
    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd = crowd
        self._number = number
        self._chance = random.Random(number)  # noqa: S311 - no secret
        self._line = _Line(crowd.plan.port, f"127.0.{1 + number // 250}.{1 + number % 250}")
        self._turns = count()

    async def visit(self) -> None:
        await self._rest(self._chance.uniform(0, ARRIVE_WITHIN))
        while not self._crowd.over.is_set():
            match self._chance.randrange(4):
                case 0:
                    path = self._chance.choice(self._crowd.plan.archive)
                    await self._ask("archive", request("GET", path))
                case 1:
                    path = next(self._crowd.preferences)
                    await self._ask("preferences", request("GET", path))
                case 2:
                    path = next(self._crowd.one_click)
                    said = request("POST", path, "List-Unsubscribe=One-Click")
                    await self._ask("one click", said)
                case _:
                    await self._sign_up()
            await self._rest(self._chance.uniform(*LOOKS_FOR))
        self._line.close()

    async def _sign_up(self) -> None:
        """Open the form, fill it in for some seconds, and send it."""
        page = await self._ask("form", request("GET", "/subscribe"))
        token = _TOKEN.search(page)
        await self._rest(self._chance.uniform(*LOOKS_FOR))
        if token is not None and not self._crowd.over.is_set():
            plan = self._crowd.plan
            email = f"{plan.name}-{self._number}-{next(self._turns)}@new.example.org"
            form = f"newsletter={plan.newsletter}&email={email}&form_token={token[1].decode()}"
            await self._ask("sign-up", request("POST", "/subscribe", form))

    async def _ask(self, name: str, what: bytes) -> bytes:
        answers = self._crowd.answers
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE):
                status, body = await self._line.ask(what)
        except (OSError, asyncio.IncompleteReadError):
            # Too late counts as failed, as does an answer that breaks off.
            status, body = b"", b""
        answers.seconds[name].append(time.perf_counter() - began)
        if status not in _GOOD:
            answers.failed[name] += 1
        return body

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._crowd.over.wait()


async def _run(plan: Plan) -> Answers:
    crowd = Crowd(plan)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, crowd.over.set)
    await crowd.visit()
    used = resource.getrusage(resource.RUSAGE_SELF)
    crowd.answers.cpu = used.ru_utime + used.ru_stime
    return crowd.answers


def main() -> None:
    """Read the plan and visit."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps(vars(uvloop.run(_run(plan)))))


if __name__ == "__main__":
    main()
