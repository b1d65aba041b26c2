"""What Dagster does not make but the platform does: exchanges, topics and stream tables, for the lineage."""

from collections.abc import Sequence

import dagster as dg

from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.exchanges.registry import adapters
from whale_platform.settings import Settings

OWNERS = ["team:whale-platform"]
RAW, THRESHOLDS = dg.AssetKey(["topic", RAW_TRADES]), dg.AssetKey(["table", "whale_thresholds"])


def _spec(key: str, group: str, kinds: set[str], description: str, deps: Sequence[str] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        key.split("/"),
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        description=description,
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
    )


def specs(settings: Settings) -> list[dg.AssetSpec]:
    """Every external asset, in the order of the data's way."""
    exchanges = [f"exchange/{exchange.name}" for exchange in adapters(settings)]
    return [
        *(
            _spec(
                key, "exchanges", {"websocket"}, f"{key.partition('/')[2]}'s trades over WebSocket, its history by REST"
            )
            for key in exchanges
        ),
        _spec(
            f"topic/{RAW_TRADES}",
            "topics",
            {"kafka"},
            "Every trade once, in the order of its ids within a symbol; keyed by exchange and symbol.",
            exchanges,
        ),
        _spec(
            f"topic/{DEAD_LETTERS}",
            "topics",
            {"kafka"},
            "What could not be parsed or is absurd, with the reason.",
            exchanges,
        ),
        _spec(
            f"topic/{INGEST_GAPS}", "topics", {"kafka"}, "Each hole in the trade ids, and what became of it.", exchanges
        ),
        _spec(
            f"topic/{TRADE_WINDOWS}",
            "topics",
            {"kafka", "spark"},
            "1-minute tumbling windows, one message an update.",
            [f"topic/{RAW_TRADES}"],
        ),
        _spec(
            f"topic/{WHALE_ALERTS}",
            "topics",
            {"kafka", "spark"},
            "Trades at or over their symbol's threshold.",
            [f"topic/{RAW_TRADES}", "table/whale_thresholds"],
        ),
        *(
            _spec(f"table/{name}", "stream_tables", {"postgres", "table"}, description, [f"topic/{name}"])
            for name, description in (
                (TRADE_WINDOWS, "1-minute windows by exchange and symbol; a row grows until its minute is over."),
                (WHALE_ALERTS, "Every whale once, with the threshold that applied."),
                (INGEST_GAPS, "The ledger of holes: found, cause, repaired or explained."),
            )
        ),
    ]
