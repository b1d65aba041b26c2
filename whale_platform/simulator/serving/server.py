"""One listening socket for all exchanges: a path for each, by its name, WebSocket and plain HTTP GET."""

import logging
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from email.utils import formatdate
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from whale_platform.exchanges.registry import join_names
from whale_platform.exchanges.simulation.rest_response import RestResponse
from whale_platform.exchanges.simulation.simulated_exchange import ExchangeSimulator
from whale_platform.simulator.serving.subscription_hub import SubscriptionHub

PING_EVERY_S = 20.0
PONG_WITHIN_S = 60.0
_MAX_INCOMING = 1 << 16

_log = logging.getLogger("whale_platform.simulator.serving.server")
# Port checks and browsers that disconnect are no errors of ours.
_log.addFilter(lambda record: "opening handshake failed" not in record.getMessage())


def serve_exchanges(
    port: int, sides: Mapping[str, ExchangeSimulator], hub: SubscriptionHub, host: str = "127.0.0.1"
) -> AbstractAsyncContextManager[Server]:
    """Serve on `host` while the context lasts, then close all connections with 1001. OSError: the port is taken."""

    def process(_: ServerConnection, request: Request) -> Response | None:
        exchange, path, query = _route(request.path)
        side = sides.get(exchange)
        if side is None:
            paths = join_names([f"/{name}" for name in sides], "or")
            return _response(RestResponse(HTTPStatus.NOT_FOUND, {"message": f"paths start with {paths}"}))
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return _response(side.rest(path, query, request.headers))
        if not side.speaks(path):
            return _response(RestResponse(HTTPStatus.NOT_FOUND, {"message": "no such stream address"}))
        if not hub.faults.accept(exchange):
            return _response(RestResponse(HTTPStatus.SERVICE_UNAVAILABLE, {"message": "unavailable"}))
        return None

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        exchange, path, query = _route(connection.request.path)
        with suppress(ConnectionClosed):
            await sides[exchange].converse(connection, path, query)

    return serve(
        handle,
        host,
        port,
        process_request=process,
        compression=None,
        ping_interval=PING_EVERY_S,
        ping_timeout=PONG_WITHIN_S,
        close_timeout=2,
        max_size=_MAX_INCOMING,
        logger=_log,
    )


def _route(target: str) -> tuple[str, str, str]:
    path, _, query = target.partition("?")
    exchange, slash, rest = path.removeprefix("/").partition("/")
    return exchange, slash + rest, query


def _response(response: RestResponse) -> Response:
    body = response.body()
    headers = Headers(
        {
            "Date": formatdate(time.time(), usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **response.headers,
        }
    )
    return Response(response.status.value, response.status.phrase, headers, body)
