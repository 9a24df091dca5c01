"""`alerts segment …`: readers chosen by a query, such as "state is confirmed"."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.delivery.received import received
from alerts.newsletters.service import offers
from alerts.subscribers.segments.form import fields
from alerts.subscribers.segments.printing import canonical
from alerts.subscribers.segments.serialise import member_json, segment_json
from alerts.subscribers.segments.service import Count, Segments

app = typer.Typer(no_args_is_help=True, help="Segments: readers chosen by a query.")

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The segment.")]
Query = Annotated[str, typer.Argument(metavar="QUERY", help='Such as "frequency is weekly".')]
QueryOrSlug = Annotated[
    str, typer.Argument(metavar="QUERY|SLUG", help="A query, or a saved segment's slug.")
]
NameOption = Annotated[str | None, typer.Option(help="What people call it; default: the slug.")]


@app.command()
def add(
    slug: Slug,
    query: Query,
    name: NameOption = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    json: JsonOption = False,
) -> None:
    """Save a query under a slug."""
    with _segments(writing=True) as segments:
        segment = segments.create(slug, query, name=name, description=description)
        document = segment_json(segment)
    _print(document, "added", json=json)


@app.command()
def change(
    slug: Slug,
    query: Annotated[str | None, typer.Option(help="The new query.")] = None,
    name: NameOption = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    json: JsonOption = False,
) -> None:
    """Change a saved segment's query, name or description."""
    with _segments(writing=True) as segments:
        changed = segments.change(slug, query=query, name=name, description=description)
        document = segment_json(segments.get(slug))
    _print(document, "changed" if changed else "unchanged", json=json)


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the saved segments."""
    with _segments() as segments:
        documents = [segment_json(segment) for segment in segments.all()]
    if json:
        print_json(documents)
        return
    columns = ("slug", "name", "query")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def show(slug: Slug, json: JsonOption = False) -> None:
    """Show a saved segment, with how many readers are in it now, and some of them."""
    with _segments() as segments:
        document = segment_json(segments.get(slug))
        node = segments.query_of(slug)
        document |= _counted(segments.count(node))
        sample = [subscriber.email for subscriber in segments.sample(node, limit=5)]
    if json:
        print_json(document | {"sample": sample})
        return
    for field, value in (document | {"sample": ", ".join(sample)}).items():
        say(f"{field}: {value}")


@app.command()
def count(query: QueryOrSlug, json: JsonOption = False) -> None:
    """Count the readers who match, and those of them who may be mailed."""
    with _segments() as segments:
        node = segments.query_of(query)
        found = segments.count(node)
    if json:
        print_json({"query": canonical(node), **_counted(found)})
    else:
        say(f"{found.matching} matching, {found.reachable} reachable")


@app.command()
def members(
    query: QueryOrSlug,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    after: Annotated[int, typer.Option(min=0, help="Only those after this id.")] = 0,
    json: JsonOption = False,
) -> None:
    """List readers who match, by id; `--after` the last one shows the next page."""
    with _segments() as segments:
        found = segments.members(segments.query_of(query), after=after, limit=limit)
        documents = [member_json(subscriber) for subscriber in found]
    if json:
        print_json(documents)
        return
    columns = ("id", "email", "name", "state")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def remove(slug: Slug, json: JsonOption = False) -> None:
    """Forget a saved segment; its readers stay as they are."""
    with _segments(writing=True) as segments:
        segments.remove(slug)
    if json:
        print_json({"removed": slug})
    else:
        say(f"removed {slug}")


@app.command("fields")
def fields_command(json: JsonOption = False) -> None:
    """Show what a query can ask: fields, operators, values."""
    with program() as runtime, runtime.database.read() as session:
        forms = fields(offers(session))
    if json:
        print_json([form.to_json() for form in forms])
        return
    rows = (
        (form.field, ", ".join(operator.words for operator in form.operators), form.about)
        for form in forms
    )
    print_table(("field", "operators", "asks for"), rows)


@contextmanager
def _segments(*, writing: bool = False) -> Iterator[Segments]:
    with program() as runtime:
        database = runtime.database
        with database.transaction() if writing else database.read() as session:
            yield Segments(
                session, clock=runtime.clock, newsletters=offers(session), received=received
            )


def _print(document: dict[str, Any], result: str, *, json: bool) -> None:
    if json:
        print_json(document | {"result": result})
    else:
        say(f"{result} {document['slug']}: {document['query']}")


def _counted(found: Count) -> dict[str, int]:
    return {"matching": found.matching, "reachable": found.reachable}
