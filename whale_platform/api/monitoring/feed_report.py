"""The exchanges' feeds from the ingester's heartbeat, for the latest cache. Nothing is known while it is silent."""

import time

from whale_platform.api.latest_cache.exchange_feeds import ExchangeFeed
from whale_platform.api.monitoring.health import is_heard, read_services
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat


def read_exchange_feeds(settings: Settings) -> dict[str, ExchangeFeed]:
    """Return each exchange's feed by its name; empty while the ingester is silent or stopped."""
    last = heartbeat.read_heartbeat(settings.home, "ingester")
    if last is None or not is_heard(read_services(settings, time.time())["ingester"]):
        return {}
    refused: dict[str, dict[str, str]] = {}
    for market, reason in last.numbers.get("refused", {}).items():
        exchange, _, symbol = market.partition(":")
        refused.setdefault(exchange, {})[symbol] = reason
    return {
        found["exchange"]: ExchangeFeed(
            found["state"], found["detail"], found["trades_per_s"], refused.get(found["exchange"], {})
        )
        for found in last.numbers.get("exchanges", [])
    }
