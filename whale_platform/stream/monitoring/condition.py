"""The stream's state in words: starting until trades flow through, ready, or behind with the rate this machine holds.

Pure: what is seen goes in with its time, state and detail come out. Whoever sheds work looks at `behind_since`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from whale_platform.stream.monitoring.lag import QueryLag
from whale_platform.supervision.runtime.heartbeat import ServiceState

LATE_S = {"whales": 5.0, "windows": 10.0}  # so old must the oldest trade be that is not out
BLIND_S = 10.0


@dataclass(slots=True)
class StreamCondition:
    """`update` once a second. `behind_since`: the `now` at which the stream fell behind, None while it is not."""

    ready: bool = False
    behind_since: float | None = None
    _known: float | None = None

    def update(
        self, now: float, behind: Mapping[str, QueryLag], rate: float | None, reached: bool, trouble: str = ""
    ) -> tuple[ServiceState, str]:
        """State and detail. behind: {query: what it is behind}; reached: each has put out what waited at its start;
        trouble: what else is wrong, which makes it degraded; now: any clock in seconds that does not go back.
        """
        # 1. A query falls behind, and has caught up only when it is well below that.
        late = [
            query
            for query, one in behind.items()
            if (one.seconds or 0.0) >= (LATE_S[query] if self.behind_since is None else LATE_S[query] / 2)
        ]
        if not late:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = now
        # 2. Trades do not flow through both queries yet.
        self.ready = self.ready or reached
        if not self.ready:
            said = _describe_lag(behind, rate, "{rate} trades/s come out")
            return "starting", "; ".join(part for part in (trouble, said) if part)
        # 3. The broker does not answer, so nobody knows.
        if behind["windows"].trades is not None or self._known is None:
            self._known = now
        if now - self._known >= BLIND_S:
            return "degraded", "the Kafka broker does not answer: how far behind the stream is, is unknown"
        # 4. What is said of it, with what else is wrong.
        said = _describe_lag(behind, rate, "this machine holds about {rate} trades/s") if late else ""
        detail = "; ".join(part for part in (said, trouble) if part)
        return ("degraded" if detail else "ready"), detail


def _describe_lag(behind: Mapping[str, QueryLag], rate: float | None, pace: str) -> str:
    """ "windows are 12,400 trades (14 s) behind: this machine holds about 900 trades/s; whales are 0.4 s behind"."""
    windows, whales = behind["windows"], behind["whales"]
    said = []
    if windows.trades:
        age = "" if windows.seconds is None else f" ({windows.seconds:.0f} s)"
        held = "" if rate is None else f": {pace.format(rate=f'{rate:,.0f}')}"
        said.append(f"windows are {windows.trades:,} trades{age} behind{held}")
    if whales.seconds is not None and (said or whales.trades):
        said.append(f"whales are {whales.seconds:.1f} s behind")
    elif whales.trades:
        said.append(f"whales are {whales.trades:,} trades behind")
    return "; ".join(said) or "the queries begin"
