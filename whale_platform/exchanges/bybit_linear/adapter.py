"""Bybit's linear perpetuals: topic `publicTrade` of the v5 API at the address of category `linear`.

Frames are those of spot with a tick direction `L`, but a trade's id is a UUID, the same in REST. The platform's id is
its last 52 bits: in the recorded UUIDs, which are of version 5, all of these are bits of a hash. They are in no order.
Contracts that expire are in the same category; they are not listed here, and their names hold a hyphen, so that none of
them can be requested.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Trade
from whale_platform.exchanges import frames
from whale_platform.exchanges.bybit.adapter import Bybit
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError

CONTRACT = "LinearPerpetual"
MOST_LISTED = 1_000
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_ID_MASK = (1 << 52) - 1


@dataclass(frozen=True, slots=True)
class BybitLinear(Bybit):
    """Implements `exchanges.base.Exchange`. What is not here is as for Bybit's spot trades."""

    name: str = "bybit_linear"
    history_page: int = 1_000
    history_per_second: float = 5.0  # beside spot's 10, of 600 in 5 s to an address
    category: str = "linear"

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """None: there is no other page. Raises HistoryOutOfReachError where a full one does not hold `first_id`.

        Ids are in no order, so what a full page does not hold may be older than all of it.
        """
        if len(page) >= self.history_page and all(trade.trade_id != first_id for trade in page):
            raise HistoryOutOfReachError(f"only the newest {self.history_page} are shown")
        return None

    def listing_url(self) -> str | None:
        """One page of instruments, the largest that there is."""
        return self._market("instruments-info", limit=MOST_LISTED)

    def _read_id(self, row: dict[str, Any], name: str) -> int:
        text = frames.read_text(row, name)
        if not _UUID(text):
            raise InvalidFrameError(f"field {name} is {frames.show_value(text)}, not the UUID of a perpetual's trade")
        return int(text.replace("-", ""), 16) & _ID_MASK

    def _build_pair(self, row: dict[str, Any]) -> ListedPair | None:
        # Not super(): a dataclass with slots is another class than the one that it refers to.
        return Bybit._build_pair(self, row) if row.get("contractType") == CONTRACT else None
