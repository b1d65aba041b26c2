"""What every request passes first, and every answer last: key, rate, security headers, the clock.

Plain ASGI, outside FastAPI, so that it costs microseconds, and so that `/latest` without parameters, which is bytes
that lie ready, is answered here without any routing. A websocket passes the same key and rate.
"""

import time
from collections.abc import Callable
from math import ceil

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whale_platform.api import problems
from whale_platform.api.answers import JSON, known, takes_gzip
from whale_platform.api.board import Board
from whale_platform.api.keys import Keys
from whale_platform.api.metrics import Metrics
from whale_platform.api.problems import Refusal
from whale_platform.api.rate import Limiter

SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Gate:
    """`open_without_keys`: whether anybody may ask while there is no key at all."""

    def __init__(
        self, app: ASGIApp, board: Board, keys: Keys, limiter: Limiter, metrics: Metrics, open_without_keys: bool
    ) -> None:
        self._app, self._board, self._keys, self._limiter = app, board, keys, limiter
        self._metrics, self._open = metrics, open_without_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why this client may not ask now: 401 or 429."""
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        name = ""
        if self._keys.any:
            name = self._keys.name(_key(headers)) or ""
        allowed = bool(name) or (self._open and not self._keys.any)
        wait = self._limiter.wait_s(f"key {name}" if name else client)
        if wait > 0:
            text = f"too many requests: ask again in {ceil(wait)} s, or have WHALE_API_RATE raised"
            return Refusal(429, text, {"Retry-After": str(ceil(wait))})
        if not allowed:
            text = (
                "a key is needed: send `Authorization: Bearer KEY` or `X-API-Key: KEY`; `whale api-key add` makes one"
            )
            return Refusal(401, text, {"WWW-Authenticate": "Bearer"})
        return None

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, path, method = time.perf_counter(), scope["path"], scope["method"]
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *SECURITY]
            await send(message)

        try:
            refusal = self.refusal(scope)
            if refusal is not None:
                await problems.response(refusal)(scope, receive, watched)
            elif path == "/latest" and method in ("GET", "HEAD") and not scope["query_string"]:
                await self._latest(scope, watched)
            else:
                if method == "HEAD":
                    scope = {**scope, "method": "GET"}  # the server leaves the body out by the request's own method
                await self._app(scope, receive, watched)
        finally:
            self._metrics.observe(path, status, time.perf_counter() - begun)

    async def _latest(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        status, body, out = latest(self._board, headers.get)
        await send({"type": "http.response.start", "status": status, "headers": out})
        await send({"type": "http.response.body", "body": body})

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.refusal(scope) is None:
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


def latest(board: Board, header: Callable[[str, str], str]) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """(status, body, headers) of `/latest` without parameters; 503 before the first reading."""
    ready = board.ready
    if ready is None:
        body = problems.body(503, "nothing has been read from Postgres yet: ask again in a second")
        return 503, body, [(b"content-type", problems.MEDIA.encode()), (b"retry-after", b"1"), _length(body)]
    out = [(b"etag", ready.etag.encode()), (b"cache-control", b"no-cache"), (b"vary", b"Accept-Encoding")]
    if (match := header("if-none-match", "")) and known(match, ready.etag):
        return 304, b"", out
    body = ready.body
    if takes_gzip(header("accept-encoding", "")):
        body = ready.compressed
        out.append((b"content-encoding", b"gzip"))
    return 200, body, [*out, (b"content-type", JSON.encode()), _length(body)]


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


def _key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
