"""What one connection still has to ask for: in messages of few symbols, one after the other, at the exchange's pace.

The next message goes when the last one was answered, so a refusal without a name is known to be about the last one:
its symbols are asked for again in halves, until the one that is refused stands alone. An exchange that answers nothing
is not waited for longer than `ANSWER_S`. Pure; `now` is any clock in seconds.
"""

from collections import deque
from collections.abc import Sequence

ANSWER_S = 10.0


class Subscriptions:
    """`due` gives the symbols of the next message; `answered` and `refused` say what came of the last one."""

    def __init__(self, symbols: Sequence[str], per_message: int, per_second: float) -> None:
        self._per_message, self._pause_s = per_message, 1 / per_second
        self._waiting: deque[list[str]] = deque()
        self._asked: list[str] = []
        self._asked_at = float("-inf")
        self.add(symbols)

    def add(self, symbols: Sequence[str]) -> None:
        """Ask for these too."""
        for start in range(0, len(symbols), self._per_message):
            self._waiting.append(list(symbols[start : start + self._per_message]))

    def due(self, now: float) -> list[str]:
        """The symbols of the message to send now; none where it is not time, or nothing is left."""
        if not self._waiting or now - self._asked_at < (ANSWER_S if self._asked else self._pause_s):
            return []
        self._asked, self._asked_at = self._waiting.popleft(), now
        return list(self._asked)

    def answered(self) -> None:
        """The exchange has taken the last message."""
        self._asked = []

    def refused(self, symbol: str) -> str | None:
        """The exchange has refused the last message for `symbol`, empty where it named none; the others go again.

        Returns the symbol to go on without, None where that is not known yet.
        """
        left, self._asked = self._asked, []
        if symbol:
            for chunk in self._waiting:
                if symbol in chunk:
                    chunk.remove(symbol)
            self._again([one for one in left if one != symbol])
            return symbol
        if len(left) < 2:
            return left[0] if left else None
        half = len(left) // 2
        self._again(left[half:])
        self._again(left[:half])
        return None

    def _again(self, symbols: list[str]) -> None:
        if symbols:
            self._waiting.appendleft(symbols)
