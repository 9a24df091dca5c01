"""What the buttons of the page ask for beside saving: a step of composing, told in a line."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.errors import Invalid
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import section_keys, usable_articles
from alerts.newsletters.editing.composition import LONGEST, Composition, PieceEntry, WrongField
from alerts.newsletters.editing.versions import titles_of
from alerts.rendering.bodies import clip
from alerts.web.forms import Fields
from alerts.web.words import counted

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
    """What a step came to: the composition after it, a line, and the entry to go on at.

    With `opens` that entry's own words are open to be written.
    """

    composition: Composition
    line: str
    at: str
    opens: bool = False


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


def _pick(step: Stepping) -> Taken:
    """Put in the pieces of a roundup that were ticked; where the whole stands, in its place."""
    section = section_in(step.fields, step.definition)
    of_roundup = f"{step.about}."
    ticked = [key for key in step.fields.every("pick") if key.startswith(of_roundup)]
    pieces = [piece_from(key, section) for key in ticked]
    if not pieces:
        raise WrongField("tick the pieces that are to be put in", "pick", step.about)
    picked = steps.with_pieces(step.composition, pieces, step.sections)
    new = sum(step.composition.find(piece.key) is None for piece in pieces)
    line = f"{counted(new, 'piece')} put in"
    if step.composition.find(step.about) is not None:
        line += ", in place of the whole roundup"
    return Taken(picked, f"{line}.", pieces[0].key)


def _shorten(step: Stepping) -> Taken:
    """Begin a short form of a piece from its own text, to be cut down by hand."""
    entry = step.composition.find(step.about)
    if not isinstance(entry, PieceEntry):
        raise Invalid("that piece does not stand in the issue any more")
    article = usable_articles(step.session, [entry])[entry.article]
    part = next((one for one in article.parts if one.position == entry.part), None)
    text = " ".join((part or article).body_text.split())
    if not text:
        raise Invalid(f"{step.name()} has no text of its own to begin from")
    shortened = steps.with_standfirst(
        step.composition, entry.key, clip(text, LONGEST["standfirst"])
    )
    line = f"The text of {step.name()} stands in its field; cut it to what this issue is to say."
    return Taken(shortened, line, entry.key, opens=True)


def _end(step: Stepping) -> Taken:
    """Open the paragraphs of a piece that was moved to where its text is shown."""
    return Taken(step.composition, "Choose how much of its text is shown.", step.about, opens=True)


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
    "pick": _pick,
    "shorten": _shorten,
    "end": _end,
    "text": _text,
    "focus": _focus,
}
