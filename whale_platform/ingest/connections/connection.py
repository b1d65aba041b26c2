"""One life of one socket, on a thread of its own: connect, subscribe, hand every frame on, notice when it is dead.

It ends by itself when the far side closes, when nothing at all has come for `DEAD_S` although a ping was sent (a
half-open socket), or when no trade has come for `silence_s`, whatever heartbeats and pings may come: a feed can die
while its connection looks well. Where the exchange shows nothing of before, an end would lose what happens until the
next connection, so a silent one that still answers asks to be renewed instead, beside the one that replaces it. Nor is
it kept where the exchange no longer answers subscriptions. Where messages are numbered and one is missing, it is
renewed, a minute after its begin at the earliest: the trades that a subscription brings show what was lost of quiet
symbols, and the ids show it of the others. An exchange that closes connections without messages of its own kind gets
them (`Exchange.keepalive`).
"""

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websocket import ABNF, WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.exchanges.base import Event, Exchange, MessageNumber, SubscriptionConfirmed, SymbolRejected
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.connections.subscriptions import MAX_MISSES, MessageRateLimit, Subscriptions
from whale_platform.ingest.errors import FrameTooLargeError
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.http_status import compute_retry_after_s, describe_http_error
from whale_platform.ingest.transport.websocket import BufferedWebSocket

PING_S = 20.0
RENEW_AFTER_S = 60.0  # an exchange that loses messages all the time is not connected to more often
DEAD_S = 35.0
CLOSE_TOO_BIG = 1009
CLOSE_NORMAL = 1000


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """Why and how a life ended. `wait_s`: told by the exchange; `silent`: by the data watchdog."""

    reason: str
    wait_s: float | None = None
    silent: bool = False


@dataclass(slots=True)
class ConnectionState:
    """What is known of a connection; times are of the monotonic clock. Written by its thread, read by the feed.

    `looked`: when it last waited for a frame. `silent`: it is to be renewed because no trade comes.
    """

    opened: float | None = None
    looked: float = 0.0
    trades: int = 0
    last_trade: float = 0.0
    longest_pause: float = 0.0
    renew_at: float = float("inf")
    silent: bool = False
    going_down: bool = False
    ended: ConnectionEnd | None = None


class Connection(BackgroundThread):
    """`start`, watch `life`, `close`. `on_event` gets what is the feed's business; `wake` is set on every change.

    `symbols`: those it began with.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        pipeline: Pipeline,
        on_event: Callable[["Connection", Event], None],
        wake: threading.Event,
        silence_s: float,
        pace: MessageRateLimit,
    ) -> None:
        self.life = ConnectionState()
        self.symbols = frozenset(symbols)
        self._exchange = exchange
        self._added: deque[Sequence[str]] = deque()
        self._subscriptions = Subscriptions(symbols, exchange.symbols_per_message, pace)
        self._pace = pace
        self._kept_alive = 0.0
        self._pipeline = pipeline
        self._on_event = on_event
        self._wake = wake
        self._silence_s = silence_s
        self._socket = BufferedWebSocket()
        self._closing = False
        self._next_number: int | None = None
        super().__init__(f"socket-{exchange.name}")

    def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols too, from any thread: its own sends the message."""
        self._added.append(symbols)

    @property
    def unsubscribed(self) -> tuple[str, ...]:
        """The symbols that the exchange has not confirmed yet."""
        return self._subscriptions.left

    def close(self) -> None:
        """End it from outside; what the far side has still sent is not read."""
        self._closing = True
        self._shut(CLOSE_NORMAL)

    def _run(self) -> None:
        ended = ConnectionEnd("its thread failed, see the log")
        try:
            ended = self._receive_frames()
        except WebSocketBadStatusException as refused:
            status = int(refused.status_code)
            ended = ConnectionEnd(
                describe_http_error(self._exchange.name, status),
                compute_retry_after_s(status, _read_retry_after(refused)),
            )
        except FrameTooLargeError as large:
            self._pipeline.record_bad_frame(str(large), large.start, self._socket.received_us)
            self._shut(CLOSE_TOO_BIG)
            ended = ConnectionEnd(str(large))
        except (WebSocketException, OSError, ValueError) as error:
            ended = ConnectionEnd(f"{str(error) or type(error).__name__}")
        except ProducerStoppedError as stopped:
            ended = ConnectionEnd(str(stopped))
        finally:
            self._closing = True
            self._shut(CLOSE_NORMAL)
            self._socket.shutdown()
            self.life.ended = ended
            self._wake.set()

    def _receive_frames(self) -> ConnectionEnd:
        life = self.life
        self._socket.open(self._exchange.connect_url())
        life.looked = life.opened = life.last_trade = heard = self._kept_alive = time.monotonic()
        self._send_subscription(heard)
        self._wake.set()
        pinged = 0.0
        while not self._closing:
            try:
                messages = self._socket.read_messages()
            except WebSocketTimeoutException:
                now = life.looked = time.monotonic()
                if now - heard > DEAD_S:
                    return ConnectionEnd(f"nothing at all for {DEAD_S:.0f} s, not even an answer to a ping")
                if now - heard > PING_S and now - pinged > PING_S:
                    pinged = now
                    self._socket.ping()
            else:
                heard = time.monotonic()
                closed = self._handle_messages(messages)
                if closed is not None:
                    return closed
                now = life.looked
            self._send_subscription(now)
            self._send_keepalive(now)
            if self._subscriptions.useless:
                return ConnectionEnd(f"{MAX_MISSES} subscription messages in a row were not answered")
            if self._exchange.shows_earlier and now - life.last_trade > self._silence_s:
                return ConnectionEnd(f"no trade for {self._silence_s:.0f} s", silent=True)
            if heard - life.last_trade > self._silence_s and not life.silent:  # it answers still
                life.silent, life.renew_at = True, now
                self._wake.set()
        return ConnectionEnd("closed")

    def _handle_messages(self, messages: Sequence[tuple[int, bytes]]) -> ConnectionEnd | None:
        """Take messages that came together; the end where the exchange closes."""
        for opcode, data in messages:
            now = self.life.looked = time.monotonic()
            if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
                self._handle_frame(data, now)
            elif opcode == ABNF.OPCODE_CLOSE:
                return ConnectionEnd(_describe_close(data))
            if self._closing:
                break
        return None

    def _handle_frame(self, frame: bytes, now: float) -> None:
        life = self.life
        trades, others = self._pipeline.process_frame(frame, self._socket.received_us)
        if trades:
            if not life.trades:
                self._wake.set()
            life.trades += trades
            life.longest_pause = max(life.longest_pause, now - life.last_trade)
            life.last_trade = time.monotonic()
        for event in others:
            if isinstance(event, SubscriptionConfirmed):
                self._subscriptions.confirm(event.number, event.symbols)
            elif isinstance(event, MessageNumber):
                self._check_number(event.number, now)
            elif isinstance(event, SymbolRejected):
                symbol = self._subscriptions.handle_refusal(event.symbol, event.number)
                if symbol is not None:
                    self._on_event(self, SymbolRejected(symbol, event.reason))
            else:
                self._on_event(self, event)

    def _check_number(self, number: int, now: float) -> None:
        """Renew the connection where messages before this one were lost."""
        lost = self._next_number is not None and number != self._next_number
        self._next_number = number + 1
        if lost and self.life.renew_at > now:
            self.life.renew_at = min(self.life.renew_at, (self.life.opened or now) + RENEW_AFTER_S)
            self._wake.set()

    def _send_subscription(self, now: float) -> None:
        while self._added:
            self._subscriptions.add(self._added.popleft())
        symbols = self._subscriptions.take_due_symbols(now)
        if symbols:
            self._socket.send(self._exchange.subscribe(symbols, self._subscriptions.number))
        given_up, self._subscriptions.given_up = self._subscriptions.given_up, []
        for symbol in given_up:
            self._on_event(self, SymbolRejected(symbol, "the exchange does not answer when it is asked for"))

    def _send_keepalive(self, now: float) -> None:
        keepalive = self._exchange.keepalive
        if keepalive is None or now - self._kept_alive < keepalive.interval_s or not self._pace.try_acquire(now):
            return
        self._kept_alive = now
        self._socket.send(keepalive.message)

    def _shut(self, code: int) -> None:
        sock = self._socket.sock
        if sock is None:
            return
        with contextlib.suppress(WebSocketException, OSError):
            if self._socket.connected:
                self._socket.send_close(code)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _describe_close(data: bytes) -> str:
    if len(data) < 2:
        return "closed by the exchange"
    reason = "".join(char if char.isprintable() else "?" for char in data[2:].decode(errors="replace"))
    return f"closed by the exchange, code {struct.unpack('!H', data[:2])[0]}{f': {reason}' if reason else ''}"


def _read_retry_after(refused: WebSocketBadStatusException) -> str | None:
    headers = refused.resp_headers
    return headers.get("retry-after") if headers else None
