"""One connection's share of an exchange's symbols: connections for it, one after the other, without end.

Before the exchange cuts a connection for its age, when it says that it is going down, or in a silence that it would not
show later, a second one is opened, and the first is closed only when the second delivers (make before break): the
sequencer drops what both bring. In between lies a capped, jittered back-off. `describe_trouble` says in a sentence why
there is no connection.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from whale_platform.exchanges.base import Event, Exchange, ServerShutdown, SymbolRejected
from whale_platform.ingest.connections.connection import Connection, ConnectionEnd
from whale_platform.ingest.connections.retry import ReconnectBackoff, SilenceTimeout
from whale_platform.ingest.connections.subscriptions import MessageRateLimit
from whale_platform.ingest.publishing.pipeline import Pipeline

OVERLAP_S = 1.0  # the old one may still hold trades in flight when the new one delivers its first
QUIET_S = 30.0  # a new connection on which nothing trades takes over after this
PATIENCE_S = 10.0  # for all symbols to be subscribed before that is trouble


class ConnectionSlot:
    """`step` it often, from one thread; the rest is to be read from any thread. `wake` is set when it has news."""

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        pipeline: Pipeline,
        silence_s: float,
        backoff: ReconnectBackoff,
        pace: MessageRateLimit,
        wake: threading.Event,
        refuse: Callable[[str, str], None],
        wanted: Callable[[Sequence[str]], list[str]],
        log: Any,
    ) -> None:
        """refuse(symbol, reason) is told what the exchange refuses; wanted(symbols) leaves out what is refused."""
        self.symbols = tuple(symbols)
        self.reconnects = 0
        self.attempted = False
        self.not_before = 0.0
        self._exchange = exchange
        self._pipeline = pipeline
        self._log = log
        self._backoff = backoff
        self._pace = pace
        self._silence = SilenceTimeout(silence_s)
        self._wake = wake
        self._refuse = refuse
        self._wanted = wanted
        self._current: Connection | None = None
        self._next: Connection | None = None
        self._old: list[tuple[float, Connection]] = []
        self._trouble: str | None = None
        self._whole_at = time.monotonic()

    def list_wanted(self) -> list[str]:
        """Its symbols that are not refused."""
        return self._wanted(self.symbols)

    def list_connections(self) -> list[Connection]:
        """All that are there."""
        alive = (self._current, self._next, *(old for _, old in self._old))
        return [connection for connection in alive if connection is not None]

    def is_up(self) -> bool:
        """Whether a connection is open."""
        current = self._current
        return current is not None and current.life.opened is not None and current.life.ended is None

    def measure_uptime_s(self) -> float:
        """How long the present connection has been open, seconds; 0 without one."""
        current = self._current
        return time.monotonic() - current.life.opened if self.is_up() and current and current.life.opened else 0.0

    def describe_trouble(self) -> str:
        """Why there is no connection, for a person; empty while there is one, or nothing to connect for."""
        return "" if self.is_up() or not self.list_wanted() else self._trouble or "connecting"

    def list_unconfirmed(self) -> tuple[str, ...]:
        """Symbols that the exchange has not confirmed for a while, although there is a connection."""
        current, waited_s = self._current, time.monotonic() - self._whole_at
        return current.unsubscribed if self.is_up() and current is not None and waited_s > PATIENCE_S else ()

    def subscribe(self, symbol: str) -> None:
        """Ask for a symbol that is no longer refused."""
        for connection in (self._current, self._next):
            if connection is not None:
                connection.subscribe([symbol])

    def step(self, now: float) -> None:
        """Do what is due."""
        self._close_old(now)
        self._current = self._drop_ended(self._current)
        self._next = self._drop_ended(self._next)
        if self._current is None:
            self._current, self._next = self._next, None
        if self._next is not None and self._may_take_over(self._next, now):
            self._log.info("the new connection has taken over")
            if self._current is not None:
                self._old.append((now + OVERLAP_S, self._current))
            self._current, self._next = self._next, None
        current = self._current
        if self.is_up() and current is not None and not current.unsubscribed:
            self._whole_at = now
        if now < self.not_before or not self.list_wanted():
            return
        if current is None:
            self._pipeline.record_connection(self.symbols)
            self._current = self._open(now)
            self._subscribe_late_symbols(self._current)
        elif self._next is None and (now > current.life.renew_at or current.life.going_down) and current.life.opened:
            if current.life.silent:
                self._silence.record_end(True, current.life.trades, current.life.longest_pause)
            self._next = self._open(now)
            self._subscribe_late_symbols(self._next)

    def _open(self, now: float) -> Connection:
        connection = Connection(
            self._exchange,
            self.list_wanted(),
            self._pipeline,
            self._on_event,
            self._wake,
            self._silence.allowed_s,
            self._pace,
        )
        self._backoff.record_attempt(now)
        if self._exchange.max_life_s is not None:
            connection.life.renew_at = now + self._exchange.max_life_s * random.uniform(0.9, 1.0)
        connection.start()
        return connection

    def _subscribe_late_symbols(self, connection: Connection) -> None:
        """Ask for what was accepted while it was being made, when `subscribe` did not see it yet."""
        late = [symbol for symbol in self.list_wanted() if symbol not in connection.symbols]
        if late:
            connection.subscribe(late)

    def _drop_ended(self, connection: Connection | None) -> Connection | None:
        if connection is None:
            return None
        life = connection.life
        self.attempted = self.attempted or life.opened is not None or life.ended is not None
        if life.ended is None:
            return connection
        now = time.monotonic()
        self.reconnects += 1
        self._backoff.record_end(now - (life.opened or now), life.trades > 0 or life.ended.silent)
        self._silence.record_end(life.ended.silent, life.trades, life.longest_pause)
        self.not_before = now + self._compute_wait_s(life.ended, now)
        self._trouble = life.ended.reason
        self._log.warning(
            "connection ended", reason=life.ended.reason, trades=life.trades, wait_s=round(self.not_before - now, 1)
        )
        return None

    def _compute_wait_s(self, ended: ConnectionEnd, now: float) -> float:
        return max(self._backoff.wait_s(now), ended.wait_s or 0.0)

    def _may_take_over(self, connection: Connection, now: float) -> bool:
        life = connection.life
        return (life.trades > 0 and not connection.unsubscribed) or (
            life.opened is not None and now - life.opened > QUIET_S
        )

    def _close_old(self, now: float) -> None:
        for at, connection in list(self._old):
            if now >= at:
                connection.close()
                self._old.remove((at, connection))

    def _on_event(self, connection: Connection, event: Event) -> None:
        if isinstance(event, SymbolRejected):
            self._refuse(event.symbol, event.reason)
        elif isinstance(event, ServerShutdown):
            connection.life.going_down = True
            self._wake.set()
