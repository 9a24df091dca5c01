"""What all cases of a run share: the folder, the servers, the sink, and how long a mail is."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.letters import WISHED, Letter
from benchmarks.newsroom import NEWSLETTER, Newsroom
from benchmarks.processes import BadRun
from benchmarks.servers import Postgres, open_postgres, open_redis
from benchmarks.sink import Sink, open_sink

# The length of a message, here and at the reference, and by how much it may differ.
MESSAGE_BYTES = 30_000
_TOLERANCE = 0.05
# Each try changes the articles by what the one before was off.
_TRIES = 5
_FIRST_GUESS = 14
_NEXT_GUESS = 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is sent in each case; `rounds` is how often program and reference take turns.

    Beside a near server a turn takes seconds, and what the database does by itself once a minute
    may fall into one: `near_rounds` has a median that leaves it out.
    """

    rounds: int = 2
    near_rounds: int = 3
    readers: int = 50_000
    fewer: int = 20_000
    naive: int = 1_500
    variants: int = 1_000
    far: int = 4_000
    far_reference: int = 1_500
    small: int = 10_000
    large: int = 200_000
    whole_letters: bool = False
    first: int = 1_000_000
    crowd: int = 100_000


QUICK = Sizes(
    rounds=1,
    near_rounds=2,
    readers=2_000,
    fewer=1_000,
    naive=200,
    variants=50,
    far=1_000,
    far_reference=400,
    small=1_000,
    large=4_000,
    first=20_000,
    crowd=4_000,
)


def check_size(measured: int, *, what: str) -> None:
    """Raise BadRun unless a message is as long as it should be."""
    if abs(measured - MESSAGE_BYTES) > _TOLERANCE * MESSAGE_BYTES:
        raise BadRun(f"{what} has {measured:,} bytes instead of about {MESSAGE_BYTES:,}")


class Workshop:
    """Opens what a case asks for, once, and closes all of it at the end."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @cached_property
    def folder(self) -> Path:
        """A temporary folder for all that is written."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="alerts-bench-")))

    @cached_property
    def postgres(self) -> Postgres:
        """The PostgreSQL server."""
        return self._stack.enter_context(open_postgres())

    @cached_property
    def sink(self) -> Sink:
        """The server that takes all mail."""
        return self._stack.enter_context(open_sink(self.folder))

    @cached_property
    def letter(self) -> Letter:
        """Articles of which the message, as the sink gets it, is MESSAGE_BYTES long."""
        return self._letter(signed=False)

    @cached_property
    def signed_letter(self) -> Letter:
        """The same for messages that are signed."""
        return self._letter(signed=True)

    def _letter(self, *, signed: bool) -> Letter:
        room = Newsroom(self._new_folder(), mail_url=self.mail_url(1))
        room.open()
        sizes: dict[int, int] = {}
        sentences = _FIRST_GUESS
        for _ in range(_TRIES):
            letter = Letter(WISHED, sentences)
            sizes[sentences] = room.message_size(
                room.draft(room.add_articles(letter)), signed=signed
            )
            if abs(sizes[sentences] - MESSAGE_BYTES) < _TOLERANCE / 2 * MESSAGE_BYTES:
                return letter
            sentences = _next_guess(sizes)
        raise BadRun(f"no length of articles makes a message of {MESSAGE_BYTES:,} bytes")

    def mail_url(self, connections: int, *, port: int | None = None) -> str:
        """Return the setting that leads to the sink, or to another port on the way to it."""
        return f"smtp://127.0.0.1:{port or self.sink.port}?tls=off&connections={connections}"

    @contextmanager
    def newsroom(
        self,
        *,
        mail_url: str,
        sqlite: bool = False,
        settings: Mapping[str, str] | None = None,
        newsletters: tuple[str, ...] = (NEWSLETTER,),
    ) -> Iterator[Newsroom]:
        """Yield an installation on PostgreSQL and Redis servers, or on SQLite and its own Redis."""
        folder = self._new_folder()
        with ExitStack() as stack:
            urls = ("", "")
            if not sqlite:
                redis = self.folder / f"redis-{folder.name}"
                redis.mkdir()
                urls = (
                    stack.enter_context(self.postgres.database()),
                    stack.enter_context(open_redis(redis)),
                )
            room = Newsroom(
                folder,
                database_url=urls[0],
                redis_url=urls[1],
                mail_url=mail_url,
                settings=settings,
            )
            room.open(*newsletters)
            yield room

    def _new_folder(self) -> Path:
        return self.folder / f"newsroom-{secrets.token_hex(3)}"


def _next_guess(sizes: Mapping[int, int]) -> int:
    """Return how many sentences to try next, on the line through the last two tries."""
    if len(sizes) == 1:
        return _NEXT_GUESS
    (few, small), (many, large) = list(sizes.items())[-2:]
    if small == large:
        raise BadRun("a message does not grow with its articles")
    return max(1, round(few + (MESSAGE_BYTES - small) * (many - few) / (large - small)))
