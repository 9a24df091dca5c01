"""`alerts webhook …`: other programs that are told what happens."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.errors import Refused
from alerts.outbox.events import TEST, EventKind
from alerts.outbox.writing import write_event
from alerts.runtime import Runtime
from alerts.staff.audit import COMMAND_LINE, Subject, record
from alerts.staff.seal import Seal
from alerts.webhooks import endpoints
from alerts.webhooks.delivering import open_deliverer
from alerts.webhooks.queries import deliveries_of, redeliver
from alerts.webhooks.serialise import delivery_json, endpoint_json

app = typer.Typer(no_args_is_help=True, help="Webhooks: other programs that are told of events.")

WebhookId = Annotated[int, typer.Argument(metavar="ID", help="The webhook's ID.")]
_ALL = [kind.value for kind in EventKind if kind.value.startswith(("issue.", "article."))]


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where it is told, https://….")],
    event: Annotated[
        list[str] | None,
        typer.Option(help=f"Only of these; may be repeated. Default: {', '.join(_ALL)}."),
    ] = None,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Say who readers are, by their addresses.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Add a webhook, and print the secret that signs what it is told, this once."""
    with program() as runtime, runtime.database.transaction() as session:
        endpoint, secret = endpoints.add_endpoint(
            session,
            url=url,
            events=event or _ALL,
            name=name,
            addresses=addresses,
            allowed_hosts=runtime.settings.fetch_hosts,
            seal=Seal(runtime.settings.secret_key),
            clock=runtime.clock,
        )
        _record(runtime, session, "webhook.added", endpoint.id)
        document = endpoint_json(endpoint)
    if json:
        print_json(document | {"secret": secret})
        return
    say(secret)
    note(f"webhook {document['id']}; the secret is not shown again")


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the webhooks, and how each does."""
    with program() as runtime, runtime.database.read() as session:
        documents = [endpoint_json(one) for one in endpoints.list_endpoints(session)]
    if json:
        print_json(documents)
        return
    columns = ("id", "name", "url", "state", "failing_since", "last_success_at")
    rows = (
        [*(document[column] for column in columns), ", ".join(document["events"])]
        for document in documents
    )
    print_table((*columns, "events"), rows)


@app.command()
def remove(webhook_id: WebhookId, json: JsonOption = False) -> None:
    """Forget a webhook, and what it was told."""
    with program() as runtime, runtime.database.transaction() as session:
        document = endpoint_json(endpoints.remove_endpoint(session, webhook_id))
        _record(runtime, session, "webhook.removed", webhook_id)
    if json:
        print_json(document)
    else:
        say(f"removed: webhook {webhook_id}, {document['url']}")


@app.command("test")
def try_command(webhook_id: WebhookId, json: JsonOption = False) -> None:
    """Tell a webhook something now, and say what it answered; status 1 when it did not take it."""
    with program() as runtime:
        with runtime.database.transaction() as session:
            endpoints.get_endpoint(session, webhook_id)
            data = {"webhook": webhook_id}
            event = write_event(session, TEST, data, [webhook_id], at=runtime.clock.now())
            ((delivery, _),) = deliveries_of(session, webhook_id, limit=1)
            _record(runtime, session, "webhook.tested", webhook_id)
        deliverer = open_deliverer(runtime.database, runtime.settings, runtime.clock)
        outcome = deliverer.deliver_now(delivery.id)
        deliverer.close()
    document = {
        "webhook_id": event.public_id,
        "status": outcome.status,
        "answer": outcome.text,
        "delivered": outcome.is_good,
    }
    if json:
        print_json(document)
    elif outcome.is_good:
        say(f"webhook {webhook_id} answered {outcome.status}")
    if not outcome.is_good:
        said = f"{outcome.status or ''} {outcome.text}".strip()
        raise Refused(f"webhook {webhook_id} did not take it: {said[:300]}")


@app.command()
def deliveries(
    webhook_id: WebhookId,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    redeliver_id: Annotated[
        int | None, typer.Option("--redeliver", metavar="ID", help="Tell it this one again.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a webhook was told, the newest first, and what it answered."""
    with program() as runtime, runtime.database.transaction() as session:
        endpoints.get_endpoint(session, webhook_id)
        if redeliver_id is not None:
            redeliver(session, webhook_id, redeliver_id, clock=runtime.clock)
            _record(runtime, session, "webhook.redelivered", webhook_id, delivery=redeliver_id)
        documents = [
            delivery_json(told) for told in deliveries_of(session, webhook_id, limit=limit)
        ]
    if json:
        print_json(documents)
        return
    columns = ("id", "at", "event", "state", "attempts", "status", "not_before", "answer")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def pause(webhook_id: WebhookId) -> None:
    """Tell a webhook nothing until it is resumed; what happens meanwhile waits three days."""
    with program() as runtime, runtime.database.transaction() as session:
        endpoints.pause_endpoint(session, webhook_id, clock=runtime.clock)
        _record(runtime, session, "webhook.paused", webhook_id)
    say(f"webhook {webhook_id} is paused")


@app.command()
def resume(webhook_id: WebhookId) -> None:
    """Let a webhook go on."""
    with program() as runtime, runtime.database.transaction() as session:
        endpoints.resume_endpoint(session, webhook_id)
        _record(runtime, session, "webhook.resumed", webhook_id)
    say(f"webhook {webhook_id} goes on")


@app.command()
def rotate(webhook_id: WebhookId, json: JsonOption = False) -> None:
    """Print a new secret, this once; the one before signs beside it for a day."""
    with program() as runtime, runtime.database.transaction() as session:
        seal = Seal(runtime.settings.secret_key)
        secret = endpoints.rotate_secret(session, webhook_id, seal=seal, clock=runtime.clock)
        _record(runtime, session, "webhook.rotated", webhook_id)
    if json:
        print_json({"id": webhook_id, "secret": secret})
    else:
        say(secret)


def _record(
    runtime: Runtime, session: Session, act: str, webhook_id: int, **details: object
) -> None:
    what = Subject("webhook", webhook_id)
    record(session, COMMAND_LINE, act, what, clock=runtime.clock, **details)
