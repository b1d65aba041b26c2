"""Which columns a report's columns come from, as definition metadata: a materialisation would repeat it every hour.

Columns that are of the materialisation itself (`run_id`, `code_version`, `materialised_at`) come from no column.
"""

import dagster as dg

from whale_platform.defs.lineage.assets import ALERTS_KEY, LAKE_KEY, ROLLUPS_KEY, WINDOWS_KEY

COUNTS = ("whales", "single_trades", "sweeps", "blocks")
OWN_COLUMNS = {"run_id", "code_version", "materialised_at"}


def trace_columns(sources: dict[str, dict[dg.AssetKey, str]]) -> dg.TableColumnLineage:
    """Return the lineage; sources: {column: {asset: its columns, separated by blanks}}."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(key, name) for key, names in assets.items() for name in names.split()]
            for column, assets in sources.items()
        }
    )


def _map_same_columns(names: str) -> dict[str, dict[dg.AssetKey, str]]:
    return {name: {WINDOWS_KEY: name} for name in names.split()}


ROLLUP_COLUMNS = trace_columns(
    {
        **_map_same_columns("exchange symbol high low volume notional buy_volume sell_volume trade_count"),
        **_map_same_columns("first_trade_id last_trade_id base quote usd_via"),
        "hour": {WINDOWS_KEY: "window_start"},
        "open": {WINDOWS_KEY: "open window_start"},
        "close": {WINDOWS_KEY: "close window_start"},
        "vwap": {WINDOWS_KEY: "notional volume"},
        "buy_share": {WINDOWS_KEY: "buy_volume volume"},
        "realised_volatility": {WINDOWS_KEY: "open close window_start"},
        "minutes": {WINDOWS_KEY: "window_start"},
        "stream_updated_at": {WINDOWS_KEY: "updated_at"},
    }
)

REPORT_COLUMNS = trace_columns(
    {
        **_map_same_columns("exchange symbol"),
        "hour": {WINDOWS_KEY: "window_start"},
        **{name: {ALERTS_KEY: "exchange symbol event_time kind trade_id last_trade_id"} for name in COUNTS},
        "notional_usd": {ALERTS_KEY: "notional_usd"},
        "buy_usd": {ALERTS_KEY: "notional_usd side"},
        "sell_usd": {ALERTS_KEY: "notional_usd side"},
        "net_flow_usd": {ALERTS_KEY: "notional_usd side"},
        "whale_notional": {ALERTS_KEY: "notional notional_usd kind"},
        "market_notional": {WINDOWS_KEY: "notional"},
        "share": {ALERTS_KEY: "notional notional_usd kind", WINDOWS_KEY: "notional"},
        "largest": {
            ALERTS_KEY: "trade_id kind side event_time notional_usd price notional fills levels first_price "
            "slippage_bps",
            WINDOWS_KEY: "notional",
            LAKE_KEY: "price event_time trade_id",
        },
        "complete": {WINDOWS_KEY: "window_start updated_at", LAKE_KEY: "price event_time"},
        "stream_trades": {WINDOWS_KEY: "trade_count"},
        "stream_updated_at": {WINDOWS_KEY: "updated_at"},
    }
)

FIT_COLUMNS = trace_columns(
    {
        **{name: {ROLLUPS_KEY: name} for name in ("exchange", "symbol")},
        "until": {ROLLUPS_KEY: "hour"},
        "hours": {ROLLUPS_KEY: "exchange hour"},
        "volatility": {ROLLUPS_KEY: "realised_volatility hour"},
        "volume": {ROLLUPS_KEY: "notional hour"},
        **{name: {ALERTS_KEY: "kind event_time"} for name in ("sweeps", "time_blocks")},
        **{
            name: {ALERTS_KEY: "kind side event_time notional", LAKE_KEY: "price event_time trade_id"}
            for name in ("factor", "factor_error", "note")
        },
    }
)
