"""Kraken spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.kraken.adapter import Kraken

EXCHANGE = ExchangeSpec("Kraken", Kraken)
