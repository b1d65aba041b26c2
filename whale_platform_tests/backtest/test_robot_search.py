"""The search for robots over a lake: a planted one is found once, by its size, among other orders."""

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whale_platform.backtest.robot_search import FoundRobot, RobotRequest, find_robots
from whale_platform.cli.app import app
from whale_platform.domain.trade import Side, Trade
from whale_platform.homes import open_home
from whale_platform_tests.lake.builders import START, lay, trade

SECOND = 1_000_000
HOURS = 4


def make_trades(robot_every_s: int | None, seed: int = 1) -> list[Trade]:
    """Four hours of BTCUSDT, orders of any size at any time; a robot sells 12, in two fills at times."""
    dice, first, orders = random.Random(seed), trade(0).event_time, list[tuple[int, Side, list[str]]]()
    for _ in range(HOURS * (1800 if robot_every_s != 300 else 250)):
        at = first + dice.randrange(HOURS * 3600 * SECOND)
        orders.append((at, dice.choice(("buy", "sell")), [f"{dice.lognormvariate(2, 1.2):.3f}"]))
    if robot_every_s is not None:
        for number in range(HOURS * 3600 // robot_every_s):
            at = first + number * robot_every_s * SECOND + dice.randrange(SECOND // 10)
            orders.append((at, "sell", ["12"] if dice.random() < 0.7 else ["5", "7"]))
    trades: list[Trade] = []
    for at, side, parts in sorted(orders):
        trades += [
            trade(len(trades) + number, quantity=part)._replace(event_time=at, received_time=at, side=side)
            for number, part in enumerate(parts)
        ]
    return trades


def search(root: Path, least_usd: float = 500) -> list[FoundRobot]:
    return find_robots(root, RobotRequest(START, START + timedelta(hours=HOURS), least_usd), lambda *_: None)


@pytest.mark.parametrize("every_s", [30, 300])
def test_a_planted_robot_is_found_with_its_size_side_and_period(tmp_path: Path, every_s: int) -> None:
    root = tmp_path / "lake" / "trades"
    lay(root, make_trades(every_s))
    found = search(root)
    assert {(robot.symbol, robot.side, robot.period_s) for robot in found} == {("BTCUSDT", "sell", every_s)}
    assert len(found) == (HOURS if every_s == 30 else 2), (
        "one an hour; of the longest period until 12:00 and from then on"
    )
    assert all(robot.usd / robot.orders == pytest.approx(12 * 100.5, rel=0.15) for robot in found)
    assert sum(robot.orders for robot in found) > 0.8 * HOURS * 3600 / every_s


def test_without_a_robot_nothing_is_found(tmp_path: Path) -> None:
    root = tmp_path / "lake" / "trades"
    lay(root, make_trades(None))
    assert search(root) == []
    assert search(root, least_usd=1e9) == []


def test_the_command_writes_a_table_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = open_home(tmp_path / "base", "simulator").path
    lay(home / "lake" / "trades", make_trades(30))
    words = ["robots", "--from", "2026-01-02T10:00", "--to", "2026-01-02T11:00", "--home", str(tmp_path / "base")]
    text = CliRunner().invoke(app, [*words, "--minimum-usd", "500"])
    assert text.exit_code == 0 and "30 s" in text.stdout and "BTCUSDT" in text.stdout
    lines = CliRunner().invoke(app, [*words, "--minimum-usd", "500", "--json"]).stdout.splitlines()
    assert [json.loads(line)["period_s"] for line in lines] == [30]
    none = CliRunner().invoke(app, [*words, "--symbol", "ETHUSDT"])
    assert none.stdout.startswith("no robots: no class of orders is more regular than chance")
