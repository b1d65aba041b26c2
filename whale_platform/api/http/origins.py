"""Whether the page that a browser sends a request for may do so: by the Origin header, which no page can forge."""

from starlette.datastructures import Headers

from whale_platform import host_headers

ENCRYPTED = ("https", "wss")


def is_origin_allowed(headers: Headers, allowed: frozenset[str], scheme: str = "ws") -> bool:
    """Whether a browser's page may connect: of this origin or an allowed one. Programs send no Origin.

    Behind a TLS proxy that is trusted (scheme https or wss) a page that came unencrypted is another origin.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return True
    host = headers.get("host", "")
    return (
        bool(host)
        and host_headers.is_same_origin(origin, host)
        and (scheme not in ENCRYPTED or origin.lower().startswith("https:"))
    )
