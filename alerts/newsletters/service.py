"""Newsletters as data: the built-in ones, reading, exporting, applying."""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Conflict, NotFound
from alerts.newsletters.changes import differences, in_order, mark_of
from alerts.newsletters.definitions import STORED, NewsletterDefinition, ScheduleDefinition
from alerts.newsletters.missed import USUAL
from alerts.newsletters.models import Newsletter, Schedule
from alerts.newsletters.rules import kept_rule, parse_rule
from alerts.newsletters.toml import read_definition, write_definition
from alerts.subscribers.wishes import Offer

BUILT_IN = ("gp-alert", "africa-this-week")


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What applying a definition did: `created`, `changed` or `unchanged`, and which settings."""

    slug: str
    kind: str
    changes: tuple[str, ...] = ()


def ensure_built_in(session: Session, *, clock: Clock) -> None:
    """Create the built-in newsletters that are missing; what an editor changed stays."""
    existing = set(session.scalars(select(Newsletter.slug).where(Newsletter.slug.in_(BUILT_IN))))
    for slug in BUILT_IN:
        if slug in existing:
            continue
        source = files("alerts.newsletters") / "builtin" / f"{slug}.toml"
        try:
            with session.begin_nested():
                apply_toml(session, source.read_text(), source=f"{slug}.toml", clock=clock)
        except IntegrityError:
            # Another process made it at the same moment.
            session.expire_all()


def list_newsletters(session: Session) -> list[Newsletter]:
    """Return all newsletters by slug."""
    return list(session.scalars(select(Newsletter).order_by(Newsletter.slug)))


def get_newsletter(session: Session, slug: str) -> Newsletter:
    """Return a newsletter; raises NotFound with the ones there are."""
    newsletter = session.get(Newsletter, slug)
    if newsletter is None:
        known = ", ".join(session.scalars(select(Newsletter.slug).order_by(Newsletter.slug)))
        raise NotFound(f"there is no newsletter {slug!r}; there are {known or 'none yet'}")
    return newsletter


def definition_of(newsletter: Newsletter) -> NewsletterDefinition:
    """Return a newsletter's definition with its schedules as they are now."""
    schedules = [
        {
            "frequency": schedule.frequency,
            "name": schedule.name or None,
            # As it is read, in UTC where it names no zone: older rows do without.
            "rule": _as_read(schedule.rule),
            "missed": schedule.missed,
        }
        for schedule in newsletter.schedules
    ]
    stored = newsletter.definition | {"schedules": schedules}
    return in_order(NewsletterDefinition.model_validate(stored, context=STORED))


def offers(session: Session) -> dict[str, Offer]:
    """Return what can be subscribed to, by slug."""
    found = {}
    for newsletter in list_newsletters(session):
        definition = definition_of(newsletter)
        found[newsletter.slug] = Offer(
            slug=newsletter.slug,
            title=definition.title,
            description=definition.tagline,
            frequencies=definition.frequencies,
            default_frequency=definition.default_frequency,
        )
    return found


def export_toml(session: Session, slug: str) -> str:
    """Return a newsletter as TOML; applying it changes nothing."""
    return write_definition(definition_of(get_newsletter(session, slug)))


def apply_toml(session: Session, text: str, *, source: str, clock: Clock) -> ApplyResult:
    """Create or change a newsletter from TOML; refused whole, with file, line and reason.

    A schedule whose rule stays keeps its next moment and whether it is paused.
    """
    return apply_definition(session, read_definition(text, source=source), clock=clock)


def apply_definition(
    session: Session, wanted: NewsletterDefinition, *, seen: str | None = None, clock: Clock
) -> ApplyResult:
    """Create or change a newsletter; `seen` is the mark of what whoever changes it has looked at.

    Raises Conflict when somebody else has changed it since then.
    """
    definition = in_order(wanted)
    now = clock.now()
    newsletter = session.get(Newsletter, definition.slug, with_for_update=True)
    before = definition_of(newsletter) if newsletter else None
    if seen is not None and seen != mark_of(before):
        raise Conflict(
            f"newsletter {definition.slug} was changed by somebody else since you opened the page"
        )
    if before == definition:
        return ApplyResult(definition.slug, "unchanged")
    document: dict[str, Any] = definition.model_dump(mode="json", exclude={"schedules"})
    kind = "created" if newsletter is None else "changed"
    if newsletter is None:
        newsletter = Newsletter(
            slug=definition.slug,
            title=definition.title,
            definition=document,
            created_at=now,
            updated_at=now,
            schedules=[],
        )
        session.add(newsletter)
    newsletter.title = definition.title
    newsletter.definition = document
    newsletter.updated_at = now
    _apply_schedules(newsletter, definition.schedules, now)
    session.flush()
    changes = tuple(one.name for one in differences(before, definition))
    return ApplyResult(definition.slug, kind, changes)


def _apply_schedules(
    newsletter: Newsletter, wanted: tuple[ScheduleDefinition, ...], now: datetime
) -> None:
    told = {(schedule.frequency, schedule.name or ""): schedule for schedule in wanted}
    for schedule in list(newsletter.schedules):
        new = told.pop((schedule.frequency, schedule.name), None)
        if new is None:
            newsletter.schedules.remove(schedule)
            continue
        schedule.missed = new.missed or USUAL
        if new.rule != schedule.rule:
            schedule.rule = new.rule
            schedule.next_at = next_moment(new.rule, now)
    for (frequency, name), new in told.items():
        newsletter.schedules.append(
            Schedule(
                frequency=frequency,
                name=name,
                rule=new.rule,
                missed=new.missed or USUAL,
                paused=False,
                next_at=next_moment(new.rule, now),
            )
        )


def _as_read(rule: str) -> str:
    # Of one that is not understood any more a run tells.
    kept = kept_rule(rule)
    return kept.text if kept else rule


def next_moment(rule: str, after: datetime) -> datetime | None:
    """Return a rule's next moment in UTC, or None when it has none."""
    occurrence = parse_rule(rule).after(after)
    return occurrence.at if occurrence else None
