"""What an operator writes, by what the exchanges list; and what is known of a symbol's currencies."""

import json
from pathlib import Path

import pytest

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Trade, explain_whaleless, usd_via
from whale_platform.exchanges import symbols
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.registry import assign_symbols
from whale_platform.files.atomic_files import write_json

INFO = [
    *[("BTC", quote) for quote in ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD1", "U", "RLUSD", "EUR", "BRL")],
    *[("ETH", "BTC"), ("ETH", "USDT"), ("XRP", "RLUSD"), ("XRP", "USDE"), ("AT", "USD"), ("DOT", "USD")],
    *[("AR", "BUSD"), ("币安人生", "USDT"), ("1000SATS", "USDT"), ("REN", "BTC"), ("WBTC", "USDT")],
]
PRODUCTS = [("BTC", "USD"), ("BTC", "USDC"), ("ETH", "USD"), ("SKL", "BTC"), ("BTC", "EUR")]


def binance(pairs: list[tuple[str, str]] = INFO, status: str = "TRADING") -> Binance:
    rows = [{"symbol": a + b, "status": status, "baseAsset": a, "quoteAsset": b} for a, b in pairs]
    one = Binance()
    one.listed.replace_all(one.parse_listing(json.dumps({"timezone": "UTC", "symbols": rows}).encode()), 1.0)
    return one


def coinbase(pairs: list[tuple[str, str]] = PRODUCTS) -> Coinbase:
    rows = [
        {"id": f"{a}-{b}", "base_currency": a, "quote_currency": b, "status": "online", "trading_disabled": False}
        for a, b in pairs
    ]
    one = Coinbase()
    one.listed.replace_all(one.parse_listing(json.dumps(rows).encode()), 1.0)
    return one


@pytest.mark.parametrize(
    ("wanted", "ours", "theirs"),
    [
        ("BTC", ["BTCUSDT"], ["BTC-USD"]),
        (" btc ", ["BTCUSDT"], ["BTC-USD"]),
        ("BTCUSDT", ["BTCUSDT"], []),
        ("BTCU", ["BTCU"], []),
        ("binance:BTCU", ["BTCU"], []),
        ("BTC/U", ["BTCU"], []),
        ("btcusd1", ["BTCUSD1"], []),
        ("XRPRLUSD", ["XRPRLUSD"], []),
        ("BTC/EUR", ["BTCEUR"], ["BTC-EUR"]),
        ("coinbase:BTC/EUR", [], ["BTC-EUR"]),
        ("ethbtc", ["ETHBTC"], []),
        ("BTC-USD", [], ["BTC-USD"]),
        ("BTC-USDC", [], ["BTC-USD"]),
        ("SKL/BTC", [], ["SKL-BTC"]),
        ("coinbase:BTC-USDC", [], ["BTC-USDC"]),
        ("binance:RENBTC", ["RENBTC"], []),
        ("WBTC", ["WBTCUSDT"], ["WBTC-USD"]),
        ("币安人生USDT", ["币安人生USDT"], []),
        ("NOTHING", ["NOTHINGUSDT"], ["NOTHING-USD"]),
        ("NOTHING/BTC", ["NOTHINGBTC"], ["NOTHING-BTC"]),
    ],
)
def test_what_is_written_is_what_the_exchange_lists(wanted: str, ours: list[str], theirs: list[str]) -> None:
    assert assign_symbols([binance(), coinbase()], [wanted]) == {"binance": ours, "coinbase": theirs}


@pytest.mark.parametrize(
    ("wanted", "ours", "theirs"),
    [
        ("BTC", ["BTCUSDT"], ["BTC-USD"]),
        ("BTCUSDT", ["BTCUSDT"], []),
        ("BTC/EUR", ["BTCEUR"], ["BTC-EUR"]),
        ("BTC-USD", [], ["BTC-USD"]),
    ],
)
def test_without_any_list_dollars_and_pairs_can_be_had(wanted: str, ours: list[str], theirs: list[str]) -> None:
    assert assign_symbols([Binance(), Coinbase()], [wanted]) == {"binance": ours, "coinbase": theirs}


@pytest.mark.parametrize(
    "wanted", ["", "BTC USD", "a" * 30, "binance:", "-USD", "BTC-", "B_C", "BTC-USD-X", "%", "A/B/C"]
)
def test_nonsense_is_refused_in_one_line(wanted: str) -> None:
    for exchange in (Binance(), Coinbase()):
        with pytest.raises(ValueError, match="write BTC, BTC/EUR, BTCUSDT, BTC-USD or binance:BTCUSDT"):
            exchange.symbol(wanted.replace("binance", exchange.name))


def test_the_wrong_spelling_for_a_named_exchange_is_refused() -> None:
    with pytest.raises(ValueError, match="this exchange writes BTCUSDT"):
        Binance().symbol("binance:BTC-USD")


def frame(symbol: str) -> bytes:
    data = {"e": "trade", "E": 1, "s": symbol, "t": 7, "p": "2.10", "q": "100000", "T": 1_700_000_000_000, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": data}).encode()


@pytest.mark.parametrize(("base", "quote"), INFO)
def test_a_trade_has_the_currencies_that_the_exchange_states(base: str, quote: str) -> None:
    (trade,) = binance().parse(frame(base + quote), 1)
    assert isinstance(trade, Trade)
    assert (trade.base, trade.quote) == (base, quote)


def test_a_symbol_that_is_not_listed_is_never_cut() -> None:
    for symbol in ("XRPRLUSD", "BTCBUSD", "BTCEUR"):
        with pytest.raises(InvalidFrameError, match="base and quote are not known"):
            Binance().parse(frame(symbol), 1)


def test_dollar_coins_have_their_value_and_what_has_none_says_so() -> None:
    for quote in ("USDT", "USD1", "U", "RLUSD", "USDS", "USDE"):
        assert usd_via(quote) == f"peg:{quote}" and explain_whaleless(quote) is None
    assert usd_via("USD") == "USD"
    assert explain_whaleless("BTC") == (
        "amounts in BTC have a dollar value only while a pair of BTC and a dollar coin is ingested too; "
        "without one no whale can be found"
    )


def test_what_is_no_list_is_refused_and_what_is_no_pair_left_out() -> None:
    for exchange in (Binance(), Coinbase()):
        for body in (b"5", b'{"symbols": 5}', b"[[[", b'"x"'):
            with pytest.raises(InvalidFrameError):
                exchange.parse_listing(body)
    rows = [5, {}, {"symbol": "A B", "baseAsset": "A", "quoteAsset": "B", "status": "TRADING"}]
    assert Binance().parse_listing(json.dumps({"symbols": rows}).encode()) == []
    assert Coinbase().parse_listing(json.dumps([5, {}, {"id": 7}]).encode()) == []


def test_a_halted_product_does_not_trade_and_a_single_one_is_read_like_a_list() -> None:
    row = {"id": "A-USD", "base_currency": "A", "quote_currency": "USD", "status": "online", "trading_disabled": True}
    assert Coinbase().parse_listing(json.dumps(row).encode()) == [
        ListedPair("A-USD", "A", "USD", "trading disabled", False)
    ]
    listed = binance([("A", "U")], "BREAK").listed
    assert listed.explain_refusal("AU") == "it does not trade: its status is BREAK"
    assert listed.explain_refusal("BU") == "the exchange does not list it"
    assert SymbolCatalogue().explain_refusal("BU") is None


def test_the_copy_in_the_home_knows_also_what_is_no_longer_listed(tmp_path: Path) -> None:
    one = binance([("BTC", "U"), ("OLD", "PAIR")])
    one.listed.replace_all([ListedPair("BTCU", "BTC", "U", "TRADING", True)], 5.0)
    write_json(catalogue.catalogue_path(tmp_path, "binance"), one.listed.to_json())
    found = catalogue.load_catalogue(tmp_path, "binance")
    assert (
        found.read_at == 5.0 and found.explain_refusal("BTCU") is None and found.find("BTC", "U") == found.get("BTCU")
    )
    assert catalogue.find_currencies(found, "OLDPAIR") == ("OLD", "PAIR")
    assert found.explain_refusal("OLDPAIR") == "it does not trade: its status is not listed any more"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 9}', '{"v": 1, "read_at": 1, "pairs": {"A": [1]}}', "\xff"])
def test_a_copy_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    catalogue.catalogue_path(tmp_path, "binance").write_bytes(text.encode("latin-1"))
    found = catalogue.load_catalogue(tmp_path, "binance")
    assert len(found) == 0 and found.read_at is None


def test_pairs_that_are_given_come_before_the_list(tmp_path: Path) -> None:
    split = symbols.build_splitter(binance().listed, ["VEN/BNB"])
    assert (
        split("VENBNB") == ("VEN", "BNB") and split("XRPRLUSD") == ("XRP", "RLUSD") and split("XUSDT") == ("X", "USDT")
    )
    with pytest.raises(ValueError, match="give them as a pair"):
        split("VENBTC")
    with pytest.raises(ValueError, match="write BASE/QUOTE"):
        symbols.build_splitter(SymbolCatalogue(), ["VENBNB"])


@pytest.mark.parametrize("symbol", ["BTCUSD", "-USD", "BTC-", "A-B-C"])
def test_dashed_pairs_have_one_dash(symbol: str) -> None:
    with pytest.raises(ValueError, match="not BASE-QUOTE"):
        catalogue.split_dashed(symbol)
