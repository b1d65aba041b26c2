"""The simulator's Binance.US: Binance's, but `historicalTrades` is refused without a key, and `trades` is not."""

from collections.abc import Mapping
from http import HTTPStatus

from whale_platform.domain.trade import Side
from whale_platform.exchanges.binance import wire_format
from whale_platform.exchanges.binance.simulator import BinanceSimulator, build_pair, find_pair
from whale_platform.exchanges.simulation.play import Fill, MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClients


class BinanceUsSimulator(BinanceSimulator):
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        super().__init__(name, play, hub)
        self._calls["/api/v3/trades"] = self._newest
        self._calls["/api/v3/historicalTrades"] = lambda *_: RestResponse(
            HTTPStatus.UNAUTHORIZED, {"code": -2014, "msg": "API-key format invalid."}
        )

    def _newest(self, query: Mapping[str, str], micro: bool) -> RestResponse:
        return self._history({name: value for name, value in query.items() if name != "fromId"}, micro)


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond."""
    return wire_format.build_fill(market, trade_id, price, size, side, time // 1000 * 1000, order)


SIMULATED = SimulatedExchange(BinanceUsSimulator, build_fill, find_pair, build_pair, trade_share=0.02)
