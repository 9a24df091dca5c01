"""Structured logs, on standard error, without addresses or tokens in clear.

Nobody is to write them into an event; but a server's answer, or an exception's text, may hold one.
What libraries log by the standard library's `logging` passes through the same: uvicorn and Celery
write the traceback of what nobody expected, and with it what a database said of a row.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict, WrappedLogger
from typing_extensions import override

from alerts.config import Settings

# The local part tells who; the domain, which is kept, tells whose server it is. A local part may be
# quoted, may stand in an address of the web, and may hold the address of another (VERP).
# A run of letters is looked at from its beginning alone: from each letter on, a long one took time
# by the square of its length.
_ADDRESS = re.compile(
    r"(?:\"[^\"\n]{1,64}\"|(?<![^\s<>\"'(),:;@\\\[\]/])[^\s<>\"'(),:;@\\\[\]/]+)"
    r"(?P<at>@|%40)(?=[\w\[])",
    re.IGNORECASE,
)
# A reader's link ends in a token, whoever's page it is; so does one that sets a password, and where
# a provider calls.
_TOKEN = re.compile(
    r"(/(?:confirm|preferences|unsubscribe|c|desk/password|inbound/webhooks/[\w-]{1,40})/)[\w.~%+=-]+"
)
_BEARER = re.compile(r"\bgpa_[\w-]+")
_HIDDEN = "***"


def configure_logs() -> None:
    """Set up logging once per process; `ALERTS_LOG_LEVEL` chooses how much (default warning)."""
    level = logging.getLevelNamesMapping()[_level()]
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    logging.setLogRecordFactory(_Record)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide_people,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _level() -> str:
    try:
        return Settings().log_level
    except ValidationError:
        # Which setting is wrong is said by whoever loads them, in one line.
        return "WARNING"


def hide_people(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask addresses and links of readers in all values of an event, at any depth."""
    return {name: _masked(value) for name, value in event.items()}


def of_database(error: DBAPIError) -> str:
    """Return what a database said, in one line for a person at a terminal."""
    said = " ".join(without_people(str(error.orig)).split())
    return f"the database does not answer as it should: {said}"


def without_people(text: str) -> str:
    """Return a text with the local parts of addresses, and the tokens of links, masked."""
    text = _ADDRESS.sub(rf"{_HIDDEN}\g<at>", text)
    return _BEARER.sub(_HIDDEN, _TOKEN.sub(rf"\1{_HIDDEN}", text))


def _masked(value: object) -> object:
    if isinstance(value, str):
        return without_people(value)
    if isinstance(value, Mapping):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_masked(inner) for inner in value]
    return value


class _Record(logging.LogRecord):
    """What a library logs, masked before any handler of whoever's sees it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base class's own
        super().__init__(*args, **kwargs)
        if self.exc_info:
            # Handlers take the text that stands here, and make none themselves.
            self.exc_text = without_people(_PLAIN.formatException(self.exc_info))

    @override
    def getMessage(self) -> str:
        return without_people(super().getMessage())


_PLAIN = logging.Formatter()
