"""Logging of every process: structlog, `key=value` lines on stderr, UTC; the log keeper writes the files."""

import logging
import re
import sys
from typing import Any

import structlog

_SECRET = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")


def _hide_secrets(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[name] = _SECRET.sub(r"\1***@", value)
    return event


def configure(level: str) -> None:
    """Set up structlog for this process. Passwords inside URLs are masked in every field."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "service", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
