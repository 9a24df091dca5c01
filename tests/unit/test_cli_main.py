"""The commands, whole and by their first word."""

import subprocess
import sys

import pytest
import typer

from alerts.cli.main import command_line
from alerts.cli.whole import app

_WHOLE = typer.main.get_command(app)


def _names(command: object) -> set[str]:
    return set(getattr(command, "commands", {}))


def _has_verbs(name: str) -> bool:
    return bool(_names(getattr(_WHOLE, "commands", {})[name]))


@pytest.mark.parametrize("first", sorted(_names(_WHOLE)))
def test_the_first_word_brings_the_same_commands_as_the_whole(first: str) -> None:
    part = typer.main.get_command(command_line(first))
    whole, found = (getattr(one, "commands", {})[first] for one in (_WHOLE, part))
    assert _names(found) == _names(whole)
    assert found.help == whole.help
    others = {name for name in _names(part) if _has_verbs(name)} - {first}
    assert not others


@pytest.mark.parametrize("first", [None, "isue", "--version"])
def test_all_are_there_where_the_first_word_is_no_command(first: str | None) -> None:
    assert _names(typer.main.get_command(command_line(first))) == _names(_WHOLE)


def test_who_sends_an_issue_does_not_wait_for_the_commands_of_others() -> None:
    program = (
        "import sys; sys.argv[1:] = ['issue', 'send', '--help']\n"
        "from alerts.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(*(name for name in sys.modules if '.cli.' in name), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    imported = done.stdout.split()
    assert "alerts.cli.sending" in imported
    assert "alerts.cli.subscribers" not in imported
    assert "alerts.cli.articles" not in imported
