"""For readers who have no mail of ours at hand: their preferences' link, mailed to them.

The answer is the same for every address, known or not.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from alerts.errors import Invalid, NotFound
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.queries import find_subscriber
from alerts.task_queue import Queue, Task
from alerts.web.forms import PostedFields
from alerts.web.public.mail_limits import check_network, may_mail
from alerts.web.site import CurrentSite, Origin, Site

router = APIRouter(prefix="/preferences")


@router.get("")
@router.get("/", include_in_schema=False)
def ask(site: CurrentSite) -> Response:
    """Show the form that asks for the address."""
    return _page(site)


@router.post("")
def send(site: CurrentSite, origin: Origin, fields: PostedFields) -> Response:
    """Have the link mailed to the address, if it is a subscriber's."""
    email = fields.one("email")
    try:
        parse_address(email)
    except Invalid as error:
        problem = str(error) if email else "Please type your email address."
        return _page(site, email=email, problem=problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    check_network(site, origin)
    if may_mail(site, email):
        _owe_link(site, email)
    return site.pages.page(
        "lost_done.html", {"email": email}, headers={"Cache-Control": "no-store"}
    )


def _owe_link(site: Site, email: str) -> None:
    with site.runtime.database.transaction() as session:
        try:
            subscriber = find_subscriber(session, email)
        except NotFound:
            return
        if subscriber.state is SubscriberState.SUPPRESSED:
            return
        # Owed like a confirmation: which of the two it is, their state says when it is sent.
        subscriber.confirmation_due_at = site.runtime.clock.now()
        number = subscriber.id
    site.queue.enqueue(Task.SEND_CONFIRMATION, number, queue=Queue.TRANSACTIONAL)


def _page(
    site: Site, *, email: str = "", problem: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    return site.pages.page("lost.html", {"email": email, "problem": problem}, status=status)
