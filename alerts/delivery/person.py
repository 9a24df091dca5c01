"""What is kept about one person, to take away: consents, wishes, what was sent, came back.

`alerts.inbound.person` adds what they wrote.
"""

import csv
import io
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import rfc3339
from alerts.delivery.models import Delivery
from alerts.delivery.returned import BounceEvent
from alerts.newsletters.models import Issue
from alerts.newsletters.numbering import spelled
from alerts.subscribers.files.cells import with_formula_mark
from alerts.subscribers.models import ConsentRecord, Subscriber

_ONE_OF = {
    "subscriptions": "subscription",
    "consents": "consent",
    "deliveries": "delivery",
    "mails": "mail",
}


def personal_data(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """Return this about a person as a document for JSON; times are RFC 3339 in UTC."""
    consents = session.scalars(
        select(ConsentRecord)
        .where(ConsentRecord.subscriber_id == subscriber.id)
        .order_by(ConsentRecord.id)
    )
    sent = session.execute(
        select(
            Issue.newsletter,
            Issue.number,
            Issue.number_count,
            Issue.subject,
            Delivery.state,
            Delivery.reason,
            Delivery.last_attempt_at,
        )
        .join(Issue, Issue.id == Delivery.issue_id)
        .where(Delivery.subscriber_id == subscriber.id)
        .order_by(Delivery.id)
    )
    returned = session.scalars(
        select(BounceEvent)
        .where(BounceEvent.subscriber_id == subscriber.id)
        .order_by(BounceEvent.id)
    )
    return {
        "email": subscriber.email,
        "name": subscriber.name,
        "state": subscriber.state.value,
        "time_zone": subscriber.time_zone,
        "send_hour": subscriber.send_hour,
        "language": subscriber.language,
        "plain_text": subscriber.plain_text,
        "paused_until": rfc3339(subscriber.paused_until),
        "created_at": rfc3339(subscriber.created_at),
        "confirmed_at": rfc3339(subscriber.confirmed_at),
        "subscriptions": [
            {
                "newsletter": one.newsletter,
                "frequency": one.frequency.value,
                "regions": list(one.interests.regions),
                "countries": list(one.interests.countries),
                "topics": list(one.interests.topics),
                "series": list(one.interests.series),
                "started_at": rfc3339(one.started_at),
                "ended_at": rfc3339(one.ended_at),
            }
            for one in subscriber.subscriptions
        ],
        "consents": [
            {
                "at": rfc3339(one.at),
                "action": one.action.value,
                "newsletter": one.newsletter,
                "wording": one.wording,
                "way": one.way,
                "origin": one.origin,
                "issue": one.issue_id,
            }
            for one in consents
        ],
        "deliveries": [
            {
                "newsletter": newsletter,
                "number": spelled(number, count),
                "subject": subject,
                "state": state.value,
                "reason": reason,
                "at": rfc3339(at),
            }
            for newsletter, number, count, subject, state, reason, at in sent
        ],
        "returned": [
            {
                "at": rfc3339(one.at),
                "kind": one.kind.value,
                "newsletter": one.newsletter,
                "code": one.code,
                "diagnostic": one.diagnostic,
            }
            for one in returned
        ],
    }


def personal_csv(document: dict[str, Any]) -> str:
    """Return the same as CSV with the columns `what`, `field`, `value`; safe for spreadsheets."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(("what", "field", "value"))
    for name, value in document.items():
        if not isinstance(value, list):
            writer.writerow(("subscriber", name, _cell(value)))
            continue
        for number, entry in enumerate(value, start=1):
            for key, inner in entry.items():
                writer.writerow((f"{_ONE_OF.get(name, name)} {number}", key, _cell(inner)))
    return buffer.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    return with_formula_mark(text)
