"""`/latest` as a finished response, for the middleware, which serves it without any routing, and for its endpoint."""

from collections.abc import Callable

from whale_platform.api.http import problems
from whale_platform.api.http.responses import JSON, accepts_gzip, matches_etag
from whale_platform.api.latest_cache.cache import LatestCache


def render_response(
    cache: LatestCache, header: Callable[[str, str], str]
) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """(status, body, headers) without parameters; 503 before the first reading."""
    ready = cache.response
    if ready is None:
        body = problems.encode_problem(503, "nothing has been read from Postgres yet: ask again in a second")
        return (
            503,
            body,
            [
                (b"content-type", problems.PROBLEM_MEDIA_TYPE.encode()),
                (b"retry-after", b"1"),
                _build_length_header(body),
            ],
        )
    out = [(b"etag", ready.etag.encode()), (b"cache-control", b"no-cache"), (b"vary", b"Accept-Encoding")]
    if (match := header("if-none-match", "")) and matches_etag(match, ready.etag):
        return 304, b"", out
    body = ready.body
    if accepts_gzip(header("accept-encoding", "")):
        body = ready.compress()
        out.append((b"content-encoding", b"gzip"))
    return 200, body, [*out, (b"content-type", JSON.encode()), _build_length_header(body)]


def _build_length_header(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
