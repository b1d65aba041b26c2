"""CPU of each stage between an exchange's socket and the broker, measured apart over the same frames.

Each stage takes what the one before it gave. Its figure is the CPU time of the thread that runs it, but for `produce`,
which has threads of its own in librdkafka: there it is that of the process until the last delivery is reported. The
collector of garbage is off, as it would look through the trades that are kept here for the next stage.
"""

import asyncio
import gc
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, cast
from urllib.parse import urlsplit

from whale_platform.bench.streaming.frame_flood import FloodPlay
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts.raw_trade import encode_key, encode_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.registry import build_adapters, load_simulated
from whale_platform.exchanges.simulation.play import Fill, FillPublisher
from whale_platform.exchanges.simulation.simulator_clients import FillEncoder, SimulatorClients
from whale_platform.ingest.publishing.delivery import NextOffsets, TradeSender
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.plausibility_filter import PlausibilityFilter
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform.ingest.sequencing.sparse_sequencer import SparseSequencer
from whale_platform.ingest.transport.websocket import BufferedWebSocket
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.simulator.service import build_play
from whale_platform.simulator.serving.subscription_hub import frame_text


class RecordedFrame(NamedTuple):
    """One frame, as its exchange sends it, and the adapter that reads it."""

    exchange: Exchange
    data: bytes


class FillRecorder:
    """Keeps what a play publishes; stands where the simulator has its clients."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.encode: FillEncoder | None = None  # of the connection that joined last

    def publish(self, fill: Fill) -> None:
        """Keep a trade."""
        self.fills.append(fill)

    def flush(self) -> None:
        """Nothing waits."""

    def congested(self) -> bool:
        """Nobody is slow."""
        return False

    def join(self, _exchange: str, _connection: object, encode: FillEncoder) -> NoReturn:
        """Keep what a connection's trades are encoded with. Raises ConnectionAbortedError: it is of no further use."""
        self.encode = encode
        raise ConnectionAbortedError


def record_frames(settings: Settings, trades: int) -> list[RecordedFrame]:
    """Return frames of generated trades as the settings' exchanges send them to the ingester, in order."""
    recorder = FillRecorder()
    generated = build_play(settings)
    play = FloodPlay(generated.pairs, 1.0, settings.simulator_seed, None)
    play.most = trades
    asyncio.run(play.run(cast(FillPublisher, recorder), threading.Event(), lambda: None))
    adapters = {one.name.removeprefix("sim_"): one for one in build_adapters(settings)}
    encoders = {name: _find_encoder(name, one, play, recorder) for name, one in adapters.items()}
    for (name, _), pair in play.pairs.items():
        adapters[name].listed.add(pair)
    return [RecordedFrame(adapters[one.market[0]], encoders[one.market[0]](one)) for one in recorder.fills]


def measure_stages(bootstrap: KafkaCluster, frames: Sequence[RecordedFrame]) -> dict[str, float]:
    """Return microseconds of CPU a frame by stage."""
    spent: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any], clock: Callable[[], float] = time.thread_time) -> Any:
        begun = clock()
        made = work()
        spent[stage] = round((clock() - begun) / len(frames) * 1e6, 2)
        return made

    gc.collect()
    gc.disable()
    read = timed("read", lambda: _read_frames(frames))
    assert len(read) == len(frames)
    now = time.time_ns() // 1000
    events = timed("parse", lambda: [exchange.parse(data, now) for exchange, data in frames])
    trades = [event for some in events for event in some if isinstance(event, Trade)]
    assert len(trades) == len(frames)
    filters = {exchange.name: PlausibilityFilter() for exchange, _ in frames}
    monotonic = time.monotonic_ns() // 1000
    judged = timed("guard", lambda: [filters[one.exchange].check_live(one, monotonic) for one in trades])
    assert not any(judged)
    sequencers = {(one.exchange, one.symbol): Sequencer() if one.dense else SparseSequencer() for one in trades}
    ordered = timed(
        "order", lambda: [out for one in trades for out in sequencers[one.exchange, one.symbol].add_live(one)]
    )
    assert len(ordered) == len({(one.exchange, one.symbol, one.trade_id) for one in trades})
    timed("encode", lambda: [encode_trade(one) for one in ordered])
    both = timed("encode_and_produce", lambda: _produce(bootstrap, ordered), time.process_time)
    assert both == Counter((one.exchange, one.symbol) for one in ordered)
    gc.enable()
    spent["produce"] = round(spent.pop("encode_and_produce") - spent["encode"], 2)
    return spent


def _find_encoder(name: str, exchange: Exchange, play: FloodPlay, recorder: FillRecorder) -> FillEncoder:
    address = urlsplit(exchange.connect_url())
    side = load_simulated(name).serve(name, play, cast(SimulatorClients, recorder))
    nobody: Any = None
    with suppress(ConnectionAbortedError):
        asyncio.run(side.converse(nobody, address.path.removeprefix(f"/{name}"), address.query))
    assert recorder.encode is not None, f"{name} serves a connection without its clients"
    encode, recorder.encode = recorder.encode, None
    return encode


def _read_frames(frames: Sequence[RecordedFrame]) -> list[bytes]:
    ours, theirs = socket.socketpair()
    stream = b"".join(frame_text(data) for _, data in frames)
    sender = threading.Thread(target=theirs.sendall, args=(stream,))
    sender.start()
    reader = BufferedWebSocket()
    reader.sock, reader.connected = ours, True
    found: list[bytes] = []
    while len(found) < len(frames):
        found += [data for _, data in reader.read_messages()]
    sender.join()
    for end in (ours, theirs):
        end.close()
    return found


def _produce(bootstrap: KafkaCluster, trades: Sequence[Trade]) -> Counter[tuple[str, str]]:
    producer, ends, latency = TradeProducer(bootstrap, "bench"), NextOffsets({}), LatencySamples()
    senders = {
        (one.exchange, one.symbol): TradeSender(
            producer, RAW_TRADES, encode_key(one.exchange, one.symbol), ends, latency
        )
        for one in trades
    }
    for one in trades:
        senders[one.exchange, one.symbol].send(one)
    producer.close(60)
    return Counter({market: sender.delivered for market, sender in senders.items()})
