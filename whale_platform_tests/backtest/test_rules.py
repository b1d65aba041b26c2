"""Rules as a person writes them, and what a wrong one is answered with."""

from decimal import Decimal
from pathlib import Path

import pytest

from whale_platform.backtest.errors import InvalidRuleError
from whale_platform.backtest.rules import parse_rules, read_rules

GOOD = """
[[rule]]
name = "large sweeps in BTC"
exchange = "binance"
symbol = "BTCUSDT"
kind = "sweep"
side = "buy"
minimum_usd = 100000.10
share = 0.25
cooldown_s = 60
group = "base"

[[rule]]
name = "as they were live"
threshold = "held"
"""


def test_rules_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)
    first, second = read_rules(path)
    assert first.kind == ("sweep",) and first.minimum_usd == Decimal("100000.1") and first.group == "base"
    assert first.covers("binance", "BTCUSDT") and not first.covers("binance", "ETHUSDT")
    assert second.held and second.minimum_usd is None
    assert second.kind == ("single_trade", "sweep", "block", "liquidation")
    assert second.covers("any", "market")


@pytest.mark.parametrize(
    ("more", "covered"),
    [
        ("", ["binance", "sim_kraken"]),
        ("exchange = 'hyperliquid'", ["hyperliquid"]),
        ("market_kind = 'perpetual'", ["hyperliquid", "sim_hyperliquid"]),
        ("market_kind = 'block'", ["binance_block"]),
        ("market_kind = 'liquidation'", ["bybit_liquidation"]),
        ("kind = 'liquidation'", ["bybit_liquidation"]),
        ("kind = ['single_trade', 'sweep', 'block', 'liquidation']", ["binance", "sim_kraken"]),
    ],
)
def test_a_rule_covers_markets_of_one_kind(more: str, covered: list[str]) -> None:
    (rule,) = parse_rules(f"[[rule]]\nname = 'a'\nminimum_usd = 1\n{more}")
    names = ["binance", "hyperliquid", "sim_hyperliquid", "sim_kraken", "binance_block", "bybit_liquidation"]
    assert [name for name in names if rule.covers(name, "BTC")] == covered


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = 1", "write each one below a line [[rule]]"),
        ("", "rules has no rule"),
        ("[[rule]", "rules is no TOML"),
        ("[[rules]]\nname = 'a'", "rules is no key here"),
        ("[[rule]]\nminimum_usd = 1", "rule 1: name is missing"),
        ("[[rule]]\nname = 'a'", "rule 1 ('a'): write minimum_usd = …, or threshold = \"held\""),
        ("[[rule]]\nname = 'a'\nminimum = 1", "rule 1 ('a'): there is no key minimum: there are name, exchange"),
        ("[[rule]]\nname = 'a'\nminimum_usd = -5", "minimum_usd = -5: Input should be greater than 0"),
        ("[[rule]]\nname = 'a'\nminimum_usd = inf", "minimum_usd"),
        ("[[rule]]\nname = 'a'\nminimum_usd = 1e16", "minimum_usd = 1e+16: Input should be less than or equal to"),
        ("[[rule]]\nname = 'a'\nminimum_usd = true", "minimum_usd = True"),
        ("[[rule]]\nname = 'a'\nminimum_usd = 1\nkind = 'iceberg'", "kind = 'iceberg': Input should be 'single_trade'"),
        ("[[rule]]\nname = 'a'\nminimum_usd = 1\nkind = []", "kind has none of single_trade, sweep, block"),
        ("[[rule]]\nname = 'a'\nminimum_usd = 1\nshare = 20", "share = 20: Input should be less than or equal to 1"),
        (
            "[[rule]]\nname = 'a'\nminimum_usd = 1\nexchange = 'hyperliquid'\nmarket_kind = 'spot'",
            "rule 1 ('a'): exchange hyperliquid has no spot markets: it is perpetual",
        ),
        (
            "[[rule]]\nname = 'a'\nminimum_usd = 1\nkind = ['sweep', 'liquidation']",
            "rule 1 ('a'): spot markets have no whales of kind liquidation: leave it out, or write a rule of its own",
        ),
        (
            "[[rule]]\nname = 'a'\nminimum_usd = 1\nkind = 'sweep'\nexchange = 'bybit_liquidation'",
            "rule 1 ('a'): liquidation markets have no whales of kind sweep",
        ),
        (
            "[[rule]]\nname = 'a'\nminimum_usd = 1\nkind = 'liquidation'\nexchange = 'bybit_linear'",
            "rule 1 ('a'): perpetual markets have no whales of kind liquidation",
        ),
        ("[[rule]]\nname = 'a'\nminimum_usd = 1\n" * 2, "two rules are named 'a'"),
    ],
)
def test_a_wrong_rule_is_named_with_its_key(text: str, said: str) -> None:
    with pytest.raises(InvalidRuleError) as error:
        parse_rules(text)
    assert said in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRuleError, match=r"none\.toml can't be read: No such file"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRuleError, match="is no text in UTF-8"):
        read_rules(tmp_path / "odd.toml")
