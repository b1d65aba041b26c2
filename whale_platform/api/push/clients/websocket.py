"""WebSocket `/stream`. Messages from clients: `client_messages.py`; messages to them: `message_schema.py`.

Close codes: 1008 nonsense or too many messages, 1009 a message too large, 1012 the server stops, 1013 too many
clients, 4000 nothing subscribed, 4008 too slow. A client of another origin gets HTTP 403 instead of a socket: a page
of another site must not read this server with its user's browser. A client that stops
reading is told nothing, as nothing can be sent to it; its connection ends by the listening socket's time-out
(`push_server.py`).
"""

import asyncio
import time
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from whale_platform.api.errors import SubscriptionRejectedError
from whale_platform.api.push.clients.client_messages import (
    PingMessage,
    SubscribeMessage,
    UnsubscribeMessage,
    parse_message,
)
from whale_platform.api.push.clients.message_schema import VERSION
from whale_platform.api.push.fanout import message_text
from whale_platform.api.push.fanout.client_limits import STATE_TOPICS, TOPICS, ClientLimits, FrameBucket, StreamFilter
from whale_platform.api.push.fanout.client_queue import ClientQueue
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.whale_subscription import HistoryReader, WhaleSubscription

SUBPROTOCOL = "whale"  # a browser, which can't send a key in a header, offers it beside this one: see middleware.py
NOT_SUBSCRIBED = 4000
GOODBYE_S = 1.0
STRIKES = 5


class WebSocketSession:
    """One accepted socket, from `hello` to its end."""

    def __init__(self, socket: WebSocket, hub: PushHub, history: HistoryReader, limits: ClientLimits, key: str) -> None:
        self._socket, self._hub, self._history, self._limits = socket, hub, history, limits
        self._queue = ClientQueue(key)
        self._subscription: WhaleSubscription | None = None
        self.sent = 0

    async def run(self) -> None:
        """Until either side ends it."""
        queue, hub = self._queue, self._hub
        hello = {"type": "hello", "version": VERSION, "epoch": hub.epoch, "seq": hub.seq}
        limits = {"message_bytes": self._limits.message_bytes, "messages_per_s": self._limits.messages_per_s}
        queue.add_notice(
            message_text.dump_json(hello | {"time": _format_now(), "limits": limits | {"names": self._limits.names}})
        )
        hub.join(queue)
        queue.task = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait((queue.task, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (queue.task, reader):
                task.cancel()
            results = await asyncio.gather(queue.task, reader, return_exceptions=True)
            hub.leave(queue)
        if queue.close_reason is not None:
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                await asyncio.wait_for(self._socket.close(*queue.close_reason), GOODBYE_S)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                raise result

    async def _write(self) -> None:
        queue, limits = self._queue, self._limits
        due = time.monotonic() + limits.heartbeat_s  # whatever else wakes it: a heartbeat tells the cursor
        while queue.close_reason is None:
            queue.has_items.clear()
            for text in queue.drain():
                await self._send(text)
            if self._subscription is not None and await self._send_whales(self._subscription):
                continue
            follower, now = self._subscription, time.monotonic()
            if now >= due:
                due = now + limits.heartbeat_s
                cursor = follower.cursor if follower else ""
                beat = {"type": "heartbeat", "seq": self._hub.seq, "time": _format_now(), "cursor": cursor}
                await self._send(message_text.dump_json(beat))
            wait = due - now if follower is None else min(due - now, follower.wait_s(limits.heartbeat_s))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await queue.has_items.wait()

    async def _send_whales(self, subscription: WhaleSubscription) -> bool:
        some = await subscription.next_deliveries()
        for sent in some:
            if subscription is not self._subscription:
                break
            if sent.gap:
                await self._send(self._hub.render_gap("whales", sent.gap, sent.since_ms))
            else:
                await self._send(message_text.render_whale(self._hub.seq, sent.cursor, sent.body))
        return bool(some)

    async def _send(self, text: str) -> None:
        self._queue.sending_since = time.monotonic()
        try:
            await self._socket.send_text(text)
        except RuntimeError:  # the server has just closed it (too large a frame, no pong): that is read only after this
            raise WebSocketDisconnect from None
        self._queue.sending_since = 0.0
        self.sent += 1

    async def _read(self) -> None:
        bucket, strikes = FrameBucket(self._limits.messages_per_s, self._limits.burst), 0
        while True:
            idle = None if self._queue.topics else self._limits.idle_s
            try:
                async with asyncio.timeout(idle):
                    message = await self._socket.receive()
            except TimeoutError:
                return self._queue.drop(NOT_SUBSCRIBED, "nothing was subscribed to")
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if not bucket.try_take():
                return self._queue.drop(1008, "too many messages")
            if text is None:
                return self._queue.drop(1008, "only text messages are read")
            if len(text.encode()) > self._limits.message_bytes:
                return self._queue.drop(1009, "the message is too large")
            try:
                self._handle_message(text)
            except SubscriptionRejectedError as error:
                strikes += 1
                self._queue.add_notice(message_text.dump_json({"type": "error", "message": str(error)}))
                if strikes >= STRIKES:
                    return self._queue.drop(1008, "too many messages that can't be read")

    def _handle_message(self, text: str) -> None:
        said = parse_message(text, self._limits.names)
        queue = self._queue
        if isinstance(said, PingMessage):
            return queue.add_notice(message_text.dump_json({"type": "pong", "ping": said.number}))
        if isinstance(said, UnsubscribeMessage):
            for topic in said.topics:
                queue.topics.pop(topic, None)
            if "whales" in said.topics:
                self._subscription = None
        else:
            self._subscribe(said)
        topics = [topic for topic in TOPICS if topic in queue.topics]
        cursor = self._subscription.cursor if self._subscription else ""
        queue.add_notice(
            message_text.dump_json({"type": "subscribed", "seq": self._hub.seq, "topics": topics, "cursor": cursor})
        )
        if isinstance(said, SubscribeMessage):
            self._send_missed(said)
        return None

    def _subscribe(self, message: SubscribeMessage) -> None:
        queue = self._queue
        queue.topics |= dict.fromkeys(message.topics, message.filter)
        if "whales" in message.topics:
            stream_filter: StreamFilter = message.filter
            self._subscription = WhaleSubscription(
                self._hub.whale_log, self._history, stream_filter.matches_whale, message.cursor
            )

    def _send_missed(self, message: SubscribeMessage) -> None:
        if "status" in message.topics:
            self._queue.add_notice(self._hub.render_status())
        for topic in STATE_TOPICS:
            if topic in message.topics:
                for text in self._hub.render_missed(topic, message.filter, message.since):
                    self._queue.add_notice(text)


def _format_now() -> str:
    return message_text.format_iso_ms(time.time() * 1000)
