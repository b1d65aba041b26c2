"""Binance.US: Binance's spot protocol at other addresses, with times in milliseconds and a shorter history.

`historicalTrades` needs an API key there, which this platform does not send; `trades` shows the newest ones without.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.errors import HistoryOutOfReachError


@dataclass(frozen=True, slots=True)
class BinanceUs(Binance):
    """Implements `exchanges.base.Exchange`. What is not here is as on Binance."""

    ws_url: str = "wss://stream.binance.us:9443"
    rest_url: str = "https://api.binance.us"
    name: str = "binance_us"
    request_headers: tuple[tuple[str, str], ...] = ()
    history_per_second: float = 3.0  # weight 1 of 1,200 a minute allows 20
    stream_options: tuple[tuple[str, str], ...] = ()
    listing_options: tuple[tuple[str, str], ...] = ()

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str:
        """`trades`: the newest page, whatever is asked for."""
        return self._newest(symbol, self.history_page)

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """None: there is no other page. Raises HistoryOutOfReachError where a full one begins above `first_id`."""
        if len(page) >= self.history_page and min(trade.trade_id for trade in page) > first_id:
            raise HistoryOutOfReachError(f"only the newest {self.history_page} are shown without an API key")
        return None

    def newest_url(self, symbol: str) -> str:
        """`trades`, one of them."""
        return self._newest(symbol, 1)

    def _newest(self, symbol: str, limit: int) -> str:
        return f"{self.rest_url}/api/v3/trades?{urlencode({'symbol': symbol, 'limit': limit})}"
