"""One exchange's symbols over as many connections as they need, and which of them the exchange refuses.

A symbol that is refused (unknown, delisted, or not to be read without the exchange's list) is left out while the others
go on, and comes back when the lister finds it listed. One that is halted may trade any moment: it is asked for.
`describe_status` says in a sentence how things stand.
"""

import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from whale_platform.domain.trade import explain_whaleless
from whale_platform.exchanges.base import Exchange
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.connections.connection import Connection
from whale_platform.ingest.connections.connection_slot import ConnectionSlot
from whale_platform.ingest.connections.retry import ConnectionAttempts, ReconnectBackoff
from whale_platform.ingest.connections.subscriptions import MessageRateLimit
from whale_platform.ingest.publishing.pipeline import Pipeline

LOOK_S = 0.25
HUNG_S = 5.0  # a frame is done with in milliseconds, unless it waits for room in the producer
NAMED = 5  # symbols that a sentence names


class ConnectionManager(BackgroundThread):
    """`start`, `close`, `join`; the rest is to be read from any thread."""

    def __init__(
        self, exchange: Exchange, symbols: Sequence[str], pipeline: Pipeline, silence_s: float, log: Any
    ) -> None:
        self.exchange = exchange
        self.refused: dict[str, str] = {}
        self._symbols = list(symbols)
        self._log = log.bind(exchange=exchange.name)
        self._lock = threading.Lock()  # sockets, lister and repairer refuse
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._looked = time.monotonic()
        for symbol in symbols:
            if (reason := self.explain_refusal(symbol)) is not None:
                self.refuse(symbol, reason)
        attempts, pace = ConnectionAttempts(), MessageRateLimit(exchange.messages_per_second)
        needed = -(-len(symbols) // exchange.symbols_per_connection)
        by_use = sorted(symbols, key=lambda symbol: symbol in self.refused)  # each connection has its share of both
        self.strands = [
            ConnectionSlot(
                exchange,
                by_use[start::needed],
                pipeline,
                silence_s,
                ReconnectBackoff(random.random, attempts),
                pace,
                self._wake,
                self.refuse,
                self._exclude_refused,
                self._log,
            )
            for start in range(needed)
        ]
        self._of = {symbol: strand for strand in self.strands for symbol in strand.symbols}
        super().__init__(f"feed-{exchange.name}")

    def close(self) -> None:
        """Begin to close everything; sockets that wait for the broker need `producer.refuse` too."""
        self._stop.set()
        self._wake.set()
        for connection in self._list_connections():
            connection.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for all threads; returns whether they have ended."""
        until = time.monotonic() + timeout_s
        super().join(timeout_s)
        for connection in self._list_connections():
            connection.close()
            connection.join(max(0.0, until - time.monotonic()))
        return not self.is_alive() and not any(connection.is_alive() for connection in self._list_connections())

    def is_hanging(self) -> bool:
        """Whether its thread, or that of an open socket, has not come round for some seconds."""
        opened = (one.life for one in self._list_connections() if one.is_alive() and one.life.opened is not None)
        return time.monotonic() - min([self._looked, *(life.looked for life in opened)]) > HUNG_S

    @property
    def attempted(self) -> bool:
        """Whether each connection that is needed was tried."""
        return all(strand.attempted or not strand.list_wanted() for strand in self.strands)

    @property
    def reconnects(self) -> int:
        """Return how many connections have ended."""
        return sum(strand.reconnects for strand in self.strands)

    def count_reconnects(self, symbol: str) -> int:
        """Ends of the connections that bring `symbol`."""
        return self._of[symbol].reconnects

    def is_up(self) -> bool:
        """Whether every connection that is needed is open."""
        return bool(self.list_wanted()) and not any(strand.describe_trouble() for strand in self.strands)

    def measure_uptime_s(self, symbol: str) -> float:
        """How long the connection that brings `symbol` has been open, seconds; 0 without one."""
        return self._of[symbol].measure_uptime_s()

    def describe_trouble(self) -> str:
        """Why a connection is missing, for a person; empty while none is."""
        if not self.list_wanted():
            return self.describe_silent_symbols() or f"{self.exchange.name} takes none of the symbols asked for"
        down = [strand for strand in self.strands if strand.describe_trouble()]
        if not down or len(self.strands) == 1:
            return down[0].describe_trouble() if down else ""
        return f"{len(down)} of {len(self.strands)} connections: {down[0].describe_trouble()}"

    def describe_silent_symbols(self) -> str:
        """Which symbols bring no trades although connections are open, for a person; empty while none."""
        name, listed = self.exchange.name, self.exchange.listed
        silent = [symbol for strand in self.strands for symbol in strand.list_unconfirmed()]
        blind = [one for one in self.refused if listed.read_at is None and self.exchange.unreadable(one) is not None]
        parts = (
            [f"{name} does not answer the subscription of {len(silent)} symbols ({_format_symbols(silent)})"]
            if silent
            else []
        )
        if blind:
            waiting = f"{len(blind)} of them wait for it ({_format_symbols(blind)})"
            parts.append(f"{name}'s list of symbols is unavailable, and {waiting}")
        return "; ".join(parts)

    def explain_refusal(self, symbol: str) -> str | None:
        """Why `symbol` is not to be asked for, for a person; None where it is: also one that is halted for now."""
        listed = self.exchange.listed
        return None if listed.is_halted(symbol) else listed.explain_refusal(symbol) or self.exchange.unreadable(symbol)

    def describe_status(self) -> str:
        """How things stand, for a person."""
        trouble = self.describe_trouble()
        if not trouble:
            unheard = self.describe_silent_symbols()
            parts = [
                f"connected {len(self.list_wanted())} symbols",
                *([unheard] if unheard else []),
                *self._list_notes(),
            ]
            return "; ".join(parts)
        waits = [strand.not_before for strand in self.strands if strand.describe_trouble()]
        wait = min(waits, default=0.0) - time.monotonic()
        return f"{trouble}; next try in {wait:.0f} s" if wait >= 1 else trouble

    def list_wanted(self) -> list[str]:
        """The symbols that are not refused."""
        return self._exclude_refused(self._symbols)

    def refuse(self, symbol: str, reason: str) -> None:
        """Go on without `symbol`."""
        with self._lock:
            if self.refused.get(symbol) == reason or symbol not in self._symbols:
                return
            self.refused = self.refused | {symbol: reason}
        self._log.warning("the exchange refuses a symbol; going on without it", symbol=symbol, reason=reason)

    def accept(self, symbol: str) -> None:
        """Ask for `symbol`, which was refused, again."""
        with self._lock:
            if symbol not in self.refused:
                return
            self.refused = {name: reason for name, reason in self.refused.items() if name != symbol}
        self._log.info("the exchange lists a symbol that it refused before", symbol=symbol)
        self._of[symbol].subscribe(symbol)
        self._wake.set()

    def _exclude_refused(self, symbols: Sequence[str]) -> list[str]:
        refused = self.refused
        return [symbol for symbol in symbols if symbol not in refused]

    def _list_notes(self) -> list[str]:
        found = [f"{len(self.refused)} refused ({_format_symbols(list(self.refused))})"] if self.refused else []
        blind: dict[str, list[str]] = {}
        for symbol in self.list_wanted():
            if self.exchange.listed.is_halted(symbol):
                blind.setdefault("not trading now", []).append(symbol)
            pair = self.exchange.listed.get(symbol)
            if pair is not None and (why := explain_whaleless(pair.quote)) is not None:
                blind.setdefault(why, []).append(symbol)
        return found + [f"{why} ({_format_symbols(names)})" for why, names in blind.items()]

    def _list_connections(self) -> list[Connection]:
        return [connection for strand in self.strands for connection in strand.list_connections()]

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._looked = time.monotonic()
            for strand in self.strands:
                strand.step(self._looked)
            self._wake.wait(LOOK_S)


def _format_symbols(symbols: list[str]) -> str:
    more = f" and {len(symbols) - NAMED} more" if len(symbols) > NAMED else ""
    return ", ".join(symbols[:NAMED]) + more
