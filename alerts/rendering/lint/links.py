"""The links of a mail: where they lead, how, and what they tell of the reader."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from lxml.html import HtmlElement

from alerts.rendering.lint.findings import Finding, error, note, shown, warning
from alerts.rendering.lint.known import Known, LinkState, LinkVerdict
from alerts.rendering.slots import Slot

# What mailing programs and shops add to an address to know who came by it.
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|twclid|igshid|yclid|mc_[ce]id|mkt_tok"
    r"|_hs(?:enc|mi|fp)|vero_(?:id|conv)|oly_(?:enc|anon)_id|wickedid|ml_subscriber\w*|ck_subscriber_id",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_PROGRAMS = {"mailto": "a mail program", "tel": "the telephone", "sms": "the telephone"}


def check_links(tree: HtmlElement, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with each link; the reader's own ones are not looked at."""
    for anchor in tree.iter("a"):
        address = anchor.get("href")
        if address is None and anchor.get("name") is not None:
            continue
        yield from _of_link((address or "").strip(), anchor.text_content().strip(), known)


def _of_link(address: str, words: str, known: Known) -> Iterator[Finding]:
    if not address:
        yield error(
            "link-empty",
            f"the link {words!r} leads nowhere",
            "give it an address or take it out",
            about=words,
        )
    elif any(slot.value in address for slot in Slot):
        return
    elif not address.startswith("#"):
        yield from _scheme(address, words)
        yield from _tracking(address)
        yield from _answer(address, words, known.links.get(address))


def _scheme(address: str, words: str) -> Iterator[Finding]:
    found = _SCHEME.match(address)
    scheme = found[1].lower() if found else ""
    if scheme in _PROGRAMS:
        yield note(
            "link-program",
            f"the link {shown(words)} opens {_PROGRAMS[scheme]} ({address[:100]})",
            "make sure that this is meant",
            about=address,
        )
    elif not scheme:
        yield error(
            "link-relative",
            f"the link {shown(words)} leads to {address[:100]!r}, which has no meaning in a mail",
            "write the whole address, https://…",
            about=address,
        )
    elif scheme not in {"http", "https"}:
        yield error(
            "link-scheme",
            f"the link {shown(words)} has an address that no mail program opens ({scheme}:)",
            "give it a web address, or take it out",
            about=address[:500],
        )
    elif scheme == "http" and not _is_loopback(address):
        yield warning(
            "link-not-https",
            f"the link {address} is not https",
            "use the https address if the site has one",
            about=address,
        )


def _tracking(address: str) -> Iterator[Finding]:
    try:
        names = [name for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)]
    except ValueError:
        return
    tracking = [name for name in names if _TRACKING.fullmatch(name)]
    if tracking:
        yield warning(
            "link-tracking",
            f"the link {address} tells its site how the reader came ({', '.join(tracking)})",
            "take these out of the article's address: we follow nobody",
            about=address,
        )


def _answer(address: str, words: str, state: LinkState | None) -> Iterator[Finding]:
    match state.verdict if state else None:
        case LinkVerdict.DEAD:
            yield warning(
                "link-dead",
                f"the link {shown(words)} is dead, {_words(state)} ({address})",
                "correct the address, or take the link out",
                about=address,
                content=_words(state),
            )
        case LinkVerdict.FAILING:
            yield warning(
                "link-failing",
                f"the link {shown(words)} did not answer: {_words(state)} ({address})",
                "open it yourself, and check it again a little later",
                about=address,
                content=_words(state),
            )
        case LinkVerdict.CLOSED:
            yield note(
                "link-unclear",
                f"the link {shown(words)} could not be checked, {_words(state)} ({address})",
                "open it yourself: some sites answer people alone",
                about=address,
                content=_words(state),
            )
        case LinkVerdict.MOVED:
            moved_to = state.moved_to if state else ""
            yield note(
                "link-moved",
                f"the link {shown(words)} leads on to {moved_to} ({address})",
                "use the new address in the article",
                about=address,
                content=moved_to,
            )
        case _:
            return


def _words(state: LinkState | None) -> str:
    return state.words if state else ""


def _is_loopback(address: str) -> bool:
    # The archive of an installation that is only being tried out; its links leave nothing.
    return bool(re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", address))
