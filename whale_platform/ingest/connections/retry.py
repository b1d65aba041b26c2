"""How long to wait: before the next connection, and in silence before the present one is given up. Pure.

The back-off forgets once a life was healthy (`HEALTHY_S` with trades, or given up for its silence): a shorter life may
be one that the exchange cuts again and again, and forgiving it would be hammering; never forgetting would leave retries
minutes apart after a day of single failures. Waits are drawn from the upper half of the step, so that many clients cut
at once spread out.
"""

from collections import deque
from collections.abc import Callable

HEALTHY_S = 60.0
FIRST_S = 0.5
CAP_S = 60.0
MAX_ATTEMPTS = 250  # of the 300 an address may make in five minutes; the rest is left to other clients behind it
ATTEMPTS_SPAN_S = 300.0
SILENCE_CAP_S = 900.0


class ConnectionAttempts(deque[float]):
    """When the last connections of one exchange were attempted; all of its connections share it."""

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_ATTEMPTS)


class ReconnectBackoff:
    """Waits between connection attempts. `random()` gives [0, 1)."""

    def __init__(self, random: Callable[[], float], attempts: ConnectionAttempts | None = None) -> None:
        self._random = random
        self._failures = 0
        self._attempts = ConnectionAttempts() if attempts is None else attempts

    def record_attempt(self, now: float) -> None:
        """A connection is attempted."""
        self._attempts.append(now)

    def record_end(self, lived_s: float, served: bool) -> None:
        """A connection has ended. served: it brought trades, or was ended by this side because a market is quiet."""
        self._failures = 0 if lived_s >= HEALTHY_S and served else self._failures + 1

    def wait_s(self, now: float) -> float:
        """Seconds to wait before the next attempt."""
        step = min(CAP_S, FIRST_S * 2.0 ** min(max(self._failures - 1, 0), 16))
        full = len(self._attempts) == MAX_ATTEMPTS
        room = self._attempts[0] + ATTEMPTS_SPAN_S - now if full else 0.0
        return max(room, step * (0.5 + self._random() / 2))


class SilenceTimeout:
    """How long no trade may come. A market that was busy and falls silent is checked at `base_s`, a quiet one rarer."""

    def __init__(self, base_s: float) -> None:
        self._base_s = base_s
        self.allowed_s = base_s

    def record_end(self, silent: bool, trades: int, longest_pause_s: float) -> None:
        """A connection has ended."""
        quiet = silent and (not trades or longest_pause_s > self._base_s / 2)
        self.allowed_s = min(SILENCE_CAP_S, self.allowed_s * 2) if quiet else self._base_s
