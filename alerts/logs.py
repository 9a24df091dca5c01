"""Structured logs, on standard error, without addresses or tokens in clear.

Nobody is to write them into an event; but a server's answer, or an exception's text, may hold one.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence

import structlog
from pydantic import ValidationError
from structlog.typing import EventDict, WrappedLogger

from alerts.config import Settings

# The local part tells who; the domain, which is kept, tells whose server it is.
_ADDRESS = re.compile(r"[^\s<>\"'(),:;@\\\[\]=/]+@(?=[\w\[])")
# A reader's link ends in a token, whoever's page it is.
_TOKEN = re.compile(r"(/(?:confirm|preferences|unsubscribe)/)[\w.~%+=-]+")
_HIDDEN = "***"


def configure_logs() -> None:
    """Set up logging once per process; `ALERTS_LOG_LEVEL` chooses how much (default warning)."""
    level = logging.getLevelNamesMapping()[_level()]
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
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


def without_people(text: str) -> str:
    """Return a text with the local parts of addresses, and readers' tokens, masked."""
    return _TOKEN.sub(rf"\1{_HIDDEN}", _ADDRESS.sub(f"{_HIDDEN}@", text))


def _masked(value: object) -> object:
    if isinstance(value, str):
        return without_people(value)
    if isinstance(value, Mapping):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_masked(inner) for inner in value]
    return value
