"""Liquidations on Bybit's perpetuals."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.bybit_liquidation.adapter import BybitLiquidation

EXCHANGE = ExchangeSpec("Bybit liquidations", BybitLiquidation, market_kind="liquidation", has_history=False)
