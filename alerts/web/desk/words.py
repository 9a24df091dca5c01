"""What the desk's forms have in common: passwords as typed, errors as sentences. Pure."""

from alerts.web.forms import Fields


def typed(fields: Fields, name: str) -> str:
    """Return a password as it was typed: spaces at its ends belong to it."""
    return next((value for key, value in fields.pairs if key == name), "")


def sentence(error: Exception) -> str:
    """Return an error's line as a sentence on a page."""
    line = str(error)
    # A person's address stays as it is.
    first = line[:1] if "@" in line.partition(" ")[0] else line[:1].upper()
    return f"{first}{line[1:]}" + ("" if line.endswith((".", "?", "!")) else ".")
