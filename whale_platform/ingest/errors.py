"""Exceptions of the ingester.

* IngestError
  x HttpUnavailableError
    x HistoryTooShortError
  x FrameTooLargeError
  x ScanStoppedError
  x MixedSourcesError
"""

from collections.abc import Mapping
from http import HTTPStatus

from whale_platform.domain.trade import Trade


class IngestError(Exception):
    """Base of all exceptions of the ingester."""


class HttpUnavailableError(IngestError):
    """No usable HTTP response. `status`: HTTP status or None; `wait_s`: seconds that the exchange demands, or None."""

    def __init__(self, reason: str, status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait_s = wait_s


class HistoryTooShortError(HttpUnavailableError):
    """The exchange has older trades than it shows. `page`: by id, all that it shows, which may be of use."""

    def __init__(self, reason: str, page: Mapping[int, Trade]) -> None:
        super().__init__(reason, HTTPStatus.NOT_FOUND)
        self.page = page


class FrameTooLargeError(IngestError):
    """`length`: bytes announced; `most`: bytes that are read; `start`: what had arrived of the frame."""

    def __init__(self, length: int, most: int, start: bytes) -> None:
        super().__init__(f"a frame of {length} bytes; at most {most} are read")
        self.start = start


class ScanStoppedError(IngestError):
    """The service is to end while it still reads the topic."""


class MixedSourcesError(IngestError):
    """The topic holds trades of another source; the text says what to do."""
