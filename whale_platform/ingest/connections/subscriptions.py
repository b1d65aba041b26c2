"""What one connection still has to ask for: in messages of few symbols, one after the other, at the exchange's pace.

The next message goes when the last one was answered, so a refusal without a name is known to be about the last one:
its symbols are asked for again in halves, until the one that is refused stands alone. What was not answered within
`RESPONSE_S` is asked for again too, in halves behind the others; an answer that comes later still counts, for it is
matched to its message by number, or by the symbols that it names. `MAX_MISSES` messages without an answer in a row make
the connection useless. A symbol that alone gets no answer while others do is given up. `now` is any clock in seconds.
"""

import threading
from collections import deque
from collections.abc import Collection, Sequence

RESPONSE_S = 10.0
MAX_MISSES = 3
REMEMBERED = 8  # messages whose answers may still come


class MessageRateLimit:
    """At most so many messages in any second; all connections to one exchange share it, each on its thread."""

    def __init__(self, per_second: float) -> None:
        self._sent: deque[float] = deque(maxlen=max(1, int(per_second)))
        self._lock = threading.Lock()

    def try_acquire(self, now: float) -> bool:
        """Whether a message may be sent now, which then counts as sent."""
        with self._lock:
            if len(self._sent) == self._sent.maxlen and now - self._sent[0] < 1.0:
                return False
            self._sent.append(now)
            return True


class Subscriptions:
    """`take_due_symbols` gives the symbols of the next message; `confirm` and `handle_refusal` say what came of one.

    `number`: of the last message; `left`: the symbols that the exchange has not confirmed, readable from any thread;
    `given_up`: symbols to go on without, until the caller takes them.
    """

    def __init__(self, symbols: Sequence[str], per_message: int, pace: MessageRateLimit) -> None:
        self.number = 0
        self.left: tuple[str, ...] = ()
        self.given_up: list[str] = []
        self._per_message, self._pace = per_message, pace
        self._waiting: deque[list[str]] = deque()
        self._asked: list[str] = []
        self._asked_at = float("-inf")
        self._sent: dict[int, Sequence[str]] = {}
        self._alone: set[str] = set()
        self._answers = self._misses = 0
        self.add(symbols)

    @property
    def useless(self) -> bool:
        """Whether several messages in a row had no answer."""
        return self._misses >= MAX_MISSES

    def add(self, symbols: Sequence[str]) -> None:
        """Ask for these too."""
        for start in range(0, len(symbols), self._per_message):
            self._waiting.append(list(symbols[start : start + self._per_message]))
        self._update_left()

    def take_due_symbols(self, now: float) -> list[str]:
        """The symbols of the message to send now, as `number`; none where it is not time, or nothing is left."""
        if self._asked:
            if now - self._asked_at < RESPONSE_S:
                return []
            self._record_miss()
        if not self._waiting or not self._pace.try_acquire(now):
            return []
        self.number += 1
        self._asked, self._asked_at = self._waiting.popleft(), now
        self._sent[self.number] = tuple(self._asked)
        self._sent.pop(self.number - REMEMBERED, None)
        return list(self._asked)

    def confirm(self, number: int | None = None, symbols: Collection[str] | None = None) -> None:
        """The exchange has taken message `number`, or all of `symbols`; the last message, where it tells neither."""
        number = self.number if number is None else number
        taken = self._sent.get(number, ()) if symbols is None else symbols
        if self._record_answer(taken):
            self._sent.pop(number, None)
            self._drop(taken)

    def handle_refusal(self, symbol: str, number: int | None = None) -> str | None:
        """The exchange has refused a message for `symbol`, empty where it named none; the others go again.

        Returns the symbol to go on without, None where that is not known yet.
        """
        if number is not None and number != self.number:  # its symbols are asked for again already
            self._drop([symbol])
            return symbol or None
        left, self._asked = self._asked, []
        self._record_answer(left)
        if symbol:
            self._requeue([one for one in left if one != symbol])
            self._drop([symbol])
            return symbol
        if len(left) < 2:
            self._update_left()
            return left[0] if left else None
        half = len(left) // 2
        self._requeue(left[half:])
        self._requeue(left[:half])
        return None

    def _record_miss(self) -> None:
        missed, self._asked = self._asked, []
        self._misses += 1
        if len(missed) == 1 and self._answers and missed[0] in self._alone:
            self.given_up += missed
            self._alone.discard(missed[0])
        elif len(missed) == 1:
            self._alone.update(missed)
            self._waiting.append(missed)
        else:
            half = len(missed) // 2
            self._waiting.extend((missed[:half], missed[half:]))
        self._update_left()

    def _record_answer(self, about: Collection[str]) -> bool:
        if about:
            self._answers += 1
            self._misses = 0
        return bool(about)

    def _drop(self, symbols: Collection[str]) -> None:
        gone = set(symbols)
        self._asked = [one for one in self._asked if one not in gone]
        chunks = ([one for one in chunk if one not in gone] for chunk in self._waiting)
        self._waiting = deque(chunk for chunk in chunks if chunk)
        self._alone -= gone
        self._update_left()

    def _requeue(self, symbols: list[str]) -> None:
        if symbols:
            self._waiting.appendleft(symbols)
        self._update_left()

    def _update_left(self) -> None:
        self.left = (*self._asked, *(one for chunk in self._waiting for one in chunk))
