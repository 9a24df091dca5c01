"""The links of one reader: unsubscribe, preferences, confirmation. Made and read here alone."""

from dataclasses import dataclass
from datetime import timedelta

from alerts.tokens import PREFERENCES, UNSUBSCRIBE, BadToken, Tokens

CONFIRM_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """What an unsubscribe link stands for: one newsletter or, when None, all of them."""

    public_id: str
    newsletter: str | None
    issue_id: int | None


class SubscriberLinks:
    """Makes and reads the links that need no password, only a signature."""

    def __init__(self, tokens: Tokens, base_url: str) -> None:
        self._tokens = tokens
        self._base_url = base_url

    def unsubscribe_url(
        self, public_id: str, *, newsletter: str | None = None, issue_id: int | None = None
    ) -> str:
        """Return the link that ends one subscription, or all; it never expires."""
        issue = "" if issue_id is None else str(issue_id)
        token = self._tokens.lasting(UNSUBSCRIBE, public_id, newsletter or "", issue)
        return f"{self._base_url}/unsubscribe/{token}"

    def read_unsubscribe(self, token: str) -> UnsubscribeRequest:
        """Read an unsubscribe token; raise BadToken."""
        parts = self._tokens.read_lasting(UNSUBSCRIBE, token)
        if len(parts) != 3 or not (parts[2] == "" or parts[2].isdecimal()):  # noqa: PLR2004 - as above
            raise BadToken
        return UnsubscribeRequest(parts[0], parts[1] or None, int(parts[2]) if parts[2] else None)

    def preferences_url(self, public_id: str) -> str:
        """Return the link to a reader's own preferences."""
        return f"{self._base_url}/preferences/{self._tokens.lasting(PREFERENCES, public_id)}"

    def read_preferences(self, token: str) -> str:
        """Return the public id a preferences token stands for; raise BadToken."""
        parts = self._tokens.read_lasting(PREFERENCES, token)
        if len(parts) != 1:
            raise BadToken
        return parts[0]

    def confirm_url(self, public_id: str) -> str:
        """Return the link that confirms a sign-up; it serves for seven days."""
        return f"{self._base_url}/confirm/{self._tokens.expiring(public_id)}"

    def read_confirm(self, token: str) -> str:
        """Return the public id a confirmation token stands for; raise BadToken."""
        parts = self._tokens.read_expiring(token, within=CONFIRM_WITHIN)
        if len(parts) != 1:
            raise BadToken
        return parts[0]
