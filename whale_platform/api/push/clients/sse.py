"""`GET /whales/stream`: whales as Server-Sent Events, each with the cursor after it as its `id`.

A browser sends the last id by itself when it connects again; other clients send `Last-Event-ID`, or the query
parameter `cursor` where they can't set headers. Events: `whale` (data: the whale), `gap` (data: why, since when and
what to fetch), `status` (data: as on `/stream`, but only when all turns stale or fresh). An id without data moves the
cursor past whales that the filter left out. A client that does not read for too long is cut off; it resumes where it
was.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from whale_platform.api.push.fanout.client_limits import ClientLimits, StreamFilter
from whale_platform.api.push.fanout.client_queue import ClientQueue
from whale_platform.api.push.fanout.hub import PushHub
from whale_platform.api.push.fanout.whale_subscription import WhaleDelivery, WhaleSubscription

RETRY_MS = 1_000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class WhaleEventStream(StreamingResponse):
    """One client's response. `on_close` is called at its end, however it comes."""

    def __init__(
        self,
        hub: PushHub,
        subscription: WhaleSubscription,
        stream_filter: StreamFilter,
        limits: ClientLimits,
        key: str,
        on_close: Callable[[], None],
    ) -> None:
        self._hub, self._subscription, self._limits, self._on_close = hub, subscription, limits, on_close
        self._queue = ClientQueue(key)
        self._queue.topics = {"whales": stream_filter, "state": StreamFilter()}
        super().__init__(self._generate_events(), media_type="text/event-stream", headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes, or has to."""

        async def timed(message: Message) -> None:
            self._queue.sending_since = time.monotonic()
            await send(message)
            self._queue.sending_since = 0.0

        self._hub.join(self._queue)
        self._queue.task = asyncio.ensure_future(_await_sending(super().__call__(scope, receive, timed)))
        try:
            await asyncio.wait((self._queue.task,))
            if not self._queue.task.cancelled():
                self._queue.task.result()
        finally:
            self._queue.task.cancel()
            self._hub.leave(self._queue)
            self._on_close()

    async def _generate_events(self) -> AsyncIterator[str]:
        queue, follower, told = self._queue, self._subscription, ""
        yield f"retry: {RETRY_MS}\n\n"
        yield _format_event("status", self._hub.render_status())
        while queue.close_reason is None:
            queue.has_items.clear()
            for text in queue.drain():
                yield _format_event("gap" if text.startswith('{"type":"gap"') else "status", text)
            some = await follower.next_deliveries()
            if some:
                yield "".join(map(self._format_delivery, some))
                continue
            if follower.cursor != told:
                told = follower.cursor
                yield f"id: {told}\n\n"
            try:
                async with asyncio.timeout(follower.wait_s(self._limits.heartbeat_s)):
                    await queue.has_items.wait()
            except TimeoutError:
                yield ": still here\n\n"

    def _format_delivery(self, sent: WhaleDelivery) -> str:
        if sent.gap:
            return _format_event("gap", self._hub.render_gap("whales", sent.gap, sent.since_ms), sent.cursor)
        return _format_event("whale", sent.body, sent.cursor)


async def _await_sending(sending: Awaitable[None]) -> None:
    await sending


def _format_event(name: str, data: str, cursor: str = "") -> str:
    place = f"id: {cursor}\n" if cursor else ""
    return f"{place}event: {name}\ndata: {data}\n\n"
