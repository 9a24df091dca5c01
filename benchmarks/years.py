"""A newsroom with years behind it, put into PostgreSQL: what the desk's pages are measured on.

Readers, articles, old issues and ledgers come in a few statements; the last issues are drafted,
approved and sent by the program's own use cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from alerts.clock import Clock, FixedClock, SystemClock
from alerts.delivery.publishing import approve_issue
from alerts.delivery.tallies import recount
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.versions import keep_first
from alerts.newsletters.issues import draft_issue, freeze, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer
from alerts.runtime import Runtime
from benchmarks.readers import add_readers
from benchmarks.years_sql import ARTICLES, DAY_BY_DAY, LEDGER, LIVES, OLD_ISSUES

NEWSLETTER, WEEKLY = "gp-alert", "africa-this-week"
WISHES = ("", "west-africa", "east-africa", "south-asia", "africa;topic=security")
_PIECES = 50
# The rows of so many issues are kept: the last two went to everybody, the others to a part.
LEDGERS, _PART = 24, 20
_MINUTES = 600


@dataclass(frozen=True, slots=True)
class Issues:
    """The issues that pages are asked of, by what has become of them."""

    draft: int
    approved: int
    sending: int
    sent: int
    old: int


def fill(runtime: Runtime, *, readers: int, articles: int, ledgers: int = LEDGERS) -> Issues:
    """Put a newsroom into an empty PostgreSQL with the schema; return some of its issues."""
    engine = runtime.database.engine
    with runtime.database.transaction() as session:
        ensure_built_in(session, clock=SystemClock())
    add_readers(runtime.database, readers - readers // 10, newsletter=NEWSLETTER, wishes=WISHES)
    add_readers(runtime.database, readers // 10, newsletter=WEEKLY)
    _run(engine, LIVES)
    _run(engine, ARTICLES, articles=articles)
    issues = _publish(runtime, articles, ledgers)
    _run(engine, DAY_BY_DAY, issue=issues.sent)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A server that runs for long has looked at its tables; this one had no time to.
        connection.execute(text("VACUUM ANALYZE"))
    return issues


def _publish(runtime: Runtime, articles: int, ledgers: int) -> Issues:
    """Have an issue sent each day until yesterday: the last ones, with a ledger, as they are."""
    count = max(ledgers + 2, articles // _PIECES)
    clock = FixedClock(SystemClock().now() - timedelta(days=count))
    old = _issue(runtime, _chosen(1, articles), None, clock=clock)
    numbers = {"first": 2, "last": count - ledgers, "count": count, "pieces": _PIECES}
    _run(runtime.database.engine, OLD_ISSUES, newsletter=NEWSLETTER, **numbers)
    return _late_issues(runtime, articles, range(count - ledgers + 1, count + 1), old=old)


def _late_issues(runtime: Runtime, articles: int, numbers: range, *, old: int) -> Issues:
    """Have the last issues sent, each with its ledger; one is on its way, two are not yet."""
    clock = FixedClock(SystemClock().now() - timedelta(days=len(numbers)))
    renderer = Renderer(templates_dir("email"))
    ids = []
    for number in numbers:
        ids.append(_issue(runtime, _chosen(number, articles), renderer, clock=clock))
        to_all, is_over = number in numbers[-2:], number != numbers[-1]
        _ledger(runtime, ids[-1], to_all=to_all, is_over=is_over, clock=clock)
        clock.advance(timedelta(days=1))
    draft = _draft(runtime, list(range(1, 21)), clock=SystemClock())
    approved = _draft(runtime, list(range(21, 41)), clock=SystemClock())
    with runtime.database.transaction() as session:
        approve_issue(
            session,
            approved,
            by="bench",
            settings=runtime.settings,
            renderer=renderer,
            clock=SystemClock(),
        )
    return Issues(draft, approved, sending=ids[-1], sent=ids[-2], old=old)


def _chosen(number: int, articles: int) -> list[int]:
    """Return the articles of the issue with a number."""
    first = (number - 1) * _PIECES % articles + 1
    return list(range(first, min(first + _PIECES, articles + 1)))


def _draft(runtime: Runtime, article_ids: list[int], *, clock: Clock) -> int:
    with runtime.database.transaction() as session:
        issue = draft_issue(session, NEWSLETTER, article_ids=article_ids, clock=clock)
        definition = definition_of(get_newsletter(session, NEWSLETTER))
        keep_first(session, issue, composition_of(issue, definition))
        return issue.id


def _issue(
    runtime: Runtime, article_ids: list[int], renderer: Renderer | None, *, clock: FixedClock
) -> int:
    """Have an issue start; with a renderer its edition is made too."""
    with runtime.database.transaction() as session:
        issue = draft_issue(session, NEWSLETTER, article_ids=article_ids, clock=clock)
        if renderer is None:
            freeze(session, issue, by="bench", message_domain="example.org", clock=clock)
        else:
            approve_issue(
                session,
                issue.id,
                by="bench",
                settings=runtime.settings,
                renderer=renderer,
                clock=clock,
            )
        move(session, issue.id, Event.SEND, clock=clock)
        if renderer is None:
            move(session, issue.id, Event.FINISH, clock=clock)
        return issue.id


def _ledger(
    runtime: Runtime, issue_id: int, *, to_all: bool, is_over: bool, clock: FixedClock
) -> None:
    """Write an issue's ledger as if its messages had left over some hours, and its counts."""
    values = {
        "issue": issue_id,
        "newsletter": NEWSLETTER,
        "part": 1 if to_all else _PART,
        "unsent": 0 if is_over else 40,
        "at": clock.now(),
        "minutes": _MINUTES,
    }
    with runtime.database.transaction() as session:
        _each(session.connection(), LEDGER[:1], values)
        recount(session, issue_id, now=clock.now())
        session.flush()
        _each(session.connection(), LEDGER[1:], values)
        if is_over:
            later = FixedClock(clock.now() + timedelta(minutes=_MINUTES))
            move(session, issue_id, Event.FINISH, clock=later)


def _run(engine: Engine, statements: tuple[str, ...], **values: object) -> None:
    with engine.begin() as connection:
        # The rows refer to one another by their making: no need to look each of them up.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        _each(connection, statements, values)


def _each(connection: Connection, statements: tuple[str, ...], values: Mapping[str, Any]) -> None:
    for statement in statements:
        asked = text(statement)
        connection.execute(asked, {name: values[name] for name in asked._bindparams})  # noqa: SLF001 - the names in it
