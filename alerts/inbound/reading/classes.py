"""Whether a bounce is for good, for now, or about our mail: by codes and by words. Pure.

The codes are the table that the sender of mail judges refusals by (`delivery.bounces`); the words
are those of the mail systems that write to people, in the languages that they write.
"""

import re
from typing import NamedTuple

from alerts.delivery.bounces import Bounce, bounce_of, reason_of_refusal
from alerts.delivery.status_codes import words_of
from alerts.delivery.waits import is_greylisting
from alerts.inbound.reading.phrases import pattern

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d|\d)")
_REPLY = re.compile(
    r"(?<![\d.:/#@-])([45][0-5]\d)(?=[.:;,)\]]|$"
    r"|[- ](?!bytes|kb|mb|days|hours|messages|recipients))"
)
# Subjects and details that may be said of anything; the text knows more.
_VAGUE = re.compile(r"(?:\d\.0|[089]\.\d{1,3}|[345]\.[05]|5\.\d|3\.[0-3]|4\.[01]|7\.1)")
_WRONG_OFTEN = re.compile(r"(?:1\.[0-3]|2\.[01]|4\.4|4\.3\d\d|7\.\d+)")
# What a gateway says of the answer that it quotes: `5.1.0 - Unknown address error 550-'5.7.1 …`.
_QUOTING = re.compile(
    r"[45]\.\d\.\d - (?:unknown address error|other \w+ system problem)[ ,:(]{1,3}(?=\d{3}[- ]'?)",
    re.IGNORECASE,
)
# It was not the reader whom the server had refused, but who sends.
_AT_SENDER = re.compile(
    r"(?:in reply to|after|in response to) (?:the )?(?:end of )?(?:mail from|ehlo|helo)\b"
)
# RFC 5248's registry: the account at the reader's side was disabled, or is somebody else's now.
_NOT_THEIRS = frozenset({"7.13", "7.17"})
_NO_MAIL_TAKEN = "7.27"
# The message itself had been handed over when this was said.
_AFTER_CONTENT = re.compile(
    r"(?:after|in re(?:ply|sponse) to) (?:the )?end of (?:data|message)"
    r"|>>> ?data\s+<<< ?5\d\d|smtp command\s+data\b"
)
_STOCK_PHRASE = re.compile(
    r"\b(?:user|recipient) unknown|\b(?:unknown|no such) (?:user|recipient)\b"
)
# Commands were sent in a row (RFC 2920): what stands after DATA answers what came before it.
_BEFORE_CONTENT = re.compile(r"(?:need|no valid|without|missing) (?:rcpt|recipient)|rcpt first")
_FULL = pattern("mailbox_full")
_SUSPENDED = pattern("suspended")
_NOBODY = pattern("nobody_there")
_ABOUT_US = pattern("about_us")
# These say it whatever else is said, but of the sender.
_SURELY_NOBODY = pattern("surely_nobody")
_SURELY_ABOUT_US = pattern("surely_about_us")
# Links are left out of the words, but some of them say who is blocked, and where.
_LINK_OF_A_LIST = re.compile(
    r"(?:https?://|www\.)[\w.-]{0,60}"
    r"(?:spamhaus|barracudacentral|sorbs|spamcop|uceprotect|proofpoint|senderscore|talosintel"
    r"|cloudmark|trendmicro|dnsbl|invaluement|surbl|uribl|x\.co/rlbounce)",
    re.IGNORECASE,
)
_OF_THE_SENDER = re.compile(
    r"\bsender\b|mail from|\bfrom address|verif(?:y|ication) failed|callout"
)
# What the code says is about the mail system, or about the message.
_OF_OTHER_THINGS = re.compile(r"[3456]\.\d{1,3}")
_REJECTED = re.compile(
    r"(?:recipient|address|user|rcpt)(?: address)? (?:is |was )?(?:rejected|refused)"
)
_FOR_NOW = pattern("for_now")
_TOO_LARGE = pattern("too_large")
_OF_HOSTS_FOR_NOW = pattern("hosts_for_now")
_READ = 1_500
_FIRST_PERMANENT = 500


class Judged(NamedTuple):
    """The class of a failure, None where nothing tells, and the code that it is known by."""

    bounce: Bounce | None
    code: str | None


def judged(status: str, text: str) -> Judged:
    """Judge a failure by the status of a report (may be empty) and by what was said with it.

    The code of the text wins over a vague one of the report: where a server writes `5.0.0`, the
    answer of the other side beneath it often says `5.1.1`.
    """
    said = _QUOTING.sub("", " ".join(text[:_READ].split()))
    inner, reply = _enhanced_in(said), _reply_in(said)
    code = _better(status, inner)
    words = words_of_notice(said)
    return Judged(_class(code, reply, words, said), code or reply or None)


def is_unknown_after_content(text: str) -> bool:
    """Tell whether a server said `User unknown` when it had the whole message, by the session.

    A server knows its mailboxes before that. One that took the recipient, and then says no more
    than this, may be a filter of the reader's that does not want to be seen, as at phone carriers.
    """
    low = text.lower()
    said = _AFTER_CONTENT.search(low) is not None and _STOCK_PHRASE.search(low) is not None
    return said and _BEFORE_CONTENT.search(low) is None


def words_of_notice(text: str) -> str:
    """Return a text in small letters on one line, without addresses and links, for looking up."""
    words = " ".join(words_of(piece) for piece in _pieces(text)).replace("’", "'")
    return " ".join(words.split())


def _pieces(text: str) -> list[str]:
    # An address after a colon takes the word before it along otherwise.
    flat = " ".join(text.replace(":", ": ").split())
    # Words are looked at in pieces, since `words_of` reads the beginning of an answer only.
    return [flat[at : at + 400] for at in range(0, len(flat), 400)]


def _enhanced_in(text: str) -> str:
    """Return the code that says most; the first of those that say as much."""
    found = [m[0] for m in _ENHANCED.finditer(text) if m[1] != "2"]
    telling = (code for code in found if not _VAGUE.fullmatch(code.partition(".")[2]))
    return next(telling, found[0] if found else "")


def _reply_in(text: str) -> str:
    found = _REPLY.search(text)
    return found[1] if found else ""


def _better(status: str, inner: str) -> str:
    if not status or status.startswith("2"):
        return inner
    if not inner:
        return status
    return inner if _says(inner) > _says(status) else status


def _says(code: str) -> int:
    """Return how much a code tells: `5.0.0` nothing, `5.7.1` little, `5.1.1` what it says."""
    if code.endswith((".0.0", ".3.0", ".5.0")):
        return 0
    return 1 if _VAGUE.fullmatch(code.partition(".")[2]) else 2


def _class(code: str, reply: str, words: str, said: str) -> Bounce | None:
    told = _by_words(words)
    sure = _is_surely_about_us(words, said)
    if sure or (told is not Bounce.SOFT and _AT_SENDER.search(said.lower())):
        told = Bounce.POLICY
    if (code or reply).startswith("4"):
        # Given up after refusals for now: never for good.
        policy = told is Bounce.POLICY or code.startswith("4.7.")
        return Bounce.POLICY if policy and not is_greylisting(said) else Bounce.SOFT
    if _FULL.search(words):
        return Bounce.SOFT
    detail = code.partition(".")[2]
    if detail == "2.1" and (_OF_HOSTS_FOR_NOW.search(words) or _SUSPENDED.search(words)):
        # Gmail says it of a mailbox that gets too much at once, too.
        return Bounce.SOFT
    if code and not _VAGUE.fullmatch(detail):
        if told is not None and _WRONG_OFTEN.fullmatch(detail):
            return _of_doubtful(detail, told, words, sure=sure)
        return bounce_of(f"refused {code}")
    return told or _of_recipient(detail, words) or _by_refusal(code, reply, said)


def _of_recipient(detail: str, words: str) -> Bounce | None:
    """Return hard where the recipient is refused, and no code says that it is for another thing."""
    rejected = _REJECTED.search(words) and not _OF_OTHER_THINGS.fullmatch(detail)
    return Bounce.HARD if rejected else None


def _is_surely_about_us(words: str, said: str) -> bool:
    """Tell whether our mail, or our server, is refused, whatever code stands with it."""
    return bool(_SURELY_ABOUT_US.search(words) or _LINK_OF_A_LIST.search(said))


def _by_refusal(code: str, reply: str, said: str) -> Bounce | None:
    """Return what the sender of mail would make of it, had it got this answer itself."""
    if not code and not reply:
        return None
    number = max(int(reply), _FIRST_PERMANENT) if reply else 0
    answer = said if code in said else f"{code} {said}"
    return bounce_of(reason_of_refusal(number, answer))


def _of_doubtful(detail: str, told: Bounce, words: str, *, sure: bool) -> Bounce | None:
    """Weigh words against a code that servers use for other things, too."""
    if detail == _NO_MAIL_TAKEN and told is Bounce.HARD:
        # sendmail says it of the reader's domain.
        return told
    if detail.startswith("7."):
        # Policy it is; the one code that is about the mailbox apart.
        return Bounce.HARD if detail in _NOT_THEIRS else Bounce.POLICY
    if detail.startswith("4.3") and told is Bounce.HARD:
        return told
    if told is Bounce.SOFT and _OF_HOSTS_FOR_NOW.search(words):
        return Bounce.SOFT
    if told is Bounce.POLICY and (sure or detail in {"1.0", "2.0", "2.1"}):
        return told
    return bounce_of(f"refused 5.{detail}")


def _by_words(words: str) -> Bounce | None:
    """Return what the words say, without any code."""
    if _FULL.search(words) or _TOO_LARGE.search(words):
        return Bounce.SOFT
    if _SUSPENDED.search(words) and not _OF_THE_SENDER.search(words):
        return Bounce.SOFT
    if _SURELY_NOBODY.search(words) and not _OF_THE_SENDER.search(words):
        return Bounce.HARD
    about_us = _ABOUT_US.search(words)
    nobody = _NOBODY.search(words)
    if nobody and not (about_us and about_us.start() < nobody.start()):
        return Bounce.SOFT if _OF_HOSTS_FOR_NOW.search(words) else Bounce.HARD
    if about_us:
        return Bounce.POLICY
    return Bounce.SOFT if _FOR_NOW.search(words) else None
