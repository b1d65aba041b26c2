"""Binance spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.binance.adapter import Binance

EXCHANGE = ExchangeSpec("Binance", Binance, by_default=True)
