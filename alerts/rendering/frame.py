"""The words of the frame around articles, in the languages they can be had in."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from alerts.errors import Invalid

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Frame:
    """How an edition is dressed: the frame's language, empty for the usual one, or as bare text."""

    language: str = ""
    plain: bool = False

    @property
    def mark(self) -> str:
        """What tells editions in this frame from others with the same pieces; empty for usual."""
        return " ".join(filter(None, (self.language, "plain" if self.plain else "")))


Translate = Callable[..., str]


def frame_words(folder: Path, language: str) -> Mapping[str, str]:
    """Return a language's words by the English ones, none for English itself.

    Raises Invalid for a file that is no TOML.
    """
    path = folder / "_base" / "words" / f"{language}.toml"
    if not language or not path.is_file():
        return {}
    try:
        words = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"email template _base/words/{language}.toml: {error}") from error
    return {english: str(other) for english, other in words.items()}


def translator(words: Mapping[str, str]) -> Translate:
    """Return the filter that puts English words of the frame into another language.

    `{name}` in them stands for a value given by that name. What is not known stays as it is.
    """

    @pass_eval_context
    def translated(context: EvalContext, text: str, **values: object) -> str:
        pattern = words.get(text, text)
        if not context.autoescape:
            return _PLACE.sub(lambda match: str(values.get(match[1], match[0])), pattern)
        # Values are escaped one by one, so that those which are HTML already stay so.
        filled = _PLACE.sub(
            lambda match: str(escape(values.get(match[1], match[0]))), str(escape(pattern))
        )
        return Markup(filled)  # noqa: S704 - pattern and values are escaped above

    return translated
