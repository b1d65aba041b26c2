"""The simulator's Binance block trades: Binance's streams and REST side, with `@blockTrade` and its history alone."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from whale_platform.domain.trade import Side
from whale_platform.exchanges.binance import wire_format
from whale_platform.exchanges.binance.simulator import BinanceSimulator, build_pair, find_pair, refuse_parameter
from whale_platform.exchanges.simulation.play import Fill, MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import FillEncoder, SimulatorClients


def _encode_event(fill: Fill, micro: bool) -> str:
    unit, maker = 1 if micro else 1000, "true" if fill.side == "sell" else "false"
    return (
        f'{{"e":"blockTrade","E":{fill.sent_time // unit},"s":"{fill.market[1]}","t":{fill.trade_id},'
        f'"p":"{fill.price}","q":"{fill.size}","T":{fill.time // unit},"m":{maker}}}'
    )


def _encode(fill: Fill, combined: bool, micro: bool) -> bytes:
    event = _encode_event(fill, micro)
    return (f'{{"stream":"{fill.market[1].lower()}@blockTrade","data":{event}}}' if combined else event).encode()


class BinanceBlockSimulator(BinanceSimulator):
    """Implements `ExchangeSimulator`."""

    stream = "@blockTrade"
    encoders: ClassVar[Mapping[tuple[bool, bool], FillEncoder]] = {
        (combined, micro): partial(_encode, combined=combined, micro=micro)
        for combined in (False, True)
        for micro in (False, True)
    }

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        super().__init__(name, play, hub)
        del self._calls["/api/v3/historicalTrades"]
        self._calls["/api/v3/historicalBlockTrades"] = self._blocks

    def _blocks(self, query: Mapping[str, str], micro: bool) -> RestResponse:
        if "fromId" not in query:
            return refuse_parameter("fromId")
        found = self._history(query, micro)
        rows = found.value
        return respond_ok([_block_row(row) for row in rows]) if isinstance(rows, list) else found


def _block_row(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "isBestMatch"}


def _build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    return replace(wire_format.build_fill(market, trade_id, price, size, side, time, order), block=True)


SIMULATED = SimulatedExchange(BinanceBlockSimulator, _build_fill, find_pair, build_pair, trade_share=0.001)
