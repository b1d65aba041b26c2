"""Whole back-tests over a lake: a planted move is found, and where none is planted the verdict is `no edge`."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from whale_platform.backtest import render
from whale_platform.backtest.results import BacktestResult, HorizonResult, RuleResult
from whale_platform.backtest.rules import AlertRule, parse_rules
from whale_platform.backtest.run import BacktestRequest, find_held_alerts, run_backtest, select_after_cooldown
from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.whale import ThresholdChange, build_threshold_periods
from whale_platform.lake.analysis.alert_selection import FoundAlert, TradeColumns
from whale_platform_tests.backtest.worlds import START, WHALE_USD, lay_world
from whale_platform_tests.lake import builders
from whale_platform_tests.lake.builders import lay, trade

HOURS = 12
WHALES = '[[rule]]\nname = "whales"\nminimum_usd = 100_000\n'


def quiet(*_: object) -> None:
    """Shows no progress."""


def run(root: Path, text: str, hours: int = HOURS, seed: int = 0) -> BacktestResult:
    request = BacktestRequest(parse_rules(text), START, START + timedelta(hours=hours), seed=seed)
    return run_backtest(root, request, quiet)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    root = tmp_path_factory.mktemp("planted") / "lake" / "trades"
    return root, lay_world(root, HOURS, 1, planted_bp=8)


def test_a_planted_move_is_found_with_its_size(planted: tuple[Path, int]) -> None:
    root, whales = planted
    result = run(root, WHALES)
    (rule,) = result.rules
    assert (rule.alerts, rule.alerts_per_day, rule.suppressed) == (whales, whales * 2, 0)
    assert float(rule.usd) == pytest.approx(whales * WHALE_USD, rel=1e-4)
    by_time = {one.seconds: one for one in rule.horizons}
    assert list(by_time) == [1, 10, 60, 300, 900]
    assert 6 < by_time[60].difference < 9 and by_time[60].low > 4 and by_time[60].significant
    assert by_time[60].hit_rate > by_time[60].control_hit_rate + 0.2
    assert not by_time[1].significant, "nothing has moved after a second"
    assert rule.verdict == "edge"
    assert "bp further on in the whale's direction than after ordinary trades" in rule.explanation


def test_where_nothing_is_planted_the_verdict_is_no_edge(tmp_path: Path) -> None:
    verdicts = []
    for seed in range(3):
        root = tmp_path / str(seed) / "lake" / "trades"
        lay_world(root, HOURS, seed + 50, planted_bp=0)
        (rule,) = run(root, WHALES).rules
        verdicts.append(rule.verdict)
    assert verdicts == ["no edge"] * 3
    assert rule.explanation.startswith("no edge: at no time after these alerts")


def test_the_same_seed_gives_the_same_result(planted: tuple[Path, int]) -> None:
    root, _ = planted
    assert run(root, WHALES) == run(root, WHALES)
    assert run(root, WHALES, seed=1) != run(root, WHALES)


def test_rules_select_side_market_and_cooldown(planted: tuple[Path, int]) -> None:
    root, whales = planted
    text = "".join(
        f"[[rule]]\nname = '{number}'\nminimum_usd = 100_000\n{more}\n"
        for number, more in enumerate(["side = 'buy'", "side = 'sell'", "symbol = 'BTCUSDT'", "cooldown_s = 3600"])
    )
    buys, sells, bitcoin, hourly = run(root, text).rules
    assert buys.alerts + sells.alerts == whales and min(buys.alerts, sells.alerts) > 0
    assert 0 < bitcoin.alerts < whales
    assert hourly.alerts + hourly.suppressed == whales and hourly.alerts <= 2 * HOURS


def test_few_alerts_are_not_judged(planted: tuple[Path, int]) -> None:
    root, _ = planted
    (rule,) = run(root, WHALES, hours=1).rules
    assert rule.alerts and rule.verdict == "too few" and "a verdict needs 20" in rule.explanation
    (none,) = run(root, WHALES.replace("100_000", "900_000_000")).rules
    assert (none.alerts, none.verdict, none.horizons) == (0, "too few", ())


def test_thresholds_are_those_of_the_time(tmp_path: Path) -> None:
    root, begin = tmp_path / "lake" / "trades", builders.START
    trades = [trade(number, every_s=600, quantity="1000") for number in range(12)]  # 100,500 dollars each
    lay(root, trades)
    history = [
        ThresholdChange("*", "BTCUSDT", begin + timedelta(minutes=30), Decimal(200_000)),
        ThresholdChange("binance", "BTCUSDT", begin + timedelta(minutes=60), Decimal("100500")),
    ]
    periods = build_threshold_periods(history, Decimal(50_000))
    rules = parse_rules('[[rule]]\nname = "held"\nthreshold = "held"')
    result = run_backtest(root, BacktestRequest(rules, begin, begin + timedelta(hours=2), periods), quiet)
    assert result.rules[0].alerts == 3 + 6, "until 10:30 and from 11:00 on"
    both = parse_rules('[[rule]]\nname = "held"\nthreshold = "held"\nminimum_usd = 100500.01')
    result = run_backtest(root, BacktestRequest(both, begin, begin + timedelta(hours=2), periods), quiet)
    assert result.rules[0].alerts == 0
    hours: list[Decimal | None] = [None] * 168
    hours[get_hour_of_week(begin + timedelta(hours=1))] = Decimal("100500.01")
    periods = build_threshold_periods([*history, history[1]._replace(hours_usd=hours)], Decimal(50_000))
    result = run_backtest(root, BacktestRequest(rules, begin, begin + timedelta(hours=2), periods), quiet)
    assert result.rules[0].alerts == 3, "none in the hour of the week that has a higher amount"
    later = begin + timedelta(minutes=90)
    periods = build_threshold_periods([*history, history[1]._replace(valid_from=later, hours_usd=hours)], Decimal(1))
    result = run_backtest(root, BacktestRequest(rules, begin, begin + timedelta(hours=2), periods), quiet)
    assert result.rules[0].alerts == 3 + 3, "which holds from half past on"


def test_figures_are_of_one_market_kind_and_what_was_alerted_is_of_all(tmp_path: Path) -> None:
    root, begin = tmp_path / "lake" / "trades", builders.START
    names = ["binance", "hyperliquid", "binance_block", "bybit_liquidation"] * 3
    kinds = ["single_trade", "single_trade", "block", "liquidation"] * 3
    trades = [
        trade(n, every_s=600, quantity="1000")._replace(exchange=name, block=kind != "single_trade")
        for n, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    lay(root, trades)
    end, periods = begin + timedelta(hours=2), build_threshold_periods([], Decimal(50_000))
    text = "".join(
        f"[[rule]]\nname = '{number}'\nthreshold = 'held'\n{more}\n"
        for number, more in enumerate(
            ["", "market_kind = 'perpetual'", "exchange = 'binance_block'", "market_kind = 'liquidation'"]
        )
    )
    result = run_backtest(root, BacktestRequest(parse_rules(text), begin, end, periods), quiet)
    assert [(rule.alerts, rule.usd) for rule in result.rules] == [
        (count, count * Decimal(100_500)) for count in (3, 3, 3, 3)
    ]
    held = [alert for alert, _ in find_held_alerts(root, begin, end, periods, quiet)]
    assert [(alert.exchange, alert.kind) for alert in held] == list(zip(names, kinds, strict=True))


def test_a_cooldown_holds_back_within_its_group() -> None:
    alerts = [
        FoundAlert("binance", "BTCUSDT", "sweep", number, base, Decimal(1), False)._replace(symbol=symbol)
        for number, (symbol, base) in enumerate(
            [("BTCUSDT", "BTC"), ("BTCUSDC", "BTC"), ("ETHUSDT", "ETH"), ("BTCUSDT", "BTC"), ("BTCUSDT", "BTC")]
        )
    ]
    seconds = np.array([0, 1, 2, 9, 10])
    columns = TradeColumns(seconds, seconds > 99, seconds * 1_000_000, seconds, np.empty((5, 0)))

    def kept(group: str) -> list[int]:
        rule = AlertRule.model_validate({"name": "a", "minimum_usd": 1, "cooldown_s": 10, "group": group})
        return [int(index) for index in select_after_cooldown(alerts, columns, rule)]

    assert kept("market") == [0, 1, 2, 4]
    assert kept("base") == [0, 2, 4]
    assert kept("all") == [0, 4]


def test_json_and_csv_have_every_figure() -> None:
    horizon = HorizonResult(10, 40, 30, 1.5, 0.5, 1.0, 0.2, 1.8, 0.6, 0.5, 0.01, 0.02)
    rules = [
        RuleResult("one, with a comma", 41, 20.5, 3, Decimal("1234.5"), (horizon,)),
        RuleResult("none", 0, 0.0, 0, Decimal(0), ()),
    ]
    result = BacktestResult(START, START + timedelta(hours=48), 48.0, 1000, 7, rules)
    found = json.loads(json.dumps(render.render_json(result)))
    assert found["rules"][0]["verdict"] == "edge" and found["rules"][0]["horizons"][0]["difference"] == 1.0
    assert found["rules"][1] == {
        "name": "none",
        "alerts": 0,
        "alerts_per_day": 0.0,
        "suppressed": 0,
        "usd": "0",
        "verdict": "too few",
        "explanation": rules[1].explanation,
        "horizons": [],
    }
    rows = list(csv.reader(io.StringIO(render.render_csv(result))))
    assert rows[0] == list(render.CSV_COLUMNS) and len(rows[1]) == len(rows[0])
    assert rows[1][:3] == ["one, with a comma", "edge", "41"] and rows[2][0] == "none"
    assert (
        render.describe_rule(rules[0])
        == "one, with a comma: 41 alerts, 20.5 a day, 3 held back by its cooldown; $1,234"
    )
