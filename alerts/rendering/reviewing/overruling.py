"""Warnings that an editor lets stand, with a reason and a name, until their cause changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Conflict, Invalid, NotFound, Refused
from alerts.rendering.lint.findings import Finding, fingerprint
from alerts.rendering.reviewing.models import Overruling
from alerts.staff.audit import Actor, Subject, record

_LONGEST_REASON = 500
_SHORTEST_REASON = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding, and who overruled it, if anybody did."""

    finding: Finding
    overruling: Overruling | None = None

    @property
    def stands(self) -> bool:
        """Whether it still asks for something."""
        return self.overruling is None

    @property
    def fingerprint(self) -> str:
        """The finding's own, by which a form names it."""
        return fingerprint(self.finding)


def with_overrulings(session: Session, issue_id: int, findings: Sequence[Finding]) -> list[Checked]:
    """Return the findings in order, each with what overrules it in this issue."""
    rows = session.scalars(select(Overruling).where(Overruling.issue_id == issue_id))
    by_print = {row.fingerprint: row for row in rows}
    return [
        # An error stands whatever was said of it when it was a warning.
        Checked(one, by_print.get(fingerprint(one)) if one.level == "warning" else None)
        for one in findings
    ]


def overrule(
    session: Session,
    issue_id: int,
    finding: Finding,
    *,
    reason: str,
    by: str,
    actor: Actor,
    clock: Clock,
) -> Overruling:
    """Let a warning stand in an issue; the reason goes on record.

    Raises Refused for an error, Invalid without a reason, Conflict when somebody was first.
    """
    words = " ".join(reason.split())
    if finding.level != "warning":
        raise Refused(f"an {finding.level} cannot be overruled: {finding.fix}")
    if len(words) < _SHORTEST_REASON:
        raise Invalid("say why it may stand; the reason goes on record")
    if len(words) > _LONGEST_REASON:
        raise Invalid(f"a reason has at most {_LONGEST_REASON} characters, this has {len(words)}")
    row = Overruling(
        issue_id=issue_id,
        fingerprint=fingerprint(finding),
        rule=finding.rule,
        message=finding.message,
        reason=words,
        by=by,
        at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("somebody overruled this warning at the same moment") from error
    _note(session, actor, "issue.warning_overruled", issue_id, row, clock=clock)
    return row


def take_back(session: Session, issue_id: int, print_: str, *, actor: Actor, clock: Clock) -> str:
    """Let a warning count again; returns its message. Raises NotFound."""
    row = session.scalar(
        select(Overruling).where(Overruling.issue_id == issue_id, Overruling.fingerprint == print_)
    )
    if row is None:
        raise NotFound("nobody overruled this warning; look at the checks again")
    session.execute(delete(Overruling).where(Overruling.id == row.id))
    _note(session, actor, "issue.warning_restored", issue_id, row, clock=clock)
    return row.message


def _note(
    session: Session, actor: Actor, act: str, issue_id: int, row: Overruling, *, clock: Clock
) -> None:
    record(
        session,
        actor,
        act,
        Subject("issue", issue_id),
        clock=clock,
        rule=row.rule,
        warning=row.message,
        reason=row.reason,
    )
