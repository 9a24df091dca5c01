"""Signing up: a form, and the same answer for every address, known or not."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.exclusion import refuse_suppressed
from alerts.subscribers.models import Subscriber
from alerts.subscribers.service import add_subscriber
from alerts.subscribers.typos import suggested_address
from alerts.task_queue import Queue, Task
from alerts.tokens import BadToken
from alerts.web.forms import Fields, PostedFields, form_token, read_form_token
from alerts.web.public.catalogue import Entry
from alerts.web.public.choices import Choice, fresh, posted
from alerts.web.public.mail_limits import check_network, may_mail
from alerts.web.site import CurrentSite, Origin, Site

WAY = "web form"
_SIGN_UP = "sign-up"
# The words a person agrees to by pressing the button; kept with the consent.
CONSENT = "Please send me the newsletters I ticked. I can leave at any time by a link in each mail."
# People never see this field; programs that fill in every field do.
_TRAP = "website"
router = APIRouter()


@dataclass
class SignUp:
    """The sign-up form as it stands: what was typed and what is wrong with it, by field."""

    choices: list[Choice]
    email: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    is_embedded: bool = False


@router.get("/subscribe")
def form(
    site: CurrentSite,
    newsletter: Annotated[list[str] | None, Query(max_length=50)] = None,
    email: Annotated[str, Query(max_length=320)] = "",
) -> Response:
    """Show the form; `?newsletter=SLUG` ticks what the reader came for, `?email=` fills it in."""
    choices = fresh(site.entries().values(), ticked=newsletter or ())
    return _form_page(site, SignUp(choices, email=email.strip()))


@router.post("/subscribe")
def sign_up(site: CurrentSite, origin: Origin, fields: PostedFields) -> Response:
    """Take a sign-up; what is wrong is said at its field, and what was typed stays."""
    form = _read(fields, site.entries())
    if fields.one(_TRAP):
        # A program filled it in; it is told what a person is told.
        return _answer(site, form)
    if form.problems:
        return _form_page(site, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    if not fields.has("form_token"):
        # A form on somebody else's page, which knows no token of ours.
        form.is_embedded = True
        return _form_page(site, form)
    if not _is_timely(site, fields.one("form_token")):
        form.problems["form"] = (
            "This form was open for very long, or sent very quickly. "
            "Nothing is lost: please press the button once more."
        )
        return _form_page(site, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    check_network(site, origin)
    if may_mail(site, form.email):
        _owe_confirmation(site, form, origin)
    return _answer(site, form)


def _owe_confirmation(site: Site, form: SignUp, origin: str | None) -> None:
    try:
        with site.runtime.database.transaction() as session:
            subscriber_id = _note(session, site, form, origin)
    except Refused:
        # Suppressed: no mail goes there, and nobody is told so who only typed the address.
        return
    site.queue.enqueue(Task.SEND_CONFIRMATION, subscriber_id, queue=Queue.TRANSACTIONAL)


def _read(fields: Fields, entries: dict[str, Entry]) -> SignUp:
    form = SignUp(posted(entries.values(), fields), email=fields.one("email"))
    if not form.email:
        form.problems["email"] = "Please type your email address."
    else:
        form.problems |= _address_problem(form.email)
    if not any(choice.chosen for choice in form.choices):
        form.problems["newsletter"] = "Please tick at least one newsletter."
    if any(choice.chosen and choice.problem for choice in form.choices):
        form.problems["choices"] = "Please look at the marked choices below."
    return form


def _address_problem(address: str) -> dict[str, str]:
    try:
        # Whether mail arrives there, the confirmation shows.
        parse_address(address)
    except Invalid as error:
        return {"email": str(error)}
    return {}


def _is_timely(site: Site, token: str) -> bool:
    try:
        about = read_form_token(site.runtime.tokens, site.runtime.clock, token)
    except BadToken:
        return False
    return about == (_SIGN_UP,)


def _note(session: Session, site: Site, form: SignUp, origin: str | None) -> int:
    """Write the sign-up down and return the subscriber's number.

    Raises Refused for an address that is suppressed.
    """
    refuse_suppressed(session, form.email, keys=site.runtime.settings.secret_key)
    chosen = [choice for choice in form.choices if choice.chosen]
    added = [_added(session, site, form.email, choice, origin) for choice in chosen]
    return added[0].id


def _added(
    session: Session, site: Site, email: str, choice: Choice, origin: str | None
) -> Subscriber:
    return add_subscriber(
        session,
        email=email,
        offers=[choice.entry.offer],
        frequency=choice.frequency,
        interests=choice.interests,
        by_anybody=True,
        consent=CONSENT,
        way=WAY,
        origin=origin,
        clock=site.runtime.clock,
    ).subscriber


def _form_page(site: Site, form: SignUp, status: HTTPStatus = HTTPStatus.OK) -> Response:
    context = {
        "form": form,
        "topics": tuple(site.topics.thresholds),
        "consent": CONSENT,
        "form_token": form_token(site.runtime.tokens, site.runtime.clock, _SIGN_UP),
    }
    return site.pages.page(
        "subscribe.html", context, status=status, headers={"Cache-Control": "no-store"}
    )


def _answer(site: Site, form: SignUp) -> Response:
    chosen = [choice.entry.offer.title for choice in form.choices if choice.chosen]
    context = {
        "email": form.email,
        "titles": chosen,
        "suggestion": suggested_address(form.email),
        "slugs": [choice.slug for choice in form.choices if choice.chosen],
    }
    return site.pages.page("subscribe_done.html", context, headers={"Cache-Control": "no-store"})
