"""Which program wrote a file, by its columns, and what its rows' states mean here. Pure."""

import enum
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.errors import Invalid
from alerts.subscribers.details import printable
from alerts.subscribers.models import SubscriberState

_MAILCHIMP_MARKS = frozenset(
    ("memberrating", "optintime", "confirmtime", "leid", "euid", "unsubtime", "cleantime")
)
_LISTMONK_MARKS = frozenset(("uuid", "email", "status"))
_LISTMONK_STATES = {
    "enabled": SubscriberState.CONFIRMED,
    "disabled": SubscriberState.UNSUBSCRIBED,
    "blocklisted": SubscriberState.SUPPRESSED,
    # As versions before 1.0 wrote it.
    "blacklisted": SubscriberState.SUPPRESSED,
}
_OWN_STATES = {
    state.value: state
    for state in (
        SubscriberState.CONFIRMED,
        SubscriberState.UNCONFIRMED,
        SubscriberState.UNSUBSCRIBED,
    )
}
_LONGEST_REASON = 150


class Make(enum.Enum):
    """The programs whose exports are known; PLAIN is any other one, and this program's own."""

    PLAIN = "a plain file"
    MAILCHIMP = "Mailchimp"
    MAILCHIMP_NEVER = "Mailchimp (never subscribed)"
    LISTMONK = "listmonk"
    GOOGLE = "Google Contacts"
    ADDRESSES = "a mailing list: an address a line"


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands according to a row, since when (UTC, if it says so), and why."""

    state: SubscriberState
    since: datetime | None = None
    reason: str = ""


# What is read of an export beside the fields that any file may have.
_READ_TOO = {
    Make.MAILCHIMP: ("optintime", "confirmtime", "unsubtime", "unsubreason", "cleantime"),
    Make.LISTMONK: ("updatedat",),
}
_PLAIN_STANDINGS = {word: Standing(state) for word, state in _OWN_STATES.items()}


def find_make(columns: AbstractSet[str], *, file_name: str) -> Make:
    """Return what wrote a file; `columns` are its plain names.

    Of Mailchimp's files the one of people who never subscribed differs by its name alone.
    """
    if "emailaddress" in columns and len(columns & _MAILCHIMP_MARKS) > 1:
        never = file_name.lower().startswith(("nonsubscribed", "non-subscribed", "non_subscribed"))
        return Make.MAILCHIMP_NEVER if never else Make.MAILCHIMP
    if columns >= _LISTMONK_MARKS:
        return Make.LISTMONK
    return Make.GOOGLE if "email1value" in columns else Make.PLAIN


def reads(make: Make, column: str) -> bool:
    """Tell whether a column, by its plain name, says how somebody stands."""
    return column in _READ_TOO.get(make, ())


def standing(make: Make, cells: Mapping[str, str], *, otherwise: SubscriberState) -> Standing:
    """Return how a row says that somebody stands; raises Invalid for a word that nobody knows.

    `cells` are by plain column name; `otherwise` is for rows that say nothing. Who left, bounced
    or was blocked there is never confirmed here.
    """
    if make is Make.MAILCHIMP:
        return _mailchimp(cells)
    if make is Make.MAILCHIMP_NEVER:
        return Standing(SubscriberState.UNCONFIRMED)
    if make is Make.LISTMONK:
        return _listmonk(cells)
    if make is Make.PLAIN:
        return plain_standing(cells.get("status", ""), otherwise=otherwise)
    return Standing(otherwise)


def plain_standing(word: str, *, otherwise: SubscriberState) -> Standing:
    """Return what this program's own column `status` says; raises Invalid."""
    status = word.strip().lower() or otherwise.value
    found = _PLAIN_STANDINGS.get(status)
    if found is None:
        raise Invalid(f"status {status!r} is neither confirmed, unconfirmed nor unsubscribed")
    return found


def _mailchimp(cells: Mapping[str, str]) -> Standing:
    if "cleantime" in cells:
        since = moment(cells["cleantime"])
        return Standing(SubscriberState.SUPPRESSED, since, _reason("bounced, cleaned in", since))
    if "unsubtime" in cells:
        since = moment(cells["unsubtime"])
        why = " ".join((cells.get("unsubreason", "") or cells.get("unsubreasonother", "")).split())
        reason = _reason("unsubscribed in", since) + (f": {why}" if why else "")
        return Standing(SubscriberState.UNSUBSCRIBED, since, printable(reason, _LONGEST_REASON))
    asked = moment(cells.get("confirmtime", "")) or moment(cells.get("optintime", ""))
    state = SubscriberState.CONFIRMED if asked else SubscriberState.UNCONFIRMED
    return Standing(state, asked)


def _reason(words: str, since: datetime | None) -> str:
    return f"{words} Mailchimp" + (f" on {since.date()}" if since else "")


def _listmonk(cells: Mapping[str, str]) -> Standing:
    word = cells.get("status", "").strip().lower()
    state = _LISTMONK_STATES.get(word)
    if state is None:
        known = ", ".join(_LISTMONK_STATES)
        raise Invalid(f"listmonk's status {word!r} is not known; known are {known}")
    since = moment(cells.get("updatedat", ""))
    return Standing(state, since, f"{word} in listmonk")


def moment(text: str) -> datetime | None:
    """Return a time in ISO form, UTC where it names no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None
