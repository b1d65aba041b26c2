"""When to start again what ended: a pure function of the last runs.

Every short life doubles the wait up to a cap; a life of `healthy_after_s` forgives what came before it. A service
killed once is back almost at once, one that can't start costs a start every `cap_s`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class ServiceLifetime:
    """One life of a service. Times: monotonic seconds. `code` is None where it never became a process."""

    started: float
    ended: float
    code: int | None


@dataclass(frozen=True, slots=True)
class RestartBackoff:
    """How long to wait. Seconds."""

    first_s: float = 0.2
    cap_s: float = 10.0
    healthy_after_s: float = 5.0

    def count_short_lives(self, runs: Sequence[ServiceLifetime]) -> int:
        """How many of the last of `runs` (oldest first) were shorter than `healthy_after_s`."""
        return sum(1 for _ in takewhile(lambda run: run.ended - run.started < self.healthy_after_s, reversed(runs)))

    def compute_delay_s(self, runs: Sequence[ServiceLifetime]) -> float:
        """Seconds to wait after the end of the last of `runs` (oldest first); 0 where there is none."""
        if not runs:
            return 0.0
        short = self.count_short_lives(runs)
        return float(min(self.cap_s, self.first_s * 2.0 ** min(max(short - 1, 0), 32)))
