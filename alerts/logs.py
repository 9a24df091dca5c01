"""Structured logs, on standard error, without addresses in clear."""

import logging
import os
import sys

import structlog


def configure_logs() -> None:
    """Set up logging once per process; `ALERTS_LOG_LEVEL` chooses how much (default warning)."""
    level = getattr(logging, os.environ.get("ALERTS_LOG_LEVEL", "WARNING").upper(), logging.WARNING)
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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
