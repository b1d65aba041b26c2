"""What two thousand trades cost the running platform, counted and not timed: messages a window, transactions a tick.

Each bound is some times what was counted, so it is passed where a mechanism changes, such as a message for each trade
again, and not where a machine is slow: what is counted is counted against what drives it, trades, batches or ticks.
"""

from collections import Counter
from dataclasses import dataclass

import pytest

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts import trade_window
from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.e2e.running.conftest import settings_of
from whale_platform_tests.support.postgres_server import query

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
TRADES = 2_000
MOST_MESSAGES_A_WINDOW = 120  # one a second, and what comes after the minute
FEWEST_TRADES_A_MESSAGE = 3
MOST_COMMITS_A_BATCH = 4  # of the sink or of the API's cache
MOST_COMMITS_A_TICK = 400  # of Dagster's sensors
MOST_OTHER_COMMITS = 500  # checks, rollups and whoever else happens to work meanwhile


@dataclass
class Counts:
    """The counters of a running home at one moment."""

    trades: int
    batches: int
    ticks: int
    commits: dict[str, int]
    ends: dict[int, int]


def read_counts(settings: Settings) -> Counts:
    """Read them all."""
    numbers = {}
    for service in ("ingester", "sink", "api"):
        found = heartbeat.read_heartbeat(settings.home, service)
        assert found is not None, service
        numbers[service] = found.numbers
    dsn = settings.dsn()
    commits = query(dsn, "SELECT datname, xact_commit FROM pg_stat_database WHERE datname IS NOT NULL")
    reader = TopicReader(settings.bootstrap, "test")
    ends = {part: reader.bounds(TRADE_WINDOWS, part)[1] for part in reader.list_partitions(TRADE_WINDOWS)}
    reader.close()
    ticks = query(dsn.rpartition("/")[0] + "/dagster", "SELECT coalesce(max(id), 0) FROM job_ticks")
    return Counts(
        trades=numbers["ingester"]["trades"],
        batches=numbers["sink"]["batches"] + numbers["api"]["reads"],
        ticks=int(ticks[0][0]),
        commits={str(name): int(count) for name, count in commits},
        ends=ends,
    )


def count_messages(settings: Settings, since: dict[int, int], until: dict[int, int]) -> Counter[tuple[str, str, int]]:
    """Messages of each window between these offsets."""
    counted: Counter[tuple[str, str, int]] = Counter()
    reader = TopicReader(settings.bootstrap, "test")
    for part, end in until.items():
        for record in reader.scan(TRADE_WINDOWS, part, since[part], end):
            row = trade_window.decode_window(record.value, record.timestamp_ms)
            counted[row.exchange, row.symbol, int(row.window_start.timestamp())] += 1
    reader.close()
    return counted


def test_what_trades_cost_in_messages_and_transactions_is_bounded(platform: Platform) -> None:
    settings = settings_of(platform).model_copy(update={"kafka_port": int(platform.env["WHALE_KAFKA_PORT"])})
    before = read_counts(settings)
    wait_for("more trades", lambda: read_counts(settings).trades - before.trades >= TRADES, every=2)
    after = read_counts(settings)
    windows = count_messages(settings, before.ends, after.ends)
    trades, batches, ticks = (getattr(after, name) - getattr(before, name) for name in ("trades", "batches", "ticks"))
    commits = {name: after.commits[name] - count for name, count in before.commits.items()}
    print(f"{trades} trades, {windows.total()} messages of {len(windows)} windows, at most {max(windows.values())}")
    print(f"{batches} batches, {ticks} ticks, commits {commits}")
    assert max(windows.values()) <= MOST_MESSAGES_A_WINDOW
    assert windows.total() * FEWEST_TRADES_A_MESSAGE < trades
    assert batches > 0 and ticks > 0
    assert commits["whale"] < MOST_COMMITS_A_BATCH * batches + MOST_OTHER_COMMITS
    assert commits["dagster"] < MOST_COMMITS_A_TICK * ticks + MOST_OTHER_COMMITS
