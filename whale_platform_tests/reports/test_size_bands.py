"""The report by order size, of rows that are made here."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.domain.size_bands import MarketBands
from whale_platform.reports.size_bands import MAX_SYMBOLS, build_cvd_series, render_size_bands, sum_flows

HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)


def row(symbol: str, buy: int, sell: int, exchange: str = "binance", later: int = 0) -> MarketBands:
    """Small sales of ten dollars, and orders of the largest size."""
    bought, sold = [Decimal(0)] * 4 + [Decimal(buy)], [Decimal(10), *[Decimal(0)] * 3, Decimal(sell)]
    at = HOUR + timedelta(hours=later)
    return MarketBands(exchange, symbol, at, 9, 1, bought, sold, [0, 0, 0, 0, 2], [1200, 0, 0, 0, 1])


NOTHING = MarketBands("binance", "SKLBTC", HOUR, 5, 5, None, None, None, None)


def test_sizes_are_summed_over_symbols_and_listed_by_symbol() -> None:
    text = render_size_bands([row("BTCUSDT", 3_000_000, 1_000_000), row("ETHUSDT", 0, 9_000_000), NOTHING])
    assert text.startswith("**2026-11-21 10:00 UTC**, 1 hour(s), 3 symbols\n")
    lines = text.splitlines()
    assert "| from $1M | $3,000,000 | $10,000,000 | -$7,000,000 | 6 |" in lines
    assert "| below $1k | $0 | $20 | -$20 | 2,400 |" in lines
    assert lines.index("| binance ETHUSDT | -$10 | $0 | $0 | $0 | -$9,000,000 |") < lines.index(
        "| binance BTCUSDT | -$10 | $0 | $0 | $0 | $2,000,000 |"
    ), "most dollars first"
    assert "Without a dollar value: 1 symbols, such as binance SKLBTC." in text
    assert "2 other trades came while no rate was known, and are in no band." in text


def test_market_kinds_are_not_summed() -> None:
    text = render_size_bands([row("BTCUSDT", 3_000_000, 0), row("BTC", 5_000_000, 0, exchange="hyperliquid")])
    spot, perpetual = text.split("### Perpetuals")
    assert "$3,000,000" in spot and "$5,000,000" not in spot and "$5,000,000" in perpetual


def test_without_dollars_or_trades_it_says_so() -> None:
    assert render_size_bands([]) == "No trades in these hours."
    assert render_size_bands([NOTHING]).endswith("Without a dollar value: 1 symbols, such as binance SKLBTC.")
    assert sum_flows([NOTHING]) == [] and build_cvd_series([NOTHING]) == {}


def test_a_long_table_is_cut_and_says_so() -> None:
    text = render_size_bands([row(f"S{number}", 2_000_000 + number, 0) for number in range(MAX_SYMBOLS + 2)])
    assert "2 more symbols are in the table `size_bands`." in text
    assert "binance S2 |" in text and "binance S1 |" not in text


def test_the_picture_has_the_delta_of_each_size_by_hour() -> None:
    series = build_cvd_series([row("BTCUSDT", 3_000_000, 1_000_000, later=1), row("ETHUSDT", 0, 500_000)])
    assert list(series) == ["below $1k", "$1k to $10k", "$10k to $100k", "$100k to $1M", "from $1M"]
    assert series["from $1M"] == [(HOUR, -0.5), (HOUR + timedelta(hours=1), 2.0)]
