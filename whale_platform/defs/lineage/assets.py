"""External assets for the lineage: exchanges, topics and stream tables, which the platform computes and not Dagster."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from whale_platform.defs.lineage import column_schemas
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.exchanges.registry import build_adapters
from whale_platform.settings import Settings

OWNERS = ["team:whale-platform"]
RAW_KEY, THRESHOLDS_KEY = dg.AssetKey(["topic", RAW_TRADES]), dg.AssetKey(["table", "whale_thresholds"])
LAKE_KEY, IMPORTED_KEY = dg.AssetKey(["lake", "trades"]), dg.AssetKey(["lake", "imported_trades"])
FROM_LAKE_KEY = dg.AssetKey(["lake", "windows_from_lake"])
WINDOWS_KEY, ALERTS_KEY = dg.AssetKey(["table", TRADE_WINDOWS]), dg.AssetKey(["table", WHALE_ALERTS])
ROLLUPS_KEY, REPORTS_KEY = dg.AssetKey(["hourly_rollups"]), dg.AssetKey(["whale_reports"])
SIZE_BANDS_KEY, DAILY_KEY = dg.AssetKey(["size_bands"]), dg.AssetKey(["daily_market_report"])
SCORECARD_KEY = dg.AssetKey(["reports", "whale_scorecard"])
FITS_KEY = dg.AssetKey(["impact_fits"])
CLUSTERS_KEY = dg.AssetKey(["whale_clusters"])
GRADES_KEY = dg.AssetKey(["reports", "detection_grades"])


# The health sensor reports each quarter hour what has moved; whales and gaps may well be rare.
FLOW_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(minutes=65), warn_window=timedelta(minutes=35))
FLOWS = (f"topic/{RAW_TRADES}", f"topic/{TRADE_WINDOWS}", f"table/{TRADE_WINDOWS}", "lake/trades")


def _build_spec(
    key: str,
    group: str,
    kinds: set[str],
    description: str,
    deps: Sequence[str] = (),
    schema: dg.TableSchema | None = None,
) -> dg.AssetSpec:
    name = key.rpartition("/")[2]
    schema = (
        column_schemas.describe_topic(name)
        if group == "topics"
        else column_schemas.describe_lake()
        if group == "lake"
        else schema
    )
    return dg.AssetSpec(
        key.split("/"),
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        description=description,
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
        metadata={"dagster/column_schema": schema} if schema is not None else {},
        freshness_policy=FLOW_FRESHNESS if key in FLOWS else None,
    )


def build_specs(settings: Settings) -> list[dg.AssetSpec]:
    """Every external asset, in the order of the data's way."""
    exchanges = [f"exchange/{exchange.name}" for exchange in build_adapters(settings)]
    return [
        *(
            _build_spec(
                key, "exchanges", {"websocket"}, f"{key.partition('/')[2]}'s trades over WebSocket, its history by REST"
            )
            for key in exchanges
        ),
        _build_spec(
            f"topic/{RAW_TRADES}",
            "topics",
            {"kafka"},
            "Every trade once, in the order of its ids within a symbol; keyed by exchange and symbol.",
            exchanges,
        ),
        _build_spec(
            f"topic/{DEAD_LETTERS}",
            "topics",
            {"kafka"},
            "What could not be parsed or is absurd, with the reason.",
            exchanges,
        ),
        _build_spec(
            f"topic/{INGEST_GAPS}", "topics", {"kafka"}, "Each gap in the trade ids, and what became of it.", exchanges
        ),
        _build_spec(
            f"topic/{TRADE_WINDOWS}",
            "topics",
            {"kafka", "spark"},
            "1-minute tumbling windows, one message an update.",
            [f"topic/{RAW_TRADES}"],
        ),
        _build_spec(
            f"topic/{WHALE_ALERTS}",
            "topics",
            {"kafka", "spark"},
            "Trades at or over their symbol's threshold.",
            [f"topic/{RAW_TRADES}", "table/whale_thresholds"],
        ),
        _build_spec(
            "lake/trades",
            "lake",
            {"spark", "parquet", "deltalake"},
            "Every trade once, as Parquet by hour of its event time; a Delta table with versions.",
            [f"topic/{RAW_TRADES}", "lake/imported_trades"],
        ),
        *(
            _build_spec(
                f"table/{name}",
                "stream_tables",
                {"postgres", "table"},
                description,
                [f"topic/{name}", *(["lake/windows_from_lake"] if name != INGEST_GAPS else [])],
                column_schemas.read_table_schema(settings, name),
            )
            for name, description in (
                (TRADE_WINDOWS, "1-minute windows by exchange and symbol; a row grows until its minute is over."),
                (WHALE_ALERTS, "Every whale once, with the threshold that applied."),
                (INGEST_GAPS, "The gap ledger: found, cause, repaired or explained."),
            )
        ),
    ]


@dg.definitions
def lineage() -> dg.Definitions:
    """Return the external assets of the home that the environment names."""
    return dg.Definitions(assets=build_specs(Settings()))
