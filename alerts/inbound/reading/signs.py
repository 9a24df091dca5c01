"""By what a mail is told to be a bounce, or a notice of delay, that has no report part. Pure."""

from alerts.inbound.reading.addresses import addresses_of, is_machine
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.phrases import pattern

_SUBJECT = pattern("bounce_subjects")
# What mail systems say of themselves, or of what they did, and people do not.
_TEXT = pattern("bounce_texts")
# Some of these are said of failures, too, by systems that explain themselves at length.
_DELAY = pattern("delay")
_SURELY_DELAY = pattern("surely_delay")
_ENDED = pattern("ended")
_READ = 6_000
_FIELDS_OF_SENDER = ("from", "sender", "reply-to", "return-path", "x-envelope-from")


def has_null_sender(headers: Headers) -> bool:
    """Tell whether the envelope's sender was empty, as bounces and answers of machines have it."""
    return any(value.strip() in {"<>", ""} for value in headers.all("return-path"))


def from_machine(headers: Headers) -> bool:
    """Tell whether a mail system wrote the mail, as it says itself."""
    senders = headers.get("from").lower()
    named = ("mail delivery", "mail daemon", "mailer-daemon", "postmaster", "system administrator")
    return (
        any(name in senders for name in named)
        or "microsoft outlook" in senders
        or any(is_machine(address) for address in addresses_of(headers, *_FIELDS_OF_SENDER))
    )


def is_bounce(headers: Headers, text: str) -> bool:
    """Tell whether a mail without a report part tells of a failed delivery, or a late one."""
    if "x-failed-recipients" in headers:
        return True
    subject = _SUBJECT.search(headers.get("subject")) is not None
    told = _TEXT.search(text[:_READ].replace("’", "'")) is not None
    sender = from_machine(headers) or has_null_sender(headers)
    if "multipart/report" in headers.get("content-type").lower():
        return told or subject or sender
    return (told and (sender or subject)) or (subject and sender)


def is_delay(headers: Headers, text: str) -> bool:
    """Tell whether a notice says that the message is late and still tried."""
    # The subject is read too, and says less: `Warning: … user unknown` is no delay.
    about = f"{headers.get('subject')}\n{text[:_READ]}"
    if _SURELY_DELAY.search(about):
        return True
    return _DELAY.search(about) is not None and _ENDED.search(about) is None
