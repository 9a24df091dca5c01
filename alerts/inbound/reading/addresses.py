"""Email addresses in what machines write: found in text, and told from what only looks so. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.inbound.reading.headers import Headers

# The marks of Chinese and Japanese texts, which stand between words without any blank.
_WIDE = "（）：，；。、「」『』【】《》〈〉〔〕！？“”"  # noqa: RUF001 - they are what is meant
_LOCAL = rf"(?:\"[^\"\s@]{{1,62}}\"|[^\s<>()\[\],;:\"@\\|{_WIDE}]{{1,64}})"
_LABELS = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{1,40}"
# Not in the middle of a word, nor a part of a longer one.
ADDRESS = re.compile(rf"(?<![^\s<>()\[\],;:\"'|=/{_WIDE}]){_LOCAL}@{_LABELS}(?![\w@-])")
# In a field of a report, where a host may have no dot, or be a number.
_IN_FIELD = re.compile(rf"{_LOCAL}@[^\s<>()\[\],;:\"@\\|]{{1,255}}|{_LOCAL}@\[[^\s\]]{{1,60}}\]")
_QUOTES = "'`‘’“”„«»*_"
_MACHINES = re.compile(
    r"(?:mailer-?daemon|post[-_]?master|mail-?daemon|mdaemon|mmdf|mailadm(?:in)?|double-?bounce"
    r"|(?:e?mail[-_.]?)?delivery[-_.]?(?:system|subsystem|failure|status|notification)"
    r"|no-?reply|do-?not-?reply|bounces?|mail-?deliver(?:y|er)|microsoftexchange[0-9a-f]*"
    r"|systemadministrator|prvs|symantec_\w+|mailsystem|smtp-?gateway)(?:[-+=_].*)?",
    re.IGNORECASE,
)
_HELPERS = re.compile(
    r"(?:post-?master|mailer-?daemon|abuse|host-?master|web-?master|noc|no-?reply|do-?not-?reply"
    r"|support|help-?(?:desk)?|security|admin(?:istrator)?|mailadm(?:in)?|sysadmin|it-?support"
    r"|info-?security|kundenservice|unblock|delist|removal|whitelist|errors?|feedback)"
    r"(?:[-+].*)?",
    re.IGNORECASE,
)
_LONGEST = 320
# Message-IDs have such left sides; nobody's mailbox has.
_MADE_BY_MACHINE = re.compile(
    r"(?=.*\d.*\d.*\d)(?:[0-9A-Fa-f.$-]{20,}|[\w$.-]*[A-Za-z0-9]{24,}[\w$.-]*|\d{9,}\.[\w.$-]+)"
)


@dataclass(frozen=True, slots=True)
class Others:
    """Addresses that are no failed recipient: ours, and those of the machine that writes."""

    keys: frozenset[str]

    def __contains__(self, address: str) -> bool:
        return key_of(address) in self.keys


def key_of(address: str) -> str:
    """Return an address as it is compared: in small letters."""
    return address.strip("<>").lower()


def addresses_in(text: str) -> Iterator[re.Match[str]]:
    """Yield what looks like an address in running text, place by place."""
    return (found for found in ADDRESS.finditer(text) if len(found[0]) <= _LONGEST)


def cleaned(address: str) -> str:
    """Return an address without the quotes and dots that stand around it in a sentence."""
    address = address.strip(_QUOTES).removeprefix("mailto:").rstrip(".")
    for mark in ("rfc822;", "smtp:", "SMTP:", "SMTP=", "smtp="):
        address = address.removeprefix(mark)
    return address.lstrip("=/").strip(_QUOTES)


def address_of_field(value: str) -> str:
    """Return the address of a field such as `rfc822; <reader@example.org>`; empty if none is."""
    rest = value.partition(";")[2] if ";" in value.partition("@")[0] else value
    angled = re.search(r"<\s*([^<>\s]{1,320})\s*>", rest)
    found = _IN_FIELD.search(angled[1] if angled else rest)
    return cleaned(found[0]) if found and len(found[0]) <= _LONGEST else ""


def addresses_of(headers: Headers, *names: str) -> tuple[str, ...]:
    """Return the addresses that stand in these fields, in order, each once."""
    found = (cleaned(match[0]) for value in headers.all(*names) for match in addresses_in(value))
    return unique(found)


def unique(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in order, each once; letters' case tells none apart."""
    return tuple({key_of(address): address for address in reversed(tuple(addresses))}.values())[
        ::-1
    ]


def is_machine(address: str) -> bool:
    """Tell whether mail from this address is written by a mail system."""
    return _MACHINES.fullmatch(address.partition("@")[0]) is not None


def is_helper(address: str) -> bool:
    """Tell whether an address is where help is to be had, as in `mail postmaster@…`."""
    return _HELPERS.fullmatch(address.partition("@")[0]) is not None


def is_identifier(address: str) -> bool:
    """Tell whether what looks like an address is the identifier of a message."""
    return _MADE_BY_MACHINE.fullmatch(address.partition("@")[0]) is not None
