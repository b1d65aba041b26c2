import pytest

from whale_platform.exchanges.binance import Binance
from whale_platform.exchanges.coinbase import Coinbase
from whale_platform.exchanges.symbols import split_dashed, split_joined

BINANCE, COINBASE = Binance(), Coinbase()


@pytest.mark.parametrize(
    ("wanted", "binance", "coinbase"),
    [
        ("BTC", "BTCUSDT", "BTC-USD"),
        (" btc ", "BTCUSDT", "BTC-USD"),
        ("BTCUSDT", "BTCUSDT", None),
        ("ethbtc", "ETHBTC", None),
        ("BTC-USD", None, "BTC-USD"),
        ("SKL-BTC", None, "SKL-BTC"),
        ("BTC-USDC", None, "BTC-USD"),
        ("binance:BTCUSDT", "BTCUSDT", None),
        ("binance:BTC", "BTCUSDT", None),
        ("coinbase:ETH", None, "ETH-USD"),
        ("coinbase:BTC-USDC", None, "BTC-USDC"),
        ("kraken:BTC", None, None),
        ("WBTC", "WBTCUSDT", "WBTC-USD"),
        ("STETH", "STETHUSDT", "STETH-USD"),
        ("FDUSD", "FDUSDUSDT", "FDUSD-USD"),
        ("binance:RENBTC", "RENBTC", None),
        ("1INCH", "1INCHUSDT", "1INCH-USD"),
    ],
)
def test_spelling(wanted: str, binance: str | None, coinbase: str | None) -> None:
    assert (BINANCE.symbol(wanted), COINBASE.symbol(wanted)) == (binance, coinbase)


@pytest.mark.parametrize(
    "wanted", ["", "BTC USD", "BTC/USD", "a" * 30, "binance:", "-USD", "BTC-", "B_C", "BTC-USD-X", "%"]
)
def test_nonsense_is_refused_in_one_line(wanted: str) -> None:
    with pytest.raises(ValueError, match="write BTC, BTCUSDT, BTC-USD or binance:BTCUSDT"):
        BINANCE.symbol(wanted)
    with pytest.raises(ValueError, match="write BTC, BTCUSDT, BTC-USD or binance:BTCUSDT"):
        COINBASE.symbol(wanted.removeprefix("binance:"))


@pytest.mark.parametrize(("exchange", "wanted"), [(BINANCE, "binance:BTC-USD"), (COINBASE, "coinbase:BTC-")])
def test_the_wrong_spelling_for_a_named_exchange_is_refused(exchange: Binance | Coinbase, wanted: str) -> None:
    with pytest.raises(ValueError, match="write"):
        exchange.symbol(wanted)


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("BTCTUSD", "BTC", "TUSD"),
        ("AVAXUSD", "AVAX", "USD"),
        ("DOTUSD", "DOT", "USD"),
        ("DOTTUSD", "DOT", "TUSD"),
        ("BNBUSD", "BNB", "USD"),
        ("BNBBUSD", "BNB", "BUSD"),
        ("USDTUSD", "USDT", "USD"),
        ("ADAEUR", "ADA", "EUR"),
        ("ETHBTC", "ETH", "BTC"),
        ("USDCUSDT", "USDC", "USDT"),
        ("BTCUSD", "BTC", "USD"),
        ("DOGETRY", "DOGE", "TRY"),
    ],
)
def test_joined_pairs_split_at_the_longest_quote(symbol: str, base: str, quote: str) -> None:
    assert split_joined(symbol) == (base, quote)


@pytest.mark.parametrize("symbol", ["USDT", "BTCXYZ", ""])
def test_an_unknown_quote_is_not_guessed(symbol: str) -> None:
    with pytest.raises(ValueError, match="no known quote"):
        split_joined(symbol)


@pytest.mark.parametrize("symbol", ["BTCUSD", "-USD", "BTC-", "A-B-C"])
def test_dashed_pairs_have_one_dash(symbol: str) -> None:
    with pytest.raises(ValueError, match="not BASE-QUOTE"):
        split_dashed(symbol)
