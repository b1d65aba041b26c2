"""Coinbase Exchange."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.coinbase.adapter import Coinbase

EXCHANGE = ExchangeSpec("Coinbase", Coinbase, by_default=True)
