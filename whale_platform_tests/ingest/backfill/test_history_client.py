"""The first trade since a time, on exchanges whose pages go up from an id and on those whose pages go down."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlparse

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.errors import HistoryOutOfReachError
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.backfill.request_trials import NOT_FOUND_STATUSES
from whale_platform.ingest.errors import HistoryTooShortError
from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse
from whale_platform_tests.ingest.backfill.bench import Clock

T0_S = 1_790_000_000
IDS = [*range(100_000, 100_400), *range(160_000, 160_100), 900_000]


def answer(url: str, _timeout_s: float) -> TimedResponse:
    """Trades with `IDS`, one a second: those of Binance from an id up, those of Coinbase below one."""
    query = {name: int(value[0]) for name, value in parse_qs(urlparse(url).query).items() if value[0].isdigit()}
    if "after" in query:
        found = [one for one in reversed(IDS) if one < query["after"]]
        rows: list[dict[str, object]] = [
            {
                "trade_id": one,
                "price": "1.5",
                "size": "2",
                "side": "buy",
                "time": datetime.fromtimestamp(T0_S + IDS.index(one), UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
            }
            for one in found[: query["limit"]]
        ]
    else:
        found = [one for one in IDS if one >= query["fromId"]]
        rows = [
            {"id": one, "price": "1.5", "qty": "2", "time": (T0_S + IDS.index(one)) * 1000, "isBuyerMaker": True}
            for one in found[: query["limit"]]
        ]
    return TimedResponse(json.dumps(rows).encode(), 0, 0)


@pytest.mark.parametrize(("exchange", "symbol"), [(Binance(), "AAAUSDT"), (Coinbase(), "AAA-USD")])
@pytest.mark.parametrize("place", [0, 1, 399, 400, 450, 500])
def test_the_first_trade_since_a_time_is_one_that_history_has(exchange: Exchange, symbol: str, place: int) -> None:
    """Where ids are left out a page that goes down showed only older ones, and half of the trades was passed over."""
    history = HistoryClient(exchange, Clock(), RestClient(exchange.name, answer, lambda: 0.0))
    assert history.find_first_since(symbol, 0, IDS[-1], (T0_S + place) * 1_000_000) == IDS[place]


class ShortHistory(Binance):
    """Shows its newest trades alone."""

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        raise HistoryOutOfReachError("older trades need an API key")


def test_trades_that_are_older_than_what_the_exchange_shows_are_unavailable_not_absent() -> None:
    """The symbol is tried again later, and others are not held up: status 404. What is shown is kept."""
    history = HistoryClient(ShortHistory(), Clock(), RestClient("short", answer, lambda: 0.0))
    with pytest.raises(HistoryTooShortError, match="does not reach back to trade 7: older trades need") as refused:
        history.fetch_trades("AAAUSDT", BackfillRange(7, 9, "inline"))
    assert refused.value.status in NOT_FOUND_STATUSES
    assert list(refused.value.page) == IDS[:4]
