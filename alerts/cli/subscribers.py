"""`alerts subscriber …`: readers, one by one."""

from typing import Annotated, Any

import typer

from alerts.cli import people, subscriber_files
from alerts.cli.common import (
    JsonOption,
    note,
    print_json,
    print_table,
    program,
    say,
)
from alerts.config import Settings
from alerts.errors import Refused
from alerts.inbound.erasing import erase_everywhere
from alerts.newsletters.service import get_newsletter, offers
from alerts.runtime import Runtime, open_queue
from alerts.subscribers import exclusion, service
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.subscribers.queries import find_subscriber, list_subscribers
from alerts.subscribers.serialise import subscriber_json
from alerts.subscribers.wishes import choose_offers
from alerts.task_queue import Queue, Task

app = typer.Typer(no_args_is_help=True, help="Subscribers: add, look up, import, let go.")
subscriber_files.register(app)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The subscriber's address.")]
ConsentOption = Annotated[
    str, typer.Option(metavar="TEXT", help="On what basis they are mailed; kept on record.")
]
_WAY = "command line"
# Kept with the consent where nothing is said of it.
_ASKED = "Entered on the command line; who is not confirmed is asked by mail."


@app.command()
def add(
    email: Email,
    newsletter: Annotated[
        list[str] | None, typer.Option(help="Only these newsletters; default: all.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Only these regions; default: all.")
    ] = None,
    frequency: Annotated[
        Frequency | None, typer.Option(help="How often; default: as each newsletter does.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Such as Asia/Kolkata.")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="They said yes elsewhere: no confirmation mail.")
    ] = False,
    consent: ConsentOption = "",
    json: JsonOption = False,
) -> None:
    """Add a subscriber; who is not confirmed gets a mail with a link to confirm."""
    with program() as runtime:
        with runtime.database.transaction() as session:
            exclusion.refuse_suppressed(session, email, keys=runtime.settings.secret_key)
            result = service.add_subscriber(
                session,
                email=email,
                offers=choose_offers(offers(session), newsletter or []),
                name=name,
                frequency=frequency,
                regions=region or [],
                time_zone=time_zone,
                confirmed=confirmed,
                consent=consent or ("" if confirmed else _ASKED),
                way=_WAY,
                clock=runtime.clock,
            )
            document = _document(runtime, result.subscriber)
        if result.subscriber.confirmation_due_at is not None:
            _ask(runtime.settings, result.subscriber.id)
    if json:
        print_json(document | {"result": result.kind})
    else:
        say(f"{result.kind} {document['email']} ({document['state']})")


@app.command()
def show(email: Email, json: JsonOption = False) -> None:
    """Show a subscriber with subscriptions and links."""
    with program() as runtime, runtime.database.read() as session:
        document = _document(runtime, find_subscriber(session, email))
    if json:
        print_json(document)
        return
    for field in ("email", "name", "state", "time_zone", "created_at", "confirmed_at"):
        say(f"{field}: {document[field] or ''}")
    for subscription in document["subscriptions"]:
        regions = ", ".join(subscription["regions"]) or "all regions"
        say(f"  {subscription['newsletter']}, {subscription['frequency']}, {regions}")
    say(f"preferences_url: {document['preferences_url']}")
    say(f"unsubscribe_url: {document['unsubscribe_url']}")


@app.command("list")
def list_command(
    state: Annotated[SubscriberState | None, typer.Option(help="Only these.")] = None,
    newsletter: Annotated[str | None, typer.Option(help="Only readers of this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List subscribers, the newest first."""
    with program() as runtime, runtime.database.read() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
        found = list_subscribers(session, state=state, newsletter=newsletter, limit=limit)
        documents = [_document(runtime, subscriber) for subscriber in found]
    if json:
        print_json(documents)
        return
    rows = (
        (d["email"], d["name"], d["state"], ", ".join(s["newsletter"] for s in d["subscriptions"]))
        for d in documents
    )
    print_table(("email", "name", "state", "newsletters"), rows)


@app.command()
def unsubscribe(
    email: Email,
    newsletter: Annotated[str | None, typer.Option(help="Only this one; default: all.")] = None,
    json: JsonOption = False,
) -> None:
    """End a subscriber's subscriptions; in force at once."""
    with program() as runtime, runtime.database.transaction() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
        subscriber = find_subscriber(session, email)
        changed = service.unsubscribe(
            session, subscriber, newsletter=newsletter, way=_WAY, clock=runtime.clock
        )
        document = _document(runtime, subscriber)
    if json:
        print_json(document)
    else:
        say(f"{document['email']}: " + ("unsubscribed" if changed else "nothing to end"))


@app.command()
def suppress(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why; kept on record.")] = "by hand",
) -> None:
    """Never mail an address again, whoever asks."""
    with program() as runtime, runtime.database.transaction() as session:
        keys = runtime.settings.secret_key
        exclusion.suppress(session, email, reason=reason, keys=keys, clock=runtime.clock)
    say(f"{email} is suppressed")


@app.command()
def erase(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person's data; issues' totals stay, and a keyed hash keeps the address out."""
    if not yes and not typer.confirm(f"Erase {email} for good?", err=True):
        raise Refused("nothing was erased")
    with program() as runtime:
        with runtime.database.read() as session:
            number = find_subscriber(session, email).id
        erase_everywhere(
            runtime.database, runtime.settings, number, way="command line", clock=runtime.clock
        )
    say(f"{email} is erased")


def _ask(settings: Settings, subscriber_id: int) -> None:
    """Have the confirmation mail sent, now where a worker runs, else with the next one."""
    with open_queue(settings) as queue:
        queue.enqueue(Task.SEND_CONFIRMATION, subscriber_id, queue=Queue.TRANSACTIONAL)
        if not queue.workers(timeout=0.5):
            note("the confirmation mail goes out as soon as `alerts up` or `alerts worker` runs")


def _document(runtime: Runtime, subscriber: Subscriber) -> dict[str, Any]:
    return subscriber_json(subscriber, SubscriberLinks(runtime.tokens, runtime.settings.base_url))


people.register(app)
