"""What two thousand trades cost the running platform, counted and not timed: trades a batch, transactions a tick.

Each bound is some times what was counted, so it is passed where a mechanism changes, such as a transaction for each
trade again, and not where a machine is slow: what is counted is counted against what drives it, trades, batches or
ticks.
"""

from dataclasses import dataclass

import pytest

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.e2e.running.conftest import settings_of
from whale_platform_tests.support.postgres_server import query

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
TRADES = 2_000
FEWEST_TRADES_A_BATCH = 4  # of the sink or of the API's cache, where windows come four times a second
MOST_COMMITS_A_BATCH = 4
MOST_COMMITS_A_TICK = 400  # of Dagster's sensors
MOST_OTHER_COMMITS = 500  # checks, rollups and whoever else happens to work meanwhile


@dataclass
class Counts:
    """The counters of a running home at one moment."""

    trades: int
    batches: int
    ticks: int
    commits: dict[str, int]


def read_counts(settings: Settings) -> Counts:
    """Read them all."""
    numbers = {}
    for service in ("ingester", "sink", "api"):
        found = heartbeat.read_heartbeat(settings.home, service)
        assert found is not None, service
        numbers[service] = found.numbers
    dsn = settings.dsn()
    commits = query(dsn, "SELECT datname, xact_commit FROM pg_stat_database WHERE datname IS NOT NULL")
    ticks = query(dsn.rpartition("/")[0] + "/dagster", "SELECT coalesce(max(id), 0) FROM job_ticks")
    return Counts(
        trades=numbers["ingester"]["trades"],
        batches=numbers["sink"]["batches"] + numbers["api"]["reads"],
        ticks=int(ticks[0][0]),
        commits={str(name): int(count) for name, count in commits},
    )


def test_what_trades_cost_in_batches_and_transactions_is_bounded(platform: Platform) -> None:
    settings = settings_of(platform)
    before = read_counts(settings)
    wait_for("more trades", lambda: read_counts(settings).trades - before.trades >= TRADES, every=2)
    after = read_counts(settings)
    trades, batches, ticks = (getattr(after, name) - getattr(before, name) for name in ("trades", "batches", "ticks"))
    commits = {name: after.commits[name] - count for name, count in before.commits.items()}
    print(f"{trades} trades, {batches} batches, {ticks} ticks, commits {commits}")
    assert batches > 0 and ticks > 0
    assert batches * FEWEST_TRADES_A_BATCH < trades
    assert commits["whale"] < MOST_COMMITS_A_BATCH * batches + MOST_OTHER_COMMITS
    assert commits["dagster"] < MOST_COMMITS_A_TICK * ticks + MOST_OTHER_COMMITS
