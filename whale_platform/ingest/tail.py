"""What the topic itself says was published, per symbol: the truth after any kind of death.

`Tail` folds trade ids in topic order. An id above the last one opens a hole, an id inside a hole was a background
repair, which runs upward, so it moves the hole's lower end past itself.
"""

import json
from dataclasses import dataclass, field

_MARK = b'"trade_id":'


@dataclass(slots=True)
class Tail:
    """One symbol: the highest id and the holes below it as (first, last), ascending.

    `first` is the lowest id the fold can speak of; None for a topic read from its beginning, until a trade is seen.
    """

    last: int | None = None
    holes: list[tuple[int, int]] = field(default_factory=list)
    first: int | None = None

    def add(self, trade_id: int) -> None:
        """The next message of this symbol in the topic."""
        if self.last is None:
            self.first = self.last = trade_id
        elif trade_id == self.last + 1:
            self.last = trade_id
        elif trade_id > self.last:
            self.holes.append((self.last + 1, trade_id - 1))
            self.last = trade_id
        else:
            self._repaired(trade_id)

    def _repaired(self, trade_id: int) -> None:
        for place, (first, last) in enumerate(self.holes):
            if first <= trade_id <= last:
                self.holes[place : place + 1] = [(trade_id + 1, last)] if trade_id < last else []
                return


def trade_id_of(value: bytes) -> int | None:
    """The id in a message of the topic; None where it has none that can be read."""
    place = value.find(_MARK)
    number = value[place + len(_MARK) : value.find(b",", place)]
    if place >= 0 and number.isdigit():
        return int(number)
    try:
        found = json.loads(value)["trade_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
