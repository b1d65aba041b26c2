"""Binance.US."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.binance_us.adapter import BinanceUs

EXCHANGE = ExchangeSpec("Binance.US", BinanceUs)
