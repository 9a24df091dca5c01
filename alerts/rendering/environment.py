"""The Jinja environment of the email templates: strict, escaping HTML, in a sandbox."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateNotFound
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from alerts.errors import Invalid
from alerts.rendering import plain
from alerts.rendering.bodies import direction
from alerts.rendering.folders import TemplateFolders
from alerts.rendering.frame import frame_words, translator
from alerts.rendering.remembering import rememberer
from alerts.rendering.slots import Slot

_SHORT = 24


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which looks at each attribute of a type once.

    What it says depends on the type and the name alone, and was a tenth of rendering.
    """

    @cached_property
    def _looked_at(self) -> dict[tuple[type, str], bool]:
        return {}

    @override
    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        key = type(obj), attr
        safe = self._looked_at.get(key)
        if safe is None:
            safe = self._looked_at[key] = super().is_safe_attribute(obj, attr, value)
        return safe


def email_environment(
    folder: Path, language: str = "", *, own: Path | None = None
) -> ImmutableSandboxedEnvironment:
    """Return the environment for a folder of email templates, with the frame in a language.

    `own` holds those that newsletters bring: for their sake all run in Jinja's sandbox. What a
    template names and nobody gave is an error. Slots are reached as `slot.EMAIL` and so on.
    """
    environment = _Environment(
        loader=TemplateFolders(folder, own),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html")),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["slot"] = {slot.name: slot.value for slot in Slot}
    environment.globals["frame_language"] = language
    environment.globals["gap"] = plain.GAP
    environment.globals["remembered"] = rememberer()
    environment.filters["translated"] = translator(frame_words(folder, language))
    environment.filters["unbroken"] = _unbroken
    environment.filters["sentence"] = plain.join_names
    environment.filters["wrap"] = plain.wrap
    environment.filters["underline"] = plain.underline
    environment.filters["direction"] = direction
    return environment


def _unbroken(text: str) -> str:
    """Return a short text, such as a date, that no line will break in the middle."""
    return text.replace(" ", "\u00a0") if len(text) <= _SHORT else text


def fill(
    environment: ImmutableSandboxedEnvironment, name: str, context: Mapping[str, object]
) -> str:
    """Render one template; raise Invalid with file, line and reason when it has a mistake."""
    try:
        template: Template = environment.get_template(name)
        return template.render(context)
    except TemplateSyntaxError as error:
        where = f"{error.name or name}, line {error.lineno}"
        raise Invalid(f"email template {where}: {error.message}") from error
    except TemplateNotFound as error:
        raise Invalid(f"email template {error.name} is missing") from error
    except TemplateError as error:
        raise Invalid(f"email template {place_of_error(error, name)}: {error.message}") from error


def place_of_error(error: BaseException, name: str) -> str:
    """Return the template's file and line that Jinja writes into the traceback."""
    place, frame = name, error.__traceback__
    while frame is not None:
        filename = frame.tb_frame.f_code.co_filename
        if filename.endswith((".html", ".txt", ".css")):
            place = f"{Path(filename).parent.name}/{Path(filename).name}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place
