"""The slots of an edition: what differs from reader to reader, filled in as bytes at sending.

premailer and Jinja leave these words alone, also in the middle of an address.
"""

import enum


class Slot(enum.StrEnum):
    """A place in a rendered edition where a reader's own value goes."""

    EMAIL = "@@EMAIL@@"
    UNSUBSCRIBE_URL = "@@UNSUBSCRIBE_URL@@"
    PREFERENCES_URL = "@@PREFERENCES_URL@@"
