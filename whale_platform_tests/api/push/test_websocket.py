"""The whole way: a real Kafka, a real server in its own process, real sockets."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from whale_platform.bench.harness.websocket_client import (
    MinimalWebSocketClient,
    connect_reader,
    connect_stalled,
)
from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform_tests.api.push.builders import alert, trade
from whale_platform_tests.api.push.conftest import LiveProcess
from whale_platform_tests.sink.messages import growing
from whale_platform_tests.support.kafka_server import KafkaServer

Say = Callable[[int], None]


def open_socket(live: LiveProcess, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{live.port}/stream", compression=None, proxy=None, **options)


async def subscribe(socket: ClientConnection, **wanted: object) -> dict[str, Any]:
    """Subscribe and wait for the answer, with the whales' place known."""
    await socket.send(json.dumps({"subscribe": wanted}))
    return await message(socket, "subscribed")


async def message(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    while True:
        said = json.loads(await asyncio.wait_for(socket.recv(), 300))
        if said["type"] == kind:
            return dict(said)


async def whales(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [await message(socket, "whale") for _ in range(count)]


def test_subscriptions(live: LiveProcess, producer: TradeProducer, say: Say) -> None:
    async def scene() -> None:
        async with open_socket(live) as socket:
            assert (await message(socket, "hello"))["version"] == 1
            await subscribe(socket, topics=["whales", "windows", "tickers", "trades", "status"])
            while (await message(socket, "status")).get("feed") != "ready":
                pass
            await asyncio.sleep(1)
            say(1)
            producer.send(TRADE_WINDOWS, b"k", growing("BTCUSDT", 3))
            producer.send(RAW_TRADES, b"k", trade(1))
            producer.send(WHALE_ALERTS, b"k", b"not a whale")
            got = dict[str, Any]()
            while {"whale", "windows", "tickers", "trades"} - got.keys():
                said = json.loads(await asyncio.wait_for(socket.recv(), 300))
                got[said["type"]] = said
            assert got["whale"]["whale"]["price"] == "61837.63"
            (window,) = got["windows"]["windows"]
            assert window["trade_count"] == 3
            assert got["trades"]["trades"][0]["volume"] == "4"
            (ticker,) = got["tickers"]["tickers"]
            assert list(ticker["closes"]) == ["BTCUSDT"] and ticker["closes"]["BTCUSDT"] == window["close"]
            async with open_socket(live) as late:
                await subscribe(late, topics=["tickers"])
                assert (await message(late, "tickers"))["tickers"] == [ticker], "what is known comes at once"
            await socket.send('{"ping":5}')
            assert (await message(socket, "pong"))["ping"] == 5
            await socket.send('{"unsubscribe":{"topics":["whales","status"]}}')
            assert (await message(socket, "subscribed"))["topics"] == ["trades", "windows", "tickers"]

    asyncio.run(scene())
    assert live.stop() in (0, -15)  # uvicorn raises the signal again once it has shut down
    assert "Traceback" not in live.log.read_text()


def test_what_is_nonsense_is_refused_cleanly(live: LiveProcess) -> None:
    async def closed(*frames: str | bytes) -> int | None:
        async with open_socket(live, max_size=None) as socket:
            try:
                for frame in frames:
                    await socket.send(frame)
                while True:
                    await asyncio.wait_for(socket.recv(), 300)
            except ConnectionClosed as end:
                return end.rcvd.code if end.rcvd else None

    def frame(opcode: Opcode, data: bytes = b"", fin: bool = True) -> bytes:
        return Frame(opcode, data, fin).serialize(mask=True)

    async def flooded(frames: bytes) -> int | None:
        async with open_socket(live) as socket:
            await subscribe(socket, topics=["whales"])  # or it would have to go as idle on a slow machine
            for answered in [await socket.ping() for _ in range(20)]:
                await answered
            socket.transport.write(frames)
            with suppress(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 300)
            return socket.close_code

    async def scene() -> None:
        part = frame(Opcode.CONT, b"", False)
        assert await flooded(frame(Opcode.PING, b"?" * 100) * 50_000) == 1008
        assert await flooded(frame(Opcode.PONG) * 1_000) == 1008
        assert await flooded(frame(Opcode.TEXT, b"", False) + part * 100_000) == 1008
        assert await flooded(frame(Opcode.TEXT, b"\xff\xfe")) == 1007
        assert await flooded(frame(Opcode.TEXT, b"\xe5", False) + frame(Opcode.CONT, b"\xb8\xff")) == 1007
        whole = frame(Opcode.TEXT, b'{"pi', False) + part * 50 + frame(Opcode.CONT, b'ng":1}')
        assert await flooded(whole + frame(Opcode.BINARY)) == 1008, "fragments of a message are one"
        assert await closed(*["nonsense"] * 6) == 1008
        assert await closed(*['{"ping":1}'] * 60) == 1008
        assert await closed(b"\x00") == 1008
        assert await closed("x" * 5_000) == 1009
        assert [await closed("x" * 1_000_000) for _ in range(100)] == [1009] * 100  # some meet it before its `hello`
        assert await closed() == 4000
        for origin in ("https://evil.example", "http://[::1", f"chrome-extension://127.0.0.1:{live.port}"):
            with pytest.raises(InvalidStatus, match="403"):
                async with open_socket(live, origin=origin):
                    pass
        async with open_socket(live, origin=f"http://127.0.0.1:{live.port}") as socket:
            await message(socket, "hello")

    asyncio.run(scene())
    live.stop()
    assert "Traceback" not in live.log.read_text() and "UTF-8" not in live.log.read_text()


def test_too_many_clients_are_refused_with_a_code(live: LiveProcess) -> None:
    async def scene() -> None:
        sockets = list[ClientConnection]()
        for _ in range(300):
            sockets.append(await open_socket(live))
            await subscribe(sockets[-1], topics=["whales"])  # who has not is sent away after two seconds
        async with open_socket(live) as one_more:
            with pytest.raises(ConnectionClosed) as end:
                await message(one_more, "hello")
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1013
        await asyncio.gather(*(socket.close() for socket in sockets))

    asyncio.run(scene())
    assert live.numbers()["live_refused_total"] == 1


def test_two_hundred_clients_ten_of_which_never_read(live: LiveProcess, producer: TradeProducer) -> None:
    per_s, rate, count = 20, 1_000, 20 * 15

    async def flow() -> None:
        begin, trades = time.monotonic(), 0
        for number in range(count):
            producer.send(WHALE_ALERTS, b"k", alert(number, run_id=repr(time.time())))
            while (pause := begin + (number + 1) / per_s - time.monotonic()) > 0:
                await asyncio.sleep(min(pause, 0.01))
                while trades < (time.monotonic() - begin) * rate:
                    trades += 1
                    producer.send(RAW_TRADES, b"k", trade(trades, f"S{trades % 20}"))
                    producer.send(TRADE_WINDOWS, b"k", growing(f"S{trades % 20}", trades))

    async def scene() -> tuple[list[MinimalWebSocketClient], float, float, float]:
        never = [await connect_stalled(live.port) for _ in range(10)]
        readers = [await connect_reader(live.port) for _ in range(190)]
        await asyncio.sleep(3)
        before, used, began = process.memory_info().rss, sum(process.cpu_times()[:2]), time.monotonic()
        await flow()
        deadline = time.monotonic() + 60
        while any(len(one.whales) < count for one in readers) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        share = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
        assert not any(one.lost.is_set() for one in readers)
        for one in never + readers:
            one.transport.abort()
        return readers, before / 1e6, process.memory_info().rss / 1e6, share

    assert live.process is not None
    process = psutil.Process(live.process.pid)
    readers, before, after, share = asyncio.run(scene())
    delays = list[float]()
    for one in readers:
        got = [(at, json.loads(frame)["whale"]) for at, frame in one.whales]
        assert [whale["trade_id"] for _, whale in got] == list(range(count))
        delays += [1_000 * (at - float(whale["run_id"])) for at, whale in got]
    firsts = sorted(min(delays[number::count]) for number in range(count))
    delays.sort()
    p50, p99 = (delays[int(len(delays) * part)] for part in (0.5, 0.99))
    print(
        f"\n{len(delays)} whales to 190 clients: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {delays[-1]:.1f} ms; "
        f"to the first of them: p50 {firsts[count // 2]:.1f} ms, p99 {firsts[count * 99 // 100]:.1f} ms; "
        f"{readers[0].frames} frames each; server {before:.0f} -> {after:.0f} MB, {share:.0%} of a core; "
        f"{live.numbers()}"
    )
    assert live.numbers()["live_dropped_total"] == 10
    assert after - before < 60


def test_who_was_away_gets_what_it_missed(live: LiveProcess, say: Say) -> None:
    async def scene() -> None:
        async with open_socket(live) as socket:
            await subscribe(socket, topics=["whales", "status"])
            while (await message(socket, "status")).get("feed") != "ready":
                pass
            for number in range(5):
                say(number)
            first = await whales(socket, 5)
        for number in range(5, 15):
            say(number)
        live.stop()
        live.start()
        async with open_socket(live) as socket:
            await subscribe(socket, topics=["whales"], cursor=first[2]["cursor"])
            rest = await whales(socket, 12)
            say(99)
            rest += await whales(socket, 1)
        ids = [one["whale"]["trade_id"] for one in first[:3] + rest]
        assert sorted(ids) == [*range(15), 99]

    asyncio.run(scene())


@pytest.mark.process
def test_a_filter_that_lets_nothing_pass_still_gets_its_heartbeats(live: LiveProcess, say: Say) -> None:
    """Else its cursor would stay behind, or unknown, however long it listens."""

    async def scene() -> None:
        async with open_socket(live) as socket:
            first = await subscribe(socket, topics=["whales"], min_notional_usd="10000000")
            for number in range(30):
                say(number)
                await asyncio.sleep(0.1)
            while (await message(socket, "heartbeat"))["cursor"] in ("", first["cursor"]):
                pass  # each comes within 30 s, or this fails

    asyncio.run(scene())


def test_kafka_killed_and_back(live: LiveProcess, kafka: KafkaServer, say: Say) -> None:
    async def scene() -> None:
        async with open_socket(live) as socket:
            await subscribe(socket, topics=["whales", "status"])
            while (await message(socket, "status")).get("feed") != "ready":
                pass
            await asyncio.sleep(1)
            say(1)
            await whales(socket, 1)
            kafka.kill()
            try:
                assert "waiting for Kafka" in (await message(socket, "status"))["detail"]
            finally:
                kafka.start()  # in this thread: the broker ends with the thread that started it
            say(2)
            assert [one["whale"]["trade_id"] for one in await whales(socket, 1)] == [2]

    asyncio.run(scene())
