"""What an exchange has that shows no earlier trades by GET: nothing is requested, so nothing can be read."""

from collections.abc import Sequence

from whale_platform.domain.trade import Source, Trade
from whale_platform.exchanges.errors import InvalidFrameError


class NoHistory:
    """The part of `exchanges.base.Exchange` that is about history."""

    __slots__ = ()

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str | None:
        """None: there is none."""
        return None

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """None."""
        return None

    def newest_url(self, symbol: str) -> str | None:
        """None: what there is comes with a subscription."""
        return None

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Raise InvalidFrameError: nothing was requested."""
        raise InvalidFrameError("the exchange shows no history")
