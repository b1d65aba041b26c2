"""Clusters as rows of their table, as Markdown and as a picture."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from whale_platform.backtest.clusters import OrderCluster
from whale_platform.exchanges.registry import find_market_kind
from whale_platform.reports import charts
from whale_platform.reports.tables import render_table
from whale_platform.stores.asset_tables.whale_clusters import ClusterRow, StoredMember

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEAD = ("first order", "base", "side", "orders", "exchanges", "spot dollars", "perpetual dollars", "members", "p", "q")
MOST_SHOWN = 100


def build_row(cluster: OrderCluster) -> ClusterRow:
    """Return the cluster as it is stored."""
    members = tuple(
        StoredMember(
            *(one.exchange, one.symbol, find_market_kind(one.exchange), one.kind, one.trade_id),
            *(_to_datetime(one.time), one.usd),
        )
        for one in cluster.members
    )
    first = cluster.first
    return ClusterRow(first.base, first.side, members, cluster.sum_usd(), cluster.score, cluster.chance, cluster.q)


def build_cells(cluster: OrderCluster) -> tuple[str, ...]:
    """Return the cells of HEAD: members with their market kinds, dollars of each market kind by themselves."""
    first, usd = cluster.first, cluster.sum_usd()
    counts = Counter((one.exchange, one.symbol) for one in cluster.members)
    return (
        *(f"{_to_datetime(first.time):%Y-%m-%d %H:%M:%S.%f}"[:-3], first.base, first.side),
        *(f"{len(cluster.members)}", f"{cluster.exchanges}"),
        *(f"{usd[kind]:,.0f}" if kind in usd else "–" for kind in ("spot", "perpetual")),
        ", ".join(
            f"{exchange}:{symbol} ({find_market_kind(exchange)}){f' x {count}' if count > 1 else ''}"
            for (exchange, symbol), count in counts.items()
        ),
        *(f"{cluster.chance:.1e}", f"{cluster.q:.3f}"),
    )


def render_clusters(clusters: Sequence[OrderCluster]) -> str:
    """Return the clusters as a table of Markdown, the largest false-discovery rates last; or that there are none."""
    if not clusters:
        return (
            "No clusters: no whales of one base and side come closer together on several exchanges than chance has it."
        )
    shown = sorted(clusters, key=lambda cluster: (cluster.q, -cluster.score))[:MOST_SHOWN]
    rest = f"\n\n{len(clusters) - len(shown)} more are in the table." if len(clusters) > len(shown) else ""
    return render_table(HEAD, [build_cells(cluster) for cluster in shown]) + rest


def draw_clusters(clusters: Sequence[OrderCluster]) -> bytes | None:
    """Draw how many clusters each hour has, bought and sold, as PNG; None without any."""
    counts = Counter((cluster.first.side, _find_hour(cluster)) for cluster in clusters)
    series = {
        name: [(hour, float(counts[side, hour])) for found, hour in sorted(counts) if found == side]
        for side, name in (("buy", "bought"), ("sell", "sold"))
    }
    return charts.draw_bars("clusters by hour", "clusters", series) if counts else None


def _find_hour(cluster: OrderCluster) -> datetime:
    return _to_datetime(cluster.first.time).replace(minute=0, second=0, microsecond=0)


def _to_datetime(time: int) -> datetime:
    return EPOCH + timedelta(microseconds=time)
