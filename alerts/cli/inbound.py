"""`alerts inbound …`: mail that comes back is read, kept, looked at, and let in."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Annotated

import typer

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.config import load_settings
from alerts.errors import Invalid, Refused
from alerts.inbound.incoming import Desk, our_addresses
from alerts.inbound.mailboxes import Found, mails_in
from alerts.inbound.models import MailState
from alerts.inbound.providers.service import read_event
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Reading
from alerts.inbound.service import Intake
from alerts.inbound.storing import Arrival, again, get_mail, list_mails, mail_json, store_mail
from alerts.inbound.working import work_off
from alerts.request_limits import RequestLimits
from alerts.runtime import open_queue
from alerts.task_queue import TaskQueue

app = typer.Typer(no_args_is_help=True, help="Mail that comes back: bounces, complaints, commands.")

WAY = "file"
MailId = Annotated[int, typer.Argument(metavar="ID", help="The number of an inbound mail.")]


@app.callback()
def root() -> None:
    """Mail that comes back: bounces, complaints, commands."""


@app.command()
def read(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…", help="A mail (.eml), an mbox, a Maildir or folder, or - for stdin."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each mail is; change nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Read raw mails as if they had arrived: what each is, whom it is about, what it asks for."""
    found = (each for path in paths for each in mails_in(path))
    readings = list(_looked_at(found) if dry_run else _taken_in(found))
    if json:
        print_json([reading.to_json(source) for source, reading in readings])
        return
    print_table(
        ("source", "kind", "class", "code", "recipients", "command"),
        [
            (source, r.kind, r.bounce, r.code, ", ".join(r.recipients), r.command)
            for source, r in readings
        ],
    )


@app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="new, done or failed; default: all.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List inbound mails, the newest first."""
    wanted = _state(state)
    with program() as runtime, runtime.database.read() as session:
        mails = list_mails(session, state=wanted, limit=limit)
    if json:
        print_json(mails)
        return
    print_table(
        ("id", "received", "way", "state", "kind", "what came of it"),
        [(m["id"], m["received_at"], m["way"], m["state"], m["kind"], m["note"]) for m in mails],
    )


@app.command()
def show(
    mail_id: MailId,
    raw: Annotated[bool, typer.Option("--raw", help="Print the mail as it came.")] = False,
    json: JsonOption = False,
) -> None:
    """Show an inbound mail: what it is, and what came of it."""
    with program() as runtime, runtime.database.read() as session:
        mail = get_mail(session, mail_id)
        ours = our_addresses(session, runtime.settings)
    if raw:
        typer.echo(mail.raw, nl=False)
        return
    reading = read_event(mail.way, mail.raw) or read_mail(mail.raw, ours=ours)
    document = mail_json(mail) | {"reading": reading.to_json(f"inbound mail {mail_id}")}
    if json:
        print_json(document)
        return
    for name, value in mail_json(mail).items():
        shown = ", ".join(value) if isinstance(value, list) else value
        say(f"{name}: {'' if shown is None else shown}")


@app.command("again")
def again_(mail_id: MailId, json: JsonOption = False) -> None:
    """Work on a mail once more, now: one that failed, or after something was mended."""
    with _office() as office:
        with office.desk.database.transaction() as session:
            again(session, mail_id, clock=office.desk.clock)
        office.work_off(mail_id)
        with office.desk.database.read() as session:
            document = mail_json(get_mail(session, mail_id))
    if json:
        print_json(document)
    else:
        say(f"{mail_id}: {document['state']}, {document['note']}")


@app.command()
def fetch(json: JsonOption = False) -> None:
    """Look into the mailboxes of ALERTS_INBOUND_URL now; the workers do it by themselves."""
    from alerts.inbound.fetching.polling import look_into_all

    with program() as runtime, open_queue(runtime.settings) as queue:
        if not runtime.settings.mailboxes:
            raise Refused("there is no mailbox to look into: set ALERTS_INBOUND_URL")
        mailboxes = look_into_all(
            runtime.database, settings=runtime.settings, queue=queue, clock=runtime.clock
        )
    if json:
        print_json(mailboxes)
    else:
        print_table(
            ("mailbox", "fetched so far", "what is wrong"),
            [(one["url"], one["taken"], one["last_error"]) for one in mailboxes],
        )
    if any(one["last_error"] for one in mailboxes):
        raise Refused("not every mailbox could be looked into")


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; default: the setting.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The SMTP port; default: the setting.")
    ] = None,
    lmtp_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The LMTP port; default: the setting.")
    ] = None,
) -> None:
    """Take mail from your mail server, over SMTP or LMTP; each is stored before it is answered."""
    from alerts.inbound.serving import serve_inbound

    with program() as runtime, open_queue(runtime.settings) as queue:
        settings = runtime.settings
        where = host or settings.inbound_host
        asked = (
            (settings.inbound_port if port is None else port, False),
            (settings.inbound_lmtp_port if lmtp_port is None else lmtp_port, True),
        )
        ports = [(number, lmtp) for number, lmtp in asked if number]
        if not ports:
            raise Refused(
                "there is nothing to listen on: give --port or --lmtp-port, or set"
                " ALERTS_INBOUND_PORT or ALERTS_INBOUND_LMTP_PORT"
            )
        intake = Intake(runtime.database, queue, runtime.clock, settings.keep_inbound)
        shown = " and ".join(f"{where}:{n} ({'LMTP' if lmtp else 'SMTP'})" for n, lmtp in ports)
        serve_inbound(
            intake,
            host=where,
            ports=ports,
            ready=lambda: note(f"taking mail at {shown}; Ctrl-C stops"),
        )


@dataclass(frozen=True)
class _Office:
    desk: Desk
    queue: TaskQueue

    def work_off(self, mail_id: int) -> None:
        for to_do in work_off(self.desk, mail_id):
            self.queue.enqueue(to_do.task, *to_do.ids, queue=to_do.queue)


@contextmanager
def _office() -> Iterator[_Office]:
    with program() as runtime, open_queue(runtime.settings) as queue:
        limits = RequestLimits(
            runtime.database,
            queue.redis_url,
            runtime.clock,
            secret=runtime.settings.secret_key[-1],
        )
        try:
            yield _Office(
                Desk(
                    database=runtime.database,
                    settings=runtime.settings,
                    clock=runtime.clock,
                    limits=limits,
                ),
                queue,
            )
        finally:
            limits.close()


def _looked_at(found: Iterable[Found]) -> Iterator[tuple[str, Reading]]:
    ours = (parseaddr(load_settings().sender)[1],)
    return ((each.source, read_mail(each.raw, ours=ours)) for each in found)


def _taken_in(found: Iterable[Found]) -> Iterator[tuple[str, Reading]]:
    """Store each mail and work on it at once; what is to be mailed the workers send."""
    with _office() as office:
        desk = office.desk
        with desk.database.read() as session:
            ours = our_addresses(session, desk.settings)
        for each in found:
            with desk.database.transaction() as session:
                stored = store_mail(
                    session,
                    Arrival(each.raw, WAY),
                    keep=desk.settings.keep_inbound,
                    clock=desk.clock,
                )
            if stored.is_new:
                office.work_off(stored.mail_id)
            else:
                note(f"{each.source}: is here already, inbound mail {stored.mail_id}")
            yield each.source, read_mail(each.raw, ours=ours)


def _state(text: str | None) -> MailState | None:
    if text is None:
        return None
    try:
        return MailState(text)
    except ValueError as error:
        known = ", ".join(MailState)
        raise Invalid(f"there is no state {text!r}; known are {known}") from error
