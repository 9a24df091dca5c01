"""Envelope senders of their own per delivery, so that what comes back says whose it is. Pure.

`bounces+<delivery>.<check>@domain`: the check is a keyed hash over the number, so that nobody can
make a bounce up for somebody else's delivery. All is in small letters and digits: some servers
change the case of what they return.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Self

_SALT = b"alerts.return-path:"
# 60 bits: nobody guesses that by mail, and the left side stays within its 64 octets.
_CHECK_CHARACTERS = 12
_MOST_DIGITS = 19


class ForgedReturnPath(Exception):
    """The address is made like ours, and its check is not right."""


class ReturnPaths:
    """Makes and reads the addresses that bounces go to, with all valid keys, oldest first.

    `address` is where they go without a delivery: `bounces@bounce.example.org`. The last key
    makes new ones.
    """

    def __init__(self, keys: Sequence[str], address: str) -> None:
        self._local, _, self._domain = address.lower().rpartition("@")
        self._beginning = f"{self._local}+"
        self._end = f"@{self._domain}"
        # The state that holds the key is copied for each: a hash costs a third so.
        self._hashes = [hmac.new(key.encode(), _SALT, hashlib.sha256) for key in keys]

    @classmethod
    def of(cls, keys: Sequence[str], address: str) -> Self | None:
        """Return the addresses under an address; None where there is none."""
        return cls(keys, address) if address else None

    def address(self, delivery_id: int) -> str:
        """Return the envelope sender of a delivery."""
        number = str(delivery_id)
        return f"{self._beginning}{number}.{_check(self._hashes[-1], number)}{self._end}"

    def delivery_of(self, address: str) -> int | None:
        """Return the delivery that an envelope recipient names; None for any other address.

        Raises ForgedReturnPath where the address is made like ours and the check is not ours.
        """
        address = address.strip("<> ").lower()
        if not address.startswith(self._beginning) or not address.endswith(self._end):
            return None
        tag = address.removeprefix(self._beginning).removesuffix(self._end)
        number, _, check = tag.partition(".")
        right_form = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
        given = check.encode()
        # All keys are compared, in constant time: how near a guess was shows nowhere.
        matches = [hmac.compare_digest(_check(one, number).encode(), given) for one in self._hashes]
        if not right_form or not any(matches):
            raise ForgedReturnPath(address)
        return int(number)


def _check(keyed: hmac.HMAC, number: str) -> str:
    keyed = keyed.copy()
    keyed.update(number.encode())
    return base64.b32encode(keyed.digest())[:_CHECK_CHARACTERS].decode("ascii").lower()
