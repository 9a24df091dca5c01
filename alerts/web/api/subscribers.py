"""`/api/v1/subscribers`: readers. Addresses stand in bodies alone, since paths get logged."""

from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from alerts.errors import Invalid, NotFound
from alerts.inbound.erasing import erase_person, wipe
from alerts.inbound.person import personal_data
from alerts.kept_answers import Answer
from alerts.newsletters.service import get_newsletter, offers
from alerts.staff.audit import Subject
from alerts.staff.permissions import Permission
from alerts.subscribers import exclusion, service
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.exporting import export_subscribers
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription
from alerts.subscribers.queries import by_key, find_subscriber
from alerts.subscribers.serialise import subscriber_json
from alerts.subscribers.wishes import choose_offers
from alerts.task_queue import Queue, Task
from alerts.web.api.call import Call, CurrentCall, as_json, respond
from alerts.web.api.paging import Cursor, Limit, page_of
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import PathId, acts, looks
from alerts.web.api.shapes.readers import (
    Address,
    Leaving,
    NewSubscriber,
    PersonalData,
    Subscribed,
    Subscribers,
    SubscriberShape,
)
from alerts.web.public.mail_limits import may_mail

router = APIRouter(prefix="/v1/subscribers", tags=["subscribers"], route_class=ApiRoute)
WAY = "API"
# Kept with the consent where the program says nothing of it.
ASKED = "Handed in through the API; who is not confirmed is asked by mail."
_P = Permission


@router.get("", **looks(_P.SUBSCRIBERS_READ, Subscribers, "List readers"))
def list_subscribers(
    call: CurrentCall,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: SubscriberState | None = None,
    newsletter: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """List readers, the newest first."""
    page = page_of(call, limit=limit, cursor=cursor)
    query = select(Subscriber).order_by(Subscriber.id.desc()).limit(limit + 1)
    if state is not None:
        query = query.where(Subscriber.state == state)
    if (before := page.number()) is not None:
        query = query.where(Subscriber.id < before)
    with call.read() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
            reading = select(Subscription.id).where(
                Subscription.subscriber_id == Subscriber.id,
                Subscription.newsletter == newsletter,
                Subscription.ended_at.is_(None),
            )
            query = query.where(reading.exists())
        found = [(str(one.id), _document(call, one)) for one in session.scalars(query)]
    return page.answer(found)


@router.post(
    "", **acts(_P.SUBSCRIBERS_WRITE, Subscribed, "Subscribe somebody", status=201, also=200)
)
def add(new: NewSubscriber, call: CurrentCall) -> Response:
    """Subscribe somebody: 201 when they are new. Unless `confirmed`, they are mailed a link."""
    if new.confirmed and not new.consent.strip():
        raise Invalid("consent: say on what basis somebody is confirmed who did not confirm here")
    if not new.confirmed:
        _check_mails(call, new.email)
    with call.acting() as acting:
        session = acting.session
        exclusion.refuse_suppressed(session, new.email, keys=call.site.runtime.settings.secret_key)
        done = service.add_subscriber(
            session,
            email=new.email,
            offers=choose_offers(offers(session), new.newsletters),
            name=new.name,
            frequency=new.frequency,
            regions=new.regions,
            time_zone=new.time_zone,
            confirmed=new.confirmed,
            consent=new.consent.strip() or ASKED,
            way=WAY,
            clock=call.clock,
        )
        what = Subject("subscriber", done.subscriber.id)
        if done.kind != "unchanged":
            acting.record(f"subscriber.{done.kind}", what, confirmed=new.confirmed)
        if done.subscriber.confirmation_due_at is not None:
            acting.enqueue(Task.SEND_CONFIRMATION, done.subscriber.id, queue=Queue.TRANSACTIONAL)
        base_url = call.site.runtime.settings.base_url
        return acting.answer(
            _document(call, done.subscriber) | {"result": done.kind},
            status=201 if done.kind == "added" else 200,
            headers={"Location": f"{base_url}/api/v1/subscribers/{done.subscriber.id}"},
        )


@router.post("/find", **acts(_P.SUBSCRIBERS_READ, SubscriberShape, "Find a reader by address"))
def find(wanted: Address, call: CurrentCall) -> Response:
    """Return the reader with an address, however it is written."""
    with call.read() as session:
        document = _document(call, find_subscriber(session, wanted.email))
    return respond(Answer(200, as_json(document)))


@router.get(
    "/export", **looks(_P.SUBSCRIBERS_WRITE, None, "Export readers as CSV", kind="text/csv")
)
def export(call: CurrentCall) -> Response:
    """Return everybody who is, or may become, a reader, in the columns that an import reads."""
    folder = TemporaryDirectory(prefix="alerts-export-")
    path = Path(folder.name) / "subscribers.csv"
    people = export_subscribers(call.site.runtime.database, path)
    with call.acting() as acting:
        acting.record("subscribers.exported", Subject("subscribers", "all"), people=people)
    return FileResponse(
        path,
        media_type="text/csv",
        filename=path.name,
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(folder.cleanup),
    )


@router.get("/{subscriber_id:int}", **looks(_P.SUBSCRIBERS_READ, SubscriberShape, "Show a reader"))
def show(subscriber_id: PathId, call: CurrentCall) -> Response:
    """Return a reader with the subscriptions in force."""
    with call.read() as session:
        return respond(Answer(200, as_json(_document(call, _get(session, subscriber_id)))))


@router.get(
    "/{subscriber_id:int}/data",
    **looks(_P.SUBSCRIBERS_READ, PersonalData, "Export all that is kept about a reader"),
)
def data(subscriber_id: PathId, call: CurrentCall) -> Response:
    """Return all that is kept about a person: consents, wishes, what was sent, what they wrote."""
    with call.acting() as acting:
        document = personal_data(acting.session, _get(acting.session, subscriber_id))
        acting.record("subscriber.exported", Subject("subscriber", subscriber_id))
        return acting.answer(document)


@router.post(
    "/{subscriber_id:int}/unsubscribe",
    **acts(_P.SUBSCRIBERS_WRITE, SubscriberShape, "End subscriptions"),
)
def unsubscribe(
    subscriber_id: PathId, call: CurrentCall, leaving: Leaving | None = None
) -> Response:
    """End one subscription, or all; in force at once."""
    newsletter = leaving.newsletter if leaving else None
    with call.acting() as acting:
        if newsletter is not None:
            get_newsletter(acting.session, newsletter)
        subscriber = _get(acting.session, subscriber_id)
        changed = service.unsubscribe(
            acting.session, subscriber, newsletter=newsletter, way=WAY, clock=call.clock
        )
        if changed:
            what = Subject("subscriber", subscriber_id)
            acting.record("subscriber.unsubscribed", what, newsletter=newsletter)
        return acting.answer(_document(call, subscriber))


@router.delete(
    "/{subscriber_id:int}",
    **acts(_P.SUBSCRIBERS_ERASE, None, "Erase a person", status=204),
)
def erase(subscriber_id: PathId, call: CurrentCall) -> Response:
    """Remove a person's data for good; totals stay, and a keyed hash keeps the address out."""
    keys = call.site.runtime.settings.secret_key
    with call.acting() as acting:
        subscriber = _get(acting.session, subscriber_id)
        address = subscriber.email
        erase_person(acting.session, subscriber, keys=keys, way=WAY, clock=call.clock)
        acting.record("subscriber.erased", Subject("subscriber", subscriber_id))
        response = acting.answer(None, status=204)
    wipe(call.site.runtime.database, address, call.site.caught)
    return response


def _check_mails(call: Call, email: str) -> None:
    """Raise 429 when an address has had its mails: a form may stand before the program.

    Whoever is confirmed already gets none.
    """
    with call.read() as session:
        known = by_key(session, parse_address(email).key)
    if known is not None and known.state is SubscriberState.CONFIRMED:
        return
    if not may_mail(call.site, email):
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            "this address was mailed a link to confirm several times of late; nothing was changed,"
            " and it may be tried again in an hour",
            headers={"Retry-After": "3600"},
        )


def _get(session: Session, subscriber_id: int) -> Subscriber:
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        raise NotFound(f"there is no reader {subscriber_id}")
    return subscriber


def _document(call: Call, subscriber: Subscriber) -> dict[str, Any]:
    return {"id": subscriber.id} | subscriber_json(subscriber, call.site.links)
