"""The words by which mails are told apart, in files beside this one: a regular expression a line.

They are data: whoever meets a new wording adds a line. What begins with `#` is a comment. No line
may hold a repetition without bound inside another, so that a search stays linear in the text.
"""

import re
from importlib.resources import files


def phrases(name: str) -> tuple[str, ...]:
    """Return the lines of a file of phrases."""
    text = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.split("\n") if line and not line.startswith("#"))


def any_of(name: str) -> str:
    """Return a regular expression for any of the phrases of a file."""
    return f"(?:{'|'.join(phrases(name))})"


def pattern(*names: str) -> re.Pattern[str]:
    """Compile the phrases of these files; letters' case is all one."""
    return re.compile("|".join(any_of(name) for name in names), re.IGNORECASE)
