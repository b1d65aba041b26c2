"""The client's address behind a reverse proxy: headers of the proxies in `WHALE_API_PROXIES` are trusted.

X-Forwarded-For is read from its end, where the nearest proxy writes: the first address that is no trusted proxy's is
the client. Anybody else's headers of that kind mean nothing. What can't be read counts for the proxy itself.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED_FOR, FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"


class TrustedProxies:
    """Addresses and networks such as `10.0.0.0/8`."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """Raises ValueError where one is neither."""
        self._networks: list[Network] = [ipaddress.ip_network(text, strict=False) for text in networks]
        self.is_trusted = lru_cache(1_024)(self._check_trust)

    def client_address(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The address of who asks, by a connection from `peer`."""
        if not self.is_trusted(peer):
            return peer
        hops = b",".join(value for name, value in headers if name == FORWARDED_FOR).decode("latin-1").split(",")
        found = peer
        for hop in reversed(hops):
            address = _parse_address(hop.strip())
            if not address:
                break
            found = address
            if not self.is_trusted(address):
                break
        return found

    def _check_trust(self, address: str) -> bool:
        try:
            asked = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(asked, "ipv4_mapped", None) or asked
        return any(mapped in network for network in self._networks)


class ForwardedMiddleware:
    """ASGI before `app`: the client and scheme of the scope are those that a trusted proxy tells."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket, as ASGI calls it."""
        peer = scope["client"] if scope["type"] in ("http", "websocket") else None
        if peer and self._proxies.is_trusted(peer[0]):
            headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
            scope["client"] = (self._proxies.client_address(peer[0], headers), 0)
            told = [value for name, value in headers if name == FORWARDED_PROTO]
            secure = bool(told) and told[-1].rpartition(b",")[2].strip().lower() in (b"https", b"wss")
            plain = "ws" if scope["type"] == "websocket" else "http"
            scope["scheme"] = f"{plain}s" if secure else plain
        await self._app(scope, receive, send)


def _parse_address(text: str) -> str:
    """Of `203.0.113.7`, `203.0.113.7:41000` or `[2001:db8::1]:41000`; empty for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
