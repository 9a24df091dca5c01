"""Looking for what is broken, in the database and on the disk: cheap at any number of readers.

Every query goes by an index or reads a small table; the ledger is looked into only for an issue
that has stood still for a quarter of an hour, and there only into a few batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from alerts.articles.sources.models import Source, SourceState
from alerts.delivery.counting import BOUNCED, OutcomeClass, outcome_totals
from alerts.delivery.limits.rules import Limits
from alerts.delivery.models import CanaryCopy
from alerts.delivery.returned import BounceEvent, Returned
from alerts.delivery.transports.suspicion import NO_POOL, Relays
from alerts.delivery.unsendable import without_mend
from alerts.holding import is_held
from alerts.inbound.effects import ABOUT_POLICY
from alerts.inbound.fetching.claims import failing_mailboxes
from alerts.inbound.models import InboundMail, MailState
from alerts.mailbox_urls import MailboxUrl
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.operations.alarms import kinds
from alerts.operations.alarms.kinds import Kind, Trouble, at
from alerts.operations.alarms.moving import slow_issues, stalled_issues
from alerts.operations.alarms.relays import maybe_sick, refusing_relays, sick_relays
from alerts.operations.alarms.removals import removals_that_fail
from alerts.operations.doctor.machine import Space
from alerts.operations.situation import BOUNCES_OVER, Situation, look

_GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Around:
    """What is known beside the database.

    Room on the disk; how long a canary may take; which mailboxes are to be looked into; what is
    stated for each transport; how the transports of a pool stand.
    """

    space: Space | None
    canary_within: timedelta
    mailboxes: Sequence[MailboxUrl] = ()
    limits: Sequence[Limits] = ()
    relays: Relays = NO_POOL

    @property
    def unknown(self) -> frozenset[tuple[Kind, str]]:
        """The alarms, by kind and subject, of which nobody can tell now whether they are over."""
        return maybe_sick(self.relays)


def look_for_trouble(session: Session, *, now: datetime, around: Around) -> list[Trouble]:
    """Return everything that is broken, but not whether beat and workers run.

    A system that was restored and is held back is late on purpose.
    """
    situation = look(session, now=now)
    found = [
        *_halted(situation),
        *_bounces(session, situation),
        *_blocks(session, now),
        *_dead_sources(session, now),
        *_dead_mailboxes(session, now, around.mailboxes),
        *_waiting_mail(session, now),
        *_disk(around.space),
        *removals_that_fail(session, now),
        *sick_relays(around.relays),
    ]
    if not is_held(session):
        found += [
            *_late(session, now),
            *_failed(session, now),
            *refusing_relays(session, situation),
            *stalled_issues(session, situation),
            *slow_issues(session, situation, around.limits),
            *_canaries(session, now, around.canary_within),
        ]
    return found


def _late(session: Session, now: datetime) -> Iterator[Trouble]:
    before = now - kinds.LATE_AFTER
    mend = (
        "See with `alerts status` whether a worker runs, and at the desk under Operations whether"
        " the beat does; start what is missing. A worker that was given its queues has to take"
        " `periodic` too. What is late then begins by itself."
    )
    schedules = session.scalars(
        select(Schedule).where(Schedule.next_at <= before, Schedule.paused.is_(False))
    )
    for one in schedules:
        what = f"the issue of {_of(one)} due on {at(one.next_at)} was not begun"
        yield Trouble(Kind.RUN_LATE, f"schedule:{one.id}", what, mend)
    runs = session.scalars(
        select(Run).where(Run.outcome == RunOutcome.CLAIMED, Run.started_at <= before)
    )
    for run in runs:
        what = f"the issue of {_of(run)} due on {at(run.due_at)} is not made yet"
        yield Trouble(Kind.RUN_LATE, f"run:{run.id}", what, mend)
    waiting = session.execute(
        select(Issue.id, Issue.newsletter, Issue.send_at).where(
            Issue.state == IssueState.SCHEDULED, Issue.send_at <= before
        )
    )
    for number, newsletter, send_at in waiting:
        what = f"issue {number} of {newsletter} was to go out on {at(send_at)} and has not begun"
        yield Trouble(Kind.ISSUE_LATE, f"issue:{number}", what, mend)


def _of(one: Schedule | Run) -> str:
    return f"{one.newsletter} ({one.frequency})"


def _failed(session: Session, now: datetime) -> Iterator[Trouble]:
    later = aliased(Run)
    made_since = exists().where(
        later.newsletter == Run.newsletter,
        later.frequency == Run.frequency,
        later.due_at > Run.due_at,
        later.outcome.not_in([RunOutcome.FAILED, RunOutcome.CLAIMED]),
    )
    rows = session.scalars(
        select(Run)
        .where(Run.outcome == RunOutcome.FAILED, Run.due_at > now - kinds.FAILED_FOR)
        .where(~made_since)
        .order_by(Run.id)
    )
    for run in rows:
        what = f"the issue of {_of(run)} due on {at(run.due_at)} could not be made: {run.reason}"
        mend = f"Mend what it says, then draft it: `alerts issue draft {run.newsletter}`."
        yield Trouble(Kind.RUN_FAILED, f"run:{run.id}", what, mend)


def _halted(situation: Situation) -> Iterator[Trouble]:
    for issue in situation.issues:
        # What servers said later stands there too: somebody may have paused it because of that.
        said = issue.attention or ABOUT_POLICY
        if issue.state is IssueState.PAUSED and not said.startswith(ABOUT_POLICY):
            why = without_mend(said, issue.id)
            what = f"issue {issue.id} of {issue.newsletter} has paused: {why}"
            mend = f"Mend what it says, then `alerts issue resume {issue.id}`."
            yield Trouble(Kind.ISSUE_HALTED, f"issue:{issue.id}", what, mend)


def _bounces(session: Session, situation: Situation) -> Iterator[Trouble]:
    """Hold the last day's bounces, those that came back later too, against all there ever were."""
    since = situation.now - BOUNCES_OVER
    came_back = (
        session.scalar(
            select(func.count())
            .select_from(BounceEvent)
            .where(
                BounceEvent.at >= since,
                BounceEvent.kind != Returned.COMPLAINT,
                BounceEvent.delivery_id.is_not(None),
            )
        )
        or 0
    )
    recent = situation.recent
    bounced = sum(recent.get(outcome, 0) for outcome in BOUNCED) + came_back
    usual = _usual_rate(situation)
    if kinds.is_jump(situation.decided, bounced, usual=usual):
        what = (
            f"{bounced:,} of the last day's {situation.decided:,} messages bounced"
            f" ({bounced / situation.decided:.1%}); usually {usual:.1%} do"
        )
        mend = (
            "See in the last issue's report (`alerts issue report ID`) whose servers refuse, and"
            " why: addresses that are gone point to an old import, one provider to a block."
        )
        yield Trouble(Kind.BOUNCE_RATE, "all", what, mend)


def _usual_rate(situation: Situation) -> float:
    """Return what part bounced before the last day; what little was sent then says nothing."""
    ever: dict[str, int] = {}
    for (_, outcome), count in situation.outcomes.items():
        ever[outcome] = ever.get(outcome, 0) + count
    before = {name: count - situation.recent.get(name, 0) for name, count in ever.items()}
    bounced = sum(before.get(outcome, 0) for outcome in BOUNCED)
    decided = bounced + before.get(OutcomeClass.SENT, 0)
    return bounced / decided if decided >= kinds.LEAST_DECIDED else 0.0


def _blocks(session: Session, now: datetime) -> Iterator[Trouble]:
    by_provider: dict[str, dict[str, int]] = {}
    for (provider, outcome), count in outcome_totals(session, since=now - BOUNCES_OVER).items():
        by_provider.setdefault(provider, {})[outcome] = count
    for provider, counts in sorted(by_provider.items()):
        refused = counts.get(OutcomeClass.POLICY, 0)
        decided = _decided(counts)
        if kinds.is_blocked(decided, refused):
            who = "other providers" if provider == "other" else provider
            what = (
                f"of the last day's {decided:,} messages to {who}, {refused:,} were refused by"
                " policy, as mail that is not wanted from us"
            )
            mend = (
                "Pause what is being sent (`alerts issue pause`). `alerts doctor` and the refusals"
                " in the issue's report say what they have against us; once that is mended,"
                " `alerts issue retry ID --reason policy` takes up who was refused. This ends a day"
                " after the last refusals."
            )
            yield Trouble(Kind.POLICY_BLOCKS, f"provider:{provider}", what, mend)


def _decided(counts: Mapping[str, int]) -> int:
    return sum(counts.get(outcome, 0) for outcome in (*BOUNCED, OutcomeClass.SENT))


def _dead_sources(session: Session, now: datetime) -> Iterator[Trouble]:
    rows = session.execute(
        select(Source.id, Source.url, Source.failing_since, Source.last_error)
        .where(Source.state == SourceState.ACTIVE)
        .where(Source.failing_since <= now - kinds.DEAD_AFTER)
        .order_by(Source.id)
    )
    for number, url, since, error in rows:
        where = urlsplit(url).hostname or "a folder"
        what = f"source {number} ({where}) could not be read since {at(since)}: {error or ''}"
        mend = (
            "Open its address in a browser (`alerts source list` shows it). Once it answers, it is"
            f" read by itself; where it is gone for good, `alerts source pause {number}`."
        )
        yield Trouble(Kind.SOURCE_DEAD, f"source:{number}", what, mend)


def _dead_mailboxes(
    session: Session, now: datetime, urls: Sequence[MailboxUrl]
) -> Iterator[Trouble]:
    for mailbox in failing_mailboxes(session, urls):
        since = mailbox.failing_since
        if since is not None and since <= now - kinds.MAILBOX_DEAD_AFTER:
            what = (
                f"no mail could be fetched from {mailbox.shown} since {at(since)}:"
                f" {mailbox.last_error or ''}"
            )
            mend = (
                "Mend the address or the password in ALERTS_INBOUND_URL, or the mail server, and"
                " start the workers anew where the setting changed; `alerts inbound fetch` tries it"
                " now. Until then no bounce and no complaint from there is seen; none is lost."
            )
            yield Trouble(Kind.MAILBOX_DEAD, f"mailbox:{mailbox.id}", what, mend)


def _waiting_mail(session: Session, now: datetime) -> Iterator[Trouble]:
    waiting = session.scalar(
        select(func.count())
        .select_from(InboundMail)
        .where(InboundMail.state == MailState.NEW)
        .where(InboundMail.received_at <= now - kinds.MAIL_WAITS_AFTER)
    )
    if waiting:
        mails = "1 inbound mail has" if waiting == 1 else f"{waiting:,} inbound mails have"
        minutes = kinds.MAIL_WAITS_AFTER // timedelta(minutes=1)
        what = f"{mails} waited for more than {minutes} minutes to be read"
        mend = "See whether a worker runs and takes the queue `inbound`, with `alerts status`."
        yield Trouble(Kind.MAIL_WAITS, "inbound", what, mend)


def _disk(space: Space | None) -> Iterator[Trouble]:
    if space is not None and kinds.is_short(space.total, space.free):
        what = f"the data folder's disk has {space.free / _GIBIBYTE:.1f} GiB left"
        mend = (
            "Make room, old backups first, or move ALERTS_DATA_DIR to a larger disk. Once it is"
            " full, nothing can be written down, and nothing is sent."
        )
        yield Trouble(Kind.DISK_SHORT, "data", what, mend)


def _canaries(session: Session, now: datetime, within: timedelta) -> Iterator[Trouble]:
    rows = session.execute(
        select(CanaryCopy.issue_id, Issue.newsletter, CanaryCopy.sent_at)
        .join(Issue, Issue.id == CanaryCopy.issue_id)
        .where(CanaryCopy.arrived_at.is_(None), CanaryCopy.sent_at <= now - within)
        .order_by(CanaryCopy.issue_id)
    )
    for number, newsletter, sent_at in rows:
        what = (
            f"issue {number} of {newsletter}: the canary's copy, sent on {at(sent_at)}, has not"
            " come back"
        )
        mend = "See whether the mail server still holds it, and whether inbound mail is taken in."
        yield Trouble(Kind.CANARY_MISSING, f"issue:{number}", what, mend)
