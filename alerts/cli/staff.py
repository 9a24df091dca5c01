"""`alerts staff …`: who works at the desk, their API tokens, and the log of what was done."""

import re
import sys
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.cli.times import parse_moment
from alerts.clock import rfc3339
from alerts.durations import parse_duration
from alerts.errors import Invalid
from alerts.runtime import Runtime
from alerts.staff import service
from alerts.staff.api_tokens import make_token, revoke_token
from alerts.staff.audit import COMMAND_LINE, Subject, audit_page
from alerts.staff.codes import take_off_second_factor
from alerts.staff.guard import Guard, make_guard
from alerts.staff.models import StaffAccount
from alerts.staff.password_changes import set_password, unlock_account
from alerts.staff.passwords import LONGEST, check_password
from alerts.staff.permissions import Role
from alerts.staff.queries import find_account, list_accounts, tokens_of
from alerts.staff.serialise import account_json, audit_json, token_json

app = typer.Typer(no_args_is_help=True, help="Staff: accounts, API tokens, the audit log.")

# Fractions of a second are for scripts.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address.")]
StdinOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, no link."),
]


@app.command()
def add(
    email: Email,
    role: Annotated[Role, typer.Option(help="What the person may do.")],
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    password_stdin: StdinOption = False,
    json: JsonOption = False,
) -> None:
    """Add an account; prints a link, good once and for 48 hours, to set its password."""
    typed = _typed_password(email) if password_stdin else None
    with program() as runtime:
        hashed = None if typed is None else _guard(runtime).passwords.hash(typed)
        with runtime.database.transaction() as session:
            account = service.add_account(
                session,
                email=email,
                role=role,
                name=name,
                password_hash=hashed,
                actor=COMMAND_LINE,
                clock=runtime.clock,
            )
            document = account_json(account) | _link(runtime, session, account, wanted=not typed)
    _say_link("added", document, json=json)


@app.command()
def password(email: Email, password_stdin: StdinOption = False, json: JsonOption = False) -> None:
    """Print a new link to set a password, or set it; for whoever forgot theirs."""
    typed = _typed_password(email) if password_stdin else None
    with program() as runtime:
        with runtime.database.read() as session:
            account_id = find_account(session, email).id
        if typed is not None:
            set_password(_guard(runtime), account_id, typed, actor=COMMAND_LINE)
        with runtime.database.transaction() as session:
            account = find_account(session, email)
            document = account_json(account) | _link(runtime, session, account, wanted=not typed)
    _say_link("password set for" if typed else "new link for", document, json=json)


@app.command("list")
def list_command(
    removed: Annotated[bool, typer.Option("--removed", help="Also those removed.")] = False,
    json: JsonOption = False,
) -> None:
    """List the staff, with their roles and when they last logged in."""
    with program() as runtime, runtime.database.read() as session:
        found = [account_json(one) for one in list_accounts(session, removed=removed)]
    columns = ("id", "email", "name", "role", "state", "second_factor", "last_log_in_at")
    _show(found, columns, json=json)


@app.command()
def remove(email: Email, json: JsonOption = False) -> None:
    """Let somebody go: in force at once; the log of what they did stays, without the person."""
    with program() as runtime, runtime.database.transaction() as session:
        account = find_account(session, email)
        service.remove_account(session, account, actor=COMMAND_LINE, clock=runtime.clock)
        document = account_json(account)
    _done(f"removed {email}", document, json=json)


@app.command()
def role(
    email: Email,
    new: Annotated[Role, typer.Argument(metavar="ROLE", help="editor, ops or admin.")],
    json: JsonOption = False,
) -> None:
    """Give an account another role; its sessions end."""
    with program() as runtime, runtime.database.transaction() as session:
        account = find_account(session, email)
        changed = service.change_role(
            session, account, new, actor=COMMAND_LINE, clock=runtime.clock
        )
        document = account_json(account)
    _done(f"{email} is {new}" + ("" if changed else " already"), document, json=json)


@app.command()
def unlock(email: Email, json: JsonOption = False) -> None:
    """Let somebody try again at once who gave a wrong password or code too often."""
    with program() as runtime, runtime.database.transaction() as session:
        account = find_account(session, email)
        unlock_account(_guard(runtime), session, account, actor=COMMAND_LINE)
        document = account_json(account)
    _done(f"unlocked {email}", document, json=json)


@app.command("reset-second-factor")
def reset_second_factor(email: Email, json: JsonOption = False) -> None:
    """Let a password suffice again, for somebody who lost device and recovery codes."""
    with program() as runtime, runtime.database.transaction() as session:
        account = find_account(session, email)
        taken = take_off_second_factor(session, account, actor=COMMAND_LINE, clock=runtime.clock)
        document = account_json(account)
    said = "the second factor is taken off" if taken else "there was no second factor"
    _done(f"{email}: {said}", document, json=json)


@app.command()
def token(
    email: Email,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="Such as articles.write; repeat it.")
    ] = None,
    expires: Annotated[str, typer.Option(help="For how long: 12 hours, 90d, 52 weeks.")] = "90d",
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    json: JsonOption = False,
) -> None:
    """Make an API token and print it, this once; it may never more than its owner may."""
    life = parse_duration(expires)
    with program() as runtime, runtime.database.transaction() as session:
        made, row = make_token(
            session,
            find_account(session, email),
            name=name,
            scopes=scope or [],
            life=life,
            actor=COMMAND_LINE,
            clock=runtime.clock,
        )
        document = token_json(row) | {"token": made}
    if json:
        print_json(document)
        return
    say(made)
    note(f"token {document['id']} is good until {document['expires_at']}; it is not shown again")


@app.command()
def tokens(
    email: Annotated[
        str | None, typer.Argument(metavar="[EMAIL]", help="One account; else all.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List API tokens, the newest first, with when each was last used."""
    with program() as runtime, runtime.database.read() as session:
        owner = None if email is None else find_account(session, email).id
        found = [token_json(row) for row in tokens_of(session, owner)]
    columns = ("id", "hint", "name", "scopes", "expires_at", "last_used_at", "revoked_at")
    _show(found, columns, json=json)


@app.command()
def revoke(
    token_id: Annotated[int, typer.Argument(metavar="ID", help="As in `alerts staff tokens`.")],
    json: JsonOption = False,
) -> None:
    """Let an API token serve no longer, from now on."""
    with program() as runtime, runtime.database.transaction() as session:
        revoked = revoke_token(session, None, token_id, actor=COMMAND_LINE, clock=runtime.clock)
    said = f"API token {token_id} " + ("is revoked" if revoked else "was revoked before")
    _done(said, {"id": token_id, "revoked": revoked}, json=json)


@app.command()
def log(
    subject: Annotated[
        str | None, typer.Option(metavar="KIND[:ID]", help="Only on this: issue:12, account.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only by this account.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day or moment (UTC) on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this day or moment (UTC).")] = None,
    before: Annotated[int | None, typer.Option(metavar="ID", help="Older than this entry.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """Show who did what, the newest first."""
    kind, colon, number = (subject or "").partition(":")
    with program() as runtime, runtime.database.read() as session:
        page = audit_page(
            session,
            subject=Subject(kind, number) if colon else None,
            subject_kind=kind or None,
            account_id=None if by is None else find_account(session, by).id,
            since=None if since is None else parse_moment(since, zone="UTC"),
            until=None if until is None else parse_moment(until, zone="UTC"),
            before=before,
            limit=limit,
        )
        found = [audit_json(line) for line in page.lines]
    if json:
        print_json(found)
        return
    print_table(("id", "at", "who", "act", "on", "details"), map(_log_row, found))
    if page.next is not None:
        note(f"there are older ones: --before {page.next}")


def _guard(runtime: Runtime) -> Guard:
    return make_guard(runtime.database, runtime.settings, runtime.clock)


def _typed_password(email: str) -> str:
    """Read a password from standard input, without the end of its line; raises Invalid."""
    typed = sys.stdin.read(LONGEST + 2).removesuffix("\n").removesuffix("\r")
    if "\n" in typed:
        raise Invalid("standard input has more than one line; give the password alone")
    check_password(typed, email=email)
    return typed


def _link(
    runtime: Runtime, session: Session, account: StaffAccount, *, wanted: bool
) -> dict[str, Any]:
    """Return the one-time right to set a password, as a link and alone; None where not wanted."""
    if not wanted:
        return {"password_url": None, "password_token": None, "password_expires_at": None}
    secret = service.make_password_link(session, account, actor=COMMAND_LINE, clock=runtime.clock)
    expires = rfc3339(runtime.clock.now() + service.LINK_LASTS)
    return {
        "password_url": service.password_url(runtime.settings.base_url, secret),
        "password_token": secret,
        "password_expires_at": expires,
    }


def _say_link(word: str, document: dict[str, Any], *, json: bool) -> None:
    _done(f"{word} {document['email']} ({document['role']})", document, json=json)
    if not json and document["password_url"]:
        say(document["password_url"])
        note(f"the link sets the password once, until {document['password_expires_at']}")


def _show(found: list[dict[str, Any]], columns: tuple[str, ...], *, json: bool) -> None:
    if json:
        print_json(found)
    else:
        print_table(columns, ([_cell(row[column]) for column in columns] for row in found))


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return f"{value[:19]}Z"
    return " ".join(value) if isinstance(value, list) else value


def _log_row(entry: dict[str, Any]) -> tuple[object, ...]:
    who = " ".join(filter(None, (entry["account"] or entry["actor"], entry["token"])))
    details = ", ".join(f"{name} {_cell(value)}" for name, value in entry["details"].items())
    on = f"{entry['subject']['kind']}:{entry['subject']['id']}"
    return entry["id"], _cell(entry["at"]), who, entry["act"], on, details


def _done(line: str, document: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(document)
    else:
        say(line)
