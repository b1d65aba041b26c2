"""The ingester as a process between a fake exchange and a real broker."""

import json
import random
import signal
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.broker.topics import BYTE_SHARES
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES, STREAM_POSITIONS
from whale_platform.ingest.recovery.positions_file import load_positions, positions_path
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.ingest.conftest import SYMBOLS, Ingester
from whale_platform_tests.ingest.fake_binance import FakeBinance, Market, frame, until
from whale_platform_tests.support.kafka_server import KafkaServer, environment, free_port

pytestmark = pytest.mark.process


def test_kill_9_again_and_again_in_mid_stream_loses_and_doubles_nothing(fake: FakeBinance, ingester: Ingester) -> None:
    fake.absent = {1100, 1101, 1500, 2222}
    market = Market(fake, per_second=300)
    ingester.start()
    ingester.wait_ready()
    market.start()
    until(lambda: len(ingester.published()) == len(SYMBOLS), "the first trades: places to go on at")
    chance = random.Random(1)
    for _ in range(5):
        time.sleep(chance.uniform(0.3, 3.0))
        ingester.end(signal.SIGKILL)
        ingester.start()
        ingester.wait_ready()
    time.sleep(1)
    market.stop()
    for symbol in SYMBOLS:
        fake.trade(symbol)
    ingester.wait_complete(fake)
    assert ingester.end(signal.SIGTERM) == exit_codes.CLEAN
    assert all(row["state"] != "open" for row in ingester.gaps().values())
    ends = TopicOffsets(ingester.bootstrap, {INGEST_GAPS: [0]}).read()[INGEST_GAPS][0]
    assert ends == (0, len(ingester.messages(INGEST_GAPS))), "compaction would delete what an aborted transaction wrote"
    known = load_positions(positions_path(ingester.home))
    assert known is not None
    assert {name: place.last_id for name, place in known.places.items()} == {
        f"binance:{symbol}": fake.last[symbol] for symbol in SYMBOLS
    }


def test_a_long_absence_is_filled_in_the_background_also_across_a_kill(fake: FakeBinance, ingester: Ingester) -> None:
    ingester.start()
    ingester.wait_ready()
    for symbol in SYMBOLS:
        fake.trade(symbol, 5)
    until(lambda: sum(map(len, ingester.published().values())) == 15, "the first trades", pause_s=0.2)
    ingester.end(signal.SIGKILL)
    fake.trade("AAAUSDT", 30_000, shown=False)
    fake.absent = {15_000}
    ingester.start()
    ingester.wait_ready()
    fake.trade("AAAUSDT", 3)
    until(lambda: len(ingester.published().get("AAAUSDT", ())) > 2_000, "the first chunk", pause_s=0.2)
    assert ingester.gaps()["AAAUSDT", 1005]["mode"] == "background"
    ingester.end(signal.SIGKILL)
    ingester.start()
    ingester.wait_complete(fake)
    until(lambda: ingester.gaps()["AAAUSDT", 1005]["state"] == "exchange_gap", "the gap's end")
    row = ingester.gaps()["AAAUSDT", 1005]
    assert (row["last_id"], row["filled"], row["cause"]) == (31_004, 29_999, "restart")


def test_what_a_quiet_symbol_traded_in_an_absence_is_found_without_a_live_trade(
    fake: FakeBinance, ingester: Ingester
) -> None:
    ingester.start()
    ingester.wait_ready()
    fake.trade("AAAUSDT", 5)
    until(lambda: len(ingester.published().get("AAAUSDT", ())) == 5, "the first trades", pause_s=0.2)
    ingester.end(signal.SIGKILL)
    fake.trade("AAAUSDT", 20, shown=False)
    ingester.start()
    until(lambda: len(ingester.published().get("AAAUSDT", ())) == 25, "the missed trades", pause_s=0.2)
    assert ingester.gaps()["AAAUSDT", 1005]["cause"] == "restart"


def test_a_killed_broker_is_waited_for_and_so_is_a_stopped_one(
    kafka: KafkaServer, fake: FakeBinance, ingester: Ingester
) -> None:
    market = Market(fake, per_second=500)
    ingester.start()
    ingester.wait_ready()
    market.start()
    time.sleep(1)
    kafka.kill()
    time.sleep(2)
    kafka.start()
    time.sleep(1)
    # What the killed ingester had sent is still in the stopped broker's sockets when its successor begins.
    kafka.pause()
    time.sleep(1)
    ingester.end(signal.SIGKILL)
    ingester.start()
    time.sleep(1)
    kafka.go_on()
    ingester.wait_ready()
    market.stop()
    for symbol in SYMBOLS:
        fake.trade(symbol)
    ingester.wait_complete(fake)


def test_a_dropped_connection_and_a_hole_in_it_are_repaired_in_order(fake: FakeBinance, ingester: Ingester) -> None:
    ingester.start()
    ingester.wait_ready()
    for symbol in SYMBOLS:
        fake.trade(symbol, 10)
        fake.trade(symbol, 5, shown=False)
        fake.trade(symbol, 10)
    until(lambda: ingester.beat().numbers.get("trades") == 75, "the hole to be filled")
    fake.drop()
    for symbol in SYMBOLS:
        fake.trade(symbol, 7, shown=False)
    until(lambda: len(fake.clients) == 1, "the new connection")
    for symbol in SYMBOLS:
        fake.trade(symbol, 3)
    ingester.wait_complete(fake)
    rows = [number for number, _ in ingester.published()["AAAUSDT"]]
    assert rows == sorted(rows)
    assert {(row["cause"], row["mode"], row["state"]) for row in ingester.gaps().values()} == {
        ("stream", "inline", "repaired"),
        ("reconnect", "inline", "repaired"),
    }


def test_bad_frames_and_absurd_trades_are_kept_apart_and_neighbours_unharmed(
    fake: FakeBinance, ingester: Ingester
) -> None:
    ingester.start()
    ingester.wait_ready()
    fake.trade("AAAUSDT", 3)
    future = json.loads(frame("AAAUSDT", 1003))
    future["data"]["T"] = (int(time.time()) + 3600) * 1_000_000
    tiny = json.loads(frame("AAAUSDT", 1004))
    tiny["data"]["p"] = "0.000000000000000001"
    for bad in (json.dumps(future), json.dumps(tiny)):
        fake.say(bad)
    fake.last["AAAUSDT"] = 1004
    for junk in ('{"stream":"aaausdt@trade","da', b"\x00\xff\xfe", "[" * 100_000, "x" * 3_000_000, frame("ZZZUSDT", 1)):
        fake.say(junk)
    fake.trade("AAAUSDT", 2)
    until(lambda: ingester.beat().numbers.get("trades") == 6, "the good trades, and the one whose time was wrong")
    assert [number for number, _ in ingester.published()["AAAUSDT"]] == [1000, 1001, 1002, 1003, 1005, 1006]
    assert (ingester.beat().numbers["quarantined"], ingester.beat().numbers["dead_letters"]) == (2, 5)
    until(lambda: ("AAAUSDT", 1004) in ingester.gaps(), "the ledger")
    rows = [(row["last_id"], row["state"]) for row in ingester.gaps().values()]
    assert sorted(rows) == [(1003, "repaired"), (1004, "unrepaired")]
    letters = ingester.letters()
    assert sorted(str(letter["kind"]) for letter in letters) == ["quarantined"] * 2 + ["unparseable"] * 5
    assert [letter["truncated"] for letter in letters].count(True) == 1
    assert any("frame_base64" in letter for letter in letters)


def test_an_exchange_that_is_not_served_here_is_told_in_plain_words(fake: FakeBinance, ingester: Ingester) -> None:
    fake.answer = lambda path: (HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, "") if path.startswith("/stream") else None
    ingester.start()
    until(lambda: ingester.beat().state == "degraded", "the refusal to be told")
    assert "not served in this country" in ingester.beat().detail
    until(lambda: "exchanges" in ingester.beat().numbers, "the numbers")
    (told,) = ingester.beat().numbers["exchanges"]
    assert told["state"] == "unavailable" and "WHALE_BINANCE_WS_URL" in told["detail"]
    assert ingester.end(signal.SIGTERM) == exit_codes.CLEAN


def told_of(ingester: Ingester) -> dict[str, Any]:
    """What the heartbeat says of its exchange; empty before it has counted anything."""
    return next(iter(ingester.beat().numbers.get("exchanges", ())), {})


def test_the_heartbeat_tells_of_each_exchange_and_of_a_wrong_clock(fake: FakeBinance, ingester: Ingester) -> None:
    fake.clock_ahead_s = 7.0
    ingester.start()
    until(lambda: "set it by NTP" in ingester.beat().detail, "the warning")
    assert ingester.beat().state == "ready" and "s behind binance's" in ingester.beat().detail
    fake.trade("AAAUSDT", 3)
    until(lambda: told_of(ingester).get("delay_ms") is not None, "the trades")
    (told,) = ingester.beat().numbers["exchanges"]
    assert (told["exchange"], told["state"], told["detail"]) == ("binance", "connected", "connected 3 symbols")
    assert told["clock_offset_ms"] == pytest.approx(7000, abs=1000)
    assert (told["gaps_open"], told["gaps_repaired"], told["reconnects"], told["symbols"]) == (0, 0, 0, 3)
    assert ingester.log().count("set it by NTP") == 2  # the warning, and the state's detail


def test_of_two_ingesters_of_one_share_the_broker_takes_the_newer_ones_trades_only(
    kafka: KafkaServer, fake: FakeBinance, ingester: Ingester, tmp_path: Path
) -> None:
    """As when a container is replaced, or started twice: two homes, so no lease keeps them apart."""
    second = Ingester(kafka, fake, tmp_path / "second")
    ingester.start()
    ingester.wait_ready()
    fake.trade("AAAUSDT", 3)
    until(lambda: ingester.beat().numbers.get("trades") == 3, "the first trades")
    second.start()
    second.wait_ready()
    # 1. Both hear these; only the second one's reach the topic, and the first ends and says why.
    fake.trade("AAAUSDT", 3)
    assert ingester.process is not None
    assert ingester.process.wait(300) == exit_codes.RETRY
    assert "another process has begun as ingester-1-of-1" in ingester.log()
    until(lambda: len(second.published().get("AAAUSDT", ())) == 6, "the trades of the second")
    # 2. It is started again, as its supervisor would, while the other one writes: it lets that one go on.
    market = Market(fake, per_second=100)
    market.start()
    ingester.start()
    until(lambda: "another process began as ingester-1-of-1" in ingester.beat().detail, "the first to wait")
    before = second.beat().numbers["trades"]
    until(lambda: second.beat().numbers["trades"] > before + 2_000, "the second to go on")
    assert ingester.beat().state == "starting"
    # 3. When that one is stopped it takes over; what the stopped one still had to send is refused when it goes on.
    assert second.process is not None
    second.process.send_signal(signal.SIGSTOP)
    ingester.wait_ready()
    second.process.send_signal(signal.SIGCONT)
    assert second.process.wait(300) == exit_codes.RETRY
    # 4. Killed, the first is back at once, without waiting for a silence that the market does not keep.
    said = len(ingester.log())
    ingester.end(signal.SIGKILL)
    ingester.start()
    ingester.wait_ready()
    assert "another process began" not in ingester.log()[said:]
    market.stop()
    for symbol in SYMBOLS:
        fake.trade(symbol)
    ingester.wait_complete(fake)


def test_two_platforms_with_prefixes_of_their_own_share_a_broker_and_never_mix(
    kafka: KafkaServer, fake: FakeBinance, ingester: Ingester, tmp_path: Path
) -> None:
    """The other one's topics are made and read under its prefix by `python -m whale_platform.broker` and a reader."""
    other = Ingester(kafka, fake, tmp_path / "other", kafka_prefix="team-b.")
    made = subprocess.run(
        [sys.executable, "-m", "whale_platform.broker"], env=environment(other.settings), capture_output=True, text=True
    )
    assert made.returncode == 0 and "team-b.raw_crypto_trades" in made.stderr
    ingester.start()
    ingester.wait_ready()
    fake.trade("AAAUSDT", 3)
    until(lambda: ingester.beat().numbers.get("trades") == 3, "the trades of the first")
    ingester.end(signal.SIGTERM)
    other.start()
    other.wait_ready()
    fake.trade("AAAUSDT", 2)
    until(lambda: other.beat().numbers.get("trades") == 2, "the trades of the other, which knows of none before")
    assert other.end(signal.SIGTERM) == exit_codes.CLEAN
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "t", "auto.offset.reset": "earliest"})
    found = {name for name in consumer.list_topics(timeout=10).topics if not name.startswith("__")}
    assert found == {*BYTE_SHARES, *("team-b." + name for name in BYTE_SHARES if name != STREAM_POSITIONS)}, (
        "unused without a cluster"
    )
    consumer.assign([TopicPartition("team-b." + RAW_TRADES, part, 0) for part in (0, 1)])
    read = [json.loads(message.value())["trade_id"] for message in consumer.consume(2, 30)]
    consumer.close()
    assert sorted(read) == [1003, 1004]
    assert [number for number, _ in ingester.published()["AAAUSDT"]] == [1000, 1001, 1002]


def test_waits_for_broker_and_topics_and_ends_on_sigterm(fake: FakeBinance, ingester: Ingester) -> None:
    ingester.settings = ingester.settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    ingester.start()
    until(lambda: "waiting for the Kafka broker" in ingester.beat().detail, "the plain word")
    assert ingester.end(signal.SIGTERM) == exit_codes.CLEAN
