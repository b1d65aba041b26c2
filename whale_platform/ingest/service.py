"""The ingester: exchanges' sockets in, topic `raw_crypto_trades` out.

Start: wait for broker and topics, learn how far the topic goes, claim the share, then connect. It ends with RETRY, to
learn the tail again, when a producer is broken for good, which it is too when another process of an overlapping share
has begun; an exchange that is unavailable is waited for while the others run on. The ledger of gaps has a producer of
its own: its topic is compacted, and nothing of it may hang on a transaction; so a process that another has replaced can
still write a row there, until its first trade is refused. SIGTERM closes the sockets, flushes for up to
five seconds and saves the positions.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial

from whale_platform.broker import writers
from whale_platform.broker.connection_errors import explain_unavailable, note_error
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.topics import is_reachable
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.domain.rates import RateBook
from whale_platform.domain.trade import Source
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.registry import assign_symbols, build_adapters, check_order_books, find_market_kind
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.connections import symbol_lister
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.connections.symbol_lister import SymbolLister
from whale_platform.ingest.errors import HttpUnavailableError, MixedSourcesError, ScanStoppedError
from whale_platform.ingest.heartbeat_report import HeartbeatReport
from whale_platform.ingest.position_saver import Housekeeper, PositionSaver
from whale_platform.ingest.publishing.delivery import NextOffsets
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.recovery.positions_file import positions_path
from whale_platform.ingest.recovery.share import Share
from whale_platform.ingest.recovery.standby import Standby
from whale_platform.ingest.recovery.startup_scan import StartupState, scan_topic
from whale_platform.ingest.transport.exchange_clock import ExchangeClocks
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext

POLL_S = 0.25
WAIT_S = 0.5
CLOSE_S = 2.0
JOIN_S = 0.5
FLUSH_S = 5.0


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    settings = context.settings
    try:
        # The simulator's list is another one with other settings, so no copy of it is of use.
        exchanges = build_adapters(settings, None if settings.source == "live" else lambda _: SymbolCatalogue())
        assign_symbols(exchanges, settings.symbols)
        _read_symbol_lists(context, exchanges)
        symbols = assign_symbols(exchanges, settings.symbols)
        check_order_books(exchanges, symbols)
    except ValueError as wrong:
        return context.report_blocked(str(wrong))
    share = Share.parse(settings.ingest_share)
    mine = share.select_symbols(symbols)
    if not any(mine.values()):
        all_of_them = sum(map(len, symbols.values()))
        return context.report_blocked(
            f"None of the {all_of_them} markets falls to share {share} (WHALE_INGEST_SHARE): run fewer ingesters."
        )
    return run_ingester(context, exchanges, mine)


def _read_symbol_lists(context: ServiceContext, exchanges: Sequence[Exchange]) -> None:
    """What the exchanges list, where the copies in the home don't do. An unavailable exchange is not waited for."""
    settings = context.settings
    symbols = assign_symbols(exchanges, settings.symbols)
    for exchange in exchanges:
        listed, rest = exchange.listed, _rest_client(exchange, settings)
        if exchange.listing_url() is None:
            continue
        known = listed.read_at is not None and not any(map(listed.explain_refusal, symbols[exchange.name]))
        context.report_state("starting", f"reading the list of symbols of {exchange.name}")
        while settings.source != "live" or not known:
            context.record_progress()
            try:
                symbol_lister.read_symbol_list(exchange, rest, settings.home)
                break
            except (HttpUnavailableError, OSError) as trouble:
                context.log.warning("the list of symbols is unavailable", reason=str(trouble), kept=len(listed))
                if settings.source == "live" or context.stop.wait(WAIT_S):
                    break
                context.report_state("starting", f"waiting for the list of symbols: {trouble}")


def _rest_client(exchange: Exchange, settings: Settings) -> RestClient:
    return RestClient(exchange.name, simulated=settings.source != "live", headers=exchange.request_headers)


def run_ingester(context: ServiceContext, exchanges: Sequence[Exchange], symbols: Mapping[str, Sequence[str]]) -> int:
    """The same with the exchanges given: `symbols` by exchange name."""
    settings, log = context.settings, context.log
    share, standby = Share.parse(settings.ingest_share), Standby(settings.home)
    producer = TradeProducer(
        settings.bootstrap,
        "whale-ingester",
        progress=lambda: context.record_progress("delivery reports"),
        writer=share.writer,
    )
    ledger = TradeProducer(settings.bootstrap, "whale-ingester-ledger")
    try:
        learned = _scan_until_ready(context, share, exchanges[0].source, producer, standby)
    except MixedSourcesError as mixed:
        producer.close()
        ledger.close()
        return context.report_blocked(str(mixed))
    if learned is None:
        code = exit_codes.RETRY if producer.fatal else exit_codes.CLEAN
        if producer.fatal:
            log.error("the share can't be claimed", reason=producer.fatal)
        producer.close()
        ledger.close()
    else:
        code = _ingest(context, exchanges, symbols, share, learned, producer, ledger)
    if producer.fenced:
        try:
            standby.record_fence()
        except OSError as full:
            log.error("that another process has the share can't be noted", reason=str(full))
    return code


def _ingest(
    context: ServiceContext,
    exchanges: Sequence[Exchange],
    symbols: Mapping[str, Sequence[str]],
    share: Share,
    learned: StartupState,
    producer: TradeProducer,
    ledger: TradeProducer,
) -> int:
    """Everything after the start; returns the exit code."""
    settings, log = context.settings, context.log
    ends = NextOffsets(learned.offsets)
    receive_to_produced = LatencySamples()
    stop = threading.Event()
    used = [exchange for exchange in exchanges if symbols[exchange.name]]
    rests = [_rest_client(exchange, settings) for exchange in used]
    clocks = ExchangeClocks(list(zip(used, rests, strict=True)), stop, log)
    more, rates = (learned.starts, receive_to_produced, clocks.get_lead), RateBook()
    books = [rates if find_market_kind(one.name) == "spot" else rates.build_reader() for one in used]
    pipelines = [
        Pipeline(one, symbols[one.name], producer, ledger, ends, *more, book)
        for one, book in zip(used, books, strict=True)
    ]
    feeds = [ConnectionManager(one.exchange, list(one.lines), one, settings.ingest_silence_s, log) for one in pipelines]
    repairers = [
        GapFiller(pipeline, feed, HistoryClient(pipeline.exchange, stop, rest), stop, log)
        for pipeline, feed, rest in zip(pipelines, feeds, rests, strict=True)
    ]

    def fits() -> bool:
        return share.select_symbols(assign_symbols(exchanges, settings.symbols)) == symbols

    listers = [
        SymbolLister(pipeline, feed, rest, settings.home, fits, stop, log)
        for pipeline, feed, rest in zip(pipelines, feeds, rests, strict=True)
    ]
    saver = PositionSaver(positions_path(settings.home), share, learned, pipelines, ends)
    housekeeper = Housekeeper(
        pipelines, saver, partial(writers.register_writer, settings.bootstrap, share.writer), stop, log
    )
    threads: list[ConnectionManager | GapFiller | Housekeeper | SymbolLister] = [
        *feeds,
        *repairers,
        housekeeper,
        *listers,
    ]
    for thread in (clocks, *threads):  # the first look at the clocks is at once: till then nobody knows if ours is slow
        thread.start()
    producers = (producer, ledger)
    report = HeartbeatReport(pipelines, feeds, repairers, producers, receive_to_produced, clocks)
    context.before_heartbeat = lambda: context.heartbeat.numbers.update(report.numbers())
    code = _watch_threads(context, report, producers, feeds, listers, threads)
    _shut_down(context, feeds, [*repairers, housekeeper, clocks, *listers], stop, producers, saver)
    return code


def _scan_until_ready(
    context: ServiceContext, share: Share, source: Source, producer: TradeProducer, standby: Standby
) -> StartupState | None:
    """How far the topic goes; None when stopped meanwhile, or when the producer failed. Raises MixedSourcesError."""
    settings = context.settings
    reading = "reading how far the topic goes"
    silence_s = standby.wait_s * random.uniform(1, 1.5)  # two that have fenced each other do not begin in step again
    if silence_s:
        reading += f", waiting for {silence_s:.0f} s without its trades: another process began as {share.writer}"
    while producer.fatal is None and not context.stop.wait(WAIT_S if context.heartbeat.detail else 0):
        context.record_progress()
        if not is_reachable(settings.bootstrap):
            context.report_state("starting", f"waiting for the Kafka broker: {explain_unavailable(settings.bootstrap)}")
            continue
        try:
            context.report_state("starting", reading)
            learned = scan_topic(
                settings.bootstrap,
                settings.home,
                share,
                source,
                partial(_claim_share, context, share, producer),
                silence_s,
                context.stop,
                context.log,
            )
            if learned is not None:
                standby.record_claim()
                return learned
            context.report_state("starting", "waiting for the topics, which `up` makes")
        except BrokerError as error:
            note_error(settings.bootstrap, error.args[0])
            context.report_state("starting", f"waiting for the Kafka broker: {explain_unavailable(settings.bootstrap)}")
        except OSError as full:
            context.report_state("starting", f"the home can't be written: {full}")
        except ScanStoppedError:
            break
    return None


def _claim_share(context: ServiceContext, share: Share, producer: TradeProducer) -> None:
    """Let the broker refuse whoever else writes this share's markets, in this order. Raises BrokerError."""
    bootstrap = context.settings.bootstrap
    # 1. A second process of this share.
    producer.claim()
    # 2. Those of another number of shares. One that begins meanwhile either registered first and is found here, or
    #    finds this one.
    writers.register_writer(bootstrap, share.writer)
    for name in share.find_overlapping(writers.list_writers(bootstrap)):
        writers.fence_writer(bootstrap, name)
        context.log.info("fenced a writer of another number of shares", writer=name)


def _watch_threads(
    context: ServiceContext,
    report: HeartbeatReport,
    producers: Sequence[TradeProducer],
    feeds: Sequence[ConnectionManager],
    listers: Sequence[SymbolLister],
    threads: Sequence[ConnectionManager | GapFiller | Housekeeper | SymbolLister],
) -> int:
    """Tell how it goes until there is a reason to end; returns the exit code."""
    while not context.stop.wait(POLL_S):
        context.record_progress()
        for feed in feeds:
            if any(producer.full for producer in producers) or not feed.is_hanging():
                context.record_progress(f"feed of {feed.exchange.name}")
        state = report.read_state()
        if state != (context.heartbeat.state, context.heartbeat.detail):
            context.report_state(*state)
        broken = next((producer.fatal for producer in producers if producer.fatal), None)
        if broken is None and not all(thread.is_alive() for thread in threads):
            broken = "a thread has died; its error stands above"
        if broken is not None:
            context.log.error("starting again to learn the topic's tail", reason=broken)
            return exit_codes.RETRY
        if any(one.outdated for one in listers):
            context.log.warning("starting again: the exchange's list of symbols gives other ones than were begun with")
            return exit_codes.RETRY
    return exit_codes.CLEAN


def _shut_down(
    context: ServiceContext,
    feeds: Sequence[ConnectionManager],
    others: Sequence[GapFiller | Housekeeper | ExchangeClocks | SymbolLister],
    stop: threading.Event,
    producers: Sequence[TradeProducer],
    saver: PositionSaver,
) -> None:
    context.report_state("stopping")
    stop.set()
    for feed in feeds:
        feed.close()
    until = time.monotonic() + CLOSE_S
    ended = [feed.join(max(0.1, until - time.monotonic())) for feed in feeds]
    if not all(ended):
        for producer in producers:
            producer.refuse()
    for thread in others:
        thread.join(JOIN_S)
    left = sum(producer.close(FLUSH_S) for producer in producers)
    try:
        saved = left == 0 and all(producer.fatal is None for producer in producers) and saver.save_last()
    except OSError as full:
        saved = False
        context.log.error("the positions file can't be written; the next start reads more", reason=str(full))
    context.log.info("closed", undelivered=left, positions_saved=saved)
