"""The middleware around every request and response: key, rate, security headers, duration.

Plain ASGI, outside FastAPI, so that it costs microseconds, and so that `/latest` without parameters, which is bytes
that lie ready, is answered here without any routing. A websocket passes the same key and rate.
"""

import time
from functools import lru_cache
from math import ceil

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whale_platform import host_headers
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.endpoints.static_files import is_dashboard_path
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import problems
from whale_platform.api.latest_cache import response
from whale_platform.api.push.app import KEY_NAME
from whale_platform.api.server.rate_limit import RequestRateLimiter

LOGGED_STATUSES = (401, 403, 421, 429, 1008, 1013)  # HTTP statuses and close codes that leave a trail
STREAMED = "/whales/stream"  # goes on for hours: no request to be timed
KEY_OFFER = "whale.key."  # a browser's WebSocket can send no header, but offer a subprotocol
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class EdgeMiddleware:
    """Before `app`, with what `dependencies` say of keys."""

    def __init__(self, app: ASGIApp, dependencies: AppDependencies, limiter: RequestRateLimiter) -> None:
        self._app, self._dependencies, self._limiter = app, dependencies, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket, as ASGI calls it."""
        if scope["type"] == "websocket":
            await self._handle_websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._handle_request(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def check_request(self, scope: Scope) -> ApiProblemError | None:
        """Why this client may not ask now: 401, 421 or 429."""
        headers = Headers(scope=scope)
        name = (self._dependencies.keys.name_of(_read_key(headers)) or "") if self._dependencies.keys.has_keys else ""
        scope[KEY_NAME] = name
        page = is_dashboard_path(scope["path"])
        wait = self._limiter.try_acquire_s(f"key {name}" if name else _read_client_address(scope))
        if wait > 0:
            text = f"too many requests: ask again in {ceil(wait)} s, or have WHALE_API_RATE raised"
            return ApiProblemError(429, text, {"Retry-After": str(ceil(wait))})
        if not page and not self._dependencies.is_authorised(name):
            text = (
                "a key is needed: send `Authorization: Bearer KEY` or `X-API-Key: KEY`; `whale api-key add` makes one"
            )
            return ApiProblemError(401, text, {"WWW-Authenticate": "Bearer"})
        names = self._dependencies.settings.api_hosts
        if (
            not name
            and not page
            and (names or self._dependencies.local_only)
            and not _is_known_host(headers.get("host", ""), names)
        ):
            # a page elsewhere may give its own name this machine's address, and would read all with its user's browser
            text = "open this by 127.0.0.1 or localhost, name the host in WHALE_API_HOSTS, or make a key: "
            return ApiProblemError(421, text + "`whale api-key add NAME`")
        return None

    async def _handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, path, method = time.perf_counter(), scope["path"], scope["method"]
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in SECURITY if one[0] not in told)]
            await send(message)

        try:
            refusal = self.check_request(scope)
            if refusal is not None:
                await problems.build_problem_response(refusal)(scope, receive, watched)
            elif path == "/latest" and method in ("GET", "HEAD") and not scope["query_string"]:
                await self._send_latest(scope, watched)
            else:
                if method == "HEAD":
                    scope = {**scope, "method": "GET"}  # the server leaves the body out by the request's own method
                await self._app(scope, receive, watched)
        finally:
            if status in LOGGED_STATUSES:
                self._dependencies.refusals.record(_read_client_address(scope), status, path)
            if path != STREAMED:
                self._dependencies.metrics.observe(path, status, time.perf_counter() - begun)

    async def _send_latest(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        status, body, out = response.render_response(self._dependencies.latest, headers.get)
        await send({"type": "http.response.start", "status": status, "headers": out})
        await send({"type": "http.response.body", "body": body})

    async def _handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False

        async def watched(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            if message["type"] == "websocket.close":
                code = message.get("code", 1000) if accepted else 403
                if code in LOGGED_STATUSES:
                    self._dependencies.refusals.record(_read_client_address(scope), code, scope["path"])
            await send(message)

        refusal = self.check_request(scope)
        if refusal is None:
            await self._app(scope, receive, watched)
        else:
            self._dependencies.refusals.record(_read_client_address(scope), refusal.status, scope["path"])
            await send({"type": "websocket.close", "code": 1008})


def _read_client_address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


@lru_cache(256)
def _is_known_host(host: str, names: tuple[str, ...]) -> bool:
    return host_headers.is_known_host(host, names)


def _read_key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    if "x-api-key" in headers:
        return headers["x-api-key"]
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return next((text.strip()[len(KEY_OFFER) :] for text in offered if text.strip().startswith(KEY_OFFER)), "")
