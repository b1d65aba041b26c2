"""The simulator's Bybit perpetuals: Bybit's side with the address, the trades and the list of category `linear`."""

from whale_platform.domain.catalogue import ListedPair
from whale_platform.exchanges.bybit import wire_format as bybit_format
from whale_platform.exchanges.bybit.simulator import BybitSimulator, build_pair, find_pair
from whale_platform.exchanges.bybit_linear import wire_format
from whale_platform.exchanges.simulation.play import Fill
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange


class BybitLinearSimulator(BybitSimulator):
    """Implements `ExchangeSimulator`."""

    category = "linear"
    most_listed = 1_000

    def encode_trade(self, fill: Fill) -> bytes:
        """The frame of one trade."""
        return wire_format.encode_trade(fill)

    def build_history_row(self, fill: Fill) -> dict[str, object]:
        """One trade of `recent-trade`."""
        return bybit_format.build_history_row(fill, wire_format.format_id(fill.trade_id))

    def describe(self, pair: ListedPair) -> dict[str, str]:
        """One row of `instruments-info`."""
        return super().describe(pair) | {"contractType": "LinearPerpetual"}


SIMULATED = SimulatedExchange(
    BybitLinearSimulator, wire_format.build_fill, find_pair, build_pair, trade_share=0.2, size_decimals=2
)
