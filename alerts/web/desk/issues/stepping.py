"""What the buttons of the page ask for beside saving: a step of composing, told in a line."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import section_keys
from alerts.newsletters.editing.composition import Composition, PieceEntry
from alerts.newsletters.editing.versions import titles_of
from alerts.web.forms import Fields

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Stepping:
    """A step to be taken: on which composition, about what, with the whole form at hand.

    `version` is the one that it makes.
    """

    session: Session
    definition: NewsletterDefinition
    composition: Composition
    about: str
    fields: Fields
    version: int

    @property
    def sections(self) -> tuple[str, ...]:
        """The keys of the newsletter's sections."""
        return section_keys(self.definition)

    def name(self) -> str:
        """Return what the entry is called that the step is about."""
        entry = self.composition.find(self.about)
        if not isinstance(entry, PieceEntry):
            return "the text"
        own = titles_of(self.session, [entry]).get(entry.key, "")
        return f"“{entry.title or own}”"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step came to: the composition after it, a line, and the entry to go on at."""

    composition: Composition
    line: str
    at: str


def take_step(name: str, step: Stepping) -> Taken | None:
    """Take the step of a name; None where the button asks for saving alone.

    Raises NotFound and Invalid for a step that cannot be taken.
    """
    taken = _STEPS.get(name)
    return None if taken is None else taken(step)


def piece_from(key: str, section: str) -> PieceEntry:
    """Return a piece by its key, `12` or `12.3`, in a section; raises Invalid."""
    article, _, part = key.partition(".")
    if not all(one.isdecimal() and int(one) <= _LARGEST for one in (article, part or "0")):
        raise Invalid(f"{key!r} names no piece")
    return PieceEntry(int(article), int(part or 0), section)


def section_in(fields: Fields, definition: NewsletterDefinition) -> str:
    """Return the section that pieces are put into: the one chosen, else the last."""
    known = section_keys(definition)
    chosen = fields.one("into")
    return chosen if chosen in known else known[-1]


def _up(step: Stepping) -> Taken:
    moved = steps.up(step.composition, step.about, step.sections)
    return Taken(moved, f"Moved up: {step.name()}.", step.about)


def _down(step: Stepping) -> Taken:
    moved = steps.down(step.composition, step.about, step.sections)
    return Taken(moved, f"Moved down: {step.name()}.", step.about)


def _out(step: Stepping) -> Taken:
    line = f"Taken out: {step.name()}."
    return Taken(steps.without(step.composition, step.about), line, "")


def _back(step: Stepping) -> Taken:
    back = steps.put_back(step.composition, step.about, step.sections)
    return Taken(back, "Put back.", step.about)


def _add(step: Stepping) -> Taken:
    piece = piece_from(step.about, section_in(step.fields, step.definition))
    return Taken(steps.with_piece(step.composition, piece, step.sections), "Put in.", piece.key)


def _text(step: Stepping) -> Taken:
    if step.about not in step.sections:
        raise Invalid("that section is no more; load the page anew")
    added = steps.with_text(step.composition, step.about, step.sections, version=step.version)
    line = "A text was added; write it, and move it to its place."
    return Taken(added, line, f"t{step.version}")


def _focus(step: Stepping) -> Taken:
    key = step.fields.one(f"focus-{step.about}")
    if not key or step.about not in step.sections:
        raise Invalid("choose the piece that is to be in focus")
    focused = steps.into_focus(step.composition, key, step.about, step.sections)
    return Taken(focused, "The piece in focus is another one now.", key)


_STEPS: dict[str, Callable[[Stepping], Taken]] = {
    "up": _up,
    "down": _down,
    "out": _out,
    "back": _back,
    "add": _add,
    "text": _text,
    "focus": _focus,
}
