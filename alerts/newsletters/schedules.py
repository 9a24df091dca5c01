"""The schedules of a newsletter: set, paused, removed, and what they say is next."""

import re
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.missed import USUAL, parse_missed
from alerts.newsletters.models import Newsletter, Schedule
from alerts.newsletters.plain_rules import EPOCH
from alerts.newsletters.rules import Occurrence, Rule, kept_rule, parse_rule
from alerts.newsletters.service import definition_of, get_newsletter, next_moment
from alerts.subscribers.models import Frequency

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 40


def check_name(name: str) -> str:
    """Return a schedule's name in lower case, or an empty one; raises Invalid."""
    found = name.strip().lower()
    if found and (len(found) > _LONGEST_NAME or not _NAME.fullmatch(found)):
        raise Invalid(
            f"{name[:80]!r} is no name for a schedule; letters, digits and hyphens make one, at "
            f"most {_LONGEST_NAME}: christmas-special"
        )
    return found


def get_schedule(
    session: Session, slug: str, frequency: Frequency | None = None, name: str = ""
) -> Schedule:
    """Return a newsletter's schedule; raises NotFound that says which there are.

    Without a name it is the usual one at the frequency (default: the newsletter's usual one). A
    name says which frequency, since it stands for one schedule of its newsletter.
    """
    newsletter = get_newsletter(session, slug)
    wanted = check_name(name)
    at = frequency or definition_of(newsletter).default_frequency
    found = _find(newsletter, frequency if wanted else at, wanted)
    if found is not None:
        return found
    if wanted:
        raise NotFound(f"{slug} has no schedule {wanted!r}; it has {_known(newsletter)}")
    raise NotFound(f"{slug} has no {at} schedule; `alerts schedule set {slug} RULE` makes one")


def set_schedule(
    session: Session,
    slug: str,
    rule_text: str,
    *,
    frequency: Frequency | None = None,
    name: str = "",
    missed: str | None = None,
    clock: Clock,
) -> Schedule:
    """Set when a newsletter goes out at a frequency; in force with the next tick.

    Without a name it is the usual schedule at the frequency that is made or changed. `missed`
    says what becomes of missed runs, and stays as it is when it is not told. A rule that names no
    zone takes the newsletter's. The rule it has already changes nothing: a moment that is due stays
    due. Raises Invalid for a rule that is not understood, or that has no moment to come, Refused
    for one that comes once in the place of one that goes on.
    """
    newsletter = get_newsletter(session, slug)
    definition = definition_of(newsletter)
    known = check_name(name)
    existing = _find(newsletter, None, known) if known else None
    wanted = frequency or (existing.frequency if existing else definition.default_frequency)
    if wanted not in definition.frequencies:
        offered = ", ".join(definition.frequencies)
        raise Invalid(f"{slug} does not go out {wanted}; it offers {offered}")
    if existing is not None and existing.frequency != wanted:
        raise Invalid(
            f"{slug} has a schedule {known!r} already, which is {existing.frequency}; "
            f"remove it first, or take another name"
        )
    rule = parse_rule(rule_text, zone=definition.time_zone)
    policy = parse_missed(missed).text if missed is not None else None
    next_at = next_moment(rule.text, clock.now())
    if next_at is None:
        raise Invalid(
            f"rule {rule_text!r} has no moment to come; nothing would ever go out{_why(rule)}"
        )
    schedule = _find(newsletter, wanted, known)
    if schedule is not None and not known and rule.comes_once and not _is_once(schedule):
        raise Refused(
            f"what comes once would take the place of {schedule.rule!r}; give it a name of its "
            f"own, as in --name special"
        )
    if schedule is None:
        schedule = Schedule(
            newsletter=slug, frequency=wanted, name=known, missed=USUAL, paused=False
        )
        newsletter.schedules.append(schedule)
    elif schedule.rule == rule.text and policy in {None, schedule.missed}:
        return schedule
    if policy is not None:
        schedule.missed = policy
    if schedule.rule != rule.text:
        schedule.rule = rule.text
        schedule.next_at = next_at
    newsletter.updated_at = clock.now()
    session.flush()
    return schedule


def remove_schedule(
    session: Session,
    slug: str,
    *,
    frequency: Frequency | None = None,
    name: str = "",
    clock: Clock,
) -> None:
    """Remove a schedule; its runs stay on record. Raises NotFound."""
    schedule = get_schedule(session, slug, frequency, name)
    newsletter = get_newsletter(session, slug)
    newsletter.schedules.remove(schedule)
    newsletter.updated_at = clock.now()
    session.flush()


def set_paused(
    session: Session,
    slug: str,
    *,
    paused: bool,
    frequency: Frequency | None = None,
    name: str = "",
    clock: Clock,
) -> Schedule:
    """Pause a schedule, or let it go on with its next moment from now."""
    schedule = get_schedule(session, slug, frequency, name)
    if schedule.paused is paused:
        # What is due stays due.
        return schedule
    # One whose rule is not understood any more can be paused, and not resumed.
    schedule.next_at = None if paused else next_moment(schedule.rule, clock.now())
    schedule.paused = paused
    session.flush()
    return schedule


def next_occurrences(schedule: Schedule, *, count: int, after: datetime) -> list[Occurrence]:
    """Return the next moments of a schedule, at most `count`; none where its rule is no rule."""
    rule = kept_rule(schedule.rule)
    coming = rule.coming(after) if rule else iter(())
    return list(islice((one for one in coming if not one.left_out), count))


def _find(newsletter: Newsletter, frequency: Frequency | None, name: str) -> Schedule | None:
    for schedule in newsletter.schedules:
        if schedule.name == name and frequency in {None, schedule.frequency}:
            return schedule
    return None


def _is_once(schedule: Schedule) -> bool:
    rule = kept_rule(schedule.rule)
    # What is not understood any more may be replaced by whatever is.
    return rule is None or rule.comes_once


def _why(rule: Rule) -> str:
    """Return the words for a COUNT that nobody said where to begin with, or none."""
    if "COUNT=" in rule.recurrence and rule.start == EPOCH:
        return f"; a COUNT is counted from its DTSTART, or without one from {EPOCH.year} on"
    return ""


def _known(newsletter: Newsletter) -> str:
    names = [schedule.name for schedule in newsletter.schedules if schedule.name]
    return ", ".join(names) or "none with a name"
