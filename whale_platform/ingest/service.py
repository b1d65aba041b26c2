"""The ingester: exchanges' sockets in, topic `raw_crypto_trades` out.

Start: wait for broker and topics, learn how far the topic goes, then connect. It ends with RETRY, to learn the tail
again, when the producer is broken for good or somebody else wrote to the topic; an exchange that is away is waited
for while the others run on. SIGTERM closes the sockets, flushes for up to five seconds and saves the positions.
"""

import threading
import time
from collections.abc import Mapping, Sequence

from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.refusals import absence
from whale_platform.broker.topics import BrokerError, alive
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.registry import adapters, assign
from whale_platform.ingest.clock import Clocks
from whale_platform.ingest.feed import Feed
from whale_platform.ingest.history import History
from whale_platform.ingest.keeping import Keeper, Saver
from whale_platform.ingest.learn import Learned, Stopped, learn
from whale_platform.ingest.meter import Latency
from whale_platform.ingest.outlet import Fence
from whale_platform.ingest.pipeline import Pipeline
from whale_platform.ingest.positions import positions_path
from whale_platform.ingest.repair import Repairer
from whale_platform.ingest.report import Report
from whale_platform.ingest.rest import Rest
from whale_platform.ingest.share import Share
from whale_platform.supervision import codes
from whale_platform.supervision.service import ServiceContext

POLL_S = 0.25
WAIT_S = 0.5
CLOSE_S = 2.0
JOIN_S = 0.5
FLUSH_S = 5.0


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    settings = context.settings
    try:
        exchanges = adapters(settings)
        symbols = assign(exchanges, settings.symbols)
    except ValueError as wrong:
        return context.blocked(str(wrong))
    share = Share.read(settings.ingest_share)
    mine = share.of(symbols)
    if not any(mine.values()):
        all_of_them = sum(map(len, symbols.values()))
        return context.blocked(
            f"None of the {all_of_them} markets falls to share {share} (WHALE_INGEST_SHARE): run fewer ingesters."
        )
    return run(context, exchanges, mine)


def run(context: ServiceContext, exchanges: Sequence[Exchange], symbols: Mapping[str, Sequence[str]]) -> int:
    """The same with the exchanges given: `symbols` by exchange name."""
    share = Share.read(context.settings.ingest_share)
    learned = _learn(context, share)
    if learned is None:
        return codes.CLEAN
    producer = TradeProducer(
        context.settings.bootstrap, "whale-ingester", progress=lambda: context.progress("delivery reports")
    )
    fence = Fence(learned.offsets, alone=share.count == 1)
    receive_to_produced = Latency()
    pipelines = [
        Pipeline(exchange, symbols[exchange.name], producer, fence, learned.starts, receive_to_produced)
        for exchange in exchanges
        if symbols[exchange.name]
    ]
    silence_s = context.settings.ingest_silence_s
    feeds = [Feed(one.exchange, list(one.lines), one, silence_s, context.log) for one in pipelines]
    stop = threading.Event()
    simulated = context.settings.source != "live"
    rests = [Rest(one.exchange.name, simulated=simulated) for one in pipelines]
    repairers = [
        Repairer(pipeline, feed, History(pipeline.exchange, stop, rest), stop, context.log)
        for pipeline, feed, rest in zip(pipelines, feeds, rests, strict=True)
    ]
    clocks = Clocks([(one.exchange, rest) for one, rest in zip(pipelines, rests, strict=True)], stop, context.log)
    saver = Saver(positions_path(context.settings.home), share, learned, pipelines, fence)
    keeper = Keeper(pipelines, saver, stop, context.log)
    threads: list[Feed | Repairer | Keeper] = [*feeds, *repairers, keeper]
    for thread in (*threads, clocks):
        thread.start()
    report = Report(pipelines, feeds, repairers, producer, receive_to_produced, clocks)
    context.before_beat = lambda: context.beat.numbers.update(report.numbers())
    code = _watch(context, report, producer, fence, feeds, threads)
    _end(context, feeds, [*repairers, keeper, clocks], stop, producer, saver)
    return code


def _learn(context: ServiceContext, share: Share) -> Learned | None:
    """How far the topic goes; None when stopped meanwhile."""
    settings = context.settings
    while not context.stop.wait(WAIT_S if context.beat.detail else 0):
        context.progress()
        if not alive(settings.bootstrap):
            context.tell("starting", f"waiting for the Kafka broker: {absence(settings.bootstrap)}")
            continue
        try:
            context.tell("starting", "reading how far the topic goes")
            learned = learn(settings.bootstrap, settings.home, share, context.stop, context.log)
        except BrokerError:
            context.tell("starting", f"waiting for the Kafka broker: {absence(settings.bootstrap)}")
        except Stopped:
            break
        else:
            if learned is not None:
                return learned
            context.tell("starting", "waiting for the topics, which `up` makes")
    return None


def _watch(
    context: ServiceContext,
    report: Report,
    producer: TradeProducer,
    fence: Fence,
    feeds: Sequence[Feed],
    threads: Sequence[Feed | Repairer | Keeper],
) -> int:
    """Tell how it goes until there is a reason to end; returns the exit code."""
    while not context.stop.wait(POLL_S):
        context.progress()
        for feed in feeds:
            if producer.full or not feed.hangs():
                context.progress(f"feed of {feed.exchange.name}")
        state = report.state()
        if state != (context.beat.state, context.beat.detail):
            context.tell(*state)
        broken = producer.fatal or fence.broken
        if broken is None and not all(thread.alive() for thread in threads):
            broken = "a thread has died; its error stands above"
        if broken is not None:
            context.log.error("starting again to learn the topic's tail", reason=broken)
            return codes.RETRY
    return codes.CLEAN


def _end(
    context: ServiceContext,
    feeds: Sequence[Feed],
    others: Sequence[Repairer | Keeper | Clocks],
    stop: threading.Event,
    producer: TradeProducer,
    saver: Saver,
) -> None:
    context.tell("stopping")
    stop.set()
    for feed in feeds:
        feed.close()
    until = time.monotonic() + CLOSE_S
    ended = [feed.join(max(0.1, until - time.monotonic())) for feed in feeds]
    if not all(ended):
        producer.refuse()
    for thread in others:
        thread.join(JOIN_S)
    left = producer.close(FLUSH_S)
    try:
        saved = left == 0 and producer.fatal is None and saver.last()
    except OSError as full:
        saved = False
        context.log.error("the positions file can't be written; the next start reads more", reason=str(full))
    context.log.info("closed", undelivered=left, positions_saved=saved)
