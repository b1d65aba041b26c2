"""Several ingesters that share the symbols, one of them killed; and what happens where their number changes."""

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from whale_platform.ingest.recovery.share import Share
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.ingest.conftest import Ingester
from whale_platform_tests.ingest.fake_binance import FakeBinance, Market, until
from whale_platform_tests.support.kafka_server import KafkaServer

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT", "FFFUSDT")


@given(st.lists(st.text(min_size=1), max_size=40), st.integers(1, 64))
def test_each_market_is_of_one_share_and_each_share_says_the_same(markets: list[str], count: int) -> None:
    for market in markets:
        assert sum(Share(index, count).owns(market) for index in range(1, count + 1)) == 1


def test_the_assignment_never_changes() -> None:
    """Two versions of the platform that run side by side must not disagree."""
    shares = [next(n for n in (1, 2, 3) if Share(n, 3).owns(f"binance:{symbol}")) for symbol in SYMBOLS]
    assert shares == [2, 3, 3, 1, 1, 3]


@pytest.mark.parametrize("bad", ["0/3", "4/3", "2", "a/b", "1/65", "-1/3", "1/3/3"])
def test_a_share_that_makes_no_sense_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match="2/3 for the second of three"):
        Settings.model_validate({"ingest_share": bad})


def test_a_share_knows_whom_it_overlaps() -> None:
    writers = [Share(index, count).writer for count in range(1, 7) for index in range(1, count + 1)]
    markets = [f"binance:S{number}USDT" for number in range(3_000)]
    for mine in (Share(1, 1), Share(2, 4), Share(3, 6)):
        owned = {count: {crc32(name.encode()) % count for name in markets if mine.owns(name)} for count in range(1, 7)}
        assert mine.find_overlapping([*writers, "unused-test", "ingester-1-of-0"]) == [
            Share(index, count).writer
            for count in range(1, 7)
            for index in range(1, count + 1)
            if count != mine.count and index - 1 in owned[count]
        ]


class Shares:
    """Ingesters on one broker and one exchange, each with a home of its own."""

    def __init__(self, kafka: KafkaServer, fake: FakeBinance, folder: Path) -> None:
        self._kafka, self._fake, self._folder = kafka, fake, folder
        self.all: list[Ingester] = []

    def start(self, count: int, only: Sequence[int] = ()) -> list[Ingester]:
        """Start `count` that share the symbols, or `only` these of them; returns them once they are ready."""
        found = [
            Ingester(self._kafka, self._fake, self._folder / f"{n}-of-{count}", ingest_share=f"{n}/{count}")
            for n in only or range(1, count + 1)
        ]
        self.all += found
        for one in found:
            one.start()
        for one in found:
            one.wait_ready()
        return found


@pytest.fixture
def market() -> Iterator[FakeBinance]:
    """A Binance with more symbols than shares."""
    server = FakeBinance(*SYMBOLS)
    yield server
    server.close()


@pytest.fixture
def shares(kafka: KafkaServer, market: FakeBinance, tmp_path: Path) -> Iterator[Shares]:
    """None of them started."""
    made = Shares(kafka, market, tmp_path)
    yield made
    for one in made.all:
        if one.process is not None and one.process.poll() is None:
            one.end(signal.SIGKILL)


@pytest.mark.process
def test_three_share_the_symbols_one_is_killed_and_then_two_and_one_take_over(
    market: FakeBinance, shares: Shares
) -> None:
    # 1. Three, under load; the one of most markets is killed and comes back while the others write on.
    three = shares.start(3)
    load = Market(market, per_second=100)
    load.start()
    until(lambda: len(three[0].published()) == len(SYMBOLS), "trades of every symbol")
    for _ in range(2):
        time.sleep(1)
        victim = max(three, key=lambda one: one.beat().numbers.get("trades", 0))
        victim.end(signal.SIGKILL)
        victim.start()
        victim.wait_ready()
    assert [one.process is not None and one.process.poll() for one in three] == [None] * 3, "nobody else was disturbed"
    # 2. Two take over, then a single one: none of their homes knows where the markets are, only the topic does.
    for count in (2, 1):
        for one in shares.all:
            if one.process is not None and one.process.poll() is None:
                assert one.end(signal.SIGTERM) == exit_codes.CLEAN
        last = shares.start(count)
    # 3. Two of three begin beside it: the broker refuses it what they write, and what nobody else does.
    ahead = shares.start(3, only=(1, 3))
    assert last[0].process is not None and last[0].process.wait(300) == exit_codes.RETRY
    assert "another process has begun as ingester-1-of-1" in last[0].log()
    ahead += shares.start(3, only=(2,))
    time.sleep(1)
    load.stop()
    for symbol in SYMBOLS:
        market.trade(symbol)
    ahead[0].wait_complete(market)
