"""One installation of the program, as its operators have it: settings, commands, workers."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from alerts.database import Database
from alerts.newsletters.models import IssueItem
from benchmarks.letters import Letter, write_articles, write_newsletter
from benchmarks.processes import BadRun, background, run, wait_for
from benchmarks.readers import add_readers
from benchmarks.sink import Sink, Watch, Window

NEWSLETTER = "measured"
_COMMAND = [sys.executable, "-P", "-m", "alerts.cli"]
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sending:
    """An issue that went out: what the sink saw, and how long the whole command took."""

    window: Window
    whole_seconds: float

    @property
    def whole_rate(self) -> float:
        """Messages a second, over everything from the start of `alerts issue send --wait`."""
        return self.window.messages / self.whole_seconds


class Newsroom:
    """An installation in a folder of its own; empty URLs mean SQLite and the embedded Redis."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str = "",
        redis_url: str = "",
        mail_url: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir()
        self.data = folder / "var"
        self._database_url = database_url or f"sqlite:///{self.data / 'alerts.db'}"
        named = {
            "data_dir": str(self.data),
            "database_url": database_url,
            "redis_url": redis_url,
            "mail_url": mail_url,
            "base_url": "https://alerts.example.org",
            "sender": "The Measured Review <review@news.example.org>",
        } | dict(settings or {})
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")
        } | {f"ALERTS_{name.upper()}": value for name, value in named.items()}

    def open(self, *slugs: str) -> None:
        """Make the schema and the newsletters."""
        self.command("init")
        for slug in slugs or (NEWSLETTER,):
            self.command("newsletter", "apply", str(write_newsletter(slug, self.folder)))

    def command(self, *words: str, **settings: str) -> str:
        """Run `alerts …` to its end, under other settings where some are named."""
        environment = self.environment | {f"ALERTS_{k.upper()}": v for k, v in settings.items()}
        return run([*_COMMAND, *words], environment=environment, folder=self.folder)

    def json(self, *words: str, **settings: str) -> Any:  # noqa: ANN401 - whatever the document is
        """Run `alerts … --json` and return its document."""
        return json.loads(self.command(*words, "--json", **settings))

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Yield the installation's database, for what no command does in bulk."""
        database = Database(self._database_url)
        try:
            yield database
        finally:
            database.dispose()

    def add_readers(
        self, count: int, *, newsletter: str = NEWSLETTER, wishes: Sequence[str] = ("",)
    ) -> None:
        """Add confirmed readers of a newsletter."""
        with self.database() as database:
            add_readers(database, count, newsletter=newsletter, wishes=wishes)

    def add_articles(self, letter: Letter) -> list[int]:
        """Take a letter's articles in, or change them to its length; return their numbers."""
        folder = write_articles(letter, self.folder / "articles")
        taken = self.json("article", "add", str(folder))
        return sorted(
            one["id"] for kind in ("added", "updated", "unchanged") for one in taken[kind]
        )

    def draft(self, articles: Sequence[int], *, newsletter: str = NEWSLETTER) -> int:
        """Draft an issue of these articles and return its number."""
        named = [word for number in articles for word in ("--article", str(number))]
        issue: int = self.json("issue", "draft", newsletter, *named)["id"]
        return issue

    def message_size(self, issue: int, *, signed: bool) -> int:
        """Return the bytes of an issue's message as the sink gets it, by what a preview holds.

        A preview is encoded for any server. The sink takes 8 bits, and gets bodies as they are,
        unless they are signed.
        """
        out = self.folder / f"preview-{issue}"
        self.command("issue", "preview", str(issue), "--out", str(out))
        content = (out / "message.eml").read_bytes()
        return len(content) if signed else len(content) - _saved(content)

    def approved(self, articles: Sequence[int], *, newsletter: str = NEWSLETTER) -> int:
        """Draft and approve an issue of these articles and return its number.

        What earlier issues held is forgotten: the same readers are to get the same articles in
        each round, which no newsletter would send them twice.
        """
        with self.database() as database, database.transaction() as session:
            session.execute(delete(IssueItem))
        issue = self.draft(articles, newsletter=newsletter)
        self.command("issue", "approve", str(issue))
        return issue

    @contextmanager
    def workers(self, count: int = 1, *, processes: int = 2) -> Iterator[list[int]]:
        """Run workers until the end of the block; yields their process ids once all answer."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    background(
                        [*_COMMAND, "worker", "--processes", str(processes)],
                        self.folder / "worker.log",
                        environment=self.environment,
                        folder=self.folder,
                    )
                )
                for _ in range(count)
            ]
            wait_for(
                lambda: len(self.json("status")["workers"]) >= count,
                f"the start of {count} worker(s), see {self.folder / 'worker.log'},",
                seconds=_START_SECONDS,
            )
            yield [process.pid for process in started]

    def send(self, issue: int, sink: Sink, *, readers: int) -> Sending:
        """Send an approved issue to its end; raises BadRun unless everybody got it, once."""
        with Watch(sink) as watch:
            started = time.monotonic()
            document = self.json("issue", "send", str(issue), "--wait")
            seconds = time.monotonic() - started
        window = watch.window()
        check_books(document["audit"], window, readers=readers)
        return Sending(window, seconds)


def check_books(audit: Mapping[str, Any], window: Window, *, readers: int) -> None:
    """Hold an issue's books against the sink's count; raises BadRun where they do not agree."""
    if not audit["balanced"]:
        raise BadRun(f"the books do not balance: {dict(audit)}")
    if audit["audience"] != readers or audit["sent"] != readers:
        raise BadRun(f"{readers} readers should have got the issue: {dict(audit)}")
    if window.messages != readers:
        raise BadRun(f"{readers} were sent and the sink took {window.messages} messages")


def _saved(content: bytes) -> int:
    """Return by how many bytes the parts of a message get shorter when nothing is encoded."""
    parts = [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    encoded = sum(len(str(part.get_payload())) for part in parts)
    return encoded - sum(len(bytes(part.get_payload(decode=True))) for part in parts)
