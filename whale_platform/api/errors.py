"""Exceptions of the API and its push server. Cheap to import, since the CLI catches one of them.

* ApiError
  x ApiProblemError
  x KeyFileError
  x SubscriptionRejectedError
  x InvalidCursorError
  x HistoryUnavailableError
  x HistoryExpiredError
"""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """Base of all exceptions of the API."""


class ApiProblemError(ApiError):
    """The response is a problem with this status and sentence. `headers` and members of its JSON are sent with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.members = dict(members or {})


class KeyFileError(ApiError):
    """The file of API keys can't be read or the name can't be used; the text says what to do."""


class SubscriptionRejectedError(ApiError):
    """What a client subscribes to can't be served; the text says why."""


class InvalidCursorError(ApiError):
    """The text is no cursor of this server's."""


class HistoryUnavailableError(ApiError):
    """Kafka or Postgres does not respond now, so past whales can't be read."""


class HistoryExpiredError(ApiError):
    """Kafka no longer has the offset; `low` is its earliest."""

    def __init__(self, low: int) -> None:
        super().__init__(f"the earliest offset is {low}")
        self.low = low
