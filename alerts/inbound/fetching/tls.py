"""TLS to a mail server that mail is fetched from: its certificate has to be good for its name."""

import ssl

from alerts.inbound.fetching.visits import Unreachable
from alerts.mailbox_urls import MailboxUrl


def tls_context(url: MailboxUrl) -> ssl.SSLContext:
    """Return how TLS is spoken there: names and certificates are checked, always."""
    try:
        return ssl.create_default_context(cafile=None if url.ca_file is None else str(url.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(
            f"the certificates of ca={url.ca_file} cannot be read: {error}"
        ) from error


def is_tls_trouble(error: OSError) -> str:
    """Return in one line what TLS has against the server; empty for any other trouble."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return ""
