"""`alerts alarm`: what is broken, and who is told of it."""

from typing import Annotated

import typer

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.durations import parse_duration
from alerts.errors import Refused
from alerts.operations.alarms.books import (
    alarm_json,
    end_silence,
    open_alarms,
    past_alarms,
    silence,
)
from alerts.operations.models import Alarm
from alerts.staff.audit import COMMAND_LINE

app = typer.Typer(help="What is broken, and who is told.", no_args_is_help=True)
IdArgument = Annotated[int, typer.Argument(help="The alarm's number.")]


@app.command("list")
def list_(
    past: Annotated[
        int, typer.Option(min=0, max=1_000, help="How many that are over are shown too.")
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Show the alarms that are open, and the last that are over."""
    with program() as runtime, runtime.database.read() as session:
        found = [*open_alarms(session), *past_alarms(session, limit=past)]
        documents = [alarm_json(alarm) for alarm in found]
    if json:
        print_json(documents)
        return
    if not documents:
        say("no alarm is open")
        return
    columns = ("id", "opened_at", "closed_at", "kind", "what", "silenced_until")
    print_table(columns, [[one[name] for name in columns] for one in documents])


@app.command("silence")
def silence_(
    alarm_id: IdArgument,
    span: Annotated[str, typer.Option("--for", help="For how long, such as 8h.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the log.")],
    json: JsonOption = False,
) -> None:
    """Tell nobody of an alarm for a time."""
    with program() as runtime, runtime.database.transaction() as session:
        alarm = silence(
            session,
            alarm_id,
            span=parse_duration(span),
            reason=reason,
            actor=COMMAND_LINE,
            clock=runtime.clock,
        )
        _print(alarm, json)


@app.command("unsilence")
def unsilence(alarm_id: IdArgument, json: JsonOption = False) -> None:
    """Tell of an alarm again."""
    with program() as runtime, runtime.database.transaction() as session:
        _print(end_silence(session, alarm_id, actor=COMMAND_LINE, clock=runtime.clock), json)


@app.command("test")
def try_out(json: JsonOption = False) -> None:
    """Tell everybody in the settings of an alarm that is none, now; says who could be told."""
    from alerts.operations.alarms.trial import tell_trial
    from alerts.runtime import open_queue

    with program() as runtime, open_queue(runtime.settings) as queue:
        results = tell_trial(runtime.database, runtime.settings, runtime.clock, queue.redis_url)
    if not results:
        raise Refused("nobody is told of alarms: set ALERTS_ALARM_TO or ALERTS_ALARM_WEBHOOK")
    if json:
        print_json([{"target": target, "failure": why or None} for target, why in results])
    else:
        for target, why in results:
            say(f"{target}: {why or 'told'}")
    if any(why for _, why in results):
        raise typer.Exit(1)


def _print(alarm: Alarm, json: bool) -> None:
    if json:
        print_json(alarm_json(alarm))
    elif alarm.silenced_until:
        say(f"alarm {alarm.id} is silent until {alarm.silenced_until:%Y-%m-%d %H:%M} UTC")
    else:
        say(f"alarm {alarm.id} is told again")
    if alarm.silenced_until and not json and alarm.told_at is None:
        note("nobody has been told of it yet")
