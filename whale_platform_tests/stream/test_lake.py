"""The lake's query as part of the stream service, on a real broker: killed, its checkpoint lost, its disk full."""

import contextlib
import dataclasses
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import psutil
import pytest

from whale_platform.bench.platform import wait_for
from whale_platform.domain.trade import Trade
from whale_platform.lake import engine, rewrite, table
from whale_platform.lake.errors import LakeError
from whale_platform.stream import checkpoints, restore
from whale_platform.supervision import beat, codes
from whale_platform_tests.kafka_server import KafkaServer as Kafka
from whale_platform_tests.stream.running import Stream, produce, totals, trade
from whale_platform_tests.stream.running import expected as windows_of

pytestmark = pytest.mark.timeout(1800)
Begin = Callable[[str], Stream]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("WHALE_LAKE_TRIGGER_S", "0.5")
    return tmp_path / "lake" / "trades"


def rows(root: Path) -> list[tuple[str, int, Decimal]]:
    """(symbol, id, price x quantity) of every row in the lake, sorted."""
    try:
        paths = [file.path for file in table.files(table.opened(root))]
        with engine.connect(root) as connection:
            query = f"SELECT symbol, trade_id, notional FROM {engine.trades_of(root, paths)} ORDER BY ALL"
            return connection.execute(query).fetchall()
    except LakeError:
        return []


def _more_than(root: Path, count: int) -> bool:
    return len(rows(root)) > count


def expected(trades: list[Trade]) -> list[tuple[str, int, Decimal]]:
    return sorted((one.symbol, one.trade_id, one.notional) for one in trades)


def leave_half_written(home: Path) -> None:
    """What a kill leaves that comes while Spark writes its logs: too seldom to wait for, so it is made here."""
    for folder in checkpoints.live(home, "all"):
        for log in ("offsets", "commits"):
            (folder / log).mkdir(exist_ok=True)
            (folder / log / ".0.6cc8bd16-8e31-4ec0-9050-313a6714d295.tmp").touch()


@pytest.mark.process
def test_every_trade_is_there_once_whatever_is_killed_or_lost(kafka: Kafka, stream: Begin, quick: Path) -> None:
    trades = [trade(symbol, number, "61837.63") for number in range(3_000) for symbol in ("A", "B")]
    trades += [dataclasses.replace(trade("PEPE", 1, "0.000000000123"), quantity=Decimal("12345678901.5"))]
    running = stream("realtime")
    dice, backup = random.Random(3), quick.with_name("backup")
    for part in range(3):
        produce(kafka.bootstrap, trades[part * 2_000 : (part + 1) * 2_000])
        wait_for("some more of it", partial(_more_than, quick, part * 2_000), every=dice.uniform(0.05, 0.5))
        assert _natives(running) == {running.home / "stream" / "tmp"}
        running.kill()
        assert _lives(running.home / "stream") == 1, "each deletes what a killed one has left"
        leave_half_written(running.home)
        if part == 1:
            shutil.rmtree(running.home / "checkpoints" / "lake")
            shutil.copytree(quick, backup)
        if part == 2:
            shutil.rmtree(quick)
            backup.rename(quick)
        running.start()
    produce(kafka.bootstrap, trades[6_000:])
    wait_for("all of it", lambda: len(rows(quick)) >= len(trades))
    assert rows(quick) == expected(trades)
    assert running.stop() == 0
    assert rows(quick) == expected(trades)
    _restores(kafka, quick, trades)


def _natives(running: Stream) -> set[Path]:
    """The folders of the native libraries that the JVM has unpacked."""
    mapped: set[Path] = set()
    for process in running.processes():
        with contextlib.suppress(psutil.Error):  # what the JVM has only called is gone again
            mapped |= {Path(one.path) for one in process.memory_maps()}
    return {path.parent for path in mapped if path.name.startswith(("librocksdbjni", "libzstd-jni", "liblz4-java"))}


def _lives(folder: Path) -> int:
    """How many JVMs have left their scratch files there: each has one block store, and each native library once."""
    stores = len(list((folder / "spark").glob("blockmgr-*")))
    libraries = Counter(re.sub(r"\d+$", "", path.stem) for path in (folder / "tmp").glob("*.so"))
    return max([stores, *libraries.values()])


def _restores(kafka: Kafka, root: Path, trades: list[Trade]) -> None:
    """Files that are damaged or gone are made anew from Kafka, and nothing else changes."""
    for hour in rewrite.crowded(root):
        files = [root / file.path for file in table.files(table.opened(root), hour, hour + table.HOUR)]
        files[0].write_bytes(files[0].read_bytes()[:100])
        files[-1].unlink(missing_ok=True)
        done = restore.hour(root, kafka.bootstrap, hour, "test", whole_topic=True)
        assert done is not None
        assert done.files_after == 1
    assert rows(root) == expected(trades)


def test_a_full_disk_stops_the_lake_alone_and_loses_nothing(
    kafka: Kafka, stream: Begin, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_LAKE", str(small_disk))
    root = small_disk / "trades"
    running = stream("realtime")
    first = [trade("A", number) for number in range(100)]
    produce(kafka.bootstrap, first)
    wait_for("the first trades", lambda: rows(root) == expected(first))
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "ballast").write_bytes(b"x" * 9_000_000)
    second = [trade("A", number) for number in range(100, 300)]
    produce(kafka.bootstrap, second)

    def told() -> beat.Beat | None:
        said = beat.read(running.home, "stream")
        return said if said is not None and said.state == "degraded" else None

    said = wait_for("the service to say so", told)
    assert "lake" in said.detail and "No space left" in said.detail, said.detail
    assert running.process is not None and running.process.poll() is None
    (small_disk / "ballast").unlink()
    wait_for("the rest", lambda: rows(root) == expected(first + second))
    wait_for("the service to be well again", lambda: told() is None)


@pytest.mark.parametrize("small_disk", [32], indirect=True)
def test_windows_are_exact_after_their_checkpoints_disk_was_full(
    kafka: Kafka, stream: Begin, small_disk: Path, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").symlink_to(small_disk)
    first, second, third = (
        [trade(symbol, number) for number in range(start, start + 500) for symbol in ("A", "B")]
        for start in (0, 500, 1000)
    )
    running = stream("realtime")
    produce(kafka.bootstrap, first)
    wait_for("the first trades", lambda: totals(kafka.bootstrap) == windows_of(first))
    with pytest.raises(OSError, match="No space left"), (small_disk / "ballast").open("wb") as ballast:
        while True:
            ballast.write(b"x" * 100_000)
            ballast.flush()
    produce(kafka.bootstrap, second)

    def ended() -> bool:
        assert running.process is not None
        if (code := running.process.poll()) is None:
            return False
        assert code not in (codes.CLEAN, codes.BLOCKED)
        running.start()  # as the supervisor does
        return True

    for _ in range(2):
        wait_for("a life to end for want of space", ended)
    assert "No space left on device" in (running.home / "stream.log").read_text()

    (small_disk / "ballast").unlink()
    produce(kafka.bootstrap, third)

    def exact() -> bool:
        ended()
        return totals(kafka.bootstrap) == windows_of(first + second + third)

    wait_for("all of them", exact)
    assert not list((small_disk / "archive").glob("*")), "none was given up"
