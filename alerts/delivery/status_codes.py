"""Enhanced status codes in the answers of mail servers (RFC 3463). Pure."""

import re

# No part of an address such as 5.188.10.2, nor of a longer number. RFC 2034 puts the code first;
# many servers write it elsewhere.
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\d)(?!\.\d)")
# What a server says that matters stands at the beginning; some write whole pages.
_READ = 500
_NAMES = re.compile(r"https?://\S*|<[^<>]{0,320}>|[^\s@]{1,64}@[^\s@,;:]{1,255}")
# RFC 3463 section 3, with the codes that the IANA registry added; by subject and detail.
_MEANINGS = {
    "1.0": "something about the address",
    "1.1": "no such mailbox",
    "1.2": "no such mail domain",
    "1.3": "the address is malformed",
    "1.4": "the address is ambiguous",
    "1.6": "the reader has moved",
    "1.7": "the sender's address is malformed",
    "1.8": "the sender's domain is not known",
    "1.10": "the domain takes no mail",
    "2.0": "something about the mailbox",
    "2.1": "the mailbox is switched off",
    "2.2": "mailbox full",
    "2.3": "the message is too large for the mailbox",
    "3.0": "something about the mail system",
    "3.1": "the mail system is full",
    "3.2": "the mail system takes no mail now",
    "3.4": "the message is too large",
    "4.0": "something about the network",
    "4.1": "no answer from the reader's mail server",
    "4.2": "a bad connection",
    "4.3": "a directory such as DNS failed",
    "4.4": "no way to the reader's mail server",
    "4.5": "the mail system is congested",
    "4.6": "a loop on the way",
    "4.7": "it took too long on the way",
    "5.3": "too many recipients",
    "6.7": "the address needs SMTPUTF8",
    "7.0": "a matter of policy",
    "7.1": "a matter of policy",
    "7.20": "no DKIM signature that holds",
    "7.21": "no DKIM signature that is accepted",
    "7.23": "SPF does not allow it",
    "7.25": "the sending host has no name in DNS",
    "7.26": "neither SPF nor DKIM held",
    "7.27": "the sender's domain takes no mail",
    "7.28": "too much mail at once",
    "7.515": "the sender is not authenticated as it should be",
}
_MEANINGS_OF_SUBJECTS = {"7": "a matter of policy"}
# Where a refusal for now means something else than one for good.
_MEANINGS_FOR_NOW = {
    "1.1": "the address could not be checked",
    "1.8": "the sender's domain was not found",
    "2.0": "greylisting, or the mailbox takes nothing now",
    "2.1": "the mailbox takes nothing now",
    "7.1": "greylisting, or a matter of policy",
}
# RFC 5321 section 4.2.3, for servers that give no enhanced code.
_MEANINGS_OF_REPLIES = {
    "421": "the server closes, or is busy",
    "450": "the mailbox takes nothing now",
    "451": "an error at the server",
    "452": "no room at the server",
    "550": "no such mailbox, or a matter of policy",
    "551": "the reader is elsewhere",
    "552": "no room for the message",
    "553": "the address is not allowed",
    "554": "the server does not take it",
}


def words_of(answer: str) -> str:
    """Return the beginning of an answer in small letters, without addresses and links.

    They are the reader's and the server's names, and a reader at spam.example is no spam.
    """
    return _NAMES.sub(" ", answer[:_READ].lower())


def unnamed(answer: str) -> str:
    """Return the beginning of an answer in one line without addresses and links, to count by."""
    left = " ".join(_NAMES.sub(" ", answer[:_READ]).split())
    return left.replace(" : ", " ")


def enhanced_code(answer: str) -> str:
    """Return the first enhanced status code in an answer; empty where there is none."""
    found = _ENHANCED.search(answer[:_READ])
    return found.group(1) if found else ""


def meaning_of(code: str) -> str:
    """Return what an enhanced or a reply code means, in a few plain words; empty if unknown."""
    kind, _, detail = code.partition(".")
    if not detail:
        return _MEANINGS_OF_REPLIES.get(code, "")
    if kind == "4" and detail in _MEANINGS_FOR_NOW:
        return _MEANINGS_FOR_NOW[detail]
    return _MEANINGS.get(detail) or _MEANINGS_OF_SUBJECTS.get(detail.partition(".")[0], "")


def in_words(reason: str) -> str:
    """Return what a reason in the ledger means; empty where it says so itself."""
    code = reason.rpartition(" ")[2]
    return "" if ": " in reason else meaning_of(code)
