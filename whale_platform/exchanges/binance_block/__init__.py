"""Block trades of Binance spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.binance_block.adapter import BinanceBlock

EXCHANGE = ExchangeSpec("Binance blocks", BinanceBlock, market_kind="block")
