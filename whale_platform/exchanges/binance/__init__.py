"""Binance spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.binance.dump_format import DUMPS

EXCHANGE = ExchangeSpec("Binance", Binance, by_default=True, dumps=DUMPS)
