"""What a refusal says about the reader: nobody is there, or only not now, or not from us. Pure.

The ledger keeps one short reason. Where the server's code does not show the class by itself, the
reason carries it in words, so that bounces are counted from reasons alone.
"""

import enum
import re

from alerts.delivery.status_codes import enhanced_code, words_of


class Bounce(enum.StrEnum):
    """The class of a bounce: about the reader's address for good, for now, or about our mail."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"


_REFUSED, _GAVE_UP = "refused ", "gave up after "
# What subject and detail (RFC 3463) say by themselves; what stands in neither table is soft.
_OF_DETAILS = {
    # The sender's address.
    "1.7": Bounce.POLICY,
    "1.8": Bounce.POLICY,
    # The mailbox is disabled.
    "2.1": Bounce.HARD,
    # Microsoft, for a recipient that a tenant does not have.
    "4.1": Bounce.HARD,
    # No host takes the domain's mail.
    "4.4": Bounce.HARD,
    # The address needs what the way to it cannot carry.
    "6.7": Bounce.HARD,
}
# The reader's address; the message's content; security and policy.
_OF_SUBJECTS = {"1": Bounce.HARD, "6": Bounce.POLICY, "7": Bounce.POLICY}
# What a reply code (RFC 5321, RFC 7504) says where there is nothing else.
_OF_REPLIES = {
    "550": Bounce.HARD,
    "551": Bounce.HARD,
    "553": Bounce.HARD,
    "554": Bounce.POLICY,
    "556": Bounce.HARD,
}
# What is said by one of these may be said of anything; the text knows more.
_VAGUE = re.compile(r"(?:\d\.0|4\.1|7\.1|)")
_NO_MAILBOX, _NO_MAIL_TO, _NOT_FROM_US, _NOT_NOW = (
    "no such mailbox",
    "takes no mail to this reader",
    "not from us",
    "not now",
)
_BY_WORDS = {
    _NO_MAILBOX: Bounce.HARD,
    _NO_MAIL_TO: Bounce.HARD,
    _NOT_FROM_US: Bounce.POLICY,
    _NOT_NOW: Bounce.SOFT,
}

_UNKNOWN = re.compile(
    r"no such (?:local )?(?:user|mailbox|recipient|account|person|address|e-?mail|member|domain)"
    r"|\b(?:unknown|invalid|nonexistent|non-existent) "
    r"(?:local )?(?:user|mailbox|recipient|account|address|e-?mail|local[- ]part|alias)"
    r"|\b(?:user|mailbox|recipient|account|address|addressee|alias|e-?mail|domain)\b[^.;]{0,60}?"
    r"\b(?:unknown|not known|not found|not exist|doesn'?t exist|no longer|disabled|deactivated"
    r"|inactive|closed|deleted|not (?:a )?valid|not local|doesn'?t have an?)\b"
    r"|not (?:a )?(?:valid|known) (?:user|mailbox|recipient|account|address|e-?mail)"
    r"|mailbox unavailable|unrouteable address|unroutable address|undeliverable address"
    r"|no mailbox (?:here )?by that name|no one (?:here )?(?:at|by) th|not our customer"
    r"|contain a valid address|missing final '@domain'|illegal character"
)
# Providers keep lists of readers whose mail bounced, or who complained.
_SUPPRESSED = re.compile(r"marked as inactive|inactive recipient|suppress(?:ed|ion)")
_NOT_IN_TENANT = re.compile(r"recipient address rejected: access denied")
_OF_THE_SENDER = re.compile(
    r"sender (?:address|verif|callout|rejected|denied|unknown|domain)|verification failed for"
    r"|\bfrom'? (?:address|parameter|field|header)|'from'|mail from"
)
_POLICY = re.compile(
    r"\bspam|unsolicited|\bblocked|black-? ?list|block-? ?list|deny-? ?list|dnsbl|\brbl\b"
    r"|listed (?:at|in|by|on)\b|spamhaus|reputation|policy|\bspf\b|\bdkim\b|\bdmarc\b|authenticat"
    r"|not authori[sz]ed|relay|virus|malware|banned|\bbulk\b|access denied|\bjunk|abuse|prohibit"
    r"|not permitted|not allowed|rcpthosts|content"
)
_FOR_NOW = re.compile(
    r"over ?-?quota|quota|\bfull\b|too (?:many|much|quickly|fast)|\brate\b|try again|temporar"
    r"|no answer|timed? ?out|unreachable|connect"
)


def reason_of_refusal(code: int, answer: str) -> str:
    """Return the reason that the ledger keeps for a permanent refusal.

    `refused 5.1.1`, `refused 550`; with words where the text says more than the code:
    `refused 550: no such mailbox`.
    """
    status = enhanced_code(answer)
    shown = status or (str(code) if code else "no answer")
    detail = status.partition(".")[2]
    words = _told(detail, words_of(answer))
    # That policy is policy need not be said twice.
    known = words == _NOT_FROM_US and detail.startswith("7.")
    return f"{_REFUSED}{shown}: {words}" if words and not known else f"{_REFUSED}{shown}"


def bounce_of(reason: str) -> Bounce | None:
    """Return the class of the bounce that a failed delivery's reason tells of; None if it is none.

    One that was given up after the server's refusals for now counts too, never as a hard one; one
    that never got there (no connection, a limit of ours) does not.
    """
    for beginning in (_REFUSED, _GAVE_UP):
        if reason.startswith(beginning):
            shown, _, words = reason.removeprefix(beginning).partition(": ")
            if not shown[:1].isdigit():
                return None
            found = _BY_WORDS.get(words) or _by_status(shown)
            given_up = beginning == _GAVE_UP and found is Bounce.HARD
            return Bounce.SOFT if given_up else found
    return None


def _by_status(shown: str) -> Bounce:
    """Return what an enhanced status code, or a reply code, says by itself."""
    detail = shown.partition(".")[2]
    if not detail:
        return _OF_REPLIES.get(shown, Bounce.SOFT)
    subject = detail.partition(".")[0]
    return _OF_DETAILS.get(detail) or _OF_SUBJECTS.get(subject, Bounce.SOFT)


def _told(  # noqa: PLR0911 - a table, a line for each case
    detail: str, text: str
) -> str:
    """Return what the text of a refusal says, where the status code leaves room for it."""
    if detail == "2.1":
        # Gmail says it of a mailbox that gets too much at once, too.
        return _NOT_NOW if _FOR_NOW.search(text) else ""
    if not _VAGUE.fullmatch(detail):
        return ""
    if _SUPPRESSED.search(text):
        return _NO_MAIL_TO
    if detail == "4.1" and _NOT_IN_TENANT.search(text):
        return _NO_MAILBOX
    about_us = _OF_THE_SENDER.search(text) or _POLICY.search(text)
    if _UNKNOWN.search(text) and not about_us:
        return _NO_MAILBOX
    if about_us:
        return _NOT_FROM_US
    return _NOT_NOW if _FOR_NOW.search(text) else ""
