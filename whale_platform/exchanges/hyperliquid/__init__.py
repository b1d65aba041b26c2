"""Hyperliquid's perpetuals."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.hyperliquid.adapter import Hyperliquid

EXCHANGE = ExchangeSpec("Hyperliquid", Hyperliquid, market_kind="perpetual", has_history=False)
