"""REST answers as data, and the parameters that ask for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs

from whale_platform.exchanges.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class RestResponse:
    """One HTTP answer: status, JSON value, further headers."""

    status: HTTPStatus
    value: object
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The value as compact JSON."""
        return json.dumps(self.value, separators=(",", ":")).encode()


def respond_ok(value: object, headers: Mapping[str, str] | None = None) -> RestResponse:
    """Return a response with status 200."""
    return RestResponse(HTTPStatus.OK, value, headers or {})


def parse_parameters(query: str) -> dict[str, str]:
    """The last value of each parameter."""
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def read_number(query: Mapping[str, str], name: str, default: int | None = None) -> int | None:
    """A parameter of at most 18 digits. Raises InvalidParameterError."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidParameterError(name)
    return int(text)
