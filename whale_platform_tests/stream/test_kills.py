"""The stream service on a real broker through modes, kills and losses: windows and lake have every trade, and once."""

import contextlib
import re
import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.domain.trade import Trade
from whale_platform.lake.delta import table
from whale_platform.lake.maintenance import rewrite
from whale_platform.settings import Settings
from whale_platform.stream.lake_query import restore
from whale_platform.stream.query import checkpoints
from whale_platform.stream.spark import archive
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform_tests.stream.real_stream import (
    Stream,
    expected,
    lake_rows,
    produce,
    rows_of,
    totals,
    trade,
)
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.processes import find_listening_ports, find_open_ports

pytestmark = [pytest.mark.process, pytest.mark.timeout(3600)]
patiently = partial(wait_for, seconds=1200)
ODD = trade("PEPE", 1, "0.000000000123")._replace(quantity=Decimal("12345678901.5"))


class Story:
    """One service on one home, what it was given, and whether it is all out."""

    def __init__(self, kafka: Kafka, running: Stream, lake: Path) -> None:
        self.kafka, self.running, self.lake = kafka, running, lake
        self.made: list[Trade] = []

    def more(self, count: int) -> None:
        """As many trades of each of two symbols."""
        first = len(self.made) // 2
        new = [trade(symbol, number, "61837.63") for number in range(first, first + count) for symbol in ("A", "B")]
        self.give(new)

    def give(self, trades: list[Trade]) -> None:
        produce(self.kafka.bootstrap, trades)
        self.made += trades

    def numbers(self) -> dict[str, Any]:
        """Of the present process's heartbeat."""
        said = heartbeat.read_heartbeat(self.running.home, "stream")
        mine = said is not None and self.running.process is not None and said.pid == self.running.process.pid
        return said.numbers if said is not None and mine else {}

    def windows_out(self) -> bool:
        assert self.running.process is not None and self.running.process.poll() is None
        return totals(self.kafka.bootstrap) == expected(self.made)

    def lake_holds(self, count: int) -> bool:
        assert self.running.process is not None and self.running.process.poll() is None
        return len(lake_rows(self.lake)) >= count

    def count_commits(self) -> int:
        """Of the windows' checkpoint."""
        (folder,) = checkpoints.list_live_folders(self.running.home, "windows")
        return max((int(file.name) for file in (folder / "commits").glob("[0-9]*")), default=0)

    def kill(self) -> None:
        """As a crash does it, and what one leaves that comes while Spark writes its logs: too seldom to wait for."""
        assert _natives(self.running) == {self.running.home / "stream" / "tmp"}
        self.running.kill()
        assert _lives(self.running.home / "stream") == 1, "each deletes what a killed one has left"
        for folder in checkpoints.list_live_folders(self.running.home, "all"):
            for log in ("offsets", "commits"):
                (folder / log).mkdir(exist_ok=True)
                (folder / log / ".0.6cc8bd16-8e31-4ec0-9050-313a6714d295.tmp").touch()


def test_windows_and_lake_are_exact_through_modes_kills_and_losses(
    kafka: Kafka, stream: Callable[..., Stream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in each mode and just after a switch; the lake loses its checkpoint, and then is an older copy."""
    monkeypatch.setenv("WHALE_LAKE_TRIGGER_S", "0.5")
    lake, backup = tmp_path / "lake" / "trades", tmp_path / "backup"
    archived = archive.find_archive(Settings().tools).read_options()
    story = Story(kafka, stream("microbatch"), lake)

    # 1. In micro-batches, killed with some of it in the lake, whose checkpoint is lost.
    story.more(1_000)
    patiently("the first", story.windows_out)
    patiently("some in the lake", lambda: story.lake_holds(1_000))
    if archived:  # by test_lake.py: not where this runs alone, nor where there was too little memory to make it
        assert any("spark.jsa" in Path(f"/proc/{one.pid}/maps").read_text() for one in story.running.processes())
        assert not archive.ListedClasses(story.running.home).classes.exists(), "it lists nothing"
    story.more(1_000)
    story.kill()
    shutil.rmtree(tmp_path / "checkpoints" / "lake")
    shutil.copytree(lake, backup)

    # 2. In real time on the same checkpoint, killed; the lake is the copy of before.
    story.more(1_000)
    story.running.mode = "realtime"
    monkeypatch.setenv("WHALE_STREAM_TRIGGER", "10 seconds")
    begun = story.count_commits()
    story.running.start()
    patiently("all of it in real time", story.windows_out)
    patiently("checkpoints of it", lambda: story.count_commits() >= begun + 2)
    monkeypatch.delenv("WHALE_STREAM_TRIGGER")
    patiently("all in the lake", lambda: story.lake_holds(len(story.made)))
    assert lake_rows(lake) == rows_of(story.made)
    ports = partial(find_listening_ports, story.running.processes()[1:])
    patiently("driver, blocks, gateway, a server of the shuffle for each partition", lambda: len(ports()) >= 5)
    assert find_open_ports(story.running.processes()) == []
    story.kill()
    shutil.rmtree(lake)
    backup.rename(lake)

    # 3. From a backlog it finds its own way to real time, where it is killed at once.
    story.more(15_000)
    story.running.start()
    patiently("it to have switched", lambda: story.numbers().get("windows_mode") == "realtime", every=0.05)
    story.kill()

    # 4. By default, in real time four times a second, it says that it is not behind, takes what comes, and ends clean.
    story.more(1_000)
    story.running.mode = "auto"
    story.running.start()
    patiently("all of it", story.windows_out)
    patiently("it to say so", lambda: story.numbers().get("lag") == 0 and _state(story.running) == "ready")
    newest = story.made[-1].event_time  # an older one would be late or not by how fast the machine was
    story.give([ODD._replace(event_time=newest, received_time=newest)])
    patiently("the last", story.windows_out)
    patiently("the lake's last", lambda: story.lake_holds(len(story.made)))
    assert story.numbers()["late_dropped"] == 0
    assert find_open_ports(story.running.processes()) == []
    assert story.running.stop() == exit_codes.CLEAN
    assert lake_rows(lake) == rows_of(story.made)
    assert [path.name for path in (tmp_path / "checkpoints" / "windows").iterdir()] == ["v2"]
    _restores(kafka, lake, story.made)


def _state(running: Stream) -> str:
    found = heartbeat.read_heartbeat(running.home, "stream")
    return found.state if found is not None else ""


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
    for hour in rewrite.find_hours_to_compact(root):
        files = [root / file.path for file in table.list_files(table.open_table(root), hour, hour + table.HOUR)]
        files[0].write_bytes(files[0].read_bytes()[:100])
        files[-1].unlink(missing_ok=True)
        done = restore.restore_hour(root, kafka.bootstrap, hour, "test", whole_topic=True)
        assert done is not None
        assert done.files_after == 1
    assert lake_rows(root) == rows_of(trades)
