"""The stream service whose disks are full, the lake's and that of the checkpoints: nothing is lost or given up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.domain.trade import Trade
from whale_platform.settings import Settings
from whale_platform.stream.spark import archive
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform_tests.stream.real_stream import Stream, lake_rows, produce, rows_of, totals, trade
from whale_platform_tests.stream.real_stream import expected as windows_of
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.small_disks import fill_disk, mount_disk

pytestmark = pytest.mark.timeout(3600)
Begin = Callable[[str], Stream]
CHECKPOINTS_MB = 32


@pytest.fixture
def checkpoints_disk(tmp_path: Path) -> Iterator[Path]:
    with mount_disk(tmp_path / "second_disk", CHECKPOINTS_MB) as place:
        (tmp_path / "checkpoints").symlink_to(place)
        yield place


def test_full_disks_stop_what_needs_them_and_lose_nothing(
    kafka: Kafka, stream: Begin, small_disk: Path, checkpoints_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LAKE": str(small_disk), "LAKE_TRIGGER_S": "0.5", "STREAM_TRIGGER": "5 seconds"}.items():
        monkeypatch.setenv(f"WHALE_{name}", value)  # checkpoints that soon fail
    root, made = small_disk / "trades", list[Trade]()
    archived = archive.find_archive(Settings().tools).read_options()
    running = stream("realtime")
    home = running.home

    def give(first: int, end: int) -> None:
        new = [trade(symbol, number) for number in range(first, end) for symbol in ("A", "B")]
        produce(kafka.bootstrap, new)
        made.extend(new)

    def find_end() -> int | None:
        """Of a life that has ended, which is followed by another, as its supervisor does it."""
        assert running.process is not None
        if (code := running.process.poll()) is not None:
            running.start()
        return code

    give(0, 100)
    wait_for("the first trades", lambda: lake_rows(root) == rows_of(made))

    # 1. The lake's disk is full: the windows go on.
    ballast = fill_disk(small_disk)
    give(100, 300)

    def full() -> bool:
        code = find_end()
        assert code is None, (home / "stream.log").read_text()[-5_000:]
        said = heartbeat.read_heartbeat(home, "stream")  # on a slow machine the windows may be behind as well
        return said is not None and said.state == "degraded" and "lake" in said.detail and "No space" in said.detail

    wait_for("the service to say so", full)
    wait_for("the windows", lambda: totals(kafka.bootstrap) == windows_of(made))
    ballast.unlink()
    wait_for("the rest", lambda: lake_rows(root) == rows_of(made))
    wait_for("the service to take it back", lambda: not full())
    listed = archive.ListedClasses(home)  # of which the fixture has the archive made, for the next stream
    assert archived or (listed.classpath.exists() and listed.classes.stat().st_size > 100_000)

    # 2. That of the checkpoints is full: it ends, again and again.
    ballast = fill_disk(checkpoints_disk)
    give(300, 500)
    for _ in range(2):
        assert wait_for("a life to end for want of space", find_end) not in (exit_codes.CLEAN, exit_codes.BLOCKED)
    assert "No space left on device" in (home / "stream.log").read_text()
    ballast.unlink()
    give(500, 700)

    def exact() -> bool:
        find_end()
        return totals(kafka.bootstrap) == windows_of(made)

    wait_for("all of them", exact)
    assert not list((checkpoints_disk / "archive").glob("*")), "none was given up"
