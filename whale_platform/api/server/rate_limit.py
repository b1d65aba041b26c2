"""The rate limit of a client's requests: a bucket of tokens each, refilled steadily.

Clients are forgotten, longest unseen first, when there are more than `MAX_CLIENTS`: a forgotten one begins with a full
bucket, so memory is bounded and nobody is wronged. Used by one thread.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CLIENTS = 10_000


class RequestRateLimiter:
    """`rate` requests a second, and as many at once after a quiet second; at least one."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._room, self._clock = rate, max(rate, 1.0), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def try_acquire_s(self, client: str) -> float:
        """0 where the client may ask now, which is counted; else the seconds until it may."""
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self._room, now))
        tokens = min(self._room, tokens + (now - then) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[client] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - tokens) / self._rate
