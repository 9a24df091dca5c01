"""`alerts issue number`: a draft's numbers, looked at and corrected; double issues."""

from typing import Annotated

import typer

from alerts.cli.common import JsonOption, note, print_json, program, say
from alerts.cli.issues import IssueId, issue_document
from alerts.errors import Invalid, Refused
from alerts.newsletters.editing.renumbering import renumber_issue
from alerts.newsletters.issues import get_issue
from alerts.newsletters.numbering import changed
from alerts.newsletters.numbers import numbers_of
from alerts.staff.audit import COMMAND_LINE

_Text = str | None


def number(
    issue_id: IssueId,
    number: Annotated[_Text, typer.Option(help="The running number: 85, or 85-86.")] = None,
    volume: Annotated[_Text, typer.Option(help="The volume; empty for none.")] = None,
    volume_number: Annotated[_Text, typer.Option(help="The number in the volume: 39-40.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="For how many numbers the issue stands.")
    ] = None,
    double: Annotated[bool, typer.Option("--double", help="It stands for two.")] = False,
    single: Annotated[bool, typer.Option("--single", help="It stands for one.")] = False,
    json: JsonOption = False,
) -> None:
    """Show an issue's numbers, or correct those of a draft; no number is given twice."""
    told = [value for value in (count, 2 * double, 1 * single) if value]
    if len(told) > 1:
        raise Invalid("say one of --count, --double and --single")
    wants = bool(told) or any(one is not None for one in (number, volume, volume_number))
    with program() as runtime, runtime.database.transaction() as session:
        issue = get_issue(session, issue_id)
        numbers = numbers_of(issue)
        if wants:
            if numbers is None:
                raise Refused(f"issue {issue_id} was dropped and has given its number back")
            wanted = changed(
                numbers,
                number=number,
                volume=volume,
                volume_number=volume_number,
                count=told[0] if told else None,
            )
            done = renumber_issue(
                session, issue_id, wanted, actor=COMMAND_LINE, clock=runtime.clock
            )
            if not done.texts_follow:
                note(f"its subject is an editor's own and stays as it is: {issue.subject}")
            numbers = done.after
        document = issue_document(session, issue)
    if json:
        print_json(document)
    else:
        say(numbers.label if numbers else "no number: the issue was dropped")
