"""The simulator's Bybit liquidations: the address and the list of perpetuals, with `allLiquidation` alone.

A generated trade is a liquidation at once; its id is not written, as the exchange has none.
"""

from whale_platform.domain.trade import Side
from whale_platform.exchanges.bybit.simulator import build_pair, find_pair
from whale_platform.exchanges.bybit_linear.simulator import BybitLinearSimulator
from whale_platform.exchanges.simulation.play import Fill, MarketKey, Play
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClients

_POSITIONS: dict[Side, str] = {"sell": "Buy", "buy": "Sell"}  # by the side of the order that closes one


class BybitLiquidationSimulator(BybitLinearSimulator):
    """Implements `ExchangeSimulator`."""

    topic = "allLiquidation"

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        super().__init__(name, play, hub)
        del self._calls["/v5/market/recent-trade"]

    def encode_trade(self, fill: Fill) -> bytes:
        """The frame of one liquidation."""
        symbol = fill.market[1]
        row = (
            f'{{"T":{fill.time // 1000},"s":"{symbol}","S":"{_POSITIONS[fill.side]}","v":"{fill.size}",'
            f'"p":"{fill.price}"}}'
        )
        head = f'"topic":"allLiquidation.{symbol}","type":"snapshot","ts":{fill.sent_time // 1000 + 274}'
        return f'{{{head},"data":[{row}]}}'.encode()


def _build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    at = time // 1000 * 1000
    return Fill(market, trade_id, price, size, side, at, at, block=True)


SIMULATED = SimulatedExchange(
    BybitLiquidationSimulator, _build_fill, find_pair, build_pair, trade_share=0.001, size_decimals=2
)
