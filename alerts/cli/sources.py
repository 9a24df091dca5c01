"""`alerts source …`: where newly published articles come from."""

import enum
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.serialise import article_json
from alerts.articles.sources.discovery import Discovered, discover
from alerts.articles.sources.polling import poll_source
from alerts.articles.sources.service import (
    add_source,
    entry_counts,
    get_source,
    interval_of,
    kind_of,
    list_sources,
    pause_source,
    refused_entries,
    remove_source,
    resume_source,
    source_json,
)
from alerts.articles.sources.shown import NoSource
from alerts.articles.sources.taking import Poll
from alerts.articles.topics import topics_in
from alerts.cli.common import JsonOption, note, print_json, print_table, program, progress_bar, say
from alerts.cli.fetching import open_fetcher
from alerts.errors import Refused
from alerts.runtime import Runtime

app = typer.Typer(no_args_is_help=True, help="Sources: where new articles come from.")

SourceId = Annotated[int, typer.Argument(metavar="ID", help="The source's ID.")]
# By hand there is no next tick: the whole source is taken in.
_ALL_THE_TIME = float("inf")


class Kind(enum.StrEnum):
    """What stands at a source's address; `auto` looks by itself."""

    AUTO = "auto"
    FEED = "feed"
    LISTING = "listing"
    PAGE = "page"
    FOLDER = "folder"


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="A web address, or a folder.")],
    kind: Annotated[Kind, typer.Option(help="What stands there.")] = Kind.AUTO,
    every: Annotated[str, typer.Option(help="How often to look: 15m, 2 hours, 1 day.")] = "15m",
    json: JsonOption = False,
) -> None:
    """Look at a source from now on; `alerts beat` and a worker poll it."""
    interval = interval_of(every)
    with program() as runtime:
        found = _found(runtime, url, kind)
        with runtime.database.transaction() as session:
            source = add_source(session, found, every=interval, clock=runtime.clock)
            document = source_json(source)
    if json:
        print_json(document)
        return
    say(f"source {document['id']}: {found.kind.value} {found.url}, every {document['every']}")
    if found.url != url and kind is Kind.AUTO:
        note(f"alerts: {url} leads there")


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the sources, with what each brought in and when it is looked at next."""
    with program() as runtime, runtime.database.read() as session:
        counts = entry_counts(session)
        found = [source_json(one, counts.get(one.id, (0, 0, 0))) for one in list_sources(session)]
    if json:
        print_json(found)
        return
    columns = ("id", "kind", "url", "every", "state", "articles", "refused", "next_poll_at")
    rows = [[source[column] for column in columns] + [_trouble(source)] for source in found]
    print_table((*columns, "trouble"), rows)


@app.command()
def show(source_id: SourceId, json: JsonOption = False) -> None:
    """Show a source, and the pages of it that were not taken in, with the reasons."""
    with program() as runtime, runtime.database.read() as session:
        source = get_source(session, source_id)
        counts = entry_counts(session)
        document = source_json(source, counts.get(source_id, (0, 0, 0)))
        document["not_taken_in"] = [
            {"url": entry.url, "reason": entry.refused}
            for entry in refused_entries(session, source_id)
        ]
    if json:
        print_json(document)
        return
    refused = document.pop("not_taken_in")
    for name, value in document.items():
        say(f"{name}: {'' if value is None else value}")
    for entry in refused:
        say(f"not taken in: {entry['url']}: {entry['reason']}")


@app.command()
def poll(
    source_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="One source; else all active ones.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look at one source now, or at all; status 1 when one could not be had."""
    with program() as runtime, open_fetcher(runtime.settings) as fetcher:
        polls = []
        topics = topics_in(runtime.settings.data_dir)
        for number in _numbers(runtime, source_id):
            with progress_bar(f"source {number}") as bar:
                done = poll_source(
                    runtime.database,
                    number,
                    fetcher=fetcher,
                    clock=runtime.clock,
                    topics=topics,
                    most_seconds=_ALL_THE_TIME,
                    progress=bar,
                )
            if done is None:
                raise Refused(f"source {number} is being polled just now; see `alerts source list`")
            polls.append(done)
    if json:
        documents = [_document(done) for done in polls]
        print_json(documents if source_id is None else documents[0])
    for done in polls:
        _report(done, silent=json)
    if any(done.error for done in polls):
        raise typer.Exit(1)


@app.command()
def pause(source_id: SourceId, json: JsonOption = False) -> None:
    """Poll a source no longer, until it is resumed."""
    with program() as runtime, runtime.database.transaction() as session:
        document = source_json(pause_source(session, source_id))
    _say_done("paused", document, json=json)


@app.command()
def resume(source_id: SourceId, json: JsonOption = False) -> None:
    """Poll a source again, from now on."""
    with program() as runtime, runtime.database.transaction() as session:
        document = source_json(resume_source(session, source_id, clock=runtime.clock))
    _say_done("resumed", document, json=json)


@app.command()
def remove(source_id: SourceId, json: JsonOption = False) -> None:
    """Forget a source; its articles stay."""
    with program() as runtime, runtime.database.transaction() as session:
        document = source_json(remove_source(session, source_id))
    _say_done("removed", document, json=json)


def _found(runtime: Runtime, url: str, kind: Kind) -> Discovered:
    named = kind_of(kind.value)
    if named is not None:
        return Discovered.named(named, url)
    with open_fetcher(runtime.settings) as fetcher:
        try:
            return discover(url, fetcher=fetcher)
        except FetchFailed as error:
            raise NoSource(
                f"{url}: {error}; with --kind feed (or listing, page) it is kept all the same"
            ) from error


def _numbers(runtime: Runtime, source_id: int | None) -> Sequence[int]:
    with runtime.database.read() as session:
        if source_id is not None:
            return [get_source(session, source_id).id]
        return [source.id for source in list_sources(session) if source.state.value == "active"]


def _document(done: Poll) -> dict[str, Any]:
    return {
        "source": done.source_id,
        "added": [article_json(article) for article in done.added],
        "updated": [article_json(article) for article in done.updated],
        "withdrawn": [article_json(article) for article in done.withdrawn],
        "unchanged": done.unchanged,
        "refused": [{"source": url, "reason": reason} for url, reason in done.refused],
        "error": done.error,
    }


def _report(done: Poll, *, silent: bool) -> None:
    if not silent:
        for word in ("added", "updated", "withdrawn"):
            for article in getattr(done, word):
                say(f"{word} {article.id}: {article.title}")
        say(
            f"source {done.source_id}: {len(done.added)} added, {len(done.updated)} updated,"
            f" {done.unchanged} unchanged, {len(done.refused)} refused"
        )
    for url, reason in done.refused:
        note(f"alerts: refused {url}: {reason}")
    if done.error:
        note(f"alerts: source {done.source_id} could not be had: {done.error}")


def _trouble(source: dict[str, Any]) -> str:
    if not source["failing_since"]:
        return ""
    return f"since {source['failing_since'][:16]}: {source['last_error']}"


def _say_done(word: str, document: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(document)
    else:
        say(f"{word}: source {document['id']}, {document['url']}")
