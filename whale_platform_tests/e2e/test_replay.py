"""Recorded days through the whole platform: trades once, windows and whales to the last digit, killed or not."""

import contextlib
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform_tests.e2e import oracle
from whale_platform_tests.e2e.replay_checks import (
    check,
    check_hours,
    check_repair,
    raw_trades,
)
from whale_platform_tests.support.captures import captures_dir
from whale_platform_tests.support.proxies import UPPER_CASE_PROXIES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
VICTIMS = ("stream", "ingester", "sink", "postgres", "kafka")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    env = {"WHALE_THRESHOLD_USD": "50000", "WHALE_DAGSTER": "false", "WHALE_LAKE_TRIGGER_S": "4"}
    made = Platform(tmp_path, {**env, **UPPER_CASE_PROXIES})
    yield made
    made.stop()
    wait_for("everything to end", lambda: not made.processes(), 300)


def replay(platform: Platform, files: list[Path], speed: int) -> None:
    named = [word for file in files for word in ("--file", str(file))]
    platform.start("--source", "replay", *named, "--speed", str(speed), "--times", "original")


def finished(platform: Platform, trades: int) -> None:
    """Wait until all is played and the windows hold `trades` trades."""

    def sent() -> int:
        return int(platform.status()["source"]["trades_sent"])

    def counted() -> int:
        with contextlib.suppress(PlatformError):  # Postgres may have been killed, and start yet
            return int(platform.sql("select coalesce(sum(trade_count), 0) from trade_windows")[0][0])
        return -1

    wait_for("the replay to finish", lambda: platform.status()["source"]["state"] == "finished", moves=sent)
    try:
        wait_for("the windows to fill", lambda: counted() >= trades, moves=counted)
    except PlatformError:
        print(platform.run_command("status", check=False).stdout, platform.sql("select * from ingest_gaps"))


def kill(platform: Platform, service: str) -> int:
    """kill -9 of the service's process; its pid."""
    pid = int(platform.status()["services"][service]["pid"])
    os.kill(pid, signal.SIGKILL)
    return pid


def played(platform: Platform, trades: int) -> None:
    wait_for(f"trade {trades}", lambda: platform.status()["source"]["trades_sent"] >= trades)


def returned(platform: Platform, victim: str, old: int) -> None:
    wait_for(f"{victim} to come back", lambda: platform.status()["services"][victim]["pid"] not in (None, old))


@pytest.mark.process
def test_two_binance_days_are_exact_though_everything_is_killed(platform: Platform) -> None:
    files = sorted((captures_dir() / "binance_spot_2024").glob("*.gz"))
    expected = oracle.fills(files)
    assert len(expected) == 34_419
    replay(platform, files, 20)
    for number, victim in enumerate(VICTIMS):
        played(platform, len(expected) * (number + 1) // (len(VICTIMS) + 2))
        returned(platform, victim, kill(platform, victim))
    finished(platform, len(expected))
    check(platform, expected)
    restarts = {name: service["restarts"] for name, service in platform.status()["services"].items()}
    assert all(restarts[victim] >= 1 for victim in VICTIMS), restarts
    check_hours(platform, expected)
    check_repair(platform, expected)


def test_coinbase_products_are_exact_and_sides_are_the_takers(platform: Platform) -> None:
    files = sorted((captures_dir() / "coinbase_exchange_2021").glob("*.ws.txt.gz"))
    expected = oracle.fills(files)
    assert len(expected) == 97
    platform.env["WHALE_THRESHOLD_USD"] = "100"
    replay(platform, files, 20)
    finished(platform, len(expected))
    check(platform, expected)
    assert len(oracle.whales(expected, Decimal(100))) == 22
    raw = sorted(raw_trades(platform), key=lambda trade: (trade.symbol, trade.trade_id))
    moves = [
        (new.side, new.price > old.price)
        for old, new in pairwise(raw)
        if new.symbol == old.symbol and new.price != old.price
    ]
    agree = sum((side == "buy") == up for side, up in moves)
    assert agree > 5 * (len(moves) - agree), f"tick test: {agree} of {len(moves)} moves agree with the taker side"
