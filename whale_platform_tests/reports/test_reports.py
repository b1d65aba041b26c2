import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any

import pytest

from whale_platform.reports import charts, currencies, daily, hourly, kind_sections, tables, whales
from whale_platform.stores.asset_tables.rollups import HourlyRollup
from whale_platform.stores.asset_tables.whale_reports import WhaleReport

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rollup(hour: datetime, symbol: str = "BTCUSDT", **changes: Any) -> HourlyRollup:
    row: dict[str, Any] = {
        **dict.fromkeys(("open", "high", "low", "close", "vwap"), Decimal("61837.63")),
        **dict.fromkeys(("volume", "buy_volume"), Decimal(2)),
        "notional": Decimal("123675.26"),
        "sell_volume": Decimal(0),
        "buy_share": Decimal(1),
        "realised_volatility": 0.03,
        "trade_count": 2,
        "minutes": 1,
        "quote": "USDT",
        "usd_via": "peg:USDT",
    }
    return HourlyRollup("binance", symbol, hour, **(row | changes))


def report(symbol: str, buy: int, sell: int, hour: datetime = NOON, **changes: Any) -> WhaleReport:
    alert = {
        "trade_id": 7,
        "side": "buy",
        "event_time": "2024-08-08T12:00:59.9+00:00",
        "notional_usd": str(buy),
        "price": "61837.63",
        "before": "61800",
        "after_1": "61840.5",
        "after_5": None,
        "after_15": None,
    }
    row: dict[str, Any] = {
        "whales": 2 if buy or sell else 0,
        "notional_usd": Decimal(buy + sell),
        "buy_usd": Decimal(buy),
        "sell_usd": Decimal(sell),
        "net_flow_usd": Decimal(buy - sell),
        "market_notional": Decimal(1_000_000),
        "share": Decimal(buy + sell) / 1_000_000,
        "largest": [alert] if buy else [],
        "single_trades": 2 if buy or sell else 0,
        "sweeps": 0,
        "blocks": 0,
        "whale_notional": Decimal(buy + sell),
    }
    return WhaleReport("binance", symbol, hour, **(row | changes))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_currency_is_summed_over_its_symbols_that_have_a_dollar_value() -> None:
    rows = [
        rollup(NOON, base="BTC"),
        rollup(NOON + HOUR, base="BTC", buy_volume=Decimal(0)),
        replace(rollup(NOON, "BTC-USD", quote="USD", usd_via="USD", base="BTC"), exchange="coinbase"),
        rollup(NOON, "BTCTRY", notional=Decimal(400_000_000), quote="TRY", usd_via=None, base="BTC"),
        rollup(NOON, "ETHUSDT", notional=Decimal(9_000_000), base="ETH"),
        rollup(NOON, "SOLUSDT", base=None),
    ]
    lines = currencies.render_currencies(rows).splitlines()
    assert [cells(line) for line in lines[2:]] == [
        ["BTC", "2", "6.0000", "$371,026", "61,837.63", "66.7 %", "binance BTCUSDT 66.7 %", "6"]
    ]
    assert hourly.render_hourly(rows).endswith(lines[2])
    assert "By currency" not in hourly.render_hourly(rows[:2]), "one symbol says it already"


def test_some_hours_of_a_symbol_become_one_line() -> None:
    rows = [
        rollup(NOON + HOUR, high=Decimal(70_000), close=Decimal(65_000), realised_volatility=0.04),
        rollup(NOON, low=Decimal("0.00001305"), open=Decimal(60_000), buy_volume=Decimal(1)),
        rollup(NOON, "ETHUSDT", notional=Decimal(9_000_000)),
        rollup(NOON, "BTCTRY", notional=Decimal(400_000_000), quote="TRY", usd_via=None),
    ]
    text = hourly.render_hourly(rows)
    assert text.startswith("**2024-08-08 12:00 to 2024-08-08 13:00 UTC**, 2 hour(s), 3 symbols")
    lines = text.splitlines()
    assert cells(lines[4])[0] == "binance ETHUSDT", "the most dollars come first"
    assert cells(lines[5]) == [
        *("binance BTCUSDT", "60,000", "70,000", "0.00001305", "65,000"),
        *("4.0000", "247,351 USDT", "75.0 %", "5.00 %", "4"),
    ]
    assert cells(lines[6])[6] == "400,000,000 TRY", "lira are not ranked among dollars, nor drawn with them"
    assert list(hourly.build_notional_series(rows)) == ["binance ETHUSDT", "binance BTCUSDT"]


def test_whales_by_symbol_over_all_exchanges_and_the_largest() -> None:
    rows = [report("BTCUSDT", 60_000, 90_000), report("ETHUSDT", 0, 0), report("SOLUSDT", 50_000, 0, NOON + HOUR)]
    rows[0].largest[0].update(kind="sweep", fills=12, slippage_bps="3.14159", hour_share="0.06")
    rows[0].largest[0].update(after_1s="61850", moved_bps="8.09", expected_bps="2.5", outcome="broke_through")
    rows[0] = replace(rows[0], single_trades=1, sweeps=1, whale_notional=Decimal(120_000))
    lines = whales.render_whales(rows).splitlines()
    assert cells(lines[2])[:8] == ["**all exchanges**", "4", "1", "0", "$200,000", "$110,000", "$90,000", "$20,000"]
    assert cells(lines[3]) == ["binance BTCUSDT", "2", "1", "0", "$150,000", "$60,000", "$90,000", "-$30,000", "12.0 %"]
    assert cells(lines[-2])[:3] == ["binance BTCUSDT 7, 2024-08-08 12:00:59", "sweep of 12 fills", "buy"]
    assert cells(lines[-2])[4:7] == ["6.0 %", "61,837.63", "3.1 bp"]
    assert cells(lines[-2])[7:] == [
        *("61,800", "61,850", "–", "61,840.5", "–", "–"),
        *("8.1 bp", "2.5 bp", "broke through"),
    ]
    assert cells(lines[-1])[1:2] == ["trade"], "reports from before there were kinds name none"
    assert whales.build_flow_series(rows) == {
        "bought": [(NOON, 0.06), (NOON + HOUR, 0.05)],
        "sold": [(NOON, -0.09), (NOON + HOUR, 0.0)],
    }


def test_no_sum_takes_perpetuals_with_spot() -> None:
    spot = rollup(NOON, base="BTC"), replace(rollup(NOON, "BTC-USD", quote="USD", base="BTC"), exchange="coinbase")
    other = [replace(rollup(NOON, name, base="BTC"), exchange="sim_hyperliquid") for name in ("BTC", "UBTC")]
    text = hourly.render_hourly([*other, *spot])
    first, second = text.split("\n\n### Perpetuals\n\n")
    assert first == hourly.render_hourly(spot), "as if there were no perpetuals"
    assert second == hourly.render_hourly(other).removeprefix("### Perpetuals\n\n")
    assert [cells(part.splitlines()[-1])[:3] for part in (first, second)] == [["BTC", "2", "4.0000"]] * 2


def test_whales_of_perpetuals_and_blocks_have_totals_of_their_own() -> None:
    rows = [
        *(
            replace(report("BTC", usd, 0), exchange=name)
            for usd, name in ((700_000, "hyperliquid"), (5, "binance_block"))
        ),
        *(report("BTCUSDT", 60_000, 90_000), replace(report("BTC-USD", 50_000, 0), exchange="coinbase")),
    ]
    text = whales.render_whales(rows)
    sections = re.split(r"\n\n### (?:Perpetuals|Blocks off the book)\n\n", text)
    totals = [cells(section.splitlines()[2]) for section in sections]
    assert [row[0] for row in totals] == ["**all exchanges**"] * 3
    assert [row[4] for row in totals] == ["$200,000", "$700,000", "$5"]
    assert [section.count("hyperliquid") for section in sections] == [0, 2, 0], "nor are they among the largest"


def test_a_day_tells_of_each_market_kind_and_draws_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, charts.HourlySeries] = {}
    monkeypatch.setattr(charts, "draw_bars", lambda title, unit, series: drawn.setdefault(title, series) and b"")
    perpetual = replace(rollup(NOON, "BTC", trade_count=9), exchange="hyperliquid")
    flows = [report("BTCUSDT", 60_000, 0), replace(report("BTC", 0, 800_000), exchange="hyperliquid")]
    text = daily.render_daily(NOON.date(), [rollup(NOON), perpetual], flows)
    assert "\n\n2 trades of 1 symbols in 1 of 24 hours. 2 whales moved $60,000; they bought $60,000" in text
    assert "\n\nPerpetuals: 9 trades of 1 symbols in 1 of 24 hours. 2 whales moved $800,000; they sold $800,000" in text
    assert {title: sorted(series) for title, series in drawn.items()} == {
        "Notional by hour": ["binance BTCUSDT"],
        "Notional by hour: perpetuals": ["hyperliquid BTC"],
        "Whale flow by hour": ["bought", "sold"],
        "Whale flow by hour: perpetuals": ["bought", "sold"],
    }
    assert drawn["Whale flow by hour"]["sold"] == [(NOON, 0.0)]


def test_figures_of_other_market_kinds_have_their_name_before_them() -> None:
    def count(some: list[WhaleReport]) -> dict[str, int]:
        return {"whales": sum(row.whales for row in some)}

    perpetual = replace(report("BTC", 0, 800_000), exchange="hyperliquid")
    assert kind_sections.prefix_figures([perpetual], count) == {"whales": 0, "perpetual_whales": 2}
    assert kind_sections.prefix_figures([report("BTCUSDT", 1, 1)], count) == {"whales": 2}


def test_a_share_is_of_all_hours_also_of_those_without_a_whale() -> None:
    quiet = [report("BTCUSDT", 0, 0, NOON + hour * HOUR) for hour in range(1, 10)]
    line = cells(whales.render_whales([report("BTCUSDT", 60_000, 90_000), *quiet]).splitlines()[3])
    assert line[:5] == ["binance BTCUSDT", "2", "0", "0", "$150,000"]
    assert line[-1] == "1.5 %", "an hour's notional is a million"


def test_the_picture_of_all_draws_all() -> None:
    rows = [rollup(NOON, f"S{number}USDT", notional=Decimal(1_000_000 * (number + 1))) for number in range(8)]
    drawn = hourly.build_notional_series(rows)
    assert [*drawn] == [*(f"binance S{number}USDT" for number in (7, 6, 5, 4, 3)), "3 others"]
    assert drawn["3 others"] == [(NOON, 6.0)]
    assert sum(millions for series in drawn.values() for _, millions in series) == 36


def test_hours_without_anything_say_so() -> None:
    assert hourly.render_hourly([]) == "No trades in these hours."
    assert whales.render_whales([report("BTCUSDT", 0, 0)]) == "No whales among 1 symbols that traded."


def test_many_symbols_are_cut_and_the_reader_is_told() -> None:
    text = hourly.render_hourly([rollup(NOON, f"S{number}") for number in range(hourly.MAX_SYMBOLS + 2)])
    assert text.endswith("2 more symbols are in the table `hourly_rollups`.")


def test_a_picture_is_a_png_that_travels_in_markdown() -> None:
    png = charts.draw_bars("flow", "million dollars", whales.build_flow_series([report("BTCUSDT", 60_000, 90_000)]))
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    assert charts.embed_png(png, "flow").startswith("![flow](data:image/png;base64,iVBOR")


@pytest.mark.parametrize(
    ("value", "text"), [("61837.6300", "61,837.63"), ("1E+3", "1,000"), ("0.00001305", "0.00001305"), (None, "–")]
)
def test_prices_keep_their_digits(value: str | None, text: str) -> None:
    assert tables.format_price(value) == text


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    assert tables.render_table(["a|b"], [["c"]]).splitlines()[0] == r"| a\|b |"


@pytest.mark.parametrize("name", ["![x](http://a/b.png)", "[x](http://a)", "<img src=x>", "`a", "a\\", "a|b\n| c"])
def test_a_name_stays_text_in_a_table(name: str) -> None:
    page = daily.render_html("x", tables.render_table(["symbol", "n"], [[name, 1]]))
    assert not re.search("<(img|a|code)", page)
    assert page.count("<td") == 2
    assert escape(name.replace("\n", " "), quote=False) in page.replace("&quot;", '"')


def test_a_day_without_trades_says_so_and_a_page_escapes() -> None:
    assert daily.render_daily(NOON.date(), [], []) == "# Market report 2024-08-08\n\nNo trades on this day."
    page = daily.render_html("a<b", "# x\n\n<script>alert(1)</script>")
    assert "<title>a&lt;b</title>" in page
    assert "<script>" not in page
