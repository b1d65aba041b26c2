"""Whether an exchange's feed works, by which a quiet market is told from one whose trades do not arrive.

What the ingester reports of its connections is believed while it reports; where it does not, or is still connecting, an
exchange's feed works while trades of any of its markets arrive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whale_platform.domain.market import Market

STALE_S = 120.0  # the markets that are not quiet trade every minute or so
UNREACHED_S = 30.0  # how long trades may arrive and not reach Postgres, as at a restart of the stream


@dataclass(frozen=True, slots=True)
class ExchangeFeed:
    """An exchange's feed as the ingester reports it.

    state: `connected`, `connecting` or `unavailable`; detail: why it is unavailable; trades_per_s: of all its markets;
    refused: the symbols that the exchange does not serve, with the reason.
    """

    state: str
    detail: str = ""
    trades_per_s: float = 0.0
    refused: Mapping[str, str] = field(default_factory=dict)


class ExchangeFeeds:
    """What is known of every exchange's feed. Times are epoch seconds."""

    def __init__(self) -> None:
        self._feeds: Mapping[str, ExchangeFeed] = {}
        self._arriving_since: dict[str, float] = {}

    def update(self, feeds: Mapping[str, ExchangeFeed], now: float) -> None:
        """Take in what is reported at `now`; exchanges that are not named are not known any more."""
        self._feeds = feeds
        arriving = [exchange for exchange, feed in feeds.items() if feed.trades_per_s > 0]
        self._arriving_since = {exchange: self._arriving_since.get(exchange, now) for exchange in arriving}

    @property
    def exchanges(self) -> frozenset[str]:
        """Those that the ingester is connected to, or tries to be."""
        return frozenset(self._feeds)

    def explain_broken(self, market: Market, newest: float, now: float) -> str:
        """Why trades of a market do not arrive; empty where they would.

        newest: when the newest state in Postgres of any of the exchange's markets was emitted.
        """
        exchange, symbol = market
        feed = self._feeds.get(exchange)
        if feed is None or feed.state == "connecting":
            age = now - newest
            return f"none of {exchange} has for {format_age(age)}" if age > STALE_S else ""
        if feed.state != "connected":
            return f"{exchange} is {feed.state}{feed.detail and ': '}{feed.detail}"
        if reason := feed.refused.get(symbol):
            return f"{exchange} refuses it: {reason}"
        arriving = self._arriving_since.get(exchange)
        if arriving is not None and now - max(arriving, newest) > UNREACHED_S:
            return f"trades of {exchange} arrive, but do not reach Postgres"
        return ""


def format_age(seconds: float) -> str:
    """In words, rounded so that it changes once a minute at most."""
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    return f"{int(seconds // 3600)} h" if seconds < 172_800 else f"{int(seconds // 86_400)} days"
