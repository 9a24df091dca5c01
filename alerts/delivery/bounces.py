"""Bounces as the ledger's reasons tell them: who will never be reached, who not now. Pure.

The mail server that we hand over to tells most of it at once; what comes back later by mail is
read elsewhere.
"""

import re
from collections.abc import Mapping

CLASSES = ("hard", "soft", "policy")
# What is counted: a refusal for good, and who was given up after temporary ones.
_REFUSED = re.compile(r"refused ([0-9.]+)")
_GIVEN_UP = re.compile(r"gave up after 4")
# By the enhanced code (RFC 3463), the longest beginning that fits; a bare reply code at last.
_CLASSES = {
    # The address: there is none, or no longer.
    "5.1.": "hard",
    # Not about the reader: the sender's own address is not liked.
    "5.1.7": "policy",
    "5.1.8": "policy",
    # The mailbox: disabled, full, too small for the message, a list's trouble.
    "5.2.": "soft",
    "5.2.1": "hard",
    "5.3.": "soft",
    "5.4.": "soft",
    # "Recipient address rejected: access denied", Microsoft's word for "no such user".
    "5.4.1": "hard",
    # No host of that name takes mail.
    "5.4.4": "hard",
    "5.5.": "soft",
    "5.6.": "policy",
    # The address needs what the way to it cannot carry.
    "5.6.7": "hard",
    "5.7.": "policy",
    "550": "hard",
    "551": "hard",
    "552": "soft",
    "553": "hard",
    "554": "policy",
}


def bounce_class(reason: str) -> str | None:
    """Return `hard`, `soft` or `policy` for a reason of the ledger; None where it is no bounce."""
    if _GIVEN_UP.match(reason):
        return "soft"
    match = _REFUSED.match(reason)
    if match is None:
        return None
    code = match[1]
    fitting = [start for start in _CLASSES if _fits(code, start)]
    return _CLASSES[max(fitting, key=len)] if fitting else "soft"


def count_bounces(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return how many bounces of each class there are among counted reasons."""
    counts = dict.fromkeys(CLASSES, 0)
    for reason, count in reasons.items():
        found = bounce_class(reason)
        if found is not None:
            counts[found] += count
    return counts


def _fits(code: str, start: str) -> bool:
    """Tell whether a code is the one named, or lies in the group named by a final dot."""
    return code.startswith(start) if start.endswith(".") else code == start
