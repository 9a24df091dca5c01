"""What single mails say: the contexts of the templates that are not issues."""

from collections.abc import Sequence

from alerts.subscribers.links import CONFIRM_WITHIN


def confirmation_context(
    *,
    email: str,
    titles: Sequence[str],
    confirm_url: str,
    publisher: str,
    publisher_address: str,
    home_url: str,
) -> dict[str, object]:
    """Return what the `confirmation` template asks for: the newsletters' titles and one link.

    The person's name is left out on purpose. Whoever fills in a form could otherwise have us mail
    a text of theirs to any address.
    """
    return {
        "email": email,
        "titles": list(titles),
        "confirm_url": confirm_url,
        "days": CONFIRM_WITHIN.days,
        "publisher": publisher,
        "publisher_address": publisher_address,
        "home_url": home_url,
    }
