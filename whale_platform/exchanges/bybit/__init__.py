"""Bybit spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.bybit.adapter import Bybit

EXCHANGE = ExchangeSpec("Bybit", Bybit)
