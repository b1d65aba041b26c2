"""Where Binance.US differs from Binance, by its documentation: no frame of the real one has been recorded."""

import json
from decimal import Decimal

import pytest

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.binance_us.adapter import BinanceUs
from whale_platform.exchanges.errors import HistoryOutOfReachError

PAIR = ListedPair("BNBBTC", "BNB", "BTC", "TRADING", True)
US = BinanceUs("ws://h", "http://h", listed=SymbolCatalogue([PAIR]))
DATA = {"e": "trade", "E": 1672515782136, "s": "BNBBTC", "t": 12345, "p": "0.001", "q": "100", "b": 88, "a": 50}
DATA |= {"T": 1672515782136, "m": True, "M": True}
ROW = {"id": 17, "price": "0.06800000", "qty": "1.00000000", "quoteQty": "0.06800000", "time": 1635489737109}
ROW |= {"isBuyerMaker": False, "isBestMatch": True}


def test_the_documented_trade_is_read_with_its_order_ids_left_out() -> None:
    (trade,) = US.parse(json.dumps({"stream": "bnbbtc@trade", "data": DATA}), 5)
    assert trade == Trade(
        *("binance_us", "BNBBTC", "BNB", "BTC", 12345, Decimal("0.001"), Decimal(100), "sell"), 1672515782136000, 5
    )


def test_addresses_have_no_option_that_is_not_documented() -> None:
    assert (US.connect_url(), US.request_headers) == ("ws://h/stream", ())
    assert US.listing_url() == "http://h/api/v3/exchangeInfo"
    assert US.check_url("BNBBTC") == "http://h/api/v3/exchangeInfo?symbol=BNBBTC"
    assert US.history_url("BNBBTC", 7, 8) == "http://h/api/v3/trades?symbol=BNBBTC&limit=1000"
    assert US.newest_url("BNBBTC") == "http://h/api/v3/trades?symbol=BNBBTC&limit=1"


def test_history_ends_at_its_only_page_and_is_out_of_reach_below_it() -> None:
    page = US.parse_history("BNBBTC", json.dumps([ROW]).encode(), 5)
    assert [(trade.trade_id, trade.side, trade.event_time) for trade in page] == [(17, "buy", 1635489737109000)]
    assert US.next_history_url("BNBBTC", 17, 20, page) is None
    assert US.next_history_url("BNBBTC", 1, 20, []) is None
    assert US.next_history_url("BNBBTC", 1, 20, page) is None, "it would show more if there were more"
    page = [page[0]._replace(trade_id=trade_id) for trade_id in range(1_016, 16, -1)]
    assert US.next_history_url("BNBBTC", 17, 20, page) is None
    with pytest.raises(HistoryOutOfReachError, match="only the newest 1000 are shown without an API key"):
        US.next_history_url("BNBBTC", 16, 20, page)
