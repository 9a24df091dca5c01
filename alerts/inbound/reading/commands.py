"""What readers ask for by mail, in the languages that they write. Pure.

The address written to says it surest, then the subject, then the text. A word that begins a
subject about something else (`Stop the war`, `Help for Sudan`) is no command: a subject, or all
that somebody wrote, has to be the command.
"""

import re
import unicodedata
from collections.abc import Iterable

from alerts.inbound.reading.phrases import any_of
from alerts.inbound.reading.record import Command

_PREFIXES = re.compile(
    r"^\s*(?:(?:re|aw|fwd?|fw|wg|tr|rv|rif|res|enc|antw|antwort|antwoord|sv|vs|vb|ynt|odp|pd|betr|ref|réf|r|i|doorst"
    r"|ответ|отв|ha|vl|回复|回覆|答复|转发|返信|회신|رد|उत्तर|जवाब)\.?\s{0,3}(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s{0,3}[:\uff1a]"
    r"|\[[^\[\]]{1,40}\])\s*",
    re.IGNORECASE,
)
_MOST_PREFIXES = 12
_LONGEST_PHRASE = 90
_LONGEST_TEXT = 240
_POLITE = re.compile(rf"^{any_of('polite')}[\s,!.]+")
_THANKS = re.compile(rf"[\s,!.]+{any_of('thanks')}[\s!.]*$")
# What may follow the word itself: from what, or to what.
_REST = (
    r"(?:[\s,:-]+(?:me|mich|us|my (?:e-?mail|address|name)|moi|mi|this (?:e-?mail|address)|[\w.+-]+"
    r"@[\w.-]+))?(?:[\s,:-]+(?:from|to|for|off|von|vom|aus|f[uü]r|zum|den|der|de|du|des|la|le|del|"
    r"della|dalla|da|do|al|alla|à|a)\b[\w\s'’&.@+-]{0,60})?"
)
# Unsubscribing comes first: what may mean that and something else means that.
_ORDER = (Command.UNSUBSCRIBE, Command.SUBSCRIBE, Command.PREFERENCES, Command.HELP)
_OF_A_NEWSLETTER = frozenset({Command.UNSUBSCRIBE, Command.SUBSCRIBE})


def _without_accents(text: str) -> str:
    """Leave away the accents of Latin letters; those of Devanagari are letters themselves."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(c for c in apart if not "\u0300" <= c <= "\u036f")


_PATTERNS = {
    command: re.compile(
        _without_accents(any_of(f"command_{command}"))
        + (_REST if command in _OF_A_NEWSLETTER else ""),
        re.IGNORECASE,
    )
    for command in _ORDER
}
# The part of an address: `alerts+unsubscribe@…`, `unsubscribe@…`, `alerts-unsubscribe@…`.
_IN_ADDRESS = {
    "unsubscribe": Command.UNSUBSCRIBE,
    "unsub": Command.UNSUBSCRIBE,
    "signoff": Command.UNSUBSCRIBE,
    "leave": Command.UNSUBSCRIBE,
    "remove": Command.UNSUBSCRIBE,
    "stop": Command.UNSUBSCRIBE,
    "abmelden": Command.UNSUBSCRIBE,
    "desabonner": Command.UNSUBSCRIBE,
    "subscribe": Command.SUBSCRIBE,
    "join": Command.SUBSCRIBE,
    "help": Command.HELP,
    "preferences": Command.PREFERENCES,
}


def command_of(written_to: Iterable[str], subject: str, text: str) -> Command | None:
    """Return the command that a person's mail is; None if it is none.

    `text` is what he wrote himself, without quotation and signature.
    """
    for address in written_to:
        if (found := _in_address(address)) is not None:
            return found
    return _phrase(without_prefixes(subject)) or _in_text(text)


def without_prefixes(subject: str) -> str:
    """Return a subject without what clients and lists put before it: `Re:`, `AW:`, `[list]`."""
    subject = subject[:500]
    for _ in range(_MOST_PREFIXES):
        shorter = _PREFIXES.sub("", subject, count=1)
        if shorter == subject:
            break
        subject = shorter
    return subject.strip()


def _in_address(address: str) -> Command | None:
    local = address.rpartition("@")[0].lower()
    if local in _IN_ADDRESS:
        return _IN_ADDRESS[local]
    for mark in ("+", "-", "="):
        # A token may follow: `alerts+unsubscribe+8c1f@…`.
        for piece in local.split(mark)[1:]:
            if piece in _IN_ADDRESS:
                return _IN_ADDRESS[piece]
    return None


def _in_text(text: str) -> Command | None:
    """Return the command of a text that is nothing else, a greeting and thanks besides."""
    if not text or len(text) > _LONGEST_TEXT:
        return None
    lines = [line for line in text.split("\n") if line.strip()]
    whole = _phrase(" ".join(lines))
    if whole is not None:
        return whole
    found = (_phrase(line) for line in lines[:2])
    return next((command for command in found if command is not None), None)


def _phrase(text: str) -> Command | None:
    phrase = _normal(text)
    if not phrase or len(phrase) > _LONGEST_PHRASE:
        return None
    for command, pattern in _PATTERNS.items():
        if pattern.fullmatch(phrase):
            return command
    return None


def _normal(text: str) -> str:
    """Return a phrase in small letters, without accents, greetings, thanks and marks around it."""
    phrase = _without_accents(text[:500].lower().replace("’", "'"))
    phrase = " ".join(phrase.split()).strip(" .!?\"'«»“”*_:;,-<>()")
    for _ in range(3):
        phrase = _POLITE.sub("", phrase).strip()
        phrase = _THANKS.sub("", phrase).strip(" .!?\"'«»“”*_:;,-")
    return phrase
