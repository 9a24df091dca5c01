"""Returned mail: what came back and from where, what came in lately, and what came of it."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.delivery.returned import Returned
from alerts.delivery.returned_counts import CameBack, Line, came_back_since
from alerts.delivery.status_codes import meaning_of
from alerts.inbound.fetching.claims import mailboxes_of
from alerts.inbound.incoming import our_addresses
from alerts.inbound.lately import Came, came_in
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.providers.service import read_event
from alerts.inbound.reading.parts import read_parts
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Kind
from alerts.inbound.storing import again, get_mail
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.chart_shapes import Part
from alerts.web.charts import Columns, Row
from alerts.web.desk.charting import image_of
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires

HERE = "/desk/returned"
_SPANS = (7, 30, 90)
# A chart of more columns is read by nobody: they stand for weeks then.
_MOST_DAYS, _WEEK = 62, 7
KINDS = {
    Returned.HARD.value: Part("hard", "no such mailbox"),
    Returned.SOFT.value: Part("soft", "full, or in trouble"),
    Returned.POLICY.value: Part("policy", "refused by policy"),
    Returned.COMPLAINT.value: Part("complaint", "complaints"),
}
_LARGEST = 2**63 - 1
_SHOWN_OF_A_MAIL = 20_000
_HEAD = 256 * 1024
Reading = Annotated[Desk, requires(Permission.REPORTS_READ)]
Working = Annotated[Desk, requires(Permission.SUBSCRIBERS_WRITE)]
Days = Annotated[int, Query(ge=1, le=366)]
router = APIRouter(prefix="/returned", route_class=DeskRoute)


@router.get("")
def show(
    desk: Reading,
    days: Days = 30,
    kind: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show what came back in the last days, and by the page what came in."""
    wanted_kind = Kind(kind) if kind in set(Kind) else None
    wanted_state = MailState(state) if state in set(MailState) else None
    with desk.site.runtime.database.read() as session:
        found = _came_back(desk, days)
        came = came_in(session, kind=wanted_kind, state=wanted_state, before=before)
        mailboxes = mailboxes_of(session, desk.site.runtime.settings.mailboxes)
    filters: dict[str, object] = {
        "days": days,
        "kind": wanted_kind or "",
        "state": wanted_state or "",
    }
    context = {
        "found": found,
        "chart": chart_of(found.days),
        "kinds_of_return": list(Returned),
        "meanings": {line.name: meaning_of(line.name) for line in found.codes},
        "days": days,
        "spans": _SPANS,
        "came": came,
        "filters": filters,
        "kinds": list(Kind),
        "states": list(MailState),
        "is_later": before is not None,
        "older": _older(came, filters),
        "mailboxes": mailboxes,
        "sees_readers": desk.may(Permission.SUBSCRIBERS_READ),
        "may_work": desk.may(Permission.SUBSCRIBERS_WRITE),
    }
    return desk.page("returned.html", context)


@router.get("/chart.svg")
def picture(desk: Reading, days: Days = 30, narrow: bool = False) -> Response:
    """Draw what came back by day; the numbers stand in a table beside it."""
    drawn = chart_of(_came_back(desk, days).days)
    return image_of(drawn, narrow=narrow)


@router.get("/{mail_id}")
def one(desk: Reading, mail_id: int) -> Response:
    """Show one mail: what it was understood to be, what came of it, and its text."""
    sees_readers = desk.may(Permission.SUBSCRIBERS_READ)
    with desk.site.runtime.database.read() as session:
        mail = get_mail(session, mail_id)
        ours = our_addresses(session, desk.site.runtime.settings)
    event = read_event(mail.way, mail.raw)
    context = {
        "mail": mail,
        "reading": event or read_mail(mail.raw, ours=ours),
        "is_event": event is not None,
        "subject": "" if event else read_parts(mail.raw[:_HEAD]).headers.get("subject"),
        "raw": _text_of(mail) if sees_readers else "",
        "is_cut": len(mail.raw) > _SHOWN_OF_A_MAIL,
        "sees_readers": sees_readers,
        "may_work": desk.may(Permission.SUBSCRIBERS_WRITE),
    }
    return desk.page("returned_one.html", context)


@router.post("/{mail_id}/again")
def work_again(desk: Working, fields: PostedForm, mail_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Have a mail worked on once more, after something was mended."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        again(session, mail_id, clock=runtime.clock)
        subject = Subject("inbound_mail", mail_id)
        record(session, desk.actor, "inbound_mail.worked_again", subject, clock=runtime.clock)
    desk.site.queue.enqueue(Task.READ_MAIL, mail_id, queue=Queue.INBOUND)
    return desk.done(f"{HERE}/{mail_id}", "It is worked on once more; look again in a moment.")


def _came_back(desk: Desk, days: int) -> CameBack:
    today = desk.site.runtime.clock.now().date()
    with desk.site.runtime.database.read() as session:
        return came_back_since(session, today - timedelta(days=days - 1), until=today)


def chart_of(days: Sequence[Line]) -> Columns:
    """Return a chart with a column for each day, or each week of many; days as `2026-11-30`."""
    span = 1 if len(days) <= _MOST_DAYS else _WEEK
    rows = []
    for first in range(0, len(days), span):
        together = days[first : first + span]
        sums = {kind: sum(day.of(Returned(kind)) for day in together) for kind in KINDS}
        rows.append(Row(f"{date.fromisoformat(together[0].name):%-d %b}", sums))
    return Columns(rows, KINDS)


def _older(came: Came, filters: dict[str, object]) -> str:
    if came.older is None:
        return ""
    asked = {name: value for name, value in filters.items() if value}
    return "?" + urlencode(asked | {"before": came.older}) + "#lately"


def _text_of(mail: InboundMail) -> str:
    return mail.raw[:_SHOWN_OF_A_MAIL].replace(b"\0", b"").decode("utf-8", errors="replace")
