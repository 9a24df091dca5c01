"""A newsroom of a few readers, who change their frequency while issues wait, leave or fall out."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleAuthor
from alerts.clock import FixedClock
from alerts.database import Base, Database
from alerts.delivery.books import audit
from alerts.delivery.models import Batch, Delivery, IssueHour, IssueWish
from alerts.delivery.preparation import prepare_issue
from alerts.newsletters.issues import NothingNew, draft_issue, freeze, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueItem, IssueNumber
from alerts.newsletters.service import ensure_built_in, offers
from alerts.rendering.models import Edition
from alerts.rendering.service import Renderer
from alerts.subscribers.consent import Origin
from alerts.subscribers.models import ConsentRecord, Frequency, PaceChange, Subscriber, Subscription
from alerts.subscribers.subscribing import subscribe
from alerts.subscribers.wishes import Wish
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.factories import add_readers, an_article

SLUG = "gp-alert"
PACES = (Frequency.IMMEDIATE, Frequency.DAILY, Frequency.WEEKLY)
# Those that a newsroom fills, children first.
_ALL: tuple[type[Base], ...] = (
    *(Delivery, IssueWish, IssueHour, Batch, Edition, IssueNumber, IssueItem, Issue),
    *(PaceChange, ConsentRecord, Subscription, Subscriber, ArticleAuthor, Article),
)
NAMES = ("ama", "bo", "chi", "du")


@dataclass
class Newsroom:
    """One newsletter with a few readers, at a clock that only this newsroom moves."""

    database: Database
    renderer: Renderer
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    waiting: list[int] = field(default_factory=list)

    def open(self) -> None:
        with self.database.transaction() as session:
            ensure_built_in(session, clock=self.clock)
            for name, pace in zip(NAMES, (*PACES, Frequency.DAILY), strict=True):
                add_readers(session, [name], now=self.clock.now(), frequency=pace)

    def publish(self) -> None:
        with self.database.transaction() as session:
            an_article(session, self.clock, published_on=self.clock.now().date())

    def change(self, name: str, pace: Frequency) -> None:
        with self.database.transaction() as session:
            reader = reader_named(session, name)
            offer = offers(session)[SLUG]
            subscribe(
                session, reader, [offer], Wish(frequency=pace), "", Origin("test"), self.clock
            )

    def draft(self, pace: Frequency) -> None:
        try:
            with self.database.transaction() as session:
                issue = draft_issue(session, SLUG, frequency=pace, clock=self.clock)
                self.waiting.append(issue.id)
        except NothingNew:
            pass

    def send(self, which: int = -1) -> None:
        """Have an issue that waits approved and sent."""
        if not self.waiting:
            return
        number = self.waiting.pop(which % len(self.waiting))
        with self.database.transaction() as session:
            issue = session.get_one(Issue, number)
            freeze(session, issue, by="e", message_domain="example.org", clock=self.clock)
            move(session, number, Event.SEND, clock=self.clock)
        audience = prepare_issue(
            self.database,
            number,
            renderer=self.renderer,
            base_url="https://alerts.example.org",
            clock=self.clock,
            queue=RecordingTaskQueue(),
        )
        assert audience is not None
        assert audience.complete
        with self.database.read() as session:
            books = audit(session, number)
            assert books.balanced
            assert books.audience == audience.readers

    def drop(self, which: int) -> None:
        if self.waiting:
            number = self.waiting.pop(which % len(self.waiting))
            with self.database.transaction() as session:
                move(session, number, Event.CANCEL, clock=self.clock)

    def issue(self, pace: Frequency) -> None:
        self.draft(pace)
        while self.waiting:
            self.send(0)

    def settle(self) -> None:
        """Send what waits, and one more issue at each frequency."""
        while self.waiting:
            self.send(0)
        for pace in PACES:
            self.clock.advance(timedelta(hours=1))
            self.issue(pace)

    def got(self) -> dict[str, Counter[str]]:
        """Return how often each reader got each article."""
        with self.database.read() as session:
            rows = session.execute(
                select(Subscriber.name, Edition.item_keys)
                .join(Delivery, Delivery.subscriber_id == Subscriber.id)
                .join(Edition, Edition.id == Delivery.edition_id)
            )
            found: dict[str, Counter[str]] = {name: Counter() for name in NAMES}
            for name, keys in rows:
                found[(name or "").lower()].update(keys)
            return found

    def articles(self) -> set[str]:
        with self.database.read() as session:
            return {str(number) for number in session.scalars(select(Article.id))}

    def close(self) -> None:
        """Leave the database empty for the next newsroom."""
        with self.database.transaction() as session:
            for table in _ALL:
                session.execute(delete(table))


def reader_named(session: Session, name: str) -> Subscriber:
    return session.scalars(
        select(Subscriber).where(Subscriber.email_key == f"{name}@example.org")
    ).one()
