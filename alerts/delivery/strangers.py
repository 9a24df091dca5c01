"""Whether a relay refuses us and no reader: it does not know us, or carries nobody's mail. Pure.

A relay that asks for a login answers so to every message, often at the recipient. What it says is
then true of our settings; held against readers it would end, one after the other, all of them.
"""

import enum
import re

from alerts.delivery.bounces import Bounce, bounce_of, reason_of_refusal
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.status_codes import enhanced_code, words_of

# How the reason of what waits for the settings to be mended goes on after the server's name.
REFUSES = "refuses our "


class Stranger(enum.Enum):
    """How sure it is that we are meant."""

    # Nobody else can be: the reply is one of logins.
    SURELY = "surely"
    # So the words say; a relay may ask a reader's own server and repeat what that said.
    PERHAPS = "perhaps"


# RFC 4954 section 6 and RFC 5248: a login, or TLS, is required; too weak, wrong, disabled.
_CODES = frozenset({525, 530, 534, 535, 538})
# The same as enhanced codes, but for those that others give another meaning (Yahoo's 5.7.9 is about
# SPF); and Exchange's for a client that did not log in.
_DETAILS = frozenset({"7.8", "7.11", "7.57"})
# Exchange: not a domain of its own; no right to send as this sender; relay access denied.
_DETAILS_OF_RELAYS = frozenset({"7.54", "7.60", "7.64"})
_WORDS = re.compile(
    r"authenticat\w+ (?:is )?(?:required|needed|failed|failure|credentials)"
    r"|(?:must|need to|please|not) (?:be )?authenticat|unauthenticated senders?"
    r"|(?:must|need to|please) log ?in\b|log ?in first|(?:invalid|wrong) credentials"
    r"|relay(?:ing)? (?:access )?(?:is |was )?(?:denied|prohibited)"
    r"|relay(?:ing)? (?:is |was )?(?:not |dis)(?:permitted|allowed)"
    r"|(?:unable|not (?:permitted|allowed|authori[sz]ed)) to relay"
    r"|list of allowed rcpthosts|client host rejected"
    r"|address is not verified|verified sender identity"
)
# What is said of SPF, DKIM and DMARC uses the same words.
_OF_DOMAINS = re.compile(r"\b(?:spf|dkim|dmarc)\b")
# The relay asked the reader's server, and repeats it.
_REPEATED = re.compile(r"\bsaid\b|in reply to|call-?out|recipient verif|undeliverable address")


def stranger(outcome: Outcome) -> Stranger | None:
    """Return whether a refusal says that the server takes no mail from us; None for any other."""
    if outcome.fate not in {Fate.TEMPORARY, Fate.PERMANENT} or not outcome.code:
        return None
    if outcome.code in _CODES:
        return Stranger.SURELY
    text = words_of(outcome.answer)
    if _REPEATED.search(text):
        return None
    detail = enhanced_code(outcome.answer).partition(".")[2]
    if detail in _DETAILS:
        return Stranger.SURELY
    if detail in _DETAILS_OF_RELAYS:
        return Stranger.PERHAPS
    by_words = _WORDS.search(text) and not _OF_DOMAINS.search(text)
    return Stranger.PERHAPS if by_words else None


def is_by_policy(outcome: Outcome) -> bool:
    """Tell whether a server refused a message for good by policy: our mail is not wanted."""
    if outcome.fate is not Fate.PERMANENT or not outcome.code:
        return False
    return bounce_of(reason_of_refusal(outcome.code, outcome.answer)) is Bounce.POLICY
