"""The adapters on what the exchanges really sent."""

from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import IgnoredMessage, LastTrade, SubscriptionConfirmed
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.okx.adapter import CHANNEL, Okx
from whale_platform_tests.support.captures import binance_frames, coinbase_frames, decode_frame, received_frames


def test_binance_capture() -> None:
    trades: dict[str, list[Trade]] = defaultdict(list)
    ignored: Counter[str] = Counter()
    frames = bad = 0
    for frame in binance_frames():
        frames += 1
        try:
            (event,) = Binance().parse(frame, 0)
        except InvalidFrameError:
            bad += 1
            assert frame.startswith('{"lastUpdateId"')
            continue
        if isinstance(event, Trade):
            trades[event.symbol].append(event)
        else:
            assert isinstance(event, IgnoredMessage)
            ignored[event.kind] += 1
    assert (frames, bad, set(ignored)) == (179_318, 2, {"depthUpdate", "bookTicker"})
    assert {symbol: len(found) for symbol, found in trades.items()} == {"BTCUSDT": 19_904, "ETHUSDT": 14_515}
    whales: Counter[int] = Counter()
    for found in trades.values():
        first = found[0].trade_id
        assert [trade.trade_id for trade in found] == list(range(first, first + len(found)))
        sweeps: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for trade in found:
            sweeps[trade.event_time, trade.side] += trade.notional
            whales[50] += trade.notional >= 50_000
            whales[100] += trade.notional >= 100_000
        whales[1050] += sum(sweep >= 50_000 for sweep in sweeps.values())
        whales[1100] += sum(sweep >= 100_000 for sweep in sweeps.values())
    assert whales == {50: 14, 100: 4, 1050: 120, 1100: 42}


def test_coinbase_capture_and_its_taker_sides_by_tick_test() -> None:
    last: dict[str, Trade] = {}
    matches = ticks_agree = ticks_differ = 0
    for frame in coinbase_frames():
        for event in Coinbase().parse(frame, 0):
            if isinstance(event, LastTrade):
                last.setdefault(event.trade.symbol, event.trade)
            if not isinstance(event, Trade):
                continue
            before = last[event.symbol]
            assert event.trade_id == before.trade_id + 1
            if event.price != before.price:
                agrees = (event.price > before.price) == (event.side == "buy")
                ticks_agree, ticks_differ = ticks_agree + agrees, ticks_differ + (not agrees)
            last[event.symbol] = event
            matches += 1
    assert (matches, len(last)) == (97, 10)
    assert (ticks_agree, ticks_differ) == (54, 9)


def test_coinbase_taker_sides_are_those_of_the_ticker() -> None:
    """The ticker channel tells the taker's side of the same trades: all 97 must agree."""
    tickers, sides = {}, {}
    for frame in coinbase_frames():
        fields = decode_frame(frame)
        if fields["type"] == "ticker":
            tickers[fields["product_id"], fields["trade_id"]] = fields["side"]
        for event in Coinbase().parse(frame, 0):
            if isinstance(event, Trade):
                sides[event.symbol, event.trade_id] = event.side
    assert len(sides) == 97
    assert sides == {identity: tickers[identity] for identity in sides}


def test_okx_capture() -> None:
    """Frames of 2022, when channel `trades` had the rows of today's `trades-all`: its name alone is changed here."""
    trades: list[Trade] = []
    confirmed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for frame in received_frames("okx_v5_20220513.gz"):
        ours = frame.replace('"channel":"trades"', f'"channel":"{CHANNEL}"')
        assert ours != frame
        (sent,) = Okx().parse(frame, 0)
        assert isinstance(sent, IgnoredMessage) and sent.kind in ("trades", "subscribe")
        try:
            (event,) = Okx().parse(ours, 0)
        except InvalidFrameError as bad:
            refused[str(bad)] += 1
            continue
        if isinstance(event, SubscriptionConfirmed):
            confirmed.update(event.symbols)
        else:
            assert isinstance(event, Trade)
            trades.append(event)
    assert confirmed == {"BTC-USD-220527": 2, "UNI-USD-SWAP": 2, "BTC-USDT": 2}
    assert refused == {
        f"field instId is '{one}', not a spot instrument": 1 for one in ("BTC-USD-220527", "UNI-USD-SWAP")
    }
    assert [trade.trade_id for trade in trades] == list(range(338476307, 338476338))
    assert {(trade.symbol, trade.base, trade.quote) for trade in trades} == {("BTC-USDT", "BTC", "USDT")}
    assert [trade.event_time for trade in trades] == sorted(trade.event_time for trade in trades)
    bought = [trade for trade in trades if trade.side == "buy"]
    assert (len(bought), sum(trade.quantity for trade in bought)) == (22, Decimal("0.02553748"))
    ticks = [
        (later.price > trade.price) == (later.side == "buy")
        for trade, later in pairwise(trades)
        if later.price != trade.price
    ]
    assert (ticks.count(True), ticks.count(False)) == (8, 4)
