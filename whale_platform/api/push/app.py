"""The live push as one thing to own: feed, hub, routes and numbers.

The middleware before it decides who may connect. Kafka may be unavailable at the start: clients are notified. Serve it
by `push_server.PushServer`, which starts it in the loop and ends the open streams first: an event stream never ends by
itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Query, Request, WebSocket
from starlette.responses import Response

from whale_platform.api.errors import ApiProblemError, InvalidCursorError, SubscriptionRejectedError
from whale_platform.api.http.openapi import INVALID, REFUSED
from whale_platform.api.http.origins import is_origin_allowed
from whale_platform.api.http.query_params import WhaleStreamParams
from whale_platform.api.push.clients.sse import WhaleEventStream
from whale_platform.api.push.clients.websocket import SUBPROTOCOL, WebSocketSession
from whale_platform.api.push.fanout.client_limits import ClientLimits, ConnectionLimiter, make_filter
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.whale_cursor import parse_cursor
from whale_platform.api.push.fanout.whale_subscription import WhaleSubscription
from whale_platform.api.push.sources.kafka_source import TICK_S, KafkaSource
from whale_platform.api.push.sources.whale_history import WhaleHistory
from whale_platform.kafka_cluster import KafkaCluster

SWEEP_S = 1.0
KEY_NAME = "whale.key"  # where the gate leaves the name of the key in the scope
StatusReader = Callable[[], dict[str, Any]]


class PushApp:
    """dsn: gives the Postgres connection string, None where there is none. origins: those of other pages to let in.

    read_status: what `status` says beside the state of the Kafka source; called once a second in a thread.
    is_authorised: whether who came with the key of that name (empty: with none) may stay.
    """

    def __init__(
        self,
        bootstrap: KafkaCluster,
        dsn: Callable[[], str] | None = None,
        *,
        origins: frozenset[str] = frozenset(),
        limits: ClientLimits | None = None,
        read_status: StatusReader = dict,
        is_authorised: Callable[[str], bool] = lambda key: True,
        pop_taken_back: Callable[[], int] = lambda: 0,
        tick_s: float = TICK_S,
    ) -> None:
        """`pop_taken_back`: how many whales were taken back since its last call; once a second clients are notified."""
        self.hub = PushHub()
        self.log = structlog.get_logger().bind(part="live")
        self.source = KafkaSource(bootstrap, self.hub, tick_s)
        self._limits = limits or ClientLimits()
        self._history = WhaleHistory(bootstrap, dsn)
        self._origins, self._read_status = origins, read_status
        self._is_authorised, self._pop_taken_back = is_authorised, pop_taken_back
        self._limiter = ConnectionLimiter(self._limits)
        self._sent = 0
        self._sweeper: asyncio.Task[None] | None = None
        self.router = APIRouter(tags=["live"])
        self.router.add_api_websocket_route("/stream", self._serve_websocket)
        self.router.add_api_route(
            "/whales/stream",
            self._whales,
            methods=["GET"],
            response_class=Response,
            responses={200: {"content": {"text/event-stream": {}}}, **REFUSED, **INVALID},
            summary="Whales as they happen (Server-Sent Events), resumed by Last-Event-ID",
        )

    async def start(self) -> None:
        """Begin to read Kafka."""
        self.source.start(asyncio.get_running_loop())
        self._sweeper = asyncio.create_task(self._sweep())

    def disconnect_clients(self) -> None:
        """Disconnect the clients, with the advice to reconnect."""
        self.hub.disconnect_all()

    async def stop(self) -> None:
        """Disconnect the clients and stop reading."""
        self.disconnect_clients()
        self.source.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await asyncio.to_thread(self.source.join, 3.0)

    def read_metrics(self) -> dict[str, int]:
        """For metrics; all but clients and lag only grow. lag: messages of Kafka not yet read."""
        hub, tails = self.hub, self.source.tails
        return {
            "live_clients": self._limiter.count,
            "live_refused_total": self._limiter.refused,
            "live_dropped_total": hub.dropped,
            "live_thinned_total": hub.thinned,
            "live_sent_total": self._sent,
            "live_read_total": sum(tail.messages for tail in tails),
            "live_unread_total": self.source.unread,
            "live_whales_total": hub.whale_log.last,
            "live_whale_doubles_total": hub.whale_log.duplicates,
            "live_lag": sum(tail.lag for tail in tails),
        }

    async def _sweep(self) -> None:
        while True:
            try:
                self.hub.publish_tickers()
                status = await asyncio.to_thread(self._read_status)
                self.source.set_slow(any(_is_stream_behind(one) for one in status.get("services", ())))
                self.hub.publish_status(**status)
            except Exception:  # the sweeping must go on, or nobody is dropped any more
                self.log.exception("tickers and status")
            if count := self._pop_taken_back():
                self.hub.publish_gap("whales", f"{count} whales were taken back: /whales/taken-back lists them")
            self.hub.drop_stale_clients(self._limits.send_s, self._is_authorised)
            await asyncio.sleep(SWEEP_S)

    async def _serve_websocket(self, socket: WebSocket) -> None:
        if not is_origin_allowed(socket.headers, self._origins, socket.url.scheme):
            await socket.close()
            return
        address = socket.client.host if socket.client else ""
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
        try:
            self._limiter.acquire(address)
        except SubscriptionRejectedError as error:
            await socket.close(1013, str(error))
            return
        session = WebSocketSession(
            socket, self.hub, self._history.for_client(address), self._limits, socket.scope.get(KEY_NAME, "")
        )
        try:
            await session.run()
        finally:
            self._sent += session.sent
            self._limiter.release(address)

    async def _whales(
        self,
        request: Request,
        params: Annotated[WhaleStreamParams, Query()],
        last_event_id: Annotated[str | None, Header(description="id of the last event received")] = None,
    ) -> Response:
        """Events `whale`, `gap` and `status`; see docs/guides/api.md. Without a cursor it begins now."""
        try:
            stream_filter = make_filter(
                *(params.symbol, params.exchange, params.min_notional_usd, self._limits.names),
                *(params.kind, params.tier),
            )
            cursor = last_event_id or params.cursor
            begin = parse_cursor(cursor) if cursor else None
        except (SubscriptionRejectedError, InvalidCursorError) as error:
            raise ApiProblemError(422, str(error)) from None
        address = request.client.host if request.client else ""
        try:
            self._limiter.acquire(address)
        except SubscriptionRejectedError as error:
            raise ApiProblemError(429, str(error), {"Retry-After": "5"}) from None
        follower = WhaleSubscription(
            self.hub.whale_log, self._history.for_client(address), stream_filter.matches_whale, begin
        )
        key = request.scope.get(KEY_NAME, "")
        return WhaleEventStream(
            self.hub, follower, stream_filter, self._limits, key, lambda: self._limiter.release(address)
        )


def _is_stream_behind(service: dict[str, Any]) -> bool:
    return bool(service["name"] == "stream" and service["state"] == "degraded")
