"""Who works here: for admins."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.staff import service
from alerts.staff.codes import take_off_second_factor
from alerts.staff.models import StaffAccount
from alerts.staff.password_changes import unlock_account
from alerts.staff.permissions import Permission, Role, parse_role
from alerts.staff.queries import get_account, list_accounts, tries_of
from alerts.staff.sessions import require_recent
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

HERE = "/desk/staff"
_TRIES_SHOWN = 10
Managing = Annotated[Desk, requires(Permission.STAFF_MANAGE)]
router = APIRouter(prefix="/staff", route_class=DeskRoute)


@router.get("")
def show(desk: Managing) -> Response:
    """Show everybody who has an account, and the form to add somebody."""
    return _page(desk)


@router.post("")
def add(desk: Managing, fields: PostedForm) -> Response:
    """Add an account, and show the link with which its owner sets a password, this once."""
    require_recent(desk.visit, desk.site.runtime.clock)
    try:
        with desk.site.runtime.database.transaction() as session:
            account = service.add_account(
                session,
                email=fields.one("email"),
                role=parse_role(fields.one("role")),
                name=fields.one("name"),
                actor=desk.actor,
                clock=desk.site.runtime.clock,
            )
            link = _link(desk, session, account)
    except (Invalid, Refused) as error:
        return _page(desk, problem=sentence(error), fields=fields)
    return _show_link(desk, account, link)


@router.get("/{account_id}")
def one(desk: Managing, account_id: int) -> Response:
    """Show one account, how it was tried to log in to it, and what an admin may do about it."""
    with desk.site.runtime.database.read() as session:
        context = {
            "account": get_account(session, account_id),
            "tries": tries_of(session, account_id, limit=_TRIES_SHOWN),
            "roles": list(Role),
        }
    return desk.page("staff_one.html", context)


@router.post("/{account_id}/role")
def change_role(desk: Managing, fields: PostedForm, account_id: int) -> Response:
    """Give somebody another role; their sessions end."""
    clock = desk.site.runtime.clock
    require_recent(desk.visit, clock)
    role = parse_role(fields.one("role"))
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, account_id)
        changed = service.change_role(session, account, role, actor=desk.actor, clock=clock)
    return desk.done(_at(account_id), f"{account.shown} is {role}{'' if changed else ' already'}.")


@router.post("/{account_id}/link")
def make_link(desk: Managing, fields: PostedForm, account_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Make a new link to set a password; the one before serves no longer."""
    require_recent(desk.visit, desk.site.runtime.clock)
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, account_id)
        link = _link(desk, session, account)
    return _show_link(desk, account, link)


@router.post("/{account_id}/unlock")
def unlock(desk: Managing, fields: PostedForm, account_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Let somebody try again at once who gave a wrong password or code too often."""
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, account_id)
        unlock_account(desk.site.guard, session, account, actor=desk.actor)
    return desk.done(_at(account_id), f"{account.shown} may try again at once.")


@router.post("/{account_id}/reset")
def reset_second_factor(desk: Managing, fields: PostedForm, account_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Take the second factor off, for somebody who lost device and recovery codes."""
    clock = desk.site.runtime.clock
    require_recent(desk.visit, clock)
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, account_id)
        taken = take_off_second_factor(session, account, actor=desk.actor, clock=clock)
    said = "the second factor is taken off" if taken else "there was no second factor"
    return desk.done(_at(account_id), f"{account.shown}: {said}.")


@router.post("/{account_id}/remove")
def remove(desk: Managing, fields: PostedForm, account_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Let somebody go, at once; the log of what they did stays, without the person."""
    clock = desk.site.runtime.clock
    require_recent(desk.visit, clock)
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, account_id)
        shown = account.shown
        service.remove_account(session, account, actor=desk.actor, clock=clock)
    return desk.done(HERE, f"{shown} is removed.")


def _link(desk: Desk, session: Session, account: StaffAccount) -> str:
    clock = desk.site.runtime.clock
    secret = service.make_password_link(session, account, actor=desk.actor, clock=clock)
    return service.password_url(desk.site.runtime.settings.base_url, secret)


def _show_link(desk: Desk, account: StaffAccount, link: str) -> Response:
    hours = round(service.LINK_LASTS.total_seconds() / 3600)
    context = {
        "title": f"The link for {account.shown}",
        "about": f"With it {account.shown} sets a password, once, within {hours} hours. Pass it on"
        " by a way of your own: it is not mailed, and not shown again.",
        "secret": link,
        "back": HERE,
    }
    return desk.page("once.html", context)


def _at(account_id: int) -> str:
    return f"{HERE}/{account_id}"


def _page(desk: Desk, *, problem: str = "", fields: Fields | None = None) -> Response:
    with desk.site.runtime.database.read() as session:
        accounts = list_accounts(session)
    context = {
        "accounts": accounts,
        "roles": list(Role),
        "typed": fields or Fields(),
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("staff.html", context, status=status)
