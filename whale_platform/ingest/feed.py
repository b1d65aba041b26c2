"""One exchange's connections, one after the other, without end.

Before the exchange cuts a connection for its age, or when it says that it is going down, a second one is opened, and
the first is closed only when the second delivers (make before break): the sequencer drops what both bring. In between
lies a capped, jittered back-off. `status` says in a sentence how things stand.
"""

import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from whale_platform.exchanges.base import Event, Exchange, GoingDown, Refused
from whale_platform.ingest.connection import Connection, Ended
from whale_platform.ingest.patience import Backoff, Silence
from whale_platform.ingest.pipeline import Pipeline

OVERLAP_S = 1.0  # the old one may still hold trades in flight when the new one delivers its first
QUIET_S = 30.0  # a new connection on which nothing trades takes over after this
LOOK_S = 0.25
HUNG_S = 5.0  # a frame is done with in milliseconds, unless it waits for room in the producer


class Feed:
    """`start`, `close`, `join`; the rest is to be read from any thread."""

    def __init__(
        self, exchange: Exchange, symbols: Sequence[str], pipeline: Pipeline, silence_s: float, log: Any
    ) -> None:
        self.exchange = exchange
        self.refused: dict[str, str] = {}
        self.reconnects = 0
        self.attempted = False
        self._symbols = list(symbols)
        self._pipeline = pipeline
        self._log = log.bind(exchange=exchange.name)
        self._backoff = Backoff(random.random)
        self._silence = Silence(silence_s)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._current: Connection | None = None
        self._next: Connection | None = None
        self._old: list[tuple[float, Connection]] = []
        self._not_before = 0.0
        self._looked = time.monotonic()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"feed-{exchange.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Begin to close everything; sockets that wait for the broker need `producer.refuse` too."""
        self._stop.set()
        self._wake.set()
        for connection in self._connections():
            connection.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for all threads; returns whether they have ended."""
        until = time.monotonic() + timeout_s
        self._thread.join(timeout_s)
        for connection in self._connections():
            connection.close()
            connection.join(max(0.0, until - time.monotonic()))
        return not self.alive() and not any(connection.alive() for connection in self._connections())

    def alive(self) -> bool:
        """Whether the feed's own thread runs."""
        return self._thread.is_alive()

    def hangs(self) -> bool:
        """Whether its thread, or that of an open socket, has not come round for some seconds."""
        opened = (one.life for one in self._connections() if one.alive() and one.life.opened is not None)
        return time.monotonic() - min([self._looked, *(life.looked for life in opened)]) > HUNG_S

    def up(self) -> bool:
        """Whether a connection is open."""
        current = self._current
        return current is not None and current.life.opened is not None and current.life.ended is None

    def up_for_s(self) -> float:
        """How long the present connection has been open, seconds; 0 without one."""
        current = self._current
        return time.monotonic() - current.life.opened if self.up() and current and current.life.opened else 0.0

    def trouble(self) -> str:
        """Why there is no connection, for a person; empty while there is one."""
        if self.up():
            return ""
        if not self.wanted():
            return f"{self.exchange.name} takes none of the symbols asked for"
        return self._trouble or "connecting"

    def status(self) -> str:
        """How things stand, for a person."""
        trouble = self.trouble()
        if not trouble:
            return f"connected {len(self.wanted())} symbols"
        wait = self._not_before - time.monotonic()
        return f"{trouble}; next try in {wait:.0f} s" if wait >= 1 else trouble

    def wanted(self) -> list[str]:
        """The symbols that are not refused."""
        return [symbol for symbol in self._symbols if symbol not in self.refused]

    def refuse(self, symbol: str, reason: str, connection: Connection | None = None) -> None:
        """Go on without `symbol`."""
        if symbol in self.refused or symbol not in self._symbols:
            return
        self.refused[symbol] = reason
        self._log.warning("the exchange refuses a symbol; going on without it", symbol=symbol, reason=reason)
        if connection is not None and self.wanted():
            connection.subscribe(self.wanted())

    def _connections(self) -> list[Connection]:
        alive = (self._current, self._next, *(old for _, old in self._old))
        return [connection for connection in alive if connection is not None]

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._looked = time.monotonic()
            self._step(self._looked)
            self._wake.wait(LOOK_S)

    def _step(self, now: float) -> None:
        self._close_old(now)
        self._current = self._without_ended(self._current)
        self._next = self._without_ended(self._next)
        if self._current is None:
            self._current, self._next = self._next, None
        if self._next is not None and self._takes_over(self._next, now):
            self._log.info("the new connection has taken over")
            if self._current is not None:
                self._old.append((now + OVERLAP_S, self._current))
            self._current, self._next = self._next, None
        current = self._current
        if now < self._not_before or not self.wanted():
            return
        if current is None:
            self._pipeline.connected()
            self._current = self._open(now)
        elif self._next is None and (now > current.life.renew_at or current.life.going_down) and current.life.opened:
            self._next = self._open(now)

    def _open(self, now: float) -> Connection:
        connection = Connection(
            self.exchange, self.wanted(), self._pipeline, self._on_event, self._wake, self._silence.allowed_s
        )
        self._backoff.attempted(now)
        if self.exchange.max_life_s is not None:
            connection.life.renew_at = now + self.exchange.max_life_s * random.uniform(0.9, 1.0)
        connection.start()
        return connection

    def _without_ended(self, connection: Connection | None) -> Connection | None:
        if connection is None:
            return None
        life = connection.life
        self.attempted = self.attempted or life.opened is not None or life.ended is not None
        if life.ended is None:
            return connection
        now = time.monotonic()
        self.reconnects += 1
        self._backoff.ended(now - (life.opened or now), life.trades)
        self._silence.ended(life.ended.silent, life.trades, life.longest_pause)
        self._not_before = now + self._pause(life.ended, now)
        self._trouble = life.ended.reason
        self._log.warning(
            "connection ended", reason=life.ended.reason, trades=life.trades, wait_s=round(self._not_before - now, 1)
        )
        return None

    def _pause(self, ended: Ended, now: float) -> float:
        return max(self._backoff.wait_s(now), ended.wait_s or 0.0)

    def _takes_over(self, connection: Connection, now: float) -> bool:
        life = connection.life
        return life.trades > 0 or (life.opened is not None and now - life.opened > QUIET_S)

    def _close_old(self, now: float) -> None:
        for at, connection in list(self._old):
            if now >= at:
                connection.close()
                self._old.remove((at, connection))

    def _on_event(self, connection: Connection, event: Event) -> None:
        if isinstance(event, Refused):
            self.refuse(event.symbol, event.reason, connection)
        elif isinstance(event, GoingDown):
            connection.life.going_down = True
            self._wake.set()
