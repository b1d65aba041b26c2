"""How far each exchange's clock is from ours, asked of its REST side once a minute.

A delay from exchange to here compares two machines' clocks: this tells a slow line from a clock that is wrong. The
exchange looked at its clock somewhere between request and answer, so taking the midpoint errs by half the round trip
at most, and of a few answers the quickest is believed; the first one of all counts until there are more. One thread
asks all exchanges, beside the ingester's own work and never in its way: trouble leaves the last offset, which is
forgotten after `FORGET_S`, and the end of the thread would cost this number alone. Requests are so few and far apart
that the history's rate leaves room for them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median_high
from typing import Any

from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.ingest.background_thread import BackgroundThread
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse

SAMPLES = 4
SPACING_S = 1.0
EVERY_S = 60.0
FORGET_S = 300.0
SLOWEST_S = 2.0  # slower ones could err by more than `WRONG_MS` all by themselves
WRONG_MS = 1000.0


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """`ms`: the exchange's clock minus ours. `at`: when it was measured, monotonic seconds."""

    ms: float
    round_trip_ms: float
    at: float


@dataclass(frozen=True, slots=True)
class ClockLead:
    """What one measurement showed: how far our clock is behind, microseconds; an equal one later is another object."""

    us: int


NO_LEAD = ClockLead(0)


def measure_offset(answer: TimedResponse, theirs_us: int, at: float) -> ClockOffset:
    """What one answer shows, `theirs_us` being the time that it tells."""
    ours_us = answer.sent_us + answer.round_trip_us / 2
    return ClockOffset((theirs_us - ours_us) / 1000, answer.round_trip_us / 1000, at)


class ExchangeClocks(BackgroundThread):
    """`start`; ends when `stop` is set. The offsets are to be read from any thread."""

    def __init__(
        self,
        exchanges: Sequence[tuple[Exchange, RestClient]],
        stop: threading.Event,
        log: Any,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exchanges = exchanges
        self._stop = stop
        self._log = log
        self._now = now
        self._offsets: dict[str, ClockOffset] = {}
        self._lead: ClockLead | None = None
        self._wrong: dict[str, str] = {}
        self._silent: set[str] = set()
        self._not_before: dict[str, float] = {}
        super().__init__("clock")

    def get_offset_ms(self, name: str) -> float | None:
        """The exchange's clock minus ours; None where it is not known, or no longer."""
        found = self._offsets.get(name)
        return found.ms if found is not None and self._now() - found.at <= FORGET_S else None

    def get_lead(self) -> ClockLead | None:
        """How far our clock is behind the middle one of all exchanges' and ours; None before any was measured.

        So one exchange of several can't move it; of one alone, the REST side has to agree with the feed. What was
        measured last holds until it is measured again, as a clock drifts slowly.
        """
        return self._lead

    def describe_warning(self) -> str:
        """What to do about a wrong clock, for a person; empty while none is known to be wrong."""
        return "; ".join(text for name, text in list(self._wrong.items()) if self.get_offset_ms(name) is not None)

    def measure(self) -> None:
        """Ask every exchange a few times; one in trouble is left alone until the next round."""
        best: dict[str, ClockOffset] = {}
        troubles: dict[str, str] = {}
        for number in range(SAMPLES):
            if number and self._stop.wait(SPACING_S):
                return
            for exchange, rest in self._exchanges:
                name = exchange.name
                url = exchange.time_url()
                if url is None or name in troubles or self._now() < self._not_before.get(name, 0.0):
                    continue
                try:
                    answer = rest.fetch(url, SLOWEST_S)
                    found = measure_offset(answer, exchange.parse_time(answer.body), self._now())
                except (HttpUnavailableError, InvalidFrameError) as trouble:
                    troubles[name] = str(trouble)
                    if isinstance(trouble, HttpUnavailableError):
                        self._not_before[name] = self._now() + (trouble.wait_s or 0.0)
                    continue
                if found.round_trip_ms <= SLOWEST_S * 1000:
                    best[name] = min(found, best.get(name, found), key=lambda one: one.round_trip_ms)
                    if self.get_offset_ms(name) is None:
                        self._set_offset(name, found)
                        self._update_lead()
        for exchange, _ in self._exchanges:
            name = exchange.name
            if name in best:
                self._set_offset(name, best[name])
            elif name not in self._silent:
                self._silent.add(name)
                reason = troubles.get(name, f"no answer within {SLOWEST_S:g} s")
                self._log.info("the exchange does not tell its time", exchange=name, reason=reason)
        if best:
            self._update_lead()

    def _run(self) -> None:
        self.measure()
        while not self._stop.wait(EVERY_S):
            self.measure()

    def _update_lead(self) -> None:
        known = (offset for exchange, _ in self._exchanges if (offset := self.get_offset_ms(exchange.name)) is not None)
        self._lead = ClockLead(max(0, round(median_high([0.0, *known]) * 1000)))

    def _set_offset(self, name: str, found: ClockOffset) -> None:
        self._silent.discard(name)
        self._offsets[name] = found
        if abs(found.ms) <= WRONG_MS:
            self._wrong.pop(name, None)
        elif name not in self._wrong:
            way = "behind" if found.ms > 0 else "ahead of"
            self._wrong[name] = (
                f"this machine's clock is {abs(found.ms) / 1000:.1f} s {way} {name}'s, so delays are wrong by as much: "
                "set it by NTP (on Linux: timedatectl set-ntp true)"
            )
            self._log.warning(self._wrong[name], exchange=name, clock_offset_ms=round(found.ms, 1))
