"""Coinbase Advanced Trade."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.coinbase_advanced.adapter import CoinbaseAdvanced

EXCHANGE = ExchangeSpec("Coinbase Advanced", CoinbaseAdvanced)
