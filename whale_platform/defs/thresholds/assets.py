"""The whale thresholds as an asset: making it writes suggestions, which the running stream takes up by itself."""

import time
from decimal import Decimal

import dagster as dg
from pydantic import Field

from whale_platform.broker import recent_messages
from whale_platform.broker.errors import BrokerError
from whale_platform.defs.lineage.assets import OWNERS, RAW_KEY, THRESHOLDS_KEY
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.names import RAW_TRADES
from whale_platform.reports import suggestions
from whale_platform.reports.charts import embed_png
from whale_platform.stores.asset_tables import thresholds

MAX_MESSAGES = 500_000


class SuggestConfig(dg.Config):
    """What the launchpad asks for."""

    hours: int = Field(24, ge=1, le=168, description="How far back to look; at most half a million trades a partition.")
    share: float = Field(0.999, gt=0, lt=1, description="Of a symbol's trades, how many are no whales.")
    least_trades: int = Field(1000, ge=1, description="Symbols with fewer trades get no suggestion.")
    dry_run: bool = Field(False, description="Dry run: only list what would be suggested.")


@dg.asset(
    key=THRESHOLDS_KEY,
    deps=[RAW_KEY],
    group_name="stream_tables",
    kinds={"postgres", "table"},
    owners=OWNERS,
    code_version=hash_modules(suggestions, thresholds),
)
def whale_thresholds(
    context: dg.AssetExecutionContext, config: SuggestConfig, store: StoreResource
) -> dg.MaterializeResult[None]:
    """US dollars from which a trade is a whale. Made: suggested for each symbol from its recent trades in Kafka.

    What a person has set (`whale threshold set`) is never changed, and goes before; their threshold for everything
    gives way to suggestions. The stream takes them up at its next checkpoint, 2 minutes at most.
    """
    since_ms = int((time.time() - config.hours * 3600) * 1000)
    try:
        found = suggestions.collect_notionals(
            recent_messages.read_recent_values(store.read().bootstrap, RAW_TRADES, since_ms, MAX_MESSAGES)
        )
    except BrokerError as error:
        raise dg.Failure(f"the trades can't be read: {error}", allow_retries=False) from None
    made = suggestions.suggest_thresholds(found, Decimal(str(config.share)), config.least_trades)
    wanted = {(one.exchange, one.symbol): one.usd for one in made}
    shown = (
        {"picture": dg.MetadataValue.md(embed_png(suggestions.draw_suggestions(made), "suggested thresholds"))}
        if made
        else {}
    )
    taken = list(wanted) if config.dry_run else thresholds.suggest_thresholds(store.dsn(), wanted)
    return dg.MaterializeResult(
        metadata={
            "trades": sum(len(values) for values in found.values()),
            "symbols": len(found),
            "suggested": 0 if config.dry_run else len(taken),
            "dry_run": config.dry_run,
            "report": dg.MetadataValue.md(suggestions.render_suggestions(made, taken)),
            **shown,
        }
    )
