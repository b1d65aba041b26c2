"""Changes of thresholds by several processes at once: the API, the command and Dagster's suggestions."""

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from whale_platform.stores.asset_tables import thresholds
from whale_platform_tests.stores.builders import read_thresholds

MARKETS = [("binance", "BTCUSDT"), ("coinbase", "BTC-USD"), ("okx", "X"), ("okx", "Y")]
PLACES = [*MARKETS[:2], ("*", "BTCUSDT"), ("*", "*")]


def change_often(dsn: str, seed: int) -> None:
    """Whatever comes: what a person sets and removes, and suggestions in any order."""
    draw = random.Random(seed)
    for _ in range(60):
        place, usd = draw.choice(PLACES), Decimal(draw.randrange(1, 10**6))
        kind = draw.random()
        if kind < 0.5 or place == ("*", "*"):
            thresholds.set_threshold(dsn, *place, usd)
        elif kind < 0.8:
            thresholds.remove_threshold(dsn, *place)
        else:
            thresholds.suggest_thresholds(dsn, dict.fromkeys(draw.sample(MARKETS, len(MARKETS)), usd))


def test_changes_of_several_processes_take_turns(database: str) -> None:
    """None ends another by a deadlock, and the history ends with what the table has."""
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(change_often, database, seed) for seed in range(4)]:
            done.result()
    last = {one[:2]: one.usd for one in thresholds.read_threshold_history(database)}
    assert {place: usd for place, usd in last.items() if usd is not None} == {
        (exchange, symbol): usd for exchange, symbol, usd in read_thresholds(database)
    }
