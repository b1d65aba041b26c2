"""Who may change something through the API: the check before every endpoint that writes.

Reading is for whoever passes the middleware. Writing is also refused for pages of any other origin, those of
`WHALE_API_CORS` included, which may read alone; for requests that a browser marks as another site's; for what a form of
another page could send; and as a whole where the API serves other machines, unless `WHALE_API_WRITE` says otherwise.
Also then a request without a key needs a Host header that names this machine or stands in `WHALE_API_HOSTS`: a page
elsewhere that gives its own name this machine's address (DNS rebinding) is of the same origin as what it sends to.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from whale_platform import host_headers
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http.origins import is_origin_allowed
from whale_platform.api.push.app import KEY_NAME
from whale_platform.settings import Settings

MAX_BODY_BYTES = 8_192  # the amounts of 168 hours with all digits are 4,900
_INSTEAD = "`whale threshold set` does the same on the platform's machine"
_OF_PROXIES = ("forwarded", "via", "x-real-ip")  # beside X-Forwarded-…
_CHECKED = ("host", "origin", "sec-fetch-site", "content-type")


def explain_read_only(scope: Scope, settings: Settings, local_only: bool) -> str | None:
    """Why who sends this request can't change anything here, as a sentence; None where it may.

    local_only: whether the API listens for this machine alone.
    """
    if settings.api_write is False:
        return f"nothing is set through this API (WHALE_API_WRITE=false): {_INSTEAD}"
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if settings.api_write is None:
        named = host_headers.is_loopback(host_headers.strip_port(host))
        if not (local_only and named) or settings.api_proxies:
            return f"an API that serves other machines sets nothing without WHALE_API_WRITE=true: {_INSTEAD}"
        if any(name in _OF_PROXIES or name.startswith("x-forwarded-") for name in headers):
            return f"what comes through a proxy sets nothing without WHALE_API_WRITE=true: {_INSTEAD}"
    elif not scope.get(KEY_NAME) and not host_headers.is_known_host(host, settings.api_hosts):
        return f"without a key nothing is set under a name that is not in WHALE_API_HOSTS: {_INSTEAD}"
    if settings.api_postgres_dsn is not None and settings.editor_postgres_dsn is None:
        return f"this API has a log-in to read alone (WHALE_EDITOR_POSTGRES_DSN is not set): {_INSTEAD}"
    return None


def check_write(scope: Scope, settings: Settings, local_only: bool) -> None:
    """Raises ApiProblemError (403) where this request may change nothing."""
    reason = explain_read_only(scope, settings, local_only)
    if reason is not None:
        raise ApiProblemError(403, reason)
    headers = Headers(scope=scope)
    if any(len(headers.getlist(name)) > 1 for name in _CHECKED):
        raise ApiProblemError(403, f"send {', '.join(_CHECKED)} once each")
    if not is_origin_allowed(headers, frozenset(), scope["scheme"]):
        raise ApiProblemError(403, "pages of another origin change nothing here: use the page of this address")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ApiProblemError(403, "what another site's page sends changes nothing here: use the page of this address")


async def read_json(request: Request) -> bytes:
    """The body of a request that passed `check_write`. Raises ApiProblemError (413, 415) and ClientDisconnect."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise ApiProblemError(415, "send JSON, with the header `Content-Type: application/json`")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise ApiProblemError(413, f"send {MAX_BODY_BYTES:,} bytes at most")
    return body
