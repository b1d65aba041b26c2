"""Logging of every process: structlog, `key=value` lines on stderr, UTC; the log collector writes the files."""

import contextlib
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import structlog

LOG_LIMIT_BYTES = 5_000_000
_SECRET = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")


def _escape(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What an exchange says may hold sequences that a terminal obeys; they are written as `\\x1b`."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in value)
    return event


def _hide_secrets(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[name] = _SECRET.sub(r"\1***@", value)
    return event


def configure_logging(level: str) -> None:
    """Set up structlog for this process. Passwords inside URLs are masked in every field."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            _escape,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "service", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def rotate_log(path: Path, limit: int = LOG_LIMIT_BYTES) -> None:
    """Go on in a new file where this process's stderr is the log `path` and has grown over `limit` bytes.

    The old one is kept as `<name>.1`. For the supervisor alone; the other logs are the log collector's.
    """
    with contextlib.suppress(OSError):
        ours = os.fstat(2)
        if ours.st_size <= limit or not os.path.samestat(ours, path.stat()):
            return
        path.replace(path.with_name(f"{path.name}.1"))
        fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for descriptor in (1, 2):
            os.dup2(fresh, descriptor)
        os.close(fresh)
