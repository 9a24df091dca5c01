"""Somebody's own account: password, device, recovery codes, sessions, API tokens."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from alerts.durations import parse_duration
from alerts.errors import Invalid
from alerts.staff.api_tokens import make_token, revoke_token
from alerts.staff.logging_in import WrongCredentials
from alerts.staff.password_changes import change_password
from alerts.staff.passwords import SHORTEST, Busy
from alerts.staff.permissions import permissions_of
from alerts.staff.queries import get_account, recovery_codes_left, tokens_of
from alerts.staff.sessions import end_session, end_sessions, open_sessions
from alerts.staff.tries import Locked
from alerts.web.desk.cookies import keep_session
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, DeskVisit, PostedForm
from alerts.web.desk.words import sentence, typed
from alerts.web.forms import Fields
from alerts.web.headers import PERSONAL

HERE = "/desk/account"
router = APIRouter(prefix="/account", route_class=DeskRoute)


@router.get("")
def show(desk: DeskVisit) -> Response:
    """Show the account, and the forms to change it."""
    return _page(desk)


@router.post("/password")
def save_password(desk: DeskVisit, fields: PostedForm) -> Response:
    """Change the password: every other session ends, and this one goes on under a new secret."""
    new = typed(fields, "new_password")
    if new != typed(fields, "new_password_again"):
        return _page(desk, problem="The two new passwords are not the same.")
    try:
        begun = change_password(
            desk.site.guard,
            desk.visit,
            current=typed(fields, "password"),
            new=new,
            browser=desk.request.headers.get("user-agent"),
        )
    except (WrongCredentials, Locked, Busy, Invalid) as error:
        return _page(desk, problem=sentence(error))
    answer = RedirectResponse(f"{HERE}?changed=password", HTTPStatus.SEE_OTHER, headers=PERSONAL)
    keep_session(desk.site, answer, begun, now=desk.site.runtime.clock.now())
    return answer


@router.post("/sessions/end")
def end_one(desk: DeskVisit, fields: PostedForm) -> Response:
    """End one session of this account, or all but this one."""
    number, clock = _number(fields.one("session")), desk.site.runtime.clock
    mine = desk.visit
    with desk.site.runtime.database.transaction() as session:
        if fields.one("session") == "others":
            ended = end_sessions(
                session, mine.account_id, but=mine.session_id, actor=desk.actor, clock=clock
            )
            return desk.done(HERE, f"Ended: {ended} other session{'' if ended == 1 else 's'}.")
        was_open = end_session(session, mine.account_id, number, actor=desk.actor, clock=clock)
    return desk.done(HERE, "The session is ended." if was_open else "It had ended already.")


@router.post("/tokens")
def add_token(desk: DeskVisit, fields: PostedForm) -> Response:
    """Make an API token, and show it this once."""
    clock = desk.site.runtime.clock
    try:
        life = parse_duration(fields.one("life"))
        with desk.site.runtime.database.transaction() as session:
            token, row = make_token(
                session,
                get_account(session, desk.visit.account_id),
                name=fields.one("token_name"),
                scopes=fields.every("scope"),
                life=life,
                actor=desk.actor,
                clock=clock,
            )
    except Invalid as error:
        return _page(desk, problem=sentence(error), fields=fields)
    context = {
        "title": f"The API token “{row.name}”",
        "about": "Put it where the program finds it. It is not shown again.",
        "secret": token,
        "back": HERE,
    }
    return desk.page("once.html", context)


@router.post("/tokens/revoke")
def end_token(desk: DeskVisit, fields: PostedForm) -> Response:
    """Let one of this account's API tokens serve no longer."""
    number = _number(fields.one("token"))
    with desk.site.runtime.database.transaction() as session:
        ended = revoke_token(
            session,
            desk.visit.account_id,
            number,
            actor=desk.actor,
            clock=desk.site.runtime.clock,
        )
    return desk.done(HERE, "The API token is revoked." if ended else "It was revoked before.")


def _number(text: str) -> int:
    """Return a row's number; 0, which none has, for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 - the digits of 2^63


def _page(desk: Desk, *, problem: str = "", fields: Fields | None = None) -> Response:
    guard, account_id = desk.site.guard, desk.visit.account_id
    with desk.site.runtime.database.read() as session:
        context = {
            "sessions": open_sessions(guard, session, account_id),
            "tokens": tokens_of(session, account_id),
            "codes_left": recovery_codes_left(session, account_id),
        }
    context |= {
        "now": guard.clock.now(),
        "scopes": sorted(permissions_of(desk.visit.role)),
        "shortest": SHORTEST,
        "typed": fields or Fields(),
        "problem": problem,
        "is_new": desk.request.query_params.get("changed") == "password",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("account.html", context, status=status)
