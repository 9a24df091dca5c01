"""The audit log: who did what, when, and from where."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, NotFound
from alerts.staff.audit import AuditPage, Subject, audit_page
from alerts.staff.models import ActorKind
from alerts.staff.permissions import Permission
from alerts.staff.queries import find_account
from alerts.staff.serialise import audit_json
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.words import sentence

_LARGEST = 2**63 - 1
Reading = Annotated[Desk, requires(Permission.AUDIT_READ)]
Text = Annotated[str, Query(max_length=320)]
router = APIRouter(prefix="/log", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _Filters:
    """What was asked for, as it was typed; empty for all."""

    by: str
    actor: str
    subject: str
    since: str
    until: str

    def query(self, before: int) -> str:
        """Return the address of the page after, with the same filters."""
        asked = {name: getattr(self, name) for name in ("by", "actor", "subject", "since", "until")}
        return "?" + urlencode({k: v for k, v in asked.items() if v} | {"before": before})

    def wanted(self, session: Session) -> dict[str, Any]:
        """Return the filters as the log understands them; raises Invalid and NotFound."""
        kind, colon, number = self.subject.partition(":")
        return {
            "account_id": find_account(session, self.by).id if self.by else None,
            "actor": _actor(self.actor),
            "subject": Subject(kind, number) if colon else None,
            "subject_kind": kind or None,
            "since": _day(self.since),
            # The day that is named belongs to it.
            "until": _day(self.until, days=1),
        }


@router.get("")
def show(
    desk: Reading,
    by: Text = "",
    actor: Text = "",
    subject: Text = "",
    since: Text = "",
    until: Text = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show the entries that fit, the newest first, by the page."""
    asked = (one.strip().replace("\0", "") for one in (by, actor, subject, since, until))
    filters, problem = _Filters(*asked), ""
    page = AuditPage((), None)
    with desk.site.runtime.database.read() as session:
        try:
            page = audit_page(session, before=before, **filters.wanted(session))
        except (Invalid, NotFound) as error:
            problem = sentence(error)
    context = {
        "lines": [(line.entry.at, audit_json(line)) for line in page.lines],
        "older": filters.query(page.next) if page.next else "",
        "filters": filters,
        "actors": list(ActorKind),
        "is_later": before is not None,
        "problem": problem,
    }
    return desk.page("log.html", context)


def _actor(text: str) -> ActorKind | None:
    try:
        return ActorKind(text) if text else None
    except ValueError as error:
        raise Invalid(
            f"{text!r} is nobody who acts; {', '.join(ActorKind)} would be right"
        ) from error


def _day(text: str, *, days: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{text!r} is no day; 2026-11-30 would be right") from error
