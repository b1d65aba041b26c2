"""OKX spot."""

from whale_platform.exchanges.base import ExchangeSpec
from whale_platform.exchanges.okx.adapter import Okx

EXCHANGE = ExchangeSpec("OKX", Okx)
