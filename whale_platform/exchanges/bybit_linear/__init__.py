"""Bybit's perpetuals in USDT and USDC."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.bybit_linear.adapter import BybitLinear

EXCHANGE = ExchangeSpec("Bybit perpetuals", BybitLinear, market_kind="perpetual")
