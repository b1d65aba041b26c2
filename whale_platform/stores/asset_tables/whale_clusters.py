"""The clusters of whales in Postgres: whoever computes an hour replaces the clusters that begin in it."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg2.extras import execute_values

from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.market import MarketKind
from whale_platform.stores.asset_tables.materialisation import HourRange, Provenance, open_exclusive_transaction

SUMMED_KINDS: tuple[MarketKind, ...] = ("spot", "perpetual")
_DELETE = "DELETE FROM whale_clusters WHERE event_time >= %s AND event_time < %s"
_INSERT = """
INSERT INTO whale_clusters (exchange, symbol, trade_id, base, side, event_time, last_time, orders, exchanges, spot_usd,
    perpetual_usd, members, score, chance, false_discovery_rate, run_id, code_version)
VALUES %s
"""


class StoredMember(NamedTuple):
    """An order of a cluster. trade_id: of its first fill; event_time: aware UTC."""

    exchange: str
    symbol: str
    market_kind: MarketKind
    kind: str
    trade_id: int
    event_time: datetime
    notional_usd: Decimal


class ClusterRow(NamedTuple):
    """A cluster; its members by time. usd: of the members, by market kind."""

    base: str
    side: str
    members: tuple[StoredMember, ...]
    usd: dict[MarketKind, Decimal]
    score: float
    chance: float
    false_discovery_rate: float


def store_clusters(dsn: str, hours: HourRange, clusters: Iterable[ClusterRow], provenance: Provenance) -> None:
    """Replace the clusters that begin in `hours` by these. Raises PostgresUnusableError."""
    rows = [_build_values(cluster, provenance) for cluster in clusters]
    with open_exclusive_transaction(dsn, "whale_clusters") as cursor:
        cursor.execute(_DELETE, (hours.start, hours.end))
        if rows:
            execute_values(cursor, _INSERT, rows)


def _build_values(cluster: ClusterRow, provenance: Provenance) -> tuple[object, ...]:
    first, last = cluster.members[0], cluster.members[-1]
    members = [
        {**one._asdict(), "event_time": _format_time(one), "notional_usd": format_decimal(one.notional_usd)}
        for one in cluster.members
    ]
    return (
        *(first.exchange, first.symbol, first.trade_id, cluster.base, cluster.side, first.event_time, last.event_time),
        *(len(members), len({one.exchange for one in cluster.members})),
        *(None if usd is None else format_decimal(usd) for usd in map(cluster.usd.get, SUMMED_KINDS)),
        json.dumps(members),
        *(cluster.score, cluster.chance, cluster.false_discovery_rate, provenance.run_id, provenance.code_version),
    )


def _format_time(member: StoredMember) -> str:
    return member.event_time.isoformat().replace("+00:00", "Z")
