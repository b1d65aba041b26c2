"""Paging through history ends, covers what exists, and asks no more than needed, whatever holes there are."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase

PAGE = 5
IDS = st.sets(st.integers(1, 80), max_size=80)


class PastOf:
    """REST history of one symbol with these ids."""

    def __init__(self, ids: set[int]) -> None:
        self.ids, self.urls = ids, list[str]()

    def get(self, url: str) -> bytes:
        self.urls.append(url)
        asked = {name: int(values[0]) for name, values in parse_qs(urlsplit(url).query).items() if name != "symbol"}
        assert 1 <= asked["limit"] <= PAGE
        if "fromId" in asked:
            page = sorted(one for one in self.ids if one >= asked["fromId"])[: asked["limit"]]
        else:
            page = sorted((one for one in self.ids if one < asked["after"]), reverse=True)[: asked["limit"]]
        return json.dumps([row(one) for one in page]).encode()


def row(trade_id: int) -> dict[str, object]:
    common = {"price": "1", "id": trade_id, "trade_id": trade_id}
    binance = {"qty": "1", "time": 1723161255342 if trade_id else 0, "isBuyerMaker": True}
    return common | binance


def coinbase_row(trade_id: int) -> dict[str, object]:
    return {"trade_id": trade_id, "price": "1", "size": "1", "side": "buy", "time": "2021-04-17T16:43:37Z"}


def walk(exchange: Exchange, past: PastOf, first: int, last: int) -> list[Trade]:
    found: list[Trade] = []
    url: str | None = exchange.history_url("BTC-USD" if exchange.name == "coinbase" else "BTCUSDT", first, last)
    while url is not None:
        symbol = "BTC-USD" if exchange.name == "coinbase" else "BTCUSDT"
        page = exchange.parse_history(symbol, past.get(url), 1)
        found += page
        url = exchange.next_history_url(symbol, first, last, page)
        assert len(past.urls) <= (last - first) // PAGE + 2
    return found


@given(IDS, st.integers(1, 90), st.integers(0, 60))
def test_binance(ids: set[int], first: int, more: int) -> None:
    covered(Binance(history_page=PAGE), PastOf(ids), first, first + more)


@given(IDS, st.integers(1, 90), st.integers(0, 60))
def test_coinbase(ids: set[int], first: int, more: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "row", coinbase_row)
        covered(Coinbase(history_page=PAGE), PastOf(ids), first, first + more)


def covered(exchange: Exchange, past: PastOf, first: int, last: int) -> None:
    found = [trade.trade_id for trade in walk(exchange, past, first, last)]
    assert {one for one in found if first <= one <= last} == {one for one in past.ids if first <= one <= last}
    assert len(found) == len(set(found))
