"""Bounces that are written for people only: whom they are about, and what they say. Pure.

Mail systems write many dialects, and change them. They have in common where they put the address
that failed: alone on a line, before a colon, after a word such as `to`, beside the reason. So the
places are looked for, and a dialect by its name only where it needs more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.inbound.reading.addresses import (
    Others,
    addresses_in,
    cleaned,
    is_helper,
    is_identifier,
    is_machine,
    key_of,
)
from alerts.inbound.reading.classes import judged
from alerts.inbound.reading.phrases import any_of, pattern

_MOST = 200
_LINES_OF_REASON = 9
_LONGEST_REASON = 4_000
_HEADS, _AFTER_A_WORD = 3, 2
# What stands before an address that failed, on its line.
_BEFORE = re.compile(
    rf"(?:^|[\s>(\[*|]){any_of('before_failed')}[ \t]*[:=#]{{0,2}}[ \t]*[<\"'`(\[‘“«]*\Z",
    re.IGNORECASE,
)
_ALONE_BEFORE = re.compile(
    r"(?:[\s>]*\"[^\"]{1,80}\"[ \t]*<)?[\s>*|•·\-–—<\"'`(\[‘“«:+]*"
    r"(?:\(?\d{1,3}[.)][ \t]*[<\"'`]*)?"
    # As sendmail of old did: `550 <reader@there.example>... User unknown`.
    r"(?:[45]\d\d[ \t-](?:[45]\.\d\.\d{1,3}[ \t])?[<]?)?\Z"
)
_ALONE_AFTER = re.compile(r"[>\"'`)\]’”»]*[\s:.,;)*|…-]*\Z")
_COLON_AFTER = re.compile(
    r"[>\"'`)\]’”»]*[ \t]*(?:\([^()]{0,80}\)[ \t]*)?(?::|\.\.\.|[ \t]-+[ \t])"
)
_DATE_AFTER = re.compile(
    r"[>\"'`)\]’”»]*,?[ \t]+(?:on|am|le|el|em|il|op|den|på|dnia)[ \t]+[\w,]{2,12}[ ,.]*\d?",
    re.IGNORECASE,
)
# Who is named for help, or as somebody's new address, did not fail.
_FOR_HELP = pattern("for_help")
# Lines that tell of the sender, or of the message.
_OF_THE_SENDER = re.compile(
    rf"(?:^|[\s|*>(,]){any_of('sender_fields')}[ \t]*[:=][^@\n]{{0,80}}\Z"
    r"|\bmail from:?[ \t]*<?\Z|\bid[ \t:=]+<?\Z|\bid:? <[^@\s]{0,60}\Z"
    r"|\b(?:sender|from|envelope-from) (?:address )?[<\"']?\Z",
    re.IGNORECASE,
)
# As Amazon SES writes them, where a topic sends its notifications by mail.
_IN_JSON = re.compile(r"\\?\"emailAddress\\?\"\s?:\s?\\?\"\Z")
_SENTENCE_ENDS = re.compile(r"[.!?:;](?=\s)|\n[ \t]*\n")
# In Exchange's words: `Your message / To: … / Subject: … / Sent: … did not reach`.
_OF_THE_MESSAGE = re.compile(
    r"^[ \t]*(?:to|cc|an|à|a|para|aan|till|til)[ \t]*:[^\n]*\Z", re.IGNORECASE
)
_NEXT_OF_THE_MESSAGE = re.compile(
    r"[^\n]*\n\s{0,40}(?:(?:cc|subject|sent|date|betreff|gesendet|objet|envoy|date|asunto|enviado"
    r"|assunto|oggetto|inviato|onderwerp|verzonden|ämne|emne)\w*)[ \t]*:",
    re.IGNORECASE,
)
_EXPANDED = re.compile(
    r"\((?:expanded|generated|forwarded|originally addressed)[ \t]+(?:from|to)[:\s]{1,4}<?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Named:
    """An address in a notice, how sure it is that it failed, and the lines about it.

    `sureness` is 3 where the address heads a line, 2 after a word such as `to`, 1 beside a reason,
    0 where nothing speaks for it but that it is there.
    """

    address: str
    sureness: int
    reason: str
    # It is where another address was expanded from: the one that the message was sent to.
    expanded: bool = False


def named_in(text: str, others: Others) -> tuple[Named, ...]:
    """Return the addresses of a notice that may have failed, each once."""
    best: dict[str, Named] = {}
    for named in _every(text, others):
        known = best.get(key_of(named.address))
        best[key_of(named.address)] = named if known is None else _together(known, named)
        if len(best) >= _MOST:
            break
    return _without_expansions(tuple(best.values()))


def _together(known: Named, named: Named) -> Named:
    """Join what two places say of the same address."""
    if known.sureness > named.sureness:
        return known
    reason = named.reason if known.sureness < named.sureness else f"{known.reason}\n{named.reason}"
    expanded = known.expanded or named.expanded
    return Named(known.address, named.sureness, reason[:_LONGEST_REASON], expanded)


def reason_lines(text: str, start: int) -> str:
    """Return the lines about an address: its own, and those after it up to the next address."""
    begin = text.rfind("\n", 0, start) + 1
    lines = text[begin : begin + 4_000].split("\n")
    kept = lines[:1]
    blanks = 0
    for line in lines[1:_LINES_OF_REASON]:
        if not line.strip():
            blanks += 1
            if blanks > 1 or (len(kept) > 1 and judged("", " ".join(kept)).bounce is not None):
                break
        elif _names_another(line, kept):
            break
        kept.append(line)
    return "\n".join(kept)


def _every(text: str, others: Others) -> Iterator[Named]:
    for found in addresses_in(text):
        address = cleaned(found[0])
        if "@" not in address or address in others or is_identifier(address):
            continue
        begin = text.rfind("\n", 0, found.start()) + 1
        before = text[begin : found.start()][-300:]
        expanded = _EXPANDED.search(text[max(0, found.start() - 60) : found.start()]) is not None
        if _OF_THE_SENDER.search(before) and not expanded:
            continue
        sureness = _sureness(text, found, before)
        machine = is_machine(address) and _IN_JSON.search(before) is None
        if machine or (is_helper(address) and not sureness) or _for_help(text, found):
            continue
        yield Named(
            address, _HEADS if expanded else sureness, reason_lines(text, found.start()), expanded
        )


def _sureness(text: str, found: re.Match[str], before: str) -> int:
    if _OF_THE_MESSAGE.match(before) and _NEXT_OF_THE_MESSAGE.match(text, found.end()):
        return 0
    if _IN_JSON.search(before):
        return _HEADS
    end = text.find("\n", found.end())
    after = text[found.end() : end if end >= 0 else len(text)][:300]
    if _ALONE_BEFORE.fullmatch(before) and (
        _ALONE_AFTER.fullmatch(after) or _COLON_AFTER.match(after) or _DATE_AFTER.match(after)
    ):
        return _HEADS
    if _BEFORE.search(before) or found[0].lower().startswith("smtp="):
        return _AFTER_A_WORD
    return int(judged("", f"{before} {after}").bounce is not None)


def _for_help(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - 160) : found.start()]
    ends = [end.end() for end in _SENTENCE_ENDS.finditer(before)]
    sentence = before[ends[-1] :] if ends else before
    return _FOR_HELP.search(sentence) is not None


def _names_another(line: str, kept: list[str]) -> bool:
    """Tell whether a line begins what is said of another address."""
    own = " ".join(kept).lower()
    for found in addresses_in(line):
        other = key_of(cleaned(found[0])) not in own
        if other and _ALONE_BEFORE.fullmatch(line[: found.start()]):
            return True
    return False


def _without_expansions(named: tuple[Named, ...]) -> tuple[Named, ...]:
    """Where an address is said to be expanded from another, keep the one that was written to."""
    origins = [one for one in named if one.expanded]
    if not origins:
        return named
    kept = [
        one
        for one in named
        if one.expanded
        or not any(key_of(origin.address) in one.reason.lower() for origin in origins)
    ]
    return tuple(kept)
