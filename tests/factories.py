"""Small builders: articles, readers and issues as the stations' tests need them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import Engine, event, insert
from sqlalchemy.orm import Session

from alerts.articles.cards import keep_card
from alerts.articles.models import Article, ArticleAuthor, ArticlePart
from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.models import Batch, BatchState
from alerts.delivery.publishing import approve_issue
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription

RENDERER = Renderer(templates_dir("email"))
SETTINGS = Settings(
    base_url="https://alerts.example.org", sender="GP Alerts <alerts@news.example.org>"
)
_numbers = count(1)


def an_article(session: Session, clock: Clock, **changes: Any) -> Article:  # noqa: ANN401 - column values
    """Add a signed article, published the day before and noticed now."""
    number = next(_numbers)
    names: tuple[str, ...] = changes.pop("authors", ("Ama Boateng",))
    values: dict[str, Any] = {
        "identity": f"identity-{number}",
        "likeness": f"likeness-{number}",
        "url": f"https://news.example.org/{number}",
        "title": f"Piece {number}",
        "series": "CWA Commentary",
        "number": str(1000 + number),
        "published_on": date(2026, 11, 22),
        "published_precision": "day",
        "standfirst": f"Standfirst {number}.",
        "body_html": f"<p>Body of piece {number}, which is long enough to be read.</p>",
        "body_text": f"Body of piece {number}, which is long enough to be read.",
        "regions": ["west-africa", "africa"],
        "countries": ["ML"],
        "words": 900,
        "checksum": f"checksum-{number}",
        "noticed_at": clock.now(),
        "updated_at": clock.now(),
        "parts": [],
    }
    article = Article(
        **values | changes,
        authors=[ArticleAuthor(position=n, name=name) for n, name in enumerate(names, 1)],
    )
    session.add(article)
    session.flush()
    keep_card(session, article)
    return article


def a_part(position: int, **changes: Any) -> ArticlePart:  # noqa: ANN401 - column values
    """Return one piece of a roundup, to be given to an article."""
    values: dict[str, Any] = {
        "position": position,
        "title": f"Part {position}",
        "country": "ML",
        "regions": ["west-africa", "africa"],
        "body_html": f"<p>Brief {position}.</p>",
        "body_text": f"Brief {position}.",
    }
    return ArticlePart(**values | changes)


def add_readers(
    session: Session,
    names: list[str],
    *,
    now: datetime,
    newsletter: str = "gp-alert",
    frequency: Frequency = Frequency.IMMEDIATE,
    wish: str = "",
    state: SubscriberState = SubscriberState.CONFIRMED,
) -> list[int]:
    """Add readers `NAME@example.org` with one subscription each; returns their ids in order."""
    rows = [
        {
            "public_id": f"public-{name}",
            "email": f"{name}@example.org",
            "email_key": f"{name}@example.org",
            "name": name.title(),
            "state": state,
            "created_at": now,
        }
        for name in names
    ]
    ids = list(
        session.scalars(
            insert(Subscriber).returning(Subscriber.id, sort_by_parameter_order=True), rows
        )
    )
    session.execute(
        insert(Subscription),
        [
            {
                "subscriber_id": number,
                "newsletter": newsletter,
                "frequency": frequency,
                "wish": wish,
                "started_at": now,
            }
            for number in ids
        ],
    )
    return ids


def approved_issue(
    database: Database,
    clock: Clock,
    *,
    articles: Sequence[Mapping[str, Any]] = ({},),
    sending: bool = True,
) -> int:
    """Draft and approve an issue of `gp-alert` from new articles; returns its id."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        for changes in articles:
            an_article(session, clock, **changes)
        issue = draft_issue(session, "gp-alert", clock=clock)
        approve_issue(
            session, issue.id, by="editor", settings=SETTINGS, renderer=RENDERER, clock=clock
        )
        if sending:
            move(session, issue.id, Event.SEND, clock=clock)
        return issue.id


def add_sent_issue(session: Session, at: datetime) -> tuple[int, int]:
    """Add an issue that was sent at a moment, without a ledger; return its id and its batch's."""
    issue = Issue(
        newsletter="gp-alert",
        frequency=Frequency.DAILY,
        state=IssueState.SENT,
        subject="old",
        until=at,
        created_at=at,
        started_at=at,
        finished_at=at,
    )
    session.add(issue)
    session.flush()
    batch = Batch(issue_id=issue.id, number=1, state=BatchState.DONE)
    session.add(batch)
    session.flush()
    return issue.id, batch.id


@contextmanager
def counted_queries(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that run on an engine; one for many rows counts once."""
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
