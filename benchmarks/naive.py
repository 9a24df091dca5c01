"""The baseline: one Celery task for each subscriber, with Jinja2, premailer and smtplib.

What many would write first, and nothing done badly on purpose: a process keeps its connections to
the database and the mail server, its templates and the issue's content; premailer keeps its parsed
style sheets. It keeps no ledger, so it cannot say who got the issue: that much work is spared it.

The worker is started as `celery -A benchmarks.naive worker`; NAIVE_JOB names a JSON file.
"""

import json
import logging
import os
import smtplib
import sys
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any

from celery import Celery
from premailer import Premailer
from sqlalchemy import Engine, create_engine, select

from alerts.database import database_url
from alerts.newsletters.content import IssueContent
from alerts.paths import templates_dir
from alerts.rendering.environment import email_environment
from alerts.rendering.views import Allowance, view_of
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber
from alerts.tokens import Tokens
from benchmarks.processes import BadRun, background, run, wait_for
from benchmarks.sink import Sink, Watch, Window

_JOB = "NAIVE_JOB"
_TEMPLATE = "gp-alert"
_SENDER = "The Measured Review <review@news.example.org>"


@dataclass(frozen=True)
class Job:
    """What the baseline's workers need to know."""

    redis_url: str
    database_url: str
    port: int
    base_url: str
    content: dict[str, Any]


class Mailer:
    """What a worker process keeps from one task to the next."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._environment = email_environment(templates_dir("email"))
        self._links = SubscriberLinks(Tokens(("naive" * 10,)), job.base_url)
        content = IssueContent.from_json(job.content)
        archive = f"{job.base_url}/archive"
        self._context = {
            "issue": view_of(content, Allowance(), archive_url=archive),
            "archive_url": archive,
            "home_url": job.base_url,
        }

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(database_url(self._job.database_url))

    @cached_property
    def _client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self._job.port)

    @cached_property
    def _style_sheets(self) -> list[str]:
        folders = (templates_dir("email") / name for name in ("_base", _TEMPLATE))
        return [
            (folder / "style.css").read_text()
            for folder in folders
            if (folder / "style.css").is_file()
        ]

    def send(self, subscriber_id: int) -> None:
        """Render an issue for a subscriber, put it together and hand it over."""
        query = select(Subscriber.public_id, Subscriber.email, Subscriber.name)
        with self._engine.connect() as connection:
            reader = connection.execute(query.where(Subscriber.id == subscriber_id)).one()
        unsubscribe = self._links.unsubscribe_url(reader.public_id, newsletter="measured")
        slot = {
            "EMAIL": reader.email,
            "UNSUBSCRIBE_URL": unsubscribe,
            "PREFERENCES_URL": self._links.preferences_url(reader.public_id),
        }
        context = self._context | {"slot": slot}
        message = EmailMessage()
        message["From"] = _SENDER
        message["To"] = f"{reader.name} <{reader.email}>"
        message["Subject"] = self._filled("subject.txt", context).strip()
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._filled("body.txt", context))
        message.add_alternative(self._inlined(self._filled("body.html", context)), subtype="html")
        self._client.send_message(message)

    def _filled(self, name: str, context: dict[str, object]) -> str:
        return self._environment.get_template(f"{_TEMPLATE}/{name}").render(context)

    def _inlined(self, html: str) -> str:
        premailer = Premailer(
            css_text=self._style_sheets,
            allow_network=False,
            disable_link_rewrites=True,
            disable_leftover_css=True,
            disable_validation=True,
            cssutils_logging_level=logging.CRITICAL,
        )
        return str(premailer.transform(html, pretty_print=False))


def _read_job() -> Job | None:
    path = os.environ.get(_JOB)
    return Job(**json.loads(Path(path).read_text())) if path else None


_job = _read_job()
_mailers: list[Mailer] = []
app = Celery("naive", broker=_job.redis_url if _job else None)
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4)


@app.task(name="naive.send")
def send_one(subscriber_id: int) -> None:
    """Send the issue to one subscriber."""
    if not _mailers and _job:
        _mailers.append(Mailer(_job))
    _mailers[0].send(subscriber_id)


def run_naive(job: Job, folder: Path, *, sink: Sink, messages: int, processes: int) -> Window:
    """Send to the first `messages` subscribers with a worker of the baseline; raises BadRun."""
    path = folder / "naive.json"
    path.write_text(json.dumps(asdict(job)))
    environment = os.environ | {_JOB: str(path)}
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "benchmarks.naive"]
    pool = ["worker", "--loglevel", "WARNING", "--concurrency", str(processes)]
    log = folder / "naive.log"
    with (
        background([*command, *pool], log, environment=environment),
        Watch(sink) as watch,
    ):
        run([sys.executable, "-m", "benchmarks.naive", str(messages)], environment=environment)
        wait_for(lambda: watch.messages >= messages, f"the baseline's end, see {log},", seconds=900)
    if watch.messages != messages:
        raise BadRun(f"the baseline sent {watch.messages} messages instead of {messages}")
    return watch.window()


def enqueue(messages: int) -> None:
    """Enqueue a task for each of the first subscribers."""
    if _job is None:
        raise BadRun(f"{_JOB} names no job")
    engine = create_engine(database_url(_job.database_url))
    with engine.connect() as connection:
        found = connection.scalars(select(Subscriber.id).order_by(Subscriber.id).limit(messages))
        for subscriber_id in found:
            send_one.delay(subscriber_id)
    engine.dispose()


if __name__ == "__main__":
    enqueue(int(sys.argv[1]))
