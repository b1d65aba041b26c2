"""One exchange's REST side, shared by the threads that ask it: once it says to wait, none of them asks before that.

An answer carries its round trip, counted from the moment the connection stands. The handshakes before that take
several round trips of their own, and would move the midpoint, in which `clock` sees the exchange's clock.

The far side is not trusted: it is asked over TLS or on this machine, a redirect is not followed (it could lead to
servers of this machine, which trust what comes from here), and what has not come whole in time is cut off, however
slowly it trickles.
"""

import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from whale_platform import __version__, host_headers
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport.deadline import Deadline
from whale_platform.ingest.transport.http_status import compute_retry_after_s, describe_http_error

TIMEOUT_S = 10.0
MAX_BYTES = 32 * 1024 * 1024  # an exchange's list of all symbols is the longest answer, several MB
USER_AGENT = f"whale-platform/{__version__}"

GLOBAL_BACKOFF_STATUSES = (
    418,
    429,
    503,
)  # what the exchange says of the address; a firewall or a country may refuse one path alone


@dataclass(frozen=True, slots=True)
class TimedResponse:
    """`sent_us`: our clock when the request left, microseconds UTC; `round_trip_us`: from then to the answer's head."""

    body: bytes
    sent_us: int
    round_trip_us: int


class RestClient:
    """`fetch` from any thread."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[str, float], TimedResponse] | None = None,
        now: Callable[[], float] = time.monotonic,
        simulated: bool = False,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """simulated: whether it is the simulator, which has no TLS and may be another host; others need TLS.

        headers: what the exchange expects beside the usual ones.
        """
        self._fetch = fetch or partial(_fetch, name, simulated, {"User-Agent": USER_AGENT, **dict(headers)})
        self._now = now
        self._wait = 0.0, ""

    def fetch(self, url: str, timeout_s: float = TIMEOUT_S) -> TimedResponse:
        """Answer of `url`. Raises HttpUnavailableError; without asking, while the exchange has told anybody to wait."""
        until, reason = self._wait
        left = until - self._now()
        if left > 0:
            raise HttpUnavailableError(reason, None, left)
        try:
            return self._fetch(url, timeout_s)
        except HttpUnavailableError as trouble:
            if trouble.wait_s is not None and trouble.status in GLOBAL_BACKOFF_STATUSES:
                self._wait = self._now() + trouble.wait_s, str(trouble)
            raise


class _Line(threading.local):
    """When the connection of this thread's present request stood, by our clock and by the monotonic one."""

    clock_us = 0
    monotonic_ns = 0
    sock: socket.socket | None = None
    deadline: Deadline | None = None


_line = _Line()


class _Http(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _line.sock = self.sock
        if _line.deadline is not None and _line.deadline.over:  # before there was anything to end
            raise TimeoutError
        _line.clock_us, _line.monotonic_ns = time.time_ns() // 1000, time.monotonic_ns()


class _Https(_Http, HTTPSConnection):
    pass


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Http, request)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Https, request)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: a redirect is an answer like any other that is no good."""


OPENER = urllib.request.build_opener(_Handler, _Stay)


def _fetch(name: str, simulated: bool, headers: dict[str, str], url: str, timeout_s: float) -> TimedResponse:
    asked = urlsplit(url)
    plain = asked.scheme == "http" and (simulated or host_headers.is_loopback(asked.hostname or ""))
    if asked.scheme != "https" and not plain:
        raise HttpUnavailableError(f"{name}'s REST address must begin with https://, or name this machine: {url}")
    line = _line.__dict__  # of this thread; the deadline's is another
    line["sock"] = None
    _line.deadline = deadline = Deadline(timeout_s, lambda: line["sock"])
    try:
        with deadline, OPENER.open(urllib.request.Request(url, headers=headers), timeout=timeout_s) as answer:
            round_trip_us = (time.monotonic_ns() - _line.monotonic_ns) // 1000
            body: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as refused:
        with refused:
            wait = compute_retry_after_s(refused.code, refused.headers.get("Retry-After"))
            raise HttpUnavailableError(describe_http_error(name, refused.code), refused.code, wait) from None
    except (OSError, HTTPException, ValueError) as error:
        if deadline.over:
            raise HttpUnavailableError(_describe_timeout(name, timeout_s)) from None
        raise HttpUnavailableError(
            f"{name}'s REST address can't be reached: {getattr(error, 'reason', error)}"
        ) from None
    if deadline.over:
        raise HttpUnavailableError(_describe_timeout(name, timeout_s))
    if len(body) > MAX_BYTES:
        raise HttpUnavailableError(f"{name} sent an answer of more than {MAX_BYTES} bytes")
    return TimedResponse(body, _line.clock_us, round_trip_us)


def _describe_timeout(name: str, timeout_s: float) -> str:
    return f"{name}'s REST address did not answer whole within {timeout_s:g} s"
