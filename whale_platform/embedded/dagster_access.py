"""The check before every request to Dagster's webserver: only this machine's programs and the UI itself may change
things.

Dagster's own server takes requests of any page that a browser has open. Here a request is refused whose Host or Origin
is foreign, which another site's page has sent (`Sec-Fetch-Site`), or which such a page could send without being asked
first (a POST that is not JSON). Following a link to a page of the UI stays allowed: a GET changes nothing (that GraphQL
by GET only queries is held by `dagster_webserver.py`, where the query is executed), its answer is not readable for the
page that linked to it, and no page may show it in a frame.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

from whale_platform import host_headers

AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, AsgiReceive, AsgiSend], Awaitable[None]]

GRAPHQL = "/graphql"
READ_METHODS = ("GET", "HEAD")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),  # beside Dagster's own: browsers obey both
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class DagsterAccessCheck:
    """Before `app`; `names` are the host names it may be asked by beside 127.0.0.1, localhost and [::1]."""

    def __init__(self, app: AsgiApp, names: tuple[str, ...]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Handle one request or WebSocket, as ASGI calls it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif refused := find_refusal(scope, self._names):
            await _send_refusal(scope, send, *refused)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _add_security_headers(send))


def find_refusal(scope: AsgiScope, names: tuple[str, ...]) -> tuple[int, str] | None:
    """HTTP status (421 or 403) and the sentence why this request or socket is refused; None where it may pass."""
    headers = RequestHeaders(scope)
    host = headers.single_value("host")
    if host is None or not host_headers.is_known_host(host, names):
        return 421, "Open Dagster by 127.0.0.1 or localhost, or name this host in WHALE_DAGSTER_HOSTS."
    origin = headers.single_value("origin")
    if headers.contains("origin") and (origin is None or not host_headers.is_same_origin(origin, host)):
        return 403, "Pages of another origin may not use Dagster."
    if headers.contains("sec-fetch-site") and headers.single_value("sec-fetch-site") not in ("same-origin", "none"):
        linked = (
            headers.single_value("sec-fetch-mode") == "navigate"
            and headers.single_value("sec-fetch-dest") == "document"
        )
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].startswith(GRAPHQL) or not linked:
            return 403, "Pages of another site may link to Dagster's pages, but not use it."
    if scope["type"] == "websocket" or scope["method"] in READ_METHODS:
        return None
    if scope["method"] != "POST":
        return 403, "Dagster is asked by GET and POST only."
    media = (headers.single_value("content-type") or "").partition(";")[0].strip().lower()
    if media != "application/json":
        return 403, "Send JSON, with the header `Content-Type: application/json`: forms of other pages can't."
    return None


def has_only_queries(text: str) -> bool:
    """Whether a GraphQL document has no operation but queries; True where it can't be read, since nothing runs then."""
    try:
        document = parse(text)
    except GraphQLError:
        return True
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    return all(one.operation == OperationType.QUERY for one in operations)


class RequestHeaders:
    """A request's headers, names in lower case."""

    def __init__(self, scope: AsgiScope) -> None:
        self._all: list[tuple[bytes, bytes]] = scope["headers"]

    def contains(self, name: str) -> bool:
        """Whether it was sent at all."""
        return any(key == name.encode() for key, _ in self._all)

    def single_value(self, name: str) -> str | None:
        """Its value; None where it was not sent, or more than once."""
        found = [value for key, value in self._all if key == name.encode()]
        return found[0].decode("latin-1") if len(found) == 1 else None


def _add_security_headers(send: AsgiSend) -> AsgiSend:
    async def sends(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *SECURITY_HEADERS]
        await send(message)

    return sends


async def _send_refusal(scope: AsgiScope, send: AsgiSend, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": text})  # before it is accepted: HTTP 403
        return
    body = f"{text}\n".encode()
    about = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*about, *SECURITY_HEADERS]})
    await send({"type": "http.response.body", "body": body})
