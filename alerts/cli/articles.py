"""`alerts article …`: articles come in, are looked at, and are withdrawn."""

from collections.abc import Iterable
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from alerts.articles.intake import Intake, add_sources
from alerts.articles.models import Article, ArticleState
from alerts.articles.queries import addresses_of, in_order
from alerts.articles.revisions import all_changes, changes_of
from alerts.articles.serialise import article_json, printed_date
from alerts.articles.service import (
    get_article,
    list_articles,
    reinstate_article,
    withdraw_article,
)
from alerts.articles.topics import topics_in
from alerts.cli.common import (
    JsonOption,
    note,
    print_json,
    print_json_lists,
    print_table,
    program,
    progress_bar,
    say,
)
from alerts.cli.fetching import open_fetcher
from alerts.cli.issues import note_retracted
from alerts.rendering.withdrawals import retract_withdrawn

app = typer.Typer(no_args_is_help=True, help="Articles: take in, look at, withdraw.")

ArticleId = Annotated[int, typer.Argument(metavar="ID", help="The article's ID.")]


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="A file, a folder, a URL, or - for stdin."),
    ],
    json: JsonOption = False,
) -> None:
    """Take articles in; each is added, updated, unchanged, or refused with the reason."""
    with (
        program() as runtime,
        open_fetcher(runtime.settings) as fetcher,
        progress_bar("reading") as bar,
    ):
        intake = add_sources(
            runtime.database,
            sources,
            clock=runtime.clock,
            fetcher=fetcher,
            topics=topics_in(runtime.settings.data_dir),
            progress=bar,
        )
        with runtime.database.read() as session:
            if json:
                print_json_lists(_document(session, intake))
            else:
                _print(session, intake)
    for refused in intake.refused:
        note(f"alerts: refused {refused.source}: {refused.reason}")
    if intake.refused:
        raise typer.Exit(1)


@app.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    state: Annotated[ArticleState | None, typer.Option(help="Only these.")] = None,
    json: JsonOption = False,
) -> None:
    """List the articles noticed last, the newest first."""
    with program() as runtime, runtime.database.read() as session:
        articles = list_articles(session, limit=limit, state=state)
        if json:
            print_json([article_json(article) for article in articles])
            return
        rows = [
            (a.id, printed_date(a), a.series, a.number, a.title, ", ".join(_signed(a)))
            for a in articles
        ]
    print_table(("id", "date", "series", "number", "title", "authors"), rows)


@app.command()
def show(
    article_id: ArticleId,
    revisions: Annotated[
        bool, typer.Option("--revisions", help="And what each correction changed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show an article as it was understood, and what was not."""
    with program() as runtime, runtime.database.read() as session:
        article = get_article(session, article_id)
        document = article_json(article)
        document["addresses"] = list(addresses_of(session, article_id))
        text = article.body_text
        history = all_changes(session, article) if revisions else []
    if revisions:
        document["revisions"] = [change.to_json() for change in history]
    if json:
        print_json(document)
        return
    for name in ("id", "title", "url", "series", "number", "published_on", "team", "standfirst"):
        say(f"{name}: {'' if document[name] is None else document[name]}")
    for author in document["authors"]:
        say(f"author: {author['name']}" + (f" ({author['about']})" if author["about"] else ""))
    say(f"regions: {', '.join(document['regions'])}")
    for address in document["addresses"]:
        say(f"also at: {address}")
    if document["withdrawn_because"]:
        say(f"withdrawn: {document['withdrawn_because']}")
    for flag in document["flags"]:
        say(f"not understood: {flag}")
    for change in history:
        by = f", by {change.by}" if change.by else ""
        say(f"revision {change.since} → {change.until}, {change.at:%Y-%m-%d %H:%M} UTC{by}")
        for line in change.difference.lines():
            say(f"  {line}")
    say("")
    say(text)


@app.command()
def diff(
    article_id: ArticleId,
    since: Annotated[
        int | None, typer.Option("--from", min=1, help="The earlier revision; else the last.")
    ] = None,
    until: Annotated[
        int | None, typer.Option("--to", min=2, help="The later revision; else the newest.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a correction changed: words taken out [-so-], words put in {+so+}."""
    with program() as runtime, runtime.database.read() as session:
        found = changes_of(session, article_id, since=since, until=until)
    if json:
        print_json(found.to_json())
        return
    say(f"revision {found.since} → {found.until}, {found.at:%Y-%m-%d %H:%M} UTC")
    for line in found.difference.lines():
        say(line)


@app.command()
def withdraw(
    article_id: ArticleId,
    reason: Annotated[str, typer.Option(help="Why, for the editors.")] = "withdrawn by hand",
    json: JsonOption = False,
) -> None:
    """Withdraw an article: no new issue takes it, and it leaves those that were not sent yet."""
    with program() as runtime, runtime.database.transaction() as session:
        article = withdraw_article(session, article_id, reason=reason, clock=runtime.clock)
        issues = retract_withdrawn(session, clock=runtime.clock)
        document = article_json(article)
    if json:
        print_json(document)
    else:
        say(f"withdrawn: {document['title']}")
    note_retracted(issues)


@app.command()
def reinstate(article_id: ArticleId, json: JsonOption = False) -> None:
    """Take a withdrawal back: issues may hold the article again."""
    with program() as runtime, runtime.database.transaction() as session:
        document = article_json(reinstate_article(session, article_id, clock=runtime.clock))
    if json:
        print_json(document)
    else:
        say(f"published again: {document['title']}")


def _document(session: Session, intake: Intake) -> dict[str, Iterable[object]]:
    return {
        **{word: map(article_json, in_order(session, ids)) for word, ids in _outcomes(intake)},
        "refused": [{"source": r.source, "reason": r.reason} for r in intake.refused],
    }


def _print(session: Session, intake: Intake) -> None:
    for word, ids in _outcomes(intake):
        for article in in_order(session, ids):
            signed = ", ".join(_signed(article))
            say(f"{word} {article.id}: {article.title}" + (f" ({signed})" if signed else ""))
            if word != "unchanged":
                for flag in article.flags:
                    note(f"  not understood: {flag}")


def _outcomes(intake: Intake) -> tuple[tuple[str, list[int]], ...]:
    return (
        ("added", intake.added),
        ("updated", intake.updated),
        ("unchanged", intake.unchanged),
    )


def _signed(article: Article) -> list[str]:
    return [author.name for author in article.authors] or ([article.team] if article.team else [])
