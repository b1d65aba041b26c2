"""The whale thresholds as an asset: making it writes suggestions, which the running stream takes up by itself."""

import dagster as dg
from pydantic import Field

from whale_platform.defs.lineage.assets import LAKE_KEY, OWNERS, THRESHOLDS_KEY
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain import suggestion
from whale_platform.domain.suggestion import DAYS, LEAST_TRADES, PER_DAY, SuggestionRange
from whale_platform.lake.errors import LakeError
from whale_platform.reports import suggestions
from whale_platform.reports.charts import embed_png
from whale_platform.stores.asset_tables import threshold_suggestions, thresholds


class SuggestConfig(dg.Config):
    """What the launchpad asks for."""

    days: int = Field(DAYS, ge=1, le=90, description="How many days of the lake, up to the last whole hour.")
    per_day: int = Field(PER_DAY, ge=1, le=1000, description="Alerts a day that a symbol should have given.")
    least_trades: int = Field(LEAST_TRADES, ge=1, description="Symbols with fewer trades get no suggestion.")
    dry_run: bool = Field(False, description="Dry run: suggestions are shown, and no threshold changes.")


@dg.asset(
    key=THRESHOLDS_KEY,
    deps=[LAKE_KEY],
    group_name="stream_tables",
    kinds={"duckdb", "postgres", "table"},
    owners=OWNERS,
    code_version=hash_modules(suggestion, thresholds, "whale_platform.lake.analysis.order_sizes"),
)
def whale_thresholds(
    context: dg.AssetExecutionContext, config: SuggestConfig, store: StoreResource
) -> dg.MaterializeResult[None]:
    """US dollars from which an order is a whale. Made: suggested for each symbol from its orders in the lake.

    What a person has set (`whale threshold set`) is never changed, and goes before; their threshold for everything
    gives way to suggestions. The stream takes them up at its next checkpoint, 2 minutes at most.
    """
    from whale_platform.lake.analysis import order_sizes  # with DuckDB, and every process loads this file

    asked = SuggestionRange(order_sizes.get_last_whole_hour(), config.days, config.per_day)
    dsn = store.dsn()
    held = thresholds.read_held_thresholds(dsn)
    try:
        made = order_sizes.find_suggestions(store.read().trades_lake, asked, held, config.least_trades)
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    threshold_suggestions.store_suggestions(dsn, asked, made)
    wanted = {(one.exchange, one.symbol): one.usd for one in made}
    shown = (
        {"picture": dg.MetadataValue.md(embed_png(suggestions.draw_suggestions(made), "suggested thresholds"))}
        if made
        else {}
    )
    taken = list(wanted) if config.dry_run else thresholds.suggest_thresholds(dsn, wanted)
    return dg.MaterializeResult(
        metadata={
            "trades": sum(one.trades for one in made),
            "symbols": len(made),
            "suggested": 0 if config.dry_run else len(taken),
            "dry_run": config.dry_run,
            "report": dg.MetadataValue.md(suggestions.render_suggestions(made, taken)),
            **shown,
        }
    )
