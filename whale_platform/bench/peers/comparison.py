"""The rounds of all peers, one after the other in each, so that a machine whose speed wanders treats them alike.

Raises PlatformError where a peer can't be installed, ends by itself or stands still.
"""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from whale_platform.bench.harness.platform import Platform
from whale_platform.bench.peers.flink import FlinkSql
from whale_platform.bench.peers.handwritten import HandwrittenConsumer
from whale_platform.bench.peers.own_stream import SERVICES, OwnStream, set_running, wait_until_stopped
from whale_platform.bench.peers.peer import Peer, PeerPlace
from whale_platform.bench.peers.quix import QuixWindows
from whale_platform.bench.peers.turn import PeerTurn, Servers, TurnPlan
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings

PEERS = (OwnStream.name, FlinkSql.name, HandwrittenConsumer.name, QuixWindows.name)
OTHER_SERVICES = ("ingester", "simulator", "api", "repair")
FIGURES = {  # name in the summary: where it is in a turn
    "trades_per_s": ("drain", "trades_per_s"),
    "to_last_row_s": ("drain", "to_last_row_s"),
    "start_s": ("drain", "start_s"),
    "drain_cpu_s_per_million": ("drain", "cpu_s_per_million"),
    "steady_cpu_s_per_million": ("steady", "cpu_s_per_million"),
    "steady_servers_cpu_s_per_million": ("steady", "servers_cpu_s_per_million"),
    "memory_mb": ("steady", "memory_mb"),
    "to_next_row_after_kill_s": ("kill", "to_next_row_s"),
}


def compare_peers(
    platform: Platform, names: Sequence[str], plan: TurnPlan, rounds: int, report: Callable[[str], None]
) -> dict[str, Any]:
    """{plan, peers: {name: {configuration, median: figures, turns}}} of a platform that runs with its simulator.

    Each peer is killed in the last round.
    """
    now = platform.status()
    port = int(platform.env["WHALE_POSTGRES_PORT"])
    dsn = Settings(home=Path(now["home"]), postgres_port=port).dsn()
    servers = Servers(platform, KafkaCluster(now["urls"]["kafka"]), dsn)
    with tempfile.TemporaryDirectory(prefix="whale-peers-", dir=platform.base.parent) as folder:
        peers = _make_peers(platform, names, PeerPlace(servers.kafka.servers, dsn, Path(folder)))
        for peer in peers:
            report(f"installing {peer.name}")
            peer.install()
        stopped = (*OTHER_SERVICES, *SERVICES)
        for service in stopped:
            set_running(platform, service, False)
        wait_until_stopped(platform, stopped)
        turns: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in peers}
        for number in range(1, rounds + 1):
            for peer in peers:
                report(f"round {number}: {peer.name}")
                turns[peer.name].append(PeerTurn(servers, plan, peer, number).measure(kill=number == rounds))
    return {
        "trades": plan.trades,
        "symbols": plan.symbols,
        "rate": plan.rate,
        "peers": {
            peer.name: {
                "configuration": peer.configuration,
                "summary": summarise_turns(turns[peer.name]),
                "turns": turns[peer.name],
            }
            for peer in peers
        },
    }


def _make_peers(platform: Platform, names: Sequence[str], place: PeerPlace) -> list[Peer]:
    made: list[Peer] = [OwnStream(platform), FlinkSql(place), HandwrittenConsumer(place), QuixWindows(place)]
    return [peer for peer in made if peer.name in names]


def summarise_turns(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns of FIGURES and of the latencies, and whether every row of every turn was right.

    A figure that no turn has is null.
    """
    summary: dict[str, Any] = {}
    for name, (part, figure) in FIGURES.items():
        values = [turn[part][figure] for turn in turns if turn[part] is not None and turn[part][figure] is not None]
        summary[name] = statistics.median(values) if values else None
    for percentile in ("p50", "p99"):
        values = [turn["steady"]["to_row_ms"][percentile] for turn in turns if turn["steady"]["to_row_ms"]["count"]]
        summary[f"to_row_{percentile}_ms"] = statistics.median(values) if values else None
    summary["exact"] = all(turn["exactness"]["exact"] for turn in turns)
    summary["windows_wrong"] = sum(turn["exactness"][kind] for turn in turns for kind in ("wrong", "missing", "extra"))
    return summary


PANELS = (
    ("drain, trades/s", ("trades_per_s",)),
    ("row at the steady rate, ms (p50, p99)", ("to_row_p50_ms", "to_row_p99_ms")),
    ("CPU seconds a million (drain, steady)", ("drain_cpu_s_per_million", "steady_cpu_s_per_million")),
    ("memory, MB", ("memory_mb",)),
)


def plot_peers(found: dict[str, Any], path: Path) -> None:
    """The summaries side by side, as PNG, on logarithmic scales where two figures share a panel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), dpi=110, layout="constrained")
    names = list(found["peers"])
    for axes, (title, figures) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
        for place, name in enumerate(figures):
            values = [found["peers"][peer]["summary"][name] or 0 for peer in names]
            height = 0.8 / len(figures)
            bars = axes.barh([row + place * height for row in range(len(names))], values, height * 0.9)
            axes.bar_label(bars, [f"{value:,.{int(value < 10)}f}" for value in values], padding=3, fontsize=8)
        axes.set_yticks([row + 0.4 - 0.4 / len(figures) for row in range(len(names))], names)
        axes.set_title(title, fontsize=10)
        if len(figures) > 1:
            axes.set_xscale("log")
        else:
            axes.locator_params("x", nbins=4)
            axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.margins(x=0.2)
        axes.invert_yaxis()
    FigureCanvasAgg(figure).print_png(str(path))
