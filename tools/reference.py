"""Write the reference of settings, commands and API from the program itself, as Markdown."""

import inspect
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from alerts.cli.whole import app as command_line
from alerts.clock import SystemClock
from alerts.config import Settings
from alerts.config_inbound import InboundSettings
from alerts.config_operations import OperationsSettings
from alerts.config_sending import SendingSettings
from alerts.database import Database
from alerts.durations import duration_text
from alerts.runtime import Runtime
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from alerts.web.app import create_app

# What the docstrings of the settings need not say. A setting that stands in neither has no line in
# the reference, and a test says so.
_PLAIN = {
    "data_dir": "The folder of database, embedded Redis, caught mail and spool.",
    "database_url": "Any SQLAlchemy URL for SQLite or PostgreSQL; default: SQLite in the folder.",
    "redis_url": "`redis://…`, `rediss://…`; default: a server that the program starts itself.",
    "mail_url": "`smtp://user:pass@host:port`, a provider, or `catcher://`; several are a pool.",
    "base_url": "Where links in mails point.",
    "sender": "The default From.",
    "worker_processes": "How many processes a worker has.",
    "catcher_port": "Where `alerts up` catches mail; 0 for nowhere.",
    "inbound_host": "The address that `alerts inbound serve` listens at.",
    "session_idle": "A log-in at the desk ends when nothing was done for so long.",
    "session_longest": "A log-in at the desk ends so long after it began.",
}


def settings_page() -> str:
    """Return the reference of settings: name, default, meaning."""
    lines = [
        "# Settings",
        "",
        "From the environment or a `.env` file. Each has a default: an empty environment works.",
        "",
        "| setting | default | meaning |",
        "| --- | --- | --- |",
    ]
    for name, field in sorted(Settings.model_fields.items()):
        shown = _default(field.get_default(call_default_factory=True))
        lines.append(f"| `ALERTS_{name.upper()}` | {shown} | {_cell(meaning_of(name))} |")
    return "\n".join(lines) + "\n"


def meaning_of(name: str) -> str:
    """Return what a setting means: the sentences of the docstrings that name it."""
    if name in _PLAIN:
        return _PLAIN[name]
    told = " ".join(inspect.getdoc(one) or "" for one in _CLASSES)
    sentences = re.split(r"(?<=\.)\s+(?=[A-Z`])", " ".join(told.split()))
    found = " ".join(one for one in sentences if f"`{name}`" in one or _stands_for(name, one))
    return re.sub(r"`([a-z_]+)`", _as_it_is_set, found)


def _as_it_is_set(found: "re.Match[str]") -> str:
    name = found[1]
    return f"`ALERTS_{name.upper()}`" if name in Settings.model_fields else found[0]


_CLASSES = (Settings, SendingSettings, InboundSettings, OperationsSettings)


def _stands_for(name: str, sentence: str) -> bool:
    """Tell whether a sentence names a setting by its beginning, as in `webhook_…`."""
    return any(name.startswith(start) for start in re.findall(r"`([a-z_]+_)…`", sentence))


def _default(value: object) -> str:
    if value is None:
        return "for ever"
    if isinstance(value, timedelta):
        return f"`{duration_text(value)}`"
    if isinstance(value, tuple | list):
        return f"`{' '.join(map(str, value))}`" if value else "none"
    if isinstance(value, Path):
        # Made absolute when it is read; what stands in the code is meant.
        return f"`./{value.name}`"
    return f"`{value}`" if str(value) else "none"


def commands_page() -> str:
    """Return the reference of commands: what each does, its arguments and options."""
    lines = ["# Commands", "", "Every command that shows something takes `--json`.", ""]
    for words, command in commands():
        lines += [f"## `alerts {words}`", "", _sentence(command.help or ""), ""]
        rows = [_parameter(one) for one in command.params if one.name != "help"]
        if rows:
            lines += ["| argument or option | meaning |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it, in the order of the alphabet."""
    yield from sorted(_walk(typer.main.get_command(command_line), ""), key=lambda one: one[0])


def _walk(command: Any, words: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own click
    if not isinstance(command, TyperGroup):
        yield words, command
        return
    for name, inner in command.commands.items():
        yield from _walk(inner, f"{words} {name}".strip())


def _parameter(one: Any) -> str:  # noqa: ANN401 - typer's own click
    is_option = one.param_type_name == "option"
    names = [*one.opts, *one.secondary_opts] if is_option else [one.name.upper()]
    shown = ", ".join(f"`{name}`" for name in names)
    told = _sentence(getattr(one, "help", None) or "")
    is_told = one.default not in {None, False, ""} and not callable(one.default)
    default = f" Default: `{one.default}`." if is_option and is_told else ""
    return f"| {shown} | {_cell(told + default)} |"


def api_page() -> str:
    """Return the reference of the API: each call with what it asks for."""
    document = openapi()
    lines = [
        "# HTTP API",
        "",
        "Below `/api`; the same as a document for programs is at `/api/openapi.json`.",
        "",
    ]
    for path, calls in sorted(document["paths"].items()):
        for method, call in calls.items():
            title = call.get("summary") or call["operationId"]
            lines += [f"## `{method.upper()} /api{path}`", "", f"**{title}**", ""]
            lines += [" ".join(call.get("description", "").split()), ""]
            rows = [
                f"| `{one['name']}` | {one['in']} | {'yes' if one.get('required') else 'no'} |"
                f" {_cell(one.get('description', ''))} |"
                for one in call.get("parameters", ())
            ]
            if rows:
                head = ["| parameter | in | needed | meaning |", "| --- | --- | --- | --- |"]
                lines += [*head, *rows, ""]
            answers = ", ".join(f"`{status}`" for status in call["responses"])
            lines += [f"Answers: {answers}.", ""]
    return "\n".join(lines)


def openapi() -> dict[str, Any]:
    """Return the description of the API as the program serves it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), secret_key=("k" * 40,))
        database = Database(settings.database)
        runtime = Runtime(settings, SystemClock(), database, Tokens(settings.secret_key))
        application = create_app(runtime, queue=RecordingTaskQueue())
        [api] = [
            getattr(route, "app")  # noqa: B009 - only mounts have one
            for route in application.routes
            if getattr(route, "name", "") == "api"
        ]
        document: dict[str, Any] = api.openapi()
        caught = application.state.site.caught
        if caught is not None:
            caught.close()
        database.dispose()
    return document


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if not line or line.endswith((".", "?", "!")) else f"{line}."


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


PAGES = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "api.md": api_page,
}


def write(folder: Path) -> None:
    """Write all pages to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
